#include <cstdint>

#include "protocol/manifest/conflicts.h"
#include "protocol/manifest/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  const ByteView bytes = std::as_bytes(std::span(data, size));
  const auto outcome = manifest::Manifest::parse(bytes);
  if (!outcome) {
    const std::string_view pointer = manifest::pointer_of(outcome.error());
    PAVISE_CHECK(pointer.empty() || pointer.front() == '/');
    return 0;
  }
  // What was accepted holds its limits, and destinations have one spelling.
  PAVISE_CHECK(outcome->name.size() <= manifest::kNameLengthMax && !outcome->name.empty());
  PAVISE_CHECK(outcome->entry_point.front() == '/');
  PAVISE_CHECK(outcome->budgets.processes >= manifest::kProcessesMin);
  for (const auto* list :
       {&outcome->capabilities.outgoing_tcp, &outcome->capabilities.outgoing_udp})
    for (const manifest::Destination& to : *list) {
      const auto again = manifest::Destination::parse(to.text());
      PAVISE_CHECK(again.has_value() && *again == to);
    }
  const std::vector<manifest::Manifest> twice{*outcome, *outcome};
  PAVISE_CHECK(!manifest::conflicts(twice).empty());
  return 0;
}
