#include <set>

#include "device/apps/hardware/hardware_definition.h"

// What is understood has no name and no place twice, and nothing but nodes right below /dev.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  const auto parsed = device::parse_hardware_definition(std::string(data, data + size));
  if (!parsed) return 0;
  std::set<std::string> names;
  std::set<std::string> places;
  const auto is_node = [](const std::string& node) {
    return node.starts_with("/dev/") && node.rfind('/') == 4 &&
           node.size() <= device::kHardwareNodeLengthMax;
  };
  for (std::size_t kind = 0; kind < manifest::kHardwareKinds; ++kind) {
    const bool gpio = static_cast<manifest::Hardware>(kind) == manifest::Hardware::gpio;
    for (const auto& [name, place] : parsed->by_kind.at(kind)) {
      PAVISE_CHECK(manifest::is_hardware_name(name) && names.insert(name).second);
      PAVISE_CHECK(is_node(place.node) && place.line <= (gpio ? device::kGpioLineMax : 0));
      PAVISE_CHECK(places.insert(place.node + ' ' + std::to_string(place.line)).second);
    }
  }
  PAVISE_CHECK(parsed->simulated.size() <= device::kSimulatedChipsMax);
  for (const device::SimulatedChip& chip : parsed->simulated) {
    PAVISE_CHECK(is_node(chip.node) && chip.lines >= 1 && chip.lines <= device::kSimulatedLinesMax);
    for (const auto& [name, place] : parsed->by_kind.front())
      PAVISE_CHECK(place.node != chip.node || place.line < chip.lines);
  }
  PAVISE_CHECK(names.size() + parsed->simulated.size() <= device::kHardwareRowsMax);
  return 0;
}
