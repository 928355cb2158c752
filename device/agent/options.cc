#include "device/agent/options.h"

#include <charconv>
#include <string_view>

#include "common/base/clock_ahead.h"

namespace pavise::agent {

const char* const kHelp =
    "pavise-agent [--config FILE] [--service-ca FILE] [--data FOLDER] [--monitor-fd FD]\n"
    "             [--apps-fd FD] [--app-channels-fd FD] [--clock-ahead-ms N]\n"
    "\n"
    "Attests this device, keeps its certificate fresh and speaks with the hub. On a device init\n"
    "starts it with the last of the options alone.\n"
    "\n"
    "  --config      where the service is; default /etc/pavise/device.conf\n"
    "  --service-ca  trust anchor of the service, PEM; default /etc/pavise/service-ca.pem\n"
    "  --data        folder for the certificate; default /data/agent\n"
    "  --monitor-fd  inherited socket of the monitor; default 3\n"
    "  --apps-fd     inherited socket of the launcher of apps; default 4. If none is there, the\n"
    "                device has no apps\n"
    "  --app-channels-fd\n"
    "                inherited socket over which it sends apps' channels to the hub; default 5\n"
    "  --clock-ahead-ms\n"
    "                wall clock minus steady clock before an app could set it; default as at the\n"
    "                start of this program\n"
    "\n"
    "Exit codes: 1 cannot start, or the monitor is gone; 2 wrong command line.\n";

Result<Options> Options::parse(std::span<const char* const> arguments) {
  Options out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view name = arguments[i];
    if (name == "--help" || name == "-h") {
      out.help = true;
      return out;
    }
    std::string* text = name == "--config"       ? &out.config_file
                        : name == "--service-ca" ? &out.service_ca_file
                        : name == "--data"       ? &out.data_folder
                                                 : nullptr;
    int* number = name == "--monitor-fd"        ? &out.monitor_fd
                  : name == "--apps-fd"         ? &out.apps_fd
                  : name == "--app-channels-fd" ? &out.app_channels_fd
                                                : nullptr;
    const bool is_clock = name == kClockAheadOption;
    if (text == nullptr && number == nullptr && !is_clock)
      return Error(kUsage, "unknown option " + std::string(name));
    if (++i == arguments.size() || *arguments[i] == '\0')
      return Error(kUsage, std::string(name) + " wants a value");
    const std::string_view value = arguments[i];
    if (text != nullptr) {
      *text = value;
      continue;
    }
    if (is_clock) {
      out.clock_ahead_ms = parse_clock_ahead_ms(value);
      if (!out.clock_ahead_ms)
        return Error(kUsage, std::string(name) + " wants milliseconds, up to the end of 9999");
      continue;
    }
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), *number);
    if (error != std::errc{} || end != value.data() + value.size() || *number < 3)
      return Error(kUsage, std::string(name) + " wants a number from 3 on");
  }
  return out;
}

}  // namespace pavise::agent
