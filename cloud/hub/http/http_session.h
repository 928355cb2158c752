// One HTTP/1.1 connection (RFC 9112), which may become a WebSocket (RFC 6455).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "cloud/hub/http/errors.h"
#include "cloud/hub/ports/http_port.h"
#include "cloud/hub/ports/protocol_session.h"
#include "protocol/http1/request_parser.h"
#include "protocol/websocket/tunnel.h"

namespace pavise::hub {

// From accept, or the end of the last answer, to the next whole head.
inline constexpr std::int64_t kHttpIdleMs = 60'000;
// From a head to the end of its body.
inline constexpr std::int64_t kHttpBodyMs = 30'000;
// From the request to its answer: a method may take five minutes to connect and five to answer.
inline constexpr std::int64_t kHttpAnswerMs = 630'000;
// A client that has proved nothing yet.
inline constexpr std::int64_t kHttpStrangerMs = 15'000;
// Bodies: telemetry of a device, and everything else.
inline constexpr std::size_t kHttpEventBodyMax = 384UL * 1024;  // 256 KiB as base64 in a batch
inline constexpr std::size_t kHttpBodyMax = 1024UL * 1024;
// A part of a file may come over a slow line: from one piece of it to the next, and in all.
inline constexpr std::int64_t kHttpFilePieceMs = 30'000;
inline constexpr std::int64_t kHttpFileBodyMs = 300'000;
// An answer that goes out in pieces: how long the client may take for one.
inline constexpr std::int64_t kHttpSendMs = 60'000;
// A piece of a body is longer than it should be by what one read brings.
inline constexpr std::size_t kHttpPieceSlack = 64UL * 1024;
// How long a part of a file waits for room, and how often it asks.
inline constexpr std::int64_t kHttpRoomWaitMs = 60'000;
inline constexpr std::int64_t kHttpRoomEveryMs = 20;
// The path under which the clients of IoT Hub open their WebSocket, and those of Event Hubs and
// azure-iot-hub for Python theirs; a '/' at the end is passed over.
inline constexpr std::string_view kWebSocketPath = "/$iothub/websocket";
inline constexpr std::string_view kServiceBusWebSocketPath = "/$servicebus/websocket";

class HttpSession final : public ProtocolSession {
 public:
  // Makes the session that a WebSocket carries; nullptr: that protocol is not spoken here.
  using MakeInner =
      std::function<std::unique_ptr<ProtocolSession>(std::string_view subprotocol, SessionNow now)>;

  HttpSession(HttpPort& port, MakeInner make_inner, SessionNow now);
  ~HttpSession() override;

  void on_bytes(ByteView bytes, SessionNow now, Bytes& out) override;
  void on_durable(std::uint64_t number_end, Bytes& out) override;
  void on_not_stored(std::uint64_t begin, std::uint64_t end, Bytes& out) override;
  void on_event(SessionEvent& event, SessionNow now, Bytes& out) override;
  void on_time(SessionNow now, Bytes& out) override;
  void on_rights_changed(const RightsChanged& change, SessionNow now, Bytes& out) override;
  void close(Error reason, Bytes& out) override;
  const std::optional<Error>& closed() const override;
  bool wants_input() const override;
  void set_output_blocked(bool blocked, Bytes& out) override;
  std::int64_t deadline_ms() const override;
  bool established() const override;

 private:
  // sending: a piece of an answer went out, and the client has not taken it.
  enum class State { reading, waiting_for_room, waiting_for_answer, sending };

  void parse(SessionNow now, Bytes& out);
  void parse_input(SessionNow now, Bytes& out);
  void on_head(SessionNow now, Bytes& out);
  void on_body(ByteView bytes, SessionNow now, Bytes& out);
  void on_file_body(ByteView bytes, SessionNow now);
  void on_file_head(const HttpHeadVerdict& verdict, SessionNow now, Bytes& out);
  void want_room(SessionNow now, Bytes& out);
  bool take_file_room(SessionNow now, Bytes& out);
  void send_request(SessionNow now);
  void next_piece(const HttpResponse& response, SessionNow now, Bytes& out);
  void on_request(SessionNow now, Bytes& out);
  void upgrade(SessionNow now, Bytes& out);
  void answer(HttpResponse response, SessionNow now, Bytes& out);
  void go_on(HttpResponse response, SessionNow now, Bytes& out);
  void ask_for_rest();
  void answered(SessionNow now, Bytes& out);
  void await_request(SessionNow now);
  bool answer_refused(SessionNow now, Bytes& out);
  void refuse(int status, Error reason, Bytes& out);
  void refuse(HttpResponse response, Error reason, Bytes& out);
  void give_room();
  void end(Error reason);

  // Runs one step of the inner session and wraps what it wants to send.
  template <class Step>
  void inner_step(Step step, Bytes& out);
  void on_tunnel_bytes(ByteView bytes, SessionNow now, Bytes& out);

  HttpPort& port_;
  const MakeInner make_inner_;
  http1::RequestParser parser_;
  State state_ = State::reading;
  Bytes input_;  // what came and is not parsed yet
  std::string body_;
  std::size_t body_room_ = 0;
  std::size_t room_wanted_ = 0;  // by a part of a file
  HttpBodyKind body_kind_ = HttpBodyKind::call;
  std::string body_owner_;
  std::optional<HttpResponse> refusal_;  // what the call gets once its body went by, unkept
  std::optional<HttpPiece> piece_;       // the one that is being read; none: the body is one
  std::size_t piece_bytes_ = 0;
  std::optional<HttpRequest> rest_of_;  // what comes again for the rest of its answer
  bool continued_ = false;              // the client was told to send its body
  std::int64_t body_end_ms_ = 0;        // of a part of a file: no later, however it trickles
  bool keep_alive_ = true;
  bool blocked_ = false;  // the client does not read what it was sent
  bool served_ = false;   // a call was answered as authorised
  Token token_ = 0;
  std::int64_t deadline_ms_;
  std::optional<Error> closed_;
  std::unique_ptr<websocket::ServerTunnel> tunnel_;
  std::unique_ptr<ProtocolSession> inner_;
};

}  // namespace pavise::hub
