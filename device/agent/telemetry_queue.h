// Messages on their way to the hub: kept in memory until the hub acknowledged them, bounded, the
// oldest unsent one gives way.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

namespace pavise::agent {

// Not thread-safe, never blocks.
class TelemetryQueue {
 public:
  struct Limits {
    std::size_t count_max = 64;
    std::size_t bytes_max = 64UL * 1024;
    std::size_t in_flight_max = 8;
  };
  struct Entry {
    std::string body;
    std::uint16_t packet_id = 0;  // 0: not sent on this connection
    std::int64_t sent_at_ms = 0;  // steady clock
  };

  TelemetryQueue() : TelemetryQueue(Limits{}) {}
  explicit TelemetryQueue(Limits limits) : limits_(limits) {}

  // A message larger than the whole queue is dropped and counted.
  void push(std::string body);
  // The next message to send now, or null when there is none or the window is full.
  const std::string* next_to_send() const;
  // Marks the message that next_to_send() named. Precondition: it named one.
  void mark_sent(std::uint16_t packet_id, std::int64_t now_ms);
  // False for an id that is not in flight.
  bool acknowledge(std::uint16_t packet_id);
  // The connection is gone: what was in flight is to be sent again, in the old order.
  void connection_lost();
  bool in_flight(std::uint16_t packet_id) const;
  // When the oldest message in flight was sent; negative when none is.
  std::int64_t oldest_sent_at_ms() const;

  std::size_t size() const { return entries_.size(); }
  std::uint64_t dropped() const { return dropped_; }

 private:
  std::size_t in_flight_count() const;
  Limits limits_;
  std::deque<Entry> entries_;
  std::size_t bytes_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace pavise::agent
