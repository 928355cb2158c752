// The same bytes whole and byte by byte must give the same payload, answers and end.
#include "protocol/websocket/tunnel.h"

namespace {

using namespace pavise;

struct Outcome {
  Bytes payload;
  Bytes answers;
  std::string_view end;
};

Outcome run(ByteView bytes, std::size_t piece) {
  websocket::ServerTunnel tunnel;
  Outcome out;
  while (!bytes.empty()) {
    const std::size_t size = std::min(piece, bytes.size());
    tunnel.on_bytes(bytes.first(size), out.payload, out.answers);
    bytes = bytes.subspan(size);
  }
  if (tunnel.closed()) {
    PAVISE_CHECK(tunnel.closing());
    out.end = tunnel.closed()->code();
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes = std::as_bytes(std::span(data, size));
  const Outcome whole = run(bytes, size);
  PAVISE_CHECK(whole.payload.size() <= size && whole.answers.size() <= size + 130);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}}) {
    const Outcome pieces = run(bytes, piece);
    PAVISE_CHECK(pieces.payload == whole.payload && pieces.answers == whole.answers);
    PAVISE_CHECK(pieces.end == whole.end);
  }
  return 0;
}
