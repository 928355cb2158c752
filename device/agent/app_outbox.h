// Messages of apps on their way to the hub: kept in memory until the hub acknowledged them. Each
// app has a room of its own, and apps take turns, so that none keeps another from being heard.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "device/agent/app_channels.h"

namespace pavise::agent {

struct AppMessageId {
  AppChannelId channel = 0;
  std::uint32_t id = 0;
  bool operator==(const AppMessageId&) const = default;
};
struct AppMessage {
  AppMessageId id;
  std::string app;
  std::string properties;  // the whole bag, as a topic has it
  Bytes body;
};

// Not thread-safe, never blocks.
class AppOutbox {
 public:
  struct Limits {
    // Of one app, over all of its starts: with the 32 apps of a device 4 MiB at most.
    std::size_t app_bytes_max = 128UL * 1024;  // properties and bodies
    std::size_t app_count_max = 32;
    // Of all apps. What is sent at once has to get through a slow line before the connection's
    // write is given up; one message may be larger.
    std::size_t in_flight_max = 8;
    std::size_t in_flight_bytes_max = 64UL * 1024;
  };
  AppOutbox() : AppOutbox(Limits{}) {}
  explicit AppOutbox(Limits limits) : limits_(limits) {}

  // False: the app's room is full, and the message was not taken.
  bool push(AppMessage message);
  // The next message to send now, or null when there is none or the window is full: of the app that
  // has waited longest since its last one, its oldest.
  const AppMessage* next_to_send() const;
  // Marks the message that next_to_send() named. Precondition: it named one.
  void mark_sent(std::uint16_t packet_id, std::int64_t now_ms);
  // nullopt for an id that is not in flight.
  std::optional<AppMessageId> acknowledge(std::uint16_t packet_id);
  // The connection is gone: what was in flight is to be sent again, in the old order.
  void connection_lost();
  bool in_flight(std::uint16_t packet_id) const;
  // When the oldest message in flight was sent; negative when none is.
  std::int64_t oldest_sent_at_ms() const;
  std::size_t size() const;

 private:
  struct Entry {
    AppMessage message;
    std::uint16_t packet_id = 0;  // 0: not sent on this connection
    std::int64_t sent_at_ms = 0;  // steady clock
  };
  struct Room {
    std::deque<Entry> entries;  // never empty
    std::size_t bytes = 0;
    std::uint64_t turn = 0;  // when it was last heard
  };
  const Entry* next() const;

  Limits limits_;
  std::map<std::string, Room> rooms_;
  std::size_t in_flight_ = 0;
  std::size_t in_flight_bytes_ = 0;
  std::uint64_t turn_ = 0;
};

}  // namespace pavise::agent
