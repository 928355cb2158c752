// Which device is connected where, and the subscriptions of sessions that persist.
#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "cloud/hub/session/session.h"
#include "common/base/clock.h"
#include "common/base/ids.h"

namespace pavise::hub {

// Names one connection of one worker; a slot that is used again has another generation.
struct ConnectionRef {
  std::uint32_t worker = 0;
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  bool operator==(const ConnectionRef&) const = default;
};

struct ConnectionInfo {
  UnixMillis since_ms = 0;
  std::string certificate_serial;
};

// Thread-safe; sharded, so that workers seldom meet.
class ConnectionTable {
 public:
  // A TLS connection of this device exists. Its session is not yet announced.
  void add(const DeviceId& device, ConnectionRef connection);
  void remove(const DeviceId& device, ConnectionRef connection);
  std::vector<ConnectionRef> connections_of(const DeviceId& device) const;

  // The connection's CONNECT was accepted. Returns the announced connections that it replaces.
  std::vector<ConnectionRef> announce(const DeviceId& device, ConnectionRef connection,
                                      ConnectionInfo info);
  // Of the announced connection.
  std::optional<ConnectionInfo> info(const DeviceId& device) const;
  std::size_t announced_count() const;

  std::optional<SubscriptionSet> load_subscriptions(const DeviceId& device) const;
  void store_subscriptions(const DeviceId& device, std::optional<SubscriptionSet> subscriptions);

 private:
  struct Entry {
    std::vector<ConnectionRef> connections;
    std::optional<ConnectionRef> announced;
    ConnectionInfo info;
    std::optional<SubscriptionSet> subscriptions;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<DeviceId, Entry> entries;
    std::size_t announced = 0;
  };
  static constexpr std::size_t kShards = 64;

  Shard& shard_of(const DeviceId& device);
  const Shard& shard_of(const DeviceId& device) const;
  static void drop_if_empty(Shard& shard, const DeviceId& device);

  std::array<Shard, kShards> shards_;
};

}  // namespace pavise::hub
