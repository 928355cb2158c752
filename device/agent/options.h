// The command line of pavise-agent.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "device/agent/errors.h"

namespace pavise::agent {

struct Options {
  std::string config_file = "/etc/pavise/device.conf";
  std::string service_ca_file = "/etc/pavise/service-ca.pem";
  std::string data_folder = "/data/agent";
  int monitor_fd = 3;
  int apps_fd = 4;                                  // nothing needs to be there
  int app_channels_fd = 5;                          // nor there
  std::optional<std::int64_t> clock_ahead_ms = {};  // common/base/clock_ahead.h
  bool help = false;

  // Arguments after the program's name. kUsage names what is wrong.
  static Result<Options> parse(std::span<const char* const> arguments);
};

extern const char* const kHelp;

}  // namespace pavise::agent
