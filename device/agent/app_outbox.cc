#include "device/agent/app_outbox.h"

#include <algorithm>

namespace pavise::agent {
namespace {

std::size_t bytes_of(const AppMessage& message) {
  return message.properties.size() + message.body.size();
}

}  // namespace

bool AppOutbox::push(AppMessage message) {
  const std::size_t bytes = bytes_of(message);
  const auto found = rooms_.find(message.app);
  const std::size_t bytes_held = found == rooms_.end() ? 0 : found->second.bytes;
  const std::size_t count_held = found == rooms_.end() ? 0 : found->second.entries.size();
  if (count_held >= limits_.app_count_max || bytes > limits_.app_bytes_max - bytes_held)
    return false;
  Room& room = rooms_[message.app];
  // Who had nothing to say waits for those who did.
  if (room.entries.empty()) room.turn = turn_;
  room.bytes += bytes;
  room.entries.push_back({std::move(message)});
  return true;
}

const AppOutbox::Entry* AppOutbox::next() const {
  const Entry* out = nullptr;
  std::uint64_t turn = 0;
  for (const auto& [app, room] : rooms_) {
    const auto unsent = std::ranges::find(room.entries, std::uint16_t{0}, &Entry::packet_id);
    if (unsent == room.entries.end() || (out != nullptr && room.turn >= turn)) continue;
    out = &*unsent;
    turn = room.turn;
  }
  return out;
}

const AppMessage* AppOutbox::next_to_send() const {
  if (in_flight_ >= limits_.in_flight_max) return nullptr;
  const Entry* entry = next();
  if (entry == nullptr) return nullptr;
  // A large one waits until there is room; smaller ones of others do not go before it.
  const std::size_t bytes = in_flight_bytes_ + bytes_of(entry->message);
  if (in_flight_ != 0 && bytes > limits_.in_flight_bytes_max) return nullptr;
  return &entry->message;
}

void AppOutbox::mark_sent(std::uint16_t packet_id, std::int64_t now_ms) {
  const Entry* const found = next();
  PAVISE_CHECK(found != nullptr && packet_id != 0);
  Room& room = rooms_.at(found->message.app);
  Entry& entry = *std::ranges::find(room.entries, std::uint16_t{0}, &Entry::packet_id);
  entry.packet_id = packet_id;
  entry.sent_at_ms = now_ms;
  room.turn = ++turn_;
  ++in_flight_;
  in_flight_bytes_ += bytes_of(entry.message);
}

std::optional<AppMessageId> AppOutbox::acknowledge(std::uint16_t packet_id) {
  if (packet_id == 0) return std::nullopt;
  for (auto room = rooms_.begin(); room != rooms_.end(); ++room) {
    std::deque<Entry>& entries = room->second.entries;
    const auto found = std::ranges::find(entries, packet_id, &Entry::packet_id);
    if (found == entries.end()) continue;
    const AppMessageId id = found->message.id;
    room->second.bytes -= bytes_of(found->message);
    in_flight_bytes_ -= bytes_of(found->message);
    entries.erase(found);
    if (entries.empty()) rooms_.erase(room);
    --in_flight_;
    return id;
  }
  return std::nullopt;
}

void AppOutbox::connection_lost() {
  for (auto& [app, room] : rooms_)
    for (Entry& entry : room.entries) entry.packet_id = 0;
  in_flight_ = 0;
  in_flight_bytes_ = 0;
}

bool AppOutbox::in_flight(std::uint16_t packet_id) const {
  return packet_id != 0 && std::ranges::any_of(rooms_, [&](const auto& item) {
           return std::ranges::find(item.second.entries, packet_id, &Entry::packet_id) !=
                  item.second.entries.end();
         });
}

std::int64_t AppOutbox::oldest_sent_at_ms() const {
  std::int64_t oldest = -1;
  for (const auto& [app, room] : rooms_)
    for (const Entry& entry : room.entries)
      if (entry.packet_id != 0 && (oldest < 0 || entry.sent_at_ms < oldest))
        oldest = entry.sent_at_ms;
  return oldest;
}

std::size_t AppOutbox::size() const {
  std::size_t out = 0;
  for (const auto& [app, room] : rooms_) out += room.entries.size();
  return out;
}

}  // namespace pavise::agent
