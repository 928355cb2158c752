#include "cloud/hub/transport/connection_table.h"

#include <utility>

namespace pavise::hub {

ConnectionTable::Shard& ConnectionTable::shard_of(const iothub::Identity& identity) {
  return shards_[std::hash<iothub::Identity>{}(identity) % kShards];
}
const ConnectionTable::Shard& ConnectionTable::shard_of(const iothub::Identity& identity) const {
  return shards_[std::hash<iothub::Identity>{}(identity) % kShards];
}

void ConnectionTable::drop_if_empty(Shard& shard, const iothub::Identity& identity) {
  const auto found = shard.entries.find(identity);
  if (found != shard.entries.end() && !found->second.served && !found->second.subscriptions)
    shard.entries.erase(found);
}

std::optional<ConnectionRef> ConnectionTable::attach(const iothub::Identity& identity,
                                                     ConnectionRef connection, Channels channels,
                                                     ConnectionInfo info) {
  Shard& shard = shard_of(identity);
  const std::lock_guard lock(shard.mutex);
  std::optional<Served>& served = shard.entries[identity].served;
  if (served && served->connection == connection) {
    served->channels |= channels;
    return std::nullopt;
  }
  std::optional<ConnectionRef> replaced;
  if (served) {
    replaced = served->connection;
  } else {
    ++shard.served;
  }
  served = Served{connection, channels, std::move(info)};
  return replaced;
}

void ConnectionTable::detach(const iothub::Identity& identity, ConnectionRef connection,
                             Channels channels) {
  Shard& shard = shard_of(identity);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.entries.find(identity);
  if (found == shard.entries.end()) return;
  std::optional<Served>& served = found->second.served;
  if (served && served->connection == connection)
    served->channels &= static_cast<Channels>(~static_cast<unsigned>(channels));
}

bool ConnectionTable::remove(const iothub::Identity& identity, ConnectionRef connection) {
  Shard& shard = shard_of(identity);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.entries.find(identity);
  if (found == shard.entries.end()) return false;
  std::optional<Served>& served = found->second.served;
  if (!served || !(served->connection == connection)) return false;
  served.reset();
  --shard.served;
  drop_if_empty(shard, identity);
  return true;
}

std::optional<Served> ConnectionTable::find(const iothub::Identity& identity) const {
  const Shard& shard = shard_of(identity);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.entries.find(identity);
  return found == shard.entries.end() ? std::nullopt : found->second.served;
}

std::optional<ConnectionRef> ConnectionTable::find(const iothub::Identity& identity,
                                                   Channel channel) const {
  const Shard& shard = shard_of(identity);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.entries.find(identity);
  if (found == shard.entries.end() || !found->second.served) return std::nullopt;
  const Served& served = *found->second.served;
  if ((served.channels & static_cast<Channels>(channel)) == 0) return std::nullopt;
  return served.connection;
}

std::size_t ConnectionTable::count() const {
  std::size_t count = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    count += shard.served;
  }
  return count;
}

std::size_t ConnectionTable::count(const iothub::HubName& hub) const {
  std::size_t count = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (const auto& [identity, entry] : shard.entries)
      if (entry.served && identity.hub() == hub) ++count;
  }
  return count;
}

std::optional<std::uint8_t> ConnectionTable::load_subscriptions(
    const iothub::Identity& identity) const {
  const Shard& shard = shard_of(identity);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.entries.find(identity);
  return found == shard.entries.end() ? std::nullopt : found->second.subscriptions;
}

bool ConnectionTable::store_subscriptions(const iothub::Identity& identity,
                                          std::optional<std::uint8_t> subscriptions) {
  Shard& shard = shard_of(identity);
  const std::lock_guard lock(shard.mutex);
  if (!subscriptions && !shard.entries.contains(identity)) return false;
  const auto before = std::exchange(shard.entries[identity].subscriptions, subscriptions);
  drop_if_empty(shard, identity);
  return before.value_or(0) != subscriptions.value_or(0);
}

void ConnectionTable::drop_subscriptions(const iothub::HubName& hub) {
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (auto at = shard.entries.begin(); at != shard.entries.end();) {
      if (at->first.hub() == hub) at->second.subscriptions.reset();
      at = at->second.served || at->second.subscriptions ? std::next(at) : shard.entries.erase(at);
    }
  }
}

}  // namespace pavise::hub
