#include "common/base/result.h"
#include "device/console/line_relay.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise::device;
  LineRelay relay("x", [](std::string_view line) {
    PAVISE_CHECK(line.starts_with("x: ") && line.find('\n') == line.size() - 1);
    PAVISE_CHECK(line.size() <= kRelayLineBytesMax + 64);
  });
  relay.feed(std::as_bytes(std::span(data, size)), 0);
  relay.end(0);
  return 0;
}
