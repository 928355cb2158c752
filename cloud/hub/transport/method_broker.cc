#include "cloud/hub/transport/method_broker.h"

#include <algorithm>

#include "cloud/hub/session/close_reasons.h"

namespace pavise::hub {

MethodBroker::MethodBroker(const Clock& clock, const ConnectionTable& table, Send send, Wake wake)
    : clock_(clock), table_(table), send_(std::move(send)), wake_(std::move(wake)) {}

bool MethodBroker::set_deadline(std::uint64_t number, Call& call, std::int64_t deadline_ms) {
  for (auto [at, end] = deadlines_.equal_range(call.deadline_ms); at != end; ++at) {
    if (at->second != number) continue;
    deadlines_.erase(at);
    break;
  }
  call.deadline_ms = deadline_ms;
  const bool earlier = deadlines_.empty() || deadline_ms < deadlines_.begin()->first;
  deadlines_.emplace(deadline_ms, number);
  return earlier;
}

MethodBroker::Done MethodBroker::take(Calls::iterator at) {
  const std::uint64_t number = at->first;
  Call& call = at->second;
  for (auto [due, end] = deadlines_.equal_range(call.deadline_ms); due != end; ++due) {
    if (due->second != number) continue;
    deadlines_.erase(due);
    break;
  }
  for (auto [waits, end] = waiting_.equal_range(call.invocation.identity); waits != end; ++waits) {
    if (waits->second != number) continue;
    waiting_.erase(waits);
    break;
  }
  Done done = std::move(call.done);
  calls_.erase(at);
  return done;
}

void MethodBroker::invoke(MethodInvocation invocation, Done done) {
  if (invocation.payload_json.size() > kMethodPayloadMax) return done(kMethodPayloadTooLarge);
  const auto limited = [](std::int64_t ms) {
    return std::clamp<std::int64_t>(ms, 0, kMethodTimeoutMaxMs);
  };
  const std::int64_t now_ms = clock_.steady_ms();
  std::unique_lock lock(mutex_);
  if (closed_ || calls_.size() >= kMethodCallsUnderWayMax) {
    const Error why = closed_.value_or(Error(kTooManyMethodCalls));
    lock.unlock();
    return done(why);
  }
  // Looked up with the lock held: a device that begins to listen now is seen here or waits for the
  // lock in on_listening().
  const auto connection = table_.find(invocation.identity, Channel::methods);
  if (!connection && limited(invocation.connect_timeout_ms) == 0) {
    lock.unlock();
    return done(kDeviceNotListening);
  }
  const std::uint64_t number = next_call_++;
  const iothub::Identity identity = invocation.identity;
  const std::int64_t wait_ms =
      limited(connection ? invocation.response_timeout_ms : invocation.connect_timeout_ms);
  Call& call = calls_.emplace(number, Call{std::move(invocation), std::move(done), connection, 0})
                   .first->second;
  const bool wake = set_deadline(number, call, now_ms + wait_ms);
  MethodCalled event{identity, number, call.invocation.name, call.invocation.payload_json};
  if (!connection) waiting_.emplace(identity, number);
  lock.unlock();
  if (wake && wake_) wake_();
  if (connection) send_(*connection, std::move(event));
}

void MethodBroker::answer(std::uint64_t number, ConnectionRef from, Result<MethodReply> reply) {
  Done done;
  {
    const std::lock_guard lock(mutex_);
    const auto at = calls_.find(number);
    if (at == calls_.end() || at->second.sent_to != from) return;
    done = take(at);
  }
  if (reply && reply->payload_json.size() > kMethodPayloadMax) return done(kMethodPayloadTooLarge);
  done(std::move(reply));
}

void MethodBroker::on_listening(const iothub::Identity& identity, ConnectionRef connection) {
  const std::int64_t now_ms = clock_.steady_ms();
  std::vector<MethodCalled> events;
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    for (auto [at, end] = waiting_.equal_range(identity); at != end; at = waiting_.erase(at)) {
      Call& call = calls_.at(at->second);
      call.sent_to = connection;
      const auto response_ms =
          std::clamp<std::int64_t>(call.invocation.response_timeout_ms, 0, kMethodTimeoutMaxMs);
      wake |= set_deadline(at->second, call, now_ms + response_ms);
      events.push_back({identity, at->second, call.invocation.name, call.invocation.payload_json});
    }
  }
  if (wake && wake_) wake_();
  for (MethodCalled& event : events) send_(connection, std::move(event));
}

void MethodBroker::on_connection_ended(ConnectionRef connection, const iothub::Identity* left) {
  std::vector<Done> ended;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = calls_.begin(); at != calls_.end();) {
      const auto here = at++;
      if (here->second.sent_to == connection &&
          (left == nullptr || here->second.invocation.identity == *left))
        ended.push_back(take(here));
    }
  }
  for (const Done& done : ended) done(kDeviceWentAway);
}

std::int64_t MethodBroker::expire() {
  const std::int64_t now_ms = clock_.steady_ms();
  std::vector<std::pair<Done, const ErrorInfo*>> ended;
  std::int64_t next_ms = INT64_MAX;
  {
    const std::lock_guard lock(mutex_);
    while (!deadlines_.empty() && deadlines_.begin()->first <= now_ms) {
      const auto at = calls_.find(deadlines_.begin()->second);
      const ErrorInfo& why = at->second.sent_to ? kMethodTimedOut : kDeviceNotListening;
      ended.emplace_back(take(at), &why);
    }
    if (!deadlines_.empty()) next_ms = deadlines_.begin()->first;
  }
  for (const auto& [done, why] : ended) done(*why);
  return next_ms;
}

std::size_t MethodBroker::waiting() const {
  const std::lock_guard lock(mutex_);
  return calls_.size();
}

void MethodBroker::end_all(const Error& reason) {
  std::vector<Done> ended;
  {
    const std::lock_guard lock(mutex_);
    closed_ = reason;
    for (auto& [number, call] : calls_) ended.push_back(std::move(call.done));
    calls_.clear();
    deadlines_.clear();
    waiting_.clear();
  }
  for (const Done& done : ended) done(reason);
}

}  // namespace pavise::hub
