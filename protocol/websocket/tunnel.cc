#include "protocol/websocket/tunnel.h"

namespace pavise::websocket {

void ServerTunnel::on_bytes(ByteView bytes, Bytes& payload, Bytes& out) {
  while (!closed_) {
    const auto event = decoder_.next(bytes, payload);
    if (!event) {
      close(close_code_of(event.error()), event.error().info().what, out);
      closed_ = event.error();
      return;
    }
    switch (*event) {
      case FrameEvent::need_more:
        return;
      case FrameEvent::payload:
      case FrameEvent::pong:
        break;
      case FrameEvent::ping:
        if (!close_sent_) write_frame(Opcode::pong, decoder_.control(), out);
        break;
      case FrameEvent::close: {
        // The answer to a close repeats its code (section 5.5.1).
        const ByteView code = decoder_.control().first(decoder_.control().empty() ? 0 : 2);
        if (!close_sent_) write_frame(Opcode::close, code, out);
        close_sent_ = true;
        closed_ = Error(kPeerClosed);
        return;
      }
    }
  }
}

void ServerTunnel::send(ByteView payload, Bytes& out) {
  if (!close_sent_ && !payload.empty()) write_frame(Opcode::binary, payload, out);
}

void ServerTunnel::send_ping(Bytes& out) {
  if (!close_sent_) write_frame(Opcode::ping, {}, out);
}

void ServerTunnel::close(CloseCode code, std::string_view reason, Bytes& out) {
  if (close_sent_) return;
  close_sent_ = true;
  ByteWriter writer;
  writer.be(static_cast<std::uint16_t>(code));
  writer.raw(as_bytes(reason.substr(0, kControlSizeMax - 2)));
  write_frame(Opcode::close, writer.bytes(), out);
}

}  // namespace pavise::websocket
