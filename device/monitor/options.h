// Command line of pavise-monitor.
#pragma once

#include <span>
#include <string>

#include "common/base/result.h"
#include "device/monitor/errors.h"

namespace pavise::monitor {

inline constexpr int kDescriptorMax = 1023;

struct Options {
  int init_fd = 3;
  int agent_fd = 4;
  int apps_fd = 5;  // not open: the device has no apps
  std::string tpm = "device:/dev/tpmrm0";
  std::string event_log_path = "/sys/kernel/security/tpm0/binary_bios_measurements";
  std::string pcr_policy_path = "/run/pavise/pcr-policy";
  std::string policy_key_path = "/etc/pavise/pcr-policy.pem";
};

// Arguments without the program's name. kUsage with the offending argument.
Result<Options> parse_options(std::span<const char* const> arguments);

}  // namespace pavise::monitor
