#include <set>

#include "device/apps/hardware/hardware_definition.h"

// What is understood has no name and no node twice, and nothing but nodes right below /dev.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  const auto parsed = device::parse_hardware_definition(std::string(data, data + size));
  if (!parsed) return 0;
  std::set<std::string> names;
  std::set<std::string> nodes;
  for (const auto& kind : *parsed) {
    for (const auto& [name, node] : kind) {
      PAVISE_CHECK(manifest::is_hardware_name(name) && names.insert(name).second);
      PAVISE_CHECK(node.starts_with("/dev/") && node.rfind('/') == 4 && nodes.insert(node).second);
    }
  }
  PAVISE_CHECK(names.size() <= device::kHardwareRowsMax);
  return 0;
}
