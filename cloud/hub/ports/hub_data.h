// The hub's data as sessions use it: asked without blocking, answered when the effect is durable.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "cloud/hub/ports/service_port.h"

namespace pavise::hub {

// Names a connection that holds message locks.
using LockOwner = std::uint64_t;

// Thread-safe. Every `done` is called exactly once, on a thread of the data's own or at once on the
// caller's when there is no room; it must not block. Calls are executed in the order they come.
class HubData {
 public:
  template <class T>
  using Done = std::function<void(Result<T>)>;

  virtual ~HubData() = default;

  // An attested device connected: it gets its entry in the hub, if it has none.
  virtual void ensure_attested(const iothub::Identity& identity) = 0;
  // The identity sent or received something. Cheap, but not meant for every single message.
  virtual void note_active(const iothub::Identity& identity) = 0;
  // It has a connection since now, or has none any more.
  virtual void note_connection(const iothub::Identity& identity, bool connected) = 0;
  // What the identity's persistent MQTT session listens to, a set of iothub::Subscription; 0: it is
  // over. After a restart restore_subscriptions() has it again.
  virtual void keep_subscriptions(const iothub::Identity& identity, std::uint8_t subscriptions) = 0;
  // Calls `each` for what was kept. Blocks. Errors of the store.
  virtual Status restore_subscriptions(
      const std::function<void(const iothub::Identity&, std::uint8_t)>& each) = 0;
  virtual void twin(const iothub::Identity& identity, TwinRequest request,
                    Done<TwinReply> done) = 0;
  // Locks the oldest waiting message for this identity; nullopt: there is none.
  virtual void next_message(const iothub::Identity& identity, LockOwner owner,
                            Done<std::optional<DeviceMessage>> done) = 0;
  virtual void settle_message(const iothub::Identity& identity, std::string lock_token,
                              Settlement settlement, Done<void> done) = 0;
  // Tells the device's session, if there is one.
  virtual void send_message(const iothub::HubName& hub, MessageToDevice message,
                            Done<void> done) = 0;
  virtual void next_service_message(const iothub::HubName& hub, ServiceQueue queue, LockOwner owner,
                                    Done<std::optional<ServiceMessage>> done) = 0;
  virtual void settle_service_message(const iothub::HubName& hub, ServiceQueue queue,
                                      std::string lock_token, Settlement settlement,
                                      Done<void> done) = 0;
  struct HubFacts {
    unsigned partition_count = 1;
    UnixMillis created_ms = 0;
    std::string tenant = {};  // empty: there is no such hub
  };
  // From memory, at once. A hub that is gone has the facts of an empty one.
  virtual HubFacts facts(const iothub::HubName& hub) = 0;
  // The owner's connection is gone: what it had locked waits again.
  virtual void release_messages(LockOwner owner) = 0;
};

}  // namespace pavise::hub
