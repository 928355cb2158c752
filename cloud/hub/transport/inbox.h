// What other threads tell a worker. Posting wakes its loop through an eventfd.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "cloud/hub/segment_log/segment_log.h"
#include "cloud/hub/transport/connection_table.h"
#include "cloud/hub/transport/socket.h"

namespace pavise::hub {

// Ends all connections of the device that this worker has.
struct BarDevice {
  DeviceId device;
};
struct EndConnection {
  ConnectionRef connection;
  Error reason;
};
struct TwinAnswered {
  ConnectionRef connection;
  std::uint32_t token;
  Result<TwinAnswer> answer;
};
struct DesiredChanged {
  ConnectionRef connection;
  std::uint64_t version;
  std::shared_ptr<const std::string> body;
};
struct StopWorker {};

using Message =
    std::variant<LogProgress, BarDevice, EndConnection, TwinAnswered, DesiredChanged, StopWorker>;

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
