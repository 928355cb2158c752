#include "cloud/hub/http/http_session.h"

#include <algorithm>

#include "protocol/http1/response_writer.h"
#include "protocol/websocket/handshake.h"

namespace pavise::hub {
namespace {

constexpr std::string_view kSubprotocols[] = {websocket::kMqtt, websocket::kAmqp};

std::string_view text_of(const std::string* header) {
  return header == nullptr ? std::string_view{} : std::string_view(*header);
}

HttpResponse plain_refusal(int status) {
  return {.status = status,
          .headers = {},
          .body = R"({"Message":")" + std::string(http1::reason_phrase(status)) + "\"}"};
}

}  // namespace

HttpSession::HttpSession(HttpPort& port, MakeInner make_inner, SessionNow now)
    : port_(port),
      make_inner_(std::move(make_inner)),
      deadline_ms_(now.steady_ms + kHttpStrangerMs) {}

HttpSession::~HttpSession() {
  give_room();
}

void HttpSession::on_bytes(ByteView bytes, SessionNow now, Bytes& out) {
  if (closed_) return;
  if (inner_) return on_tunnel_bytes(bytes, now, out);
  append(input_, bytes);
  parse(now, out);
}

// --- Requests ------------------------------------------------------------------------------------

void HttpSession::parse(SessionNow now, Bytes& out) {
  do {
    parse_input(now, out);
  } while (answer_refused(now, out));
}

void HttpSession::parse_input(SessionNow now, Bytes& out) {
  ByteView rest = input_;
  while (!closed_ && !inner_ && state_ == State::reading) {
    const auto event = parser_.next(rest);
    if (!event) {
      refuse(http1::status_of(event.error()), event.error(), out);
      break;
    }
    if (*event == http1::RequestEvent::need_more) break;
    if (*event == http1::RequestEvent::head) on_head(now, out);
    if (*event == http1::RequestEvent::body) on_body(parser_.body(), now, out);
    if (*event == http1::RequestEvent::end) on_request(now, out);
  }
  Bytes left(rest.begin(), rest.end());
  input_ = {};
  if (closed_) return;
  if (inner_) {
    if (!left.empty()) on_tunnel_bytes(left, now, out);
  } else {
    input_ = std::move(left);
  }
}

void HttpSession::on_head(SessionNow now, Bytes& out) {
  const http1::RequestHead& head = parser_.head();
  body_.clear();
  keep_alive_ = head.keep_alive;
  body_kind_ = HttpBodyKind::call;
  body_owner_.clear();
  refusal_.reset();
  piece_.reset();
  continued_ = false;
  if (websocket::wants_upgrade(head)) {
    // None has one, and nobody has shown yet who would send it.
    if (head.has_body()) refuse(400, Error(kHttpUpgradeWithBody), out);
    return;
  }
  if (auto verdict = port_.judge({.method = head.method,
                                  .path = head.path(),
                                  .query = head.query(),
                                  .host = text_of(head.header("host")),
                                  .authorization = text_of(head.header("authorization")),
                                  .has_body = head.has_body()})) {
    body_owner_ = std::move(verdict->owner);
    if (verdict->kind == HttpBodyKind::file) {
      if (verdict->refusal)
        return refuse(*std::move(verdict->refusal), Error(kHttpUrlRefused), out);
      return on_file_head(*verdict, now, out);
    }
    // A client that asks first sends no body now; with others, the answer follows it.
    if (verdict->refusal && head.expects_continue)
      return refuse(*std::move(verdict->refusal), Error(kHttpUnauthorised), out);
    refusal_ = std::move(verdict->refusal);
  }
  // Nobody's body is kept before there is at least a claim who sends it.
  if (head.header("authorization") == nullptr && !port_.has_peer_certificate())
    return refuse(401, Error(kHttpUnauthorised), out);
  const bool event = head.path().ends_with("/messages/events");
  parser_.set_body_limit(event ? kHttpEventBodyMax : kHttpBodyMax);
  if (!head.has_body()) return;
  deadline_ms_ = now.steady_ms + kHttpBodyMs;
  if (head.expects_continue) append(out, as_bytes(http1::kContinue));
}

// The signature in the URL has shown who sends; how much comes must be known beforehand.
void HttpSession::on_file_head(const HttpHeadVerdict& verdict, SessionNow now, Bytes& out) {
  const http1::RequestHead& head = parser_.head();
  if (head.chunked) return refuse(411, Error(kHttpNoLength), out);
  const std::uint64_t size = head.content_length.value_or(0);
  if (size > verdict.body_bytes_max) return refuse(413, Error(kHttpPartTooLarge), out);
  served_ = true;
  body_kind_ = HttpBodyKind::file;
  parser_.set_body_limit(verdict.body_bytes_max);
  piece_bytes_ = verdict.piece_bytes;
  if (size > piece_bytes_) piece_ = HttpPiece{.offset = 0, .total = size, .stream = {}};
  if (!head.has_body()) return;
  room_wanted_ =
      static_cast<std::size_t>(std::min<std::uint64_t>(size, piece_bytes_ + kHttpPieceSlack));
  want_room(now, out);
}

void HttpSession::want_room(SessionNow now, Bytes& out) {
  if (take_file_room(now, out)) return;
  state_ = State::waiting_for_room;
  body_end_ms_ = now.steady_ms + kHttpRoomWaitMs;
  deadline_ms_ = now.steady_ms + kHttpRoomEveryMs;
}

bool HttpSession::take_file_room(SessionNow now, Bytes& out) {
  if (!port_.take_body_room(room_wanted_, HttpBodyKind::file, body_owner_)) return false;
  body_room_ = room_wanted_;
  deadline_ms_ = now.steady_ms + kHttpFilePieceMs;
  body_end_ms_ = now.steady_ms + kHttpFileBodyMs;
  body_.reserve(body_room_);  // not twice as much while it grows
  if (parser_.head().expects_continue && !std::exchange(continued_, true))
    append(out, as_bytes(http1::kContinue));
  return true;
}

void HttpSession::on_body(ByteView bytes, SessionNow now, Bytes& out) {
  if (refusal_) return;
  if (body_kind_ == HttpBodyKind::file) return on_file_body(bytes, now);
  // Room is taken for what came: a body that was only announced keeps nobody else's out.
  if (!port_.take_body_room(bytes.size(), body_kind_, body_owner_))
    return refuse(503, Error(kHttpNoRoom), out);
  body_room_ += bytes.size();
  body_.append(as_text(bytes));
}

// There is room for it since its head, or since the piece before: of parts of files that wait for
// room with half of what they need, none would ever be whole.
void HttpSession::on_file_body(ByteView bytes, SessionNow now) {
  body_.append(as_text(bytes));
  deadline_ms_ = std::min(now.steady_ms + kHttpFilePieceMs, body_end_ms_);
  // The last piece goes with the end of the request.
  if (piece_ && body_.size() >= piece_bytes_ && piece_->offset + body_.size() < piece_->total)
    send_request(now);
}

void HttpSession::on_request(SessionNow now, Bytes& out) {
  const http1::RequestHead& head = parser_.head();
  if (websocket::wants_upgrade(head)) return upgrade(now, out);
  if (refusal_) {
    state_ = State::waiting_for_answer;  // which parse() gives
    return;
  }
  send_request(now);
}

void HttpSession::send_request(SessionNow now) {
  const http1::RequestHead& head = parser_.head();
  HttpRequest request{.method = head.method,
                      .path = std::string(head.path()),
                      .query = std::string(head.query()),
                      .headers = {},
                      .body = std::exchange(body_, {}),
                      .peer_chain = {},
                      .server_name = {}};
  request.piece = piece_;
  if (piece_) piece_->offset += request.body.size();
  request.headers.reserve(head.headers.size());
  for (const http1::Header& header : head.headers)
    request.headers.emplace_back(header.name, header.value);
  state_ = State::waiting_for_answer;
  deadline_ms_ = now.steady_ms + kHttpAnswerMs;
  // Only such requests have answers in pieces, and only without a body they can come again.
  rest_of_.reset();
  if (request.method == "GET" && request.body.empty()) rest_of_ = request;
  port_.serve(std::move(request), ++token_);
}

void HttpSession::next_piece(const HttpResponse& response, SessionNow now, Bytes& out) {
  if (!piece_) return;
  for (const auto& [name, value] : response.headers)
    if (name == kHttpPieceStream) piece_->stream = value;
  state_ = State::reading;
  room_wanted_ = static_cast<std::size_t>(
      std::min<std::uint64_t>(piece_->total - piece_->offset, piece_bytes_ + kHttpPieceSlack));
  want_room(now, out);
  parse(now, out);
}

void HttpSession::answer(HttpResponse response, SessionNow now, Bytes& out) {
  give_room();
  if (rest_of_ && rest_of_->rest) return go_on(std::move(response), now, out);
  const bool more = piece_ && piece_->offset < piece_->total;
  if (more && response.status == 100) return next_piece(response, now, out);
  // What else would come of the body is not wanted.
  if (more) keep_alive_ = false;
  if (response.status != 401) served_ = true;
  // The C client looks for this very spelling.
  for (auto& [name, value] : response.headers)
    if (name == "etag") name = "ETag";
  const bool bodiless = response.status == 204 || response.status == 304;
  if (!bodiless) response.headers.emplace_back("content-type", response.content_type);
  http1::ResponseOptions options{.close = !keep_alive_, .to_head = parser_.head().method == "HEAD"};
  if (response.rest) options.body_size = response.rest->total;
  const Status written =
      http1::write_response(response.status, response.headers,
                            bodiless ? ByteView{} : as_bytes(response.body), options, out);
  if (!written) return refuse(500, Error(kHttpBadAnswer, written.error().message()), out);
  if (response.rest && rest_of_ && response.rest->next < response.rest->total) {
    rest_of_->rest = std::move(response.rest);
    state_ = State::sending;
    deadline_ms_ = now.steady_ms + kHttpSendMs;
    return ask_for_rest();
  }
  answered(now, out);
}

// The head is gone: what cannot be sent any more shows as a body that ends too early.
void HttpSession::go_on(HttpResponse response, SessionNow now, Bytes& out) {
  const Error gone(kHttpBadAnswer, "the rest of an answer is gone");
  if (!rest_of_ || !rest_of_->rest || !response.rest || response.body.empty()) return end(gone);
  const std::uint64_t total = rest_of_->rest->total;
  const std::uint64_t next = rest_of_->rest->next + response.body.size();
  if (response.rest->total != total || response.rest->next != next || next > total)
    return end(gone);
  append(out, as_bytes(response.body));
  rest_of_->rest = std::move(response.rest);
  if (next == total) return answered(now, out);
  state_ = State::sending;
  deadline_ms_ = now.steady_ms + kHttpSendMs;
  ask_for_rest();
}

void HttpSession::ask_for_rest() {
  if (state_ != State::sending || blocked_ || !rest_of_) return;
  state_ = State::waiting_for_answer;
  port_.serve(*rest_of_, ++token_);
}

void HttpSession::answered(SessionNow now, Bytes& out) {
  await_request(now);
  if (!closed_) parse(now, out);  // what came meanwhile
}

void HttpSession::await_request(SessionNow now) {
  rest_of_.reset();
  if (!keep_alive_) return end(Error(kHttpDone));
  state_ = State::reading;
  deadline_ms_ = now.steady_ms + (served_ ? kHttpIdleMs : kHttpStrangerMs);
}

// The body of a call whose head was refused went by. False: there is no such call.
bool HttpSession::answer_refused(SessionNow now, Bytes& out) {
  if (closed_ || !refusal_ || state_ != State::waiting_for_answer) return false;
  HttpResponse response = *std::move(refusal_);
  refusal_.reset();
  response.headers.emplace_back("content-type", response.content_type);
  const Status written = http1::write_response(
      response.status, response.headers, as_bytes(response.body),
      {.close = !keep_alive_, .to_head = parser_.head().method == "HEAD"}, out);
  if (!written) {
    refuse(500, Error(kHttpBadAnswer, written.error().message()), out);
    return false;
  }
  await_request(now);
  return !closed_;
}

void HttpSession::refuse(int status, Error reason, Bytes& out) {
  refuse(plain_refusal(status), std::move(reason), out);
}

void HttpSession::refuse(HttpResponse response, Error reason, Bytes& out) {
  response.headers.emplace_back("content-type", response.content_type);
  const Status written =
      http1::write_response(response.status, response.headers, as_bytes(response.body),
                            {.close = true, .to_head = parser_.head().method == "HEAD"}, out);
  PAVISE_CHECK(written.has_value());  // texts of ours
  end(std::move(reason));
}

void HttpSession::give_room() {
  if (body_room_ != 0) port_.give_body_room(std::exchange(body_room_, 0), body_kind_, body_owner_);
}

// --- WebSocket -----------------------------------------------------------------------------------

void HttpSession::upgrade(SessionNow now, Bytes& out) {
  const http1::RequestHead& head = parser_.head();
  std::string_view path = head.path();
  if (path.ends_with('/')) path.remove_suffix(1);
  const bool ours = http1::equal_folded(path, kWebSocketPath) ||
                    http1::equal_folded(path, kServiceBusWebSocketPath);
  if (!ours) return refuse(404, Error(kHttpNoWebSocketHere), out);
  const auto accepted = websocket::accept(head, kSubprotocols);
  if (!accepted) {
    const auto headers = websocket::refusal_headers(accepted.error());
    const Status written = http1::write_response(websocket::status_of(accepted.error()), headers,
                                                 {}, {.close = true}, out);
    PAVISE_CHECK(written.has_value());
    return end(accepted.error());
  }
  auto inner = make_inner_(accepted->subprotocol, now);
  if (inner == nullptr) return refuse(400, Error(websocket::kNoSubprotocol), out);
  const Status written = http1::write_response(101, accepted->headers, {}, {}, out);
  PAVISE_CHECK(written.has_value());
  tunnel_ = std::make_unique<websocket::ServerTunnel>();
  inner_ = std::move(inner);
}

template <class Step>
void HttpSession::inner_step(Step step, Bytes& out) {
  Bytes inner_out;
  step(inner_out);
  if (!inner_out.empty()) tunnel_->send(inner_out, out);
  if (inner_->closed()) tunnel_->close(websocket::CloseCode::normal, {}, out);
}

void HttpSession::on_tunnel_bytes(ByteView bytes, SessionNow now, Bytes& out) {
  Bytes payload;
  tunnel_->on_bytes(bytes, payload, out);
  if (!payload.empty())
    inner_step([&](Bytes& inner_out) { inner_->on_bytes(payload, now, inner_out); }, out);
  if (const auto& closed = tunnel_->closed(); closed && !inner_->closed()) {
    const Error reason = *closed;
    inner_step([&](Bytes& inner_out) { inner_->close(reason, inner_out); }, out);
  }
}

// --- The rest of a session -----------------------------------------------------------------------

void HttpSession::on_durable(std::uint64_t number_end, Bytes& out) {
  if (inner_) inner_step([&](Bytes& inner_out) { inner_->on_durable(number_end, inner_out); }, out);
}

void HttpSession::on_not_stored(std::uint64_t begin, std::uint64_t end_number, Bytes& out) {
  if (inner_)
    inner_step([&](Bytes& inner_out) { inner_->on_not_stored(begin, end_number, inner_out); }, out);
}

void HttpSession::on_event(SessionEvent& event, SessionNow now, Bytes& out) {
  if (closed_) return;
  if (inner_)
    return inner_step([&](Bytes& inner_out) { inner_->on_event(event, now, inner_out); }, out);
  auto* answered = std::get_if<HttpAnswered>(&event);
  if (answered == nullptr || state_ != State::waiting_for_answer || answered->token != token_)
    return;
  answer(std::move(answered->response), now, out);
}

void HttpSession::on_time(SessionNow now, Bytes& out) {
  if (closed_) return;
  if (inner_) return inner_step([&](Bytes& inner_out) { inner_->on_time(now, inner_out); }, out);
  if (now.steady_ms < deadline_ms_) return;
  if (state_ == State::waiting_for_room) {
    if (now.steady_ms >= body_end_ms_) return refuse(503, Error(kHttpNoRoom), out);
    deadline_ms_ = now.steady_ms + kHttpRoomEveryMs;
    if (!take_file_room(now, out)) return;
    state_ = State::reading;
    return parse(now, out);
  }
  if (parser_.in_request() && state_ == State::reading)
    return refuse(408, Error(kHttpTooSlow), out);
  end(Error(kHttpTooSlow));
}

void HttpSession::on_rights_changed(const RightsChanged& change, SessionNow now, Bytes& out) {
  if (closed_) return;
  if (!inner_) return close(change.reason, out);
  inner_step([&](Bytes& inner_out) { inner_->on_rights_changed(change, now, inner_out); }, out);
}

void HttpSession::close(Error reason, Bytes& out) {
  if (inner_) inner_step([&](Bytes& inner_out) { inner_->close(reason, inner_out); }, out);
  end(std::move(reason));
}

void HttpSession::end(Error reason) {
  if (closed_) return;
  give_room();
  closed_ = std::move(reason);
}

const std::optional<Error>& HttpSession::closed() const {
  return inner_ && !closed_ ? inner_->closed() : closed_;
}

// One answer waits at a time: the next call is read when the client has taken the last answer.
bool HttpSession::wants_input() const {
  return inner_ ? inner_->wants_input() : state_ == State::reading && !blocked_;
}

void HttpSession::set_output_blocked(bool blocked, Bytes& out) {
  if (closed_) return;
  blocked_ = blocked;
  if (inner_)
    return inner_step([&](Bytes& inner_out) { inner_->set_output_blocked(blocked, inner_out); },
                      out);
  if (!blocked_) ask_for_rest();
}

std::int64_t HttpSession::deadline_ms() const {
  return inner_ ? inner_->deadline_ms() : deadline_ms_;
}

bool HttpSession::established() const {
  return inner_ ? inner_->established() : served_;
}

}  // namespace pavise::hub
