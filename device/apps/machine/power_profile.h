// Between speed and saving power, as far as the kernel scales the processor's frequency (cpufreq).
#pragma once

#include <filesystem>

#include "protocol/app_wire/app_wire.h"

namespace pavise::device {

inline constexpr const char* kProcessorFolder = "/sys/devices/system/cpu";
inline constexpr std::size_t kFrequencyPoliciesMax = 1024;
inline constexpr std::size_t kGovernorsBytesMax = 4096;

// Of all processors alike: the first governor of the profile that the kernel has, and, where the
// processor takes one, its energy preference. done; absent: the kernel scales nothing, or has no
// governor for it; failed: some processor is left as it was. Precondition: is_profile(profile).
// Blocks for milliseconds at most. Any thread.
app_wire::Outcome set_power_profile(app_wire::PowerAction profile,
                                    const std::filesystem::path& processors = kProcessorFolder);

}  // namespace pavise::device
