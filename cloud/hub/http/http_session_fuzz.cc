// Input: bytes of a connection. First byte: chunk size and whether calls are answered at once.
// Whatever comes, no room for bodies is lost and nothing is served after the end.
#include <algorithm>

#include "cloud/hub/http/testing/recording_http_port.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  using namespace pavise::hub;
  if (size < 2) return 0;
  hub::testing::RecordingHttpPort port;
  port.certificate = (data[0] & 1U) != 0;
  port.verdict = HttpHeadVerdict{.body_bytes_max = 64, .piece_bytes = 8};
  const SessionNow now{0, 1'000'000};
  Bytes out;
  {
    HttpSession session(
        port,
        [](std::string_view, SessionNow) -> std::unique_ptr<ProtocolSession> {
          return std::make_unique<hub::testing::EchoSession>();
        },
        now);
    const std::size_t chunk = static_cast<std::size_t>(data[0] >> 1U) + 1;
    const ByteView wire = std::as_bytes(std::span(data + 1, size - 1));
    std::size_t answered = 0;
    for (std::size_t at = 0; at < wire.size() && !session.closed(); at += chunk) {
      session.on_bytes(wire.subspan(at, std::min(chunk, wire.size() - at)), now, out);
      while (answered < port.tokens.size() && !session.closed()) {
        const HttpRequest& request = port.requests[answered];
        const bool more =
            request.piece && request.piece->offset + request.body.size() < request.piece->total;
        SessionEvent event = HttpAnswered{
            port.tokens[answered++], {.status = more ? 100 : 200, .headers = {}, .body = "{}"}};
        session.on_event(event, now, out);
      }
    }
    const std::size_t served = port.requests.size();
    session.close(Error(kHttpDone), out);
    session.on_bytes(as_bytes("GET / HTTP/1.1\r\nHost: h\r\nAuthorization: x\r\n\r\n"), now, out);
    PAVISE_CHECK(port.requests.size() == served);
  }
  PAVISE_CHECK(port.room_taken == 0 && port.file_room_taken == 0);
  return 0;
}
