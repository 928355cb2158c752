#include "samples/modbus_guardian/guardian.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace modbus_guardian {
namespace {

std::string text_of(const Range& range) {
  return std::string(to_string(range.table)) + ' ' + std::to_string(range.first) + '-' +
         std::to_string(range.last);
}

std::string text_of(const Request& request) {
  std::string out = "unit " + std::to_string(request.unit);
  if (request.reads) out += ", reads " + text_of(*request.reads);
  if (request.writes) out += ", writes " + text_of(*request.writes);
  return out;
}

void take_front(Bytes& bytes, std::size_t count) {
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
}

}  // namespace

Guardian::Guardian(const Rules& rules, Grants& grants, Record& record)
    : rules_(rules), grants_(grants), record_(record) {}

std::optional<Guardian::ClientId> Guardian::client_came(Ipv4 address, Now now) {
  const std::string peer = address_text(address);
  if (!rules_.admits(address)) {
    record_.note(peer, "refused: no client of the rules", {}, now.steady_ms);
    return {};
  }
  const auto of_address = std::ranges::count_if(
      clients_, [address](const auto& entry) { return entry.second.address == address; });
  if (clients_.size() >= kClientsMax ||
      std::cmp_greater_equal(of_address, kClientsOfOneAddressMax)) {
    record_.note(peer, "refused: too many connections", {}, now.steady_ms);
    return {};
  }
  Client client{.address = address, .in = {}, .out = {}};
  await_frame(client, now);
  clients_.emplace(++last_client_, std::move(client));
  return last_client_;
}

void Guardian::client_left(ClientId id) {
  clients_.erase(id);
  // What is with the machine stays there: nothing else may be asked until it is answered.
  std::erase_if(queue_, [id](const Asked& asked) { return asked.client == id; });
}

std::size_t Guardian::room_for(ClientId id) const {
  const Client& client = clients_.at(id);
  return client.finished || client.waits || !client.out.empty() ? 0 : client.in.room();
}

void Guardian::client_said(ClientId id, ByteView bytes, Now now) {
  Client& client = clients_.at(id);
  const bool begins = client.in.empty();
  client.in.append(bytes);
  if (begins) client.deadline_ms = now.steady_ms + kHalfFrameMs;
  serve(id, client, now);
}

ByteView Guardian::for_client(ClientId id) const {
  return clients_.at(id).out;
}

void Guardian::client_took(ClientId id, std::size_t bytes, Now now) {
  Client& client = clients_.at(id);
  take_front(client.out, bytes);
  if (!client.out.empty()) return;
  await_frame(client, now);
  serve(id, client, now);
}

bool Guardian::finished_with(ClientId id) const {
  return clients_.at(id).finished;
}

void Guardian::await_frame(Client& client, Now now) {
  client.deadline_ms = now.steady_ms + (client.in.empty() ? kIdleMs : kHalfFrameMs);
}

// One request after the other: the next is looked at when the answer to this one is on its way.
void Guardian::serve(ClientId id, Client& client, Now now) {
  while (!client.finished && !client.waits && client.out.empty()) {
    const FrameBuffer::Taken taken = client.in.take();
    if (taken.state == FrameBuffer::State::incomplete) return;
    if (taken.state == FrameBuffer::State::broken) {
      record_.note(address_text(client.address), "closed: this is not Modbus", {}, now.steady_ms);
      client.finished = true;
      return;
    }
    take_request(id, client, taken.frame, now);
  }
}

void Guardian::take_request(ClientId id, Client& client, const Frame& frame, Now now) {
  auto request = parse_request(frame.unit, frame.pdu);
  const std::uint8_t function = frame.pdu.front();
  if (!request) {
    note_refusal(client.address, frame.unit, function,
                 request.error() == Exception::illegal_function ? "never let through" : "malformed",
                 {}, now);
    answer(id, frame.transaction, frame.unit, exception_pdu(function, request.error()), now);
    return;
  }
  if (const auto refused = refuse(*request, client.address, now)) {
    answer(id, frame.transaction, frame.unit, exception_pdu(function, *refused), now);
    return;
  }
  client.waits = true;
  queue_.push_back({.client = id,
                    .transaction = frame.transaction,
                    .request = *std::move(request),
                    .deadline_ms = now.steady_ms + rules_.answer_within_ms});
  ask_next(now);
}

void Guardian::note_refusal(Ipv4 client, std::uint8_t unit, std::uint8_t function,
                            std::string_view reason, std::string_view detail, Now now) {
  const std::string what =
      "refused function " + function_text(function) + ", " + std::string(reason);
  record_.note(address_text(client), what,
               detail.empty() ? "unit " + std::to_string(unit) : std::string(detail),
               now.steady_ms);
}

// The answer says the same whether what was asked for exists or not.
std::optional<Exception> Guardian::refuse(const Request& request, Ipv4 client, Now now) {
  std::string_view reason;
  Exception exception = Exception::illegal_function;
  if (request.writes && !grants_.covers(request, client, now.unix_s)) {
    reason = "no grant";
  } else if (request.identifies && !rules_.may_identify(request.unit)) {
    reason = "no rule";
  } else if (request.reads && !rules_.may_read(request.unit, *request.reads)) {
    reason = "no rule";
    exception = Exception::illegal_address;
  } else {
    return {};
  }
  note_refusal(client, request.unit, request.function, reason, text_of(request), now);
  return exception;
}

void Guardian::answer(ClientId id, std::uint16_t transaction, std::uint8_t unit, Bytes pdu,
                      Now now) {
  const auto found = clients_.find(id);
  if (found == clients_.end()) return;  // it did not wait for the answer
  Client& client = found->second;
  client.waits = false;
  client.out = encode({.transaction = transaction, .unit = unit, .pdu = std::move(pdu)});
  client.deadline_ms = now.steady_ms + kTakingAnswerMs;
}

void Guardian::answer(const Asked& asked, Bytes pdu, Now now) {
  answer(asked.client, asked.transaction, asked.request.unit, std::move(pdu), now);
}

void Guardian::ask_next(Now now) {
  while (link_ == Link::up && !with_machine_ && !queue_.empty()) {
    Asked asked = std::move(queue_.front());
    queue_.pop_front();
    if (asked.request.writes) {
      // A grant may have ended, or been used up by another, while this one waited.
      const Ipv4 client = clients_.at(asked.client).address;
      const std::string grant = grants_.use(asked.request, client, now.unix_s);
      if (grant.empty()) {
        note_refusal(client, asked.request.unit, asked.request.function, "no grant any more",
                     text_of(asked.request), now);
        answer(asked, exception_pdu(asked.request.function, Exception::illegal_function), now);
        continue;
      }
      record_.tell(address_text(client) + ": by grant " + grant + ": " + text_of(asked.request));
    }
    asked.own_transaction = ++last_transaction_;
    asked.deadline_ms = now.steady_ms + rules_.answer_within_ms;
    to_machine_ = encode({.transaction = asked.own_transaction,
                          .unit = asked.request.unit,
                          .pdu = asked.request.pdu});
    with_machine_ = std::move(asked);
  }
}

bool Guardian::wants_machine(Now now) const {
  return link_ == Link::down && now.steady_ms >= link_deadline_ms_;
}

void Guardian::machine_called(Now now) {
  link_ = Link::calling;
  link_deadline_ms_ = now.steady_ms + kConnectMs;
}

void Guardian::machine_came(Now now) {
  link_ = Link::up;
  link_came_ms_ = now.steady_ms;
  silences_ = 0;
  unasked_ = 0;
  record_.note("machine", "connected", {}, now.steady_ms);
  ask_next(now);
}

void Guardian::machine_left(std::string_view why, Now now) {
  if (link_ != Link::failed) {
    note_machine(link_ == Link::calling ? "cannot be connected" : "connection lost", why, now);
    fail_link(now);
  }
  link_ = Link::down;
}

// A request that was sent is not sent again: it may have been carried out.
void Guardian::fail_link(Now now) {
  if (link_ == Link::up && now.steady_ms - link_came_ms_ >= kCalmLinkMs) retry_ms_ = kRetryMsMin;
  link_ = Link::failed;
  to_machine_.clear();
  from_machine_.clear();
  link_deadline_ms_ = now.steady_ms + retry_ms_;
  retry_ms_ = std::min(2 * retry_ms_, kRetryMsMax);
  if (!with_machine_) return;
  const Asked asked = *std::move(with_machine_);
  with_machine_.reset();
  answer(asked, exception_pdu(asked.request.function, Exception::no_answer), now);
}

void Guardian::note_machine(std::string_view what, std::string_view detail, Now now) {
  record_.note("machine", what, detail, now.steady_ms);
}

void Guardian::machine_said(ByteView bytes, Now now) {
  from_machine_.append(bytes);
  while (link_ == Link::up) {
    const FrameBuffer::Taken taken = from_machine_.take();
    if (taken.state == FrameBuffer::State::incomplete) return;
    if (taken.state == FrameBuffer::State::broken) {
      note_machine("this is not Modbus", {}, now);
      fail_link(now);
      return;
    }
    take_answer(taken.frame, now);
  }
}

void Guardian::take_answer(const Frame& frame, Now now) {
  if (!with_machine_ || !to_machine_.empty() ||
      frame.transaction != with_machine_->own_transaction) {
    note_machine("dropped an answer that nobody waits for", {}, now);
    if (++unasked_ > kUnaskedMax) fail_link(now);
    return;
  }
  const Asked asked = *std::move(with_machine_);
  with_machine_.reset();
  std::optional<Bytes> pdu;
  if (frame.unit == asked.request.unit) pdu = accept_answer(asked.request, frame.pdu);
  if (pdu) {
    retry_ms_ = kRetryMsMin;
    silences_ = 0;
    unasked_ = 0;
  } else {
    note_machine("dropped an answer that does not belong to its request", text_of(asked.request),
                 now);
    pdu = exception_pdu(asked.request.function, Exception::no_answer);
  }
  answer(asked, *std::move(pdu), now);
  ask_next(now);
}

void Guardian::machine_took(std::size_t bytes) {
  take_front(to_machine_, bytes);
}

void Guardian::time_passed(Now now) {
  record_.time_passed(now.steady_ms);
  for (auto& [id, client] : clients_) {
    if (client.waits || client.finished || now.steady_ms < client.deadline_ms) continue;
    if (!client.in.empty() || !client.out.empty())
      record_.note(address_text(client.address), "closed: too slow", {}, now.steady_ms);
    client.finished = true;
  }
  while (!queue_.empty() && now.steady_ms >= queue_.front().deadline_ms) {
    const Asked asked = std::move(queue_.front());
    queue_.pop_front();
    note_machine("not reached in time", text_of(asked.request), now);
    answer(asked, exception_pdu(asked.request.function, Exception::no_answer), now);
  }
  if (link_ == Link::calling && now.steady_ms >= link_deadline_ms_) {
    note_machine("cannot be connected", "no answer", now);
    fail_link(now);
  }
  if (!with_machine_ || now.steady_ms < with_machine_->deadline_ms) return;
  note_machine("did not answer in time", text_of(with_machine_->request), now);
  // A request that is stuck half-way cannot be followed by another.
  if (++silences_ >= kSilencesMax || !to_machine_.empty()) {
    fail_link(now);
    return;
  }
  const Asked asked = *std::move(with_machine_);
  with_machine_.reset();
  answer(asked, exception_pdu(asked.request.function, Exception::no_answer), now);
  ask_next(now);
}

std::int64_t Guardian::wakes_at_ms() const {
  std::int64_t out = std::numeric_limits<std::int64_t>::max();
  for (const auto& [id, client] : clients_)
    if (!client.waits && !client.finished) out = std::min(out, client.deadline_ms);
  if (!queue_.empty()) out = std::min(out, queue_.front().deadline_ms);
  if (with_machine_) out = std::min(out, with_machine_->deadline_ms);
  if (link_ == Link::down || link_ == Link::calling) out = std::min(out, link_deadline_ms_);
  return out;
}

}  // namespace modbus_guardian
