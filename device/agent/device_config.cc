#include "device/agent/device_config.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace pavise::agent {
namespace {

template <class T>
Status set_number(T& out, std::string_view key, std::string_view value, T min, T max) {
  T parsed{};
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
  if (error != std::errc{} || end != value.data() + value.size() || parsed < min || parsed > max)
    return Error(kBadConfig, std::string(key) + " must be a number from " + std::to_string(min) +
                                 " to " + std::to_string(max));
  out = parsed;
  return {};
}

Status set_host(std::string& out, std::string_view key, std::string_view value) {
  const bool fits = !value.empty() && value.size() <= 253 && std::ranges::all_of(value, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == ':';
  });
  if (!fits) return Error(kBadConfig, std::string(key) + " is no host name or address");
  out = value;
  return {};
}

Status set(DeviceConfig& config, std::string_view key, std::string_view value) {
  if (key == "service_host") return set_host(config.service_host, key, value);
  if (key == "service_name") return set_host(config.service_name, key, value);
  if (key == "hub_address") return set_host(config.hub_address, key, value);
  if (key == "service_port")
    return set_number<std::uint16_t>(config.service_port, key, value, 1, 65'535);
  if (key == "telemetry_interval_s")
    return set_number(config.telemetry_interval_s, key, value, kTelemetryIntervalMinS,
                      kTelemetryIntervalMaxS);
  if (key == "build_epoch")
    return set_number<UnixSeconds>(config.build_epoch, key, value, 0, 253'402'300'799);
  return {};
}

}  // namespace

Result<DeviceConfig> DeviceConfig::parse(std::string_view text) {
  if (text.size() > kConfigSizeMax) return Error(kBadConfig, "the file is too large");
  DeviceConfig out;
  std::vector<std::string_view> seen;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0)
      return Error(kBadConfig, "a line is not key=value");
    const std::string_view key = line.substr(0, equals);
    if (std::ranges::find(seen, key) != seen.end()) return Error(kBadConfig, "a key stands twice");
    seen.push_back(key);
    PAVISE_TRY(set(out, key, line.substr(equals + 1)));
  }
  if (out.service_host.empty()) return Error(kBadConfig, "service_host is missing");
  if (out.service_name.empty()) out.service_name = out.service_host;
  if (out.hub_address.empty()) out.hub_address = out.service_host;
  return out;
}

}  // namespace pavise::agent
