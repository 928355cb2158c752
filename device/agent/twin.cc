#include "device/agent/twin.h"

#include "device/agent/device_config.h"

namespace pavise::agent {

DesiredOutcome handle_desired(const json::JsonView& desired, int current_interval_s,
                              int default_interval_s) {
  DesiredOutcome out;
  const auto wanted = desired.member("telemetry_interval_s");
  if (!wanted) return out;

  int value = current_interval_s;
  bool good = true;
  if (wanted->kind() == json::JsonView::Kind::null) {
    value = default_interval_s;
  } else {
    const auto number = wanted->integer();
    good = number && *number >= kTelemetryIntervalMinS && *number <= kTelemetryIntervalMaxS;
    if (good) value = static_cast<int>(*number);
  }
  if (value != current_interval_s) out.telemetry_interval_s = value;

  const auto version_member = desired.member("$version");
  const auto version = version_member ? version_member->integer() : std::nullopt;
  out.reported_patch = "{\"telemetry_interval_s\":{\"value\":" + std::to_string(value) +
                       ",\"ac\":" + (good ? "200" : "400");
  if (version) out.reported_patch += ",\"av\":" + std::to_string(*version);
  if (!good)
    out.reported_patch += ",\"ad\":\"must be a whole number from " +
                          std::to_string(kTelemetryIntervalMinS) + " to " +
                          std::to_string(kTelemetryIntervalMaxS) + "\"";
  out.reported_patch += "}}";
  return out;
}

std::string reported_facts(const ReportedFacts& facts) {
  std::string out = "{\"os_release\":";
  json::append_json_string(out, facts.os_release);
  out += ",\"agent_version\":";
  json::append_json_string(out, facts.agent_version);
  out += ",\"boot_id\":";
  json::append_json_string(out, facts.boot_id);
  out += "}";
  return out;
}

}  // namespace pavise::agent
