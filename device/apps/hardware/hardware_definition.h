// What a device has besides its computer: docs/formats/hardware-definition.md.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "protocol/manifest/manifest.h"

namespace pavise::device {

inline constexpr ErrorInfo kBadHardwareDefinition{
    "PV-HWD-001", Retry::never, "the hardware definition is not understood",
    "Correct the line that the detail names and build the image again."};

inline constexpr std::size_t kHardwareDefinitionBytesMax = 16384;
inline constexpr std::size_t kHardwareRowsMax = 128;
inline constexpr std::size_t kHardwareNodeLengthMax = 32;
inline constexpr std::uint32_t kGpioLineMax = 1023;
inline constexpr std::size_t kSimulatedChipsMax = 4;
inline constexpr std::uint32_t kSimulatedLinesMax = 64;  // of one chip

struct HardwarePlace {
  std::string node;
  std::uint32_t line = 0;  // of a GPIO chip

  bool operator==(const HardwarePlace&) const = default;
};

// A GPIO chip of a virtual device, which the kernel plays.
struct SimulatedChip {
  std::string node;
  std::uint32_t lines = 0;

  bool operator==(const SimulatedChip&) const = default;
};

struct HardwareDefinition {
  // The names that apps may use, and what is behind each; no two have the same.
  std::array<std::map<std::string, HardwarePlace>, manifest::kHardwareKinds> by_kind;
  std::vector<SimulatedChip> simulated;  // in the order in which the kernel is to number them

  bool operator==(const HardwareDefinition&) const = default;
};

// All of `text` or nothing: kBadHardwareDefinition with the line's number. Pure; thread-safe.
Result<HardwareDefinition> parse_hardware_definition(std::string_view text);

// Of the file at `path`; without a file there is no hardware. kBadHardwareDefinition, also if it
// cannot be read. Blocks on the disk.
Result<HardwareDefinition> read_hardware_definition(const std::string& path);

}  // namespace pavise::device
