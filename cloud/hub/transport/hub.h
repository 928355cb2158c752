// The hub's network side: MQTT 3.1.1, AMQP 1.0, HTTPS and WebSockets over TLS in the IoT Hub
// dialect; telemetry into the event log, everything else through HubData.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cloud/hub/ports/gatekeeper.h"
#include "cloud/hub/ports/hub_data.h"
#include "cloud/hub/segment_log/segment_log.h"
#include "cloud/hub/transport/connection_table.h"
#include "cloud/hub/transport/hub_options.h"
#include "cloud/hub/transport/method_broker.h"
#include "cloud/hub/transport/metrics.h"
#include "common/base/clock.h"

namespace pavise::hub {

// All functions are thread-safe.
class Hub {
 public:
  // Binds, loads the certificate, starts the threads. `log`, `data` and `clock` must outlive the
  // hub, and answers of `data` must have come before its end; the gatekeeper may end before or
  // after it, but not while start() runs or clients connect. kHubStartFailed with the reason.
  static Result<std::unique_ptr<Hub>> start(HubOptions options, Gatekeeper& gatekeeper,
                                            SegmentLog& log, HubData& data, const Clock& clock);
  ~Hub();  // stop()
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  std::uint16_t port() const;
  std::uint16_t amqp_port() const;   // 0: not served
  std::uint16_t https_port() const;  // 0: not served
  // Ends every connection and waits for the threads. Idempotent.
  void stop();

  // ---- what services did, for devices that are connected; none of these blocks

  // `body` is the notification, with $version in it. Call in the order of the versions.
  void desired_changed(const iothub::Identity& identity, std::uint64_t version, std::string body);
  // A message was queued, or waits again.
  void message_waiting(const iothub::Identity& identity);
  // Feedback or a file notification can be taken.
  void service_message_waiting(const iothub::HubName& hub, ServiceQueue queue);
  // See MethodBroker. After stop(): kHubStopped.
  void invoke_method(MethodInvocation invocation, MethodBroker::Done done);
  // The identity is deleted or changes hands: its persistent session ends.
  void forget(const iothub::Identity& identity);
  void forget(const iothub::HubName& hub);  // the hub is deleted: those of all its identities

  // The identity's session, if it has one now.
  std::optional<ConnectionInfo> connection(const iothub::Identity& identity) const;
  std::size_t connected_count() const;
  std::size_t connected_count(const iothub::HubName& hub) const;  // walks over all
  HubMetrics metrics() const;
  // By hub name; "" has the connections that named none. Counted since the start.
  std::map<std::string, HubActivity, std::less<>> activity() const;
  // A hub is made: what an earlier one of its name did is not its own.
  void count_anew(const iothub::HubName& hub);
  // What HTTP calls did: one was refused (nullptr: at no hub), or telemetry was stored.
  void count_refused_call(const iothub::HubName* hub, const ErrorInfo& why);
  void count_messages(const iothub::HubName& hub, std::uint64_t count, std::uint64_t bytes);

 private:
  class Core;
  explicit Hub(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  std::shared_ptr<Core> core_;
};

}  // namespace pavise::hub
