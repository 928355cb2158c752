// The device hub: MQTT 3.1.1 over mutual TLS in the IoT Hub dialect, telemetry into the event log,
// twins from the twin store.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cloud/hub/segment_log/segment_log.h"
#include "cloud/hub/transport/connection_table.h"
#include "cloud/hub/transport/hub_options.h"
#include "cloud/hub/transport/metrics.h"
#include "cloud/hub/twin_store/twin_store.h"
#include "cloud/security/authority/device_authority.h"
#include "common/base/clock.h"

namespace pavise::hub {

// All functions are thread-safe.
class Hub {
 public:
  // Binds, loads the certificate, starts the threads. `log`, `twins` and `clock` must outlive the
  // hub; the authority may end before or after it, but not while start() runs or devices connect.
  // kHubStartFailed with the reason.
  static Result<std::unique_ptr<Hub>> start(HubOptions options,
                                            security::DeviceAuthority& authority, SegmentLog& log,
                                            TwinStore& twins, const Clock& clock);
  ~Hub();  // stop()
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  std::uint16_t port() const;
  // Ends every connection and waits for the threads. Idempotent.
  void stop();

  // Changes the desired properties and tells the device if it is connected and subscribed. Blocks
  // until the change is durable. Returns the new version. Errors of twin::Twin::merge, kTwinStore…,
  // kTwinQueueFull, kHubStopped.
  Result<std::uint64_t> merge_desired(const DeviceId& device, std::string_view patch_json,
                                      std::optional<std::uint64_t> if_version = std::nullopt);
  Result<std::uint64_t> replace_desired(const DeviceId& device, std::string_view json,
                                        std::optional<std::uint64_t> if_version = std::nullopt);
  // {"desired":{...},"reported":{...}}, as the device sees it. Blocks.
  Result<std::string> twin_json(const DeviceId& device);
  // Forgets the twin and the session: the device is deleted or changes hands. Blocks.
  Status forget(const DeviceId& device);

  // The device's session, if it has one now.
  std::optional<ConnectionInfo> connection(const DeviceId& device) const;
  std::size_t connected_count() const;
  HubMetrics metrics() const;

 private:
  class Core;
  explicit Hub(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  std::shared_ptr<Core> core_;
};

}  // namespace pavise::hub
