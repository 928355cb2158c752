#include "common/base/result.h"
#include "device/console/line_relay.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise::device;
  LineRelay relay("x", [](std::string_view line) {
    PAVISE_CHECK(line.starts_with("x: ") && line.find('\n') == line.size() - 1);
    PAVISE_CHECK(line.size() <= kRelayLineBytesMax + 64);
    for (std::size_t i = 1; i + 1 < line.size(); ++i) {
      const auto before = static_cast<unsigned char>(line[i - 1]);
      const auto code = static_cast<unsigned char>(line[i]);
      PAVISE_CHECK(code >= 0x20 && code != 0x7f);
      PAVISE_CHECK(code < 0x80 || code >= 0xa0 || (before >= 0x80 && before != 0xc2));
    }
  });
  relay.feed(std::as_bytes(std::span(data, size)), 0);
  relay.end(0);
  return 0;
}
