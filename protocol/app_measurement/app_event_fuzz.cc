// Texts of a device's monitor, one on each line. What is taken has one spelling.
#include <cstdint>

#include "protocol/app_measurement/app_event.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  std::string_view rest = as_text(std::as_bytes(std::span(data, size)));
  app_measurement::AppEventList list;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const auto event = app_measurement::AppEvent::parse(line);
    const std::size_t before = list.events().size();
    const bool added = static_cast<bool>(list.add(line));
    PAVISE_CHECK(list.events().size() == before + (added ? 1 : 0));
    PAVISE_CHECK(!added || event);
    if (event) PAVISE_CHECK(event->text() == line && line.starts_with("pavise:app "));
  }
  PAVISE_CHECK(list.events().size() <= app_measurement::kAppEventsMax);
  return 0;
}
