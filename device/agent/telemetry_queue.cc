#include "device/agent/telemetry_queue.h"

#include <algorithm>

#include "common/base/result.h"

namespace pavise::agent {

void TelemetryQueue::push(std::string body) {
  if (body.size() > limits_.bytes_max) {
    ++dropped_;
    return;
  }
  const auto too_full = [&] {
    return entries_.size() + 1 > limits_.count_max || bytes_ + body.size() > limits_.bytes_max;
  };
  while (too_full()) {
    // What is in flight may already lie on the hub's disk; dropping it would only lose our count.
    auto oldest = std::ranges::find(entries_, std::uint16_t{0}, &Entry::packet_id);
    ++dropped_;
    if (oldest == entries_.end()) return;  // the new one gives way
    bytes_ -= oldest->body.size();
    entries_.erase(oldest);
  }
  bytes_ += body.size();
  entries_.push_back({std::move(body)});
}

std::size_t TelemetryQueue::in_flight_count() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(entries_, [](const Entry& entry) { return entry.packet_id != 0; }));
}

const std::string* TelemetryQueue::next_to_send() const {
  if (in_flight_count() >= limits_.in_flight_max) return nullptr;
  const auto next = std::ranges::find(entries_, std::uint16_t{0}, &Entry::packet_id);
  return next == entries_.end() ? nullptr : &next->body;
}

void TelemetryQueue::mark_sent(std::uint16_t packet_id, std::int64_t now_ms) {
  const auto next = std::ranges::find(entries_, std::uint16_t{0}, &Entry::packet_id);
  PAVISE_CHECK(next != entries_.end() && packet_id != 0);
  next->packet_id = packet_id;
  next->sent_at_ms = now_ms;
}

bool TelemetryQueue::acknowledge(std::uint16_t packet_id) {
  if (packet_id == 0) return false;
  const auto found = std::ranges::find(entries_, packet_id, &Entry::packet_id);
  if (found == entries_.end()) return false;
  bytes_ -= found->body.size();
  entries_.erase(found);
  return true;
}

void TelemetryQueue::connection_lost() {
  for (Entry& entry : entries_) entry.packet_id = 0;
}

bool TelemetryQueue::in_flight(std::uint16_t packet_id) const {
  return packet_id != 0 &&
         std::ranges::find(entries_, packet_id, &Entry::packet_id) != entries_.end();
}

std::int64_t TelemetryQueue::oldest_sent_at_ms() const {
  std::int64_t oldest = -1;
  for (const Entry& entry : entries_)
    if (entry.packet_id != 0 && (oldest < 0 || entry.sent_at_ms < oldest))
      oldest = entry.sent_at_ms;
  return oldest;
}

}  // namespace pavise::agent
