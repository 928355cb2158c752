// GPIO chips that the kernel plays (gpio-sim), for virtual devices.
#pragma once

#include <span>
#include <string>

#include "common/base/result.h"
#include "device/apps/hardware/hardware_definition.h"

namespace pavise::device {

inline constexpr ErrorInfo kChipNotSimulated{
    "PV-GPI-002", Retry::never, "a GPIO chip cannot be simulated",
    "Name simulated chips as the kernel numbers them, or remove them from the hardware definition "
    "of a device that has chips of its own."};

// Makes those that are not there yet, with the kernel's configfs, which is mounted at `folder` only
// meanwhile. Each has to become the node that its definition names. Needs CAP_SYS_ADMIN; blocks for
// some milliseconds. kChipNotSimulated.
Status simulate_chips(std::span<const SimulatedChip> chips, const std::string& folder);

// The same in a configfs that is mounted already.
Status simulate_chip(const SimulatedChip& chip, const std::string& configfs);

}  // namespace pavise::device
