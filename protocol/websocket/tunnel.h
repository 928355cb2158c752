// The server's end of a byte stream in a WebSocket: what the transport loop puts between TLS and a
// session. Pure; not thread-safe.
#pragma once

#include <optional>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "protocol/websocket/frame.h"

namespace pavise::websocket {

class ServerTunnel {
 public:
  // Bytes of the wire: what they carry is appended to `payload`, what must be answered (pong,
  // close) to `out`. Answers to pings are never longer than what came. After an error of the peer,
  // or its close, closed() says why; our close frame is then in `out`, and further bytes are
  // ignored.
  void on_bytes(ByteView bytes, Bytes& payload, Bytes& out);

  // One binary message. Nothing is sent once a close was.
  void send(ByteView payload, Bytes& out);
  void send_ping(Bytes& out);

  // Begins to close for a reason of ours. The connection may end once closed() is set or the
  // caller's time for it is over. Idempotent. `reason` is cut to what a close frame holds.
  void close(CloseCode code, std::string_view reason, Bytes& out);

  bool closing() const { return close_sent_; }
  // Set once no more payload will come: kPeerClosed, or the error of the peer.
  const std::optional<Error>& closed() const { return closed_; }

 private:
  FrameDecoder decoder_;
  bool close_sent_ = false;
  std::optional<Error> closed_;
};

}  // namespace pavise::websocket
