// Which identity is served by which connection, and the subscriptions of sessions that persist.
#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "cloud/hub/ports/device_port.h"
#include "common/base/clock.h"

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
  std::string certificate_serial;  // of an attested device
};

// Where an identity is served now.
struct Served {
  ConnectionRef connection;
  Channels channels = 0;
  ConnectionInfo info;
};

// Thread-safe; sharded, so that workers seldom meet.
class ConnectionTable {
 public:
  // `connection` serves the identity from now on. Returns the connection that it replaces, if that
  // is another one. `info` counts only when the connection begins to serve it.
  std::optional<ConnectionRef> attach(const iothub::Identity& identity, ConnectionRef connection,
                                      Channels channels, ConnectionInfo info);
  // Ends some channels; the identity stays connected. Only if `connection` serves it still.
  void detach(const iothub::Identity& identity, ConnectionRef connection, Channels channels);
  // True if `connection` served the identity until now.
  bool remove(const iothub::Identity& identity, ConnectionRef connection);
  std::optional<Served> find(const iothub::Identity& identity) const;
  // The connection, if that channel of the identity is open.
  std::optional<ConnectionRef> find(const iothub::Identity& identity, Channel channel) const;
  std::size_t count() const;
  std::size_t count(const iothub::HubName& hub) const;  // walks over all

  std::optional<std::uint8_t> load_subscriptions(const iothub::Identity& identity) const;
  // True if it listens to something else than before.
  bool store_subscriptions(const iothub::Identity& identity,
                           std::optional<std::uint8_t> subscriptions);
  void drop_subscriptions(const iothub::HubName& hub);  // of all its identities; walks over all

 private:
  struct Entry {
    std::optional<Served> served;
    std::optional<std::uint8_t> subscriptions;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<iothub::Identity, Entry> entries;
    std::size_t served = 0;
  };
  static constexpr std::size_t kShards = 64;

  Shard& shard_of(const iothub::Identity& identity);
  const Shard& shard_of(const iothub::Identity& identity) const;
  static void drop_if_empty(Shard& shard, const iothub::Identity& identity);

  std::array<Shard, kShards> shards_;
};

}  // namespace pavise::hub
