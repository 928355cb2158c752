// What a device has besides its computer: docs/formats/hardware-definition.md.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "protocol/manifest/manifest.h"

namespace pavise::device {

inline constexpr ErrorInfo kBadHardwareDefinition{
    "PV-HWD-001", Retry::never, "the hardware definition is not understood",
    "Correct the line that the detail names and build the image again."};

inline constexpr std::size_t kHardwareDefinitionBytesMax = 16384;
inline constexpr std::size_t kHardwareRowsMax = 128;
inline constexpr std::size_t kHardwareNodeLengthMax = 32;

// The names that apps may use, and the node behind each.
using HardwareDefinition = std::array<std::map<std::string, std::string>, manifest::kHardwareKinds>;

// All of `text` or nothing: kBadHardwareDefinition with the line's number. Pure; thread-safe.
Result<HardwareDefinition> parse_hardware_definition(std::string_view text);

// Of the file at `path`; without a file there is no hardware. kBadHardwareDefinition, also if it
// cannot be read. Blocks on the disk.
Result<HardwareDefinition> read_hardware_definition(const std::string& path);

}  // namespace pavise::device
