#include "device/agent/telemetry.h"

#include "protocol/json/json_view.h"

namespace pavise::agent {
namespace {

class ObjectWriter {
 public:
  void raw(std::string_view name, std::string_view value) {
    out_ += out_.empty() ? "{\"" : ",\"";
    out_.append(name).append("\":").append(value);
  }
  void number(std::string_view name, std::optional<std::int64_t> value) {
    if (value) raw(name, std::to_string(*value));
  }
  void text(std::string_view name, std::string_view value) {
    std::string quoted;
    json::append_json_string(quoted, value);
    raw(name, quoted);
  }
  std::string finish() && { return std::move(out_) + "}"; }

 private:
  std::string out_;
};

std::string_view to_text(ClockSource clock) {
  switch (clock) {
    case ClockSource::wall:
      return "wall";
    case ClockSource::image:
      return "image";
    case ClockSource::certificate:
      return "certificate";
  }
  return "unknown";
}

}  // namespace

std::string telemetry_json(const TelemetryFacts& facts) {
  const SystemInfo& system = facts.system;
  ObjectWriter out;
  out.raw("sequence", std::to_string(facts.sequence));
  out.number("uptime_s", system.uptime_s);
  if (system.load_1m) out.raw("load_1m", *system.load_1m);
  if (system.memory_total_kib && system.memory_free_kib)
    out.number("memory_used_kib", *system.memory_total_kib - *system.memory_free_kib);
  out.number("memory_free_kib", system.memory_free_kib);
  out.number("agent_pss_kib", system.agent_pss_kib);
  out.number("monitor_pss_kib", facts.monitor_pss_kib);
  out.number("init_pss_kib", system.init_pss_kib);
  out.number("kernel_to_certificate_ms", facts.kernel_to_certificate_ms);
  if (!system.os_release.empty()) out.text("os_release", system.os_release);
  out.text("agent_version", facts.agent_version);
  out.text("boot_id", system.boot_id);
  out.text("clock", to_text(facts.clock));
  if (facts.dropped > 0) out.raw("dropped", std::to_string(facts.dropped));
  return std::move(out).finish();
}

}  // namespace pavise::agent
