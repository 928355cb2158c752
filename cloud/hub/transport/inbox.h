// What other threads tell a worker. Posting wakes its loop through an eventfd.
#pragma once

#include <memory>
#include <mutex>
#include <variant>
#include <vector>

#include "cloud/hub/ports/gatekeeper.h"
#include "cloud/hub/ports/protocol_session.h"
#include "cloud/hub/segment_log/segment_log.h"
#include "cloud/hub/transport/connection_table.h"
#include "cloud/hub/transport/socket.h"

namespace pavise::hub {

// Ends the connections of identities whose rights changed.
struct EndOfRights {
  std::shared_ptr<const RightsChanged> change;
};
struct ForSession {
  ConnectionRef connection;
  SessionEvent event;
};
// Sessions that found the queue empty may ask again.
struct ServiceQueueFilled {
  iothub::HubName hub;
  ServiceQueue queue;
};
struct StopWorker {};

using Message = std::variant<LogProgress, EndOfRights, ForSession, ServiceQueueFilled, StopWorker>;

class Inbox {
 public:
  static Result<std::unique_ptr<Inbox>> create();
  // Thread-safe; does not block beyond a short lock.
  void post(Message message);
  // The worker's side: all messages in order.
  std::vector<Message> take();
  int event_fd() const { return event_.get(); }

 private:
  explicit Inbox(Socket event) : event_(std::move(event)) {}
  Socket event_;
  std::mutex mutex_;
  std::vector<Message> messages_;
};

}  // namespace pavise::hub
