#include "cloud/hub/routing_sinks/nats_sink.h"

#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "cloud/hub/routing/address.h"
#include "cloud/hub/routing_sinks/authorities.h"
#include "cloud/hub/routing_sinks/headers.h"
#include "common/crypto/crypto.h"
#include "common/net/line.h"
#include "protocol/nats/client_lines.h"
#include "protocol/nats/server_stream.h"

namespace pavise::hub::routing {
namespace {

using net::Deadline;

// What a publication came to.
struct Answer {
  bool stored = false;
  bool refused = false;
  std::optional<Error> error{};
};

// One logged-in connection.
class Connection {
 public:
  static Result<Connection> open(const Server& server, const net::TlsOptions* tls,
                                 const nats::Login& login, Deadline deadline);

  // Publishes all and waits for the answers; those that did not come are neither stored nor
  // refused. An error: the connection is of no use any more.
  Status publish(const std::string& subject, std::span<const Message> messages,
                 std::vector<Answer>& answers, Deadline deadline);

 private:
  Connection(net::Line line, nats::ServerStream stream)
      : line_(std::move(line)), stream_(std::move(stream)) {}
  Result<nats::Event> next(Deadline deadline);
  Status log_in(const nats::Login& login, bool tls, Deadline deadline);
  Result<std::size_t> send_all(const std::string& subject, std::span<const Message> messages,
                               std::vector<Answer>& answers, Deadline deadline);
  void take(const nats::Delivery& delivery, std::vector<Answer>& answers, std::size_t& missing);

  net::Line line_;
  nats::ServerStream stream_;
  std::uint64_t payload_max_ = 0;
  std::string inbox_;        // of this connection, with its last dot
  std::uint64_t first_ = 0;  // number of the batch's first answer
};

Result<Connection> Connection::open(const Server& server, const net::TlsOptions* tls,
                                    const nats::Login& login, Deadline deadline) {
  PAVISE_TRY_ASSIGN(net::Line line, net::Line::dial(server.host, server.port, deadline));
  Connection out(std::move(line), {});
  PAVISE_TRY_ASSIGN(const nats::Event first, out.next(deadline));
  const auto* const info = std::get_if<nats::Info>(&first);
  if (info == nullptr) return Error(nats::kBadServer, "it does not begin with INFO");
  if (!info->headers) return Error(nats::kBadServer, "it does not know headers");
  out.payload_max_ = info->max_payload;
  if (tls != nullptr) {
    if (!info->tls_offered) return nats::kNotSecured;
    // Anybody on the way could have put it there before the handshake.
    if (!out.stream_.drained()) return Error(nats::kBadServer, "it says more before the handshake");
    PAVISE_TRY(out.line_.secure(server.host, *tls, deadline));
  }
  PAVISE_TRY(out.log_in(login, tls != nullptr, deadline));
  return out;
}

Result<nats::Event> Connection::next(Deadline deadline) {
  for (;;) {
    PAVISE_TRY_ASSIGN(auto event, stream_.next());
    if (event && std::holds_alternative<nats::Ping>(*event)) {
      PAVISE_TRY(line_.write(as_bytes(nats::kPongLine), deadline));
      continue;
    }
    if (event) return *std::move(event);
    std::array<std::byte, 16UL * 1024> buffer;
    PAVISE_TRY_ASSIGN(const std::size_t size, line_.read(buffer, deadline));
    stream_.feed(ByteView(buffer).first(size));
  }
}

Status Connection::log_in(const nats::Login& login, bool tls, Deadline deadline) {
  std::array<std::byte, 12> random{};
  PAVISE_TRY(crypto::random_fill(random));
  inbox_ = "_INBOX." + to_hex(random) + ".";
  PAVISE_TRY_ASSIGN(const std::string subscribe, nats::subscribe_line(inbox_ + "*", 1));
  std::string lines = nats::connect_line(login, tls);
  lines.append(subscribe).append(nats::kPingLine);
  PAVISE_TRY(line_.write(as_bytes(lines), deadline));
  for (;;) {
    PAVISE_TRY_ASSIGN(const nats::Event event, next(deadline));
    if (std::holds_alternative<nats::Pong>(event)) return {};
    if (const auto* complaint = std::get_if<nats::Complaint>(&event))
      return Error(nats::kServerSaid, complaint->text);
  }
}

// How many answers are to come.
Result<std::size_t> Connection::send_all(const std::string& subject,
                                         std::span<const Message> messages,
                                         std::vector<Answer>& answers, Deadline deadline) {
  Bytes out;
  std::size_t missing = 0;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    Headers headers = headers_of(messages[i]);
    // A stream takes a message of the same id once, for as long as it remembers.
    headers.emplace_back("Nats-Msg-Id", messages[i].id());
    const auto bytes = nats::publication(subject, inbox_ + std::to_string(first_ + i), headers,
                                         messages[i].body, payload_max_);
    if (!bytes) {
      answers[i] = {.refused = true, .error = bytes.error()};
      continue;
    }
    append(out, *bytes);
    ++missing;
  }
  PAVISE_TRY(line_.write(out, deadline));
  return missing;
}

void Connection::take(const nats::Delivery& delivery, std::vector<Answer>& answers,
                      std::size_t& missing) {
  if (!delivery.subject.starts_with(inbox_)) return;
  const std::string_view text = std::string_view(delivery.subject).substr(inbox_.size());
  std::uint64_t number = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), number);
  // One of a batch before that came late.
  if (bad != std::errc{} || end != text.data() + text.size() || number < first_ ||
      number - first_ >= answers.size())
    return;
  Answer& answer = answers[number - first_];
  if (answer.stored || answer.error) return;
  --missing;
  constexpr int kNoResponders = 503;
  if (delivery.status == kNoResponders) {
    answer.error = Error(nats::kNoStream, "");
    return;
  }
  const auto ack = nats::parse_ack(delivery.payload);
  answer.stored = ack && ack->stored;
  if (!ack)
    answer.error = ack.error();
  else if (!ack->stored)
    answer.error = Error(nats::kServerSaid, std::to_string(ack->code) + " " + ack->text);
  // A stream that is full may have room again; what it calls a bad request stays one.
  constexpr int kBadRequest = 400;
  answer.refused = ack && !ack->stored && ack->code == kBadRequest;
}

Status Connection::publish(const std::string& subject, std::span<const Message> messages,
                           std::vector<Answer>& answers, Deadline deadline) {
  answers.assign(messages.size(), {});
  PAVISE_TRY_ASSIGN(std::size_t missing, send_all(subject, messages, answers, deadline));
  while (missing != 0) {
    PAVISE_TRY_ASSIGN(const nats::Event event, next(deadline));
    if (const auto* delivery = std::get_if<nats::Delivery>(&event))
      take(*delivery, answers, missing);
    else if (const auto* complaint = std::get_if<nats::Complaint>(&event))
      return Error(nats::kServerSaid, complaint->text);
  }
  first_ += messages.size();
  return {};
}

class NatsSink final : public Sink {
 public:
  NatsSink(std::vector<Server> servers, std::string subject, nats::Login login,
           std::optional<net::TlsOptions> tls, const NatsTimes& times)
      : servers_(std::move(servers)),
        subject_(std::move(subject)),
        login_(std::move(login)),
        tls_(std::move(tls)),
        times_(times) {}

  Outcome deliver(std::span<const Message> messages) override {
    const auto connection = connected();
    if (!connection) return {.error = connection.error()};
    std::vector<Answer> answers;
    const Status published =
        (*connection)->publish(subject_, messages, answers, Deadline::after(times_.answer));
    if (!published) connection_.reset();
    Outcome out;
    for (; out.delivered < answers.size() && answers[out.delivered].stored; ++out.delivered) {
    }
    if (out.delivered == messages.size()) return out;
    const Answer& first = answers[out.delivered];
    out.error = first.error ? *first.error : published.error();
    out.refused = first.refused;
    return out;
  }

 private:
  // One server after the other, beginning with the one that answered last.
  Result<Connection*> connected() {
    if (connection_) return &*connection_;
    Error last(kBadAddress, "no server");
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      auto opened = Connection::open(servers_[at_], tls_ ? &*tls_ : nullptr, login_,
                                     Deadline::after(times_.connect));
      if (opened) return &connection_.emplace(*std::move(opened));
      last = opened.error();
      at_ = (at_ + 1) % servers_.size();
    }
    return last;
  }

  const std::vector<Server> servers_;
  const std::string subject_;
  const nats::Login login_;
  const std::optional<net::TlsOptions> tls_;
  const NatsTimes times_;
  std::size_t at_ = 0;
  std::optional<Connection> connection_;
};

}  // namespace

Result<std::unique_ptr<Sink>> make_nats_sink(const store::RoutingEndpointRecord& endpoint,
                                             const NatsTimes& times) {
  PAVISE_TRY_ASSIGN(auto servers, parse_servers(endpoint.address));
  PAVISE_TRY(check_subject(endpoint.topic));
  std::optional<net::TlsOptions> tls;
  if (endpoint.tls) {
    tls.emplace();
    tls->allow_tls12 = true;
    PAVISE_TRY_ASSIGN(tls->trust_anchors_pem, authorities_of(endpoint));
  }
  return std::unique_ptr<Sink>(std::make_unique<NatsSink>(
      std::move(servers), endpoint.topic, nats::Login{endpoint.user, endpoint.secret},
      std::move(tls), times));
}

}  // namespace pavise::hub::routing
