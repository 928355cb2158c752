#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "protocol/nats/client_lines.h"
#include "protocol/nats/server_stream.h"

// However a server's bytes are cut, the events are the same; nothing held grows beyond its bounds.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  using namespace pavise::nats;
  const ByteView input(reinterpret_cast<const std::byte*>(data), size);
  const auto count = [&](std::size_t piece) {
    ServerStream stream;
    std::size_t events = 0;
    for (std::size_t at = 0; at < input.size(); at += piece) {
      stream.feed(input.subspan(at, std::min(piece, input.size() - at)));
      for (;;) {
        const auto event = stream.next();
        if (!event) return events;
        if (!*event) break;
        ++events;
        if (const auto* delivery = std::get_if<Delivery>(&**event)) {
          PAVISE_CHECK(delivery->payload.size() <= kPayloadMax);
          (void)parse_ack(delivery->payload).has_value();
        }
      }
    }
    return events;
  };
  PAVISE_CHECK(count(SIZE_MAX) == count(3));
  (void)parse_ack(input).has_value();
  const Header headers[] = {{"name", std::string(as_text(input))},
                            {std::string(as_text(input)), "x"}};
  if (const auto sent = publication("s", "r", headers, {}, 1UL << 20)) {
    // One line, the version, at most two headers, the empty line, the end.
    std::size_t lines = 0;
    for (const std::byte byte : *sent) lines += byte == std::byte{'\n'} ? 1 : 0;
    PAVISE_CHECK(lines <= 6);
  }
  return 0;
}
