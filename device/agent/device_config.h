// /etc/pavise/device.conf: where the service is. The file lies in the verified root.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace pavise::agent {

inline constexpr ErrorInfo kBadConfig{
    "PV-AGT-002", Retry::needs_operator, "the device configuration cannot be used",
    "Correct the line named in the detail and build the image again."};

inline constexpr std::size_t kConfigSizeMax = 16UL * 1024;
inline constexpr int kTelemetryIntervalMinS = 1;
inline constexpr int kTelemetryIntervalMaxS = 86'400;

struct DeviceConfig {
  std::string service_host;  // address or name to connect to
  std::uint16_t service_port = 8444;
  std::string service_name;  // name in the service's certificate; empty: service_host
  std::string hub_address;   // connect here instead of to the hub's own name; empty: service_host
  int telemetry_interval_s = 30;
  UnixSeconds build_epoch = 0;  // when the image was made; the clock cannot honestly be earlier

  // Lines `key=value`; blank lines and lines that start with # are skipped; keys that this version
  // does not know are skipped, so that an older agent can read a newer file. kBadConfig: a line
  // without '=', a key twice, a value out of range, service_host missing, text too large.
  static Result<DeviceConfig> parse(std::string_view text);
};

}  // namespace pavise::agent
