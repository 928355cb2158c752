#include "cloud/hub/transport/connection_table.h"

#include <algorithm>

namespace pavise::hub {

ConnectionTable::Shard& ConnectionTable::shard_of(const DeviceId& device) {
  return shards_[std::hash<DeviceId>{}(device) % kShards];
}
const ConnectionTable::Shard& ConnectionTable::shard_of(const DeviceId& device) const {
  return shards_[std::hash<DeviceId>{}(device) % kShards];
}

void ConnectionTable::drop_if_empty(Shard& shard, const DeviceId& device) {
  const auto found = shard.entries.find(device);
  if (found != shard.entries.end() && found->second.connections.empty() &&
      !found->second.subscriptions)
    shard.entries.erase(found);
}

void ConnectionTable::add(const DeviceId& device, ConnectionRef connection) {
  Shard& shard = shard_of(device);
  const std::lock_guard lock(shard.mutex);
  shard.entries[device].connections.push_back(connection);
}

void ConnectionTable::remove(const DeviceId& device, ConnectionRef connection) {
  Shard& shard = shard_of(device);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.entries.find(device);
  if (found == shard.entries.end()) return;
  Entry& entry = found->second;
  std::erase(entry.connections, connection);
  if (entry.announced == connection) {
    entry.announced.reset();
    entry.info = {};
    --shard.announced;
  }
  drop_if_empty(shard, device);
}

std::vector<ConnectionRef> ConnectionTable::connections_of(const DeviceId& device) const {
  const Shard& shard = shard_of(device);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.entries.find(device);
  return found == shard.entries.end() ? std::vector<ConnectionRef>{} : found->second.connections;
}

std::vector<ConnectionRef> ConnectionTable::announce(const DeviceId& device,
                                                     ConnectionRef connection,
                                                     ConnectionInfo info) {
  Shard& shard = shard_of(device);
  const std::lock_guard lock(shard.mutex);
  Entry& entry = shard.entries[device];
  std::vector<ConnectionRef> replaced;
  if (entry.announced) {
    replaced.push_back(*entry.announced);
  } else {
    ++shard.announced;
  }
  entry.announced = connection;
  entry.info = std::move(info);
  return replaced;
}

std::optional<ConnectionInfo> ConnectionTable::info(const DeviceId& device) const {
  const Shard& shard = shard_of(device);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.entries.find(device);
  if (found == shard.entries.end() || !found->second.announced) return std::nullopt;
  return found->second.info;
}

std::size_t ConnectionTable::announced_count() const {
  std::size_t count = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    count += shard.announced;
  }
  return count;
}

std::optional<SubscriptionSet> ConnectionTable::load_subscriptions(const DeviceId& device) const {
  const Shard& shard = shard_of(device);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.entries.find(device);
  if (found == shard.entries.end()) return std::nullopt;
  return found->second.subscriptions;
}

void ConnectionTable::store_subscriptions(const DeviceId& device,
                                          std::optional<SubscriptionSet> subscriptions) {
  Shard& shard = shard_of(device);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.entries.find(device);
  if (found != shard.entries.end()) {
    found->second.subscriptions = subscriptions;
    drop_if_empty(shard, device);
  } else if (subscriptions) {
    shard.entries[device].subscriptions = subscriptions;
  }
}

}  // namespace pavise::hub
