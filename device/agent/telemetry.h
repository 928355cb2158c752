// The agent's telemetry message. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "device/agent/system_info.h"

namespace pavise::agent {

// Where the agent's idea of the time comes from.
enum class ClockSource {
  wall,         // the machine's clock
  image,        // it lies before the image and its trust anchor: their time instead
  certificate,  // it contradicts a fresh certificate: corrected by that
};

struct TelemetryFacts {
  SystemInfo system;
  std::optional<std::int64_t> monitor_pss_kib;
  std::optional<std::int64_t> kernel_to_certificate_ms;
  ClockSource clock = ClockSource::wall;
  std::uint64_t sequence = 0;  // since the agent started
  std::uint64_t dropped = 0;   // messages that found no room in the queue
  std::string agent_version;
};

// One JSON object; unknown values are left out.
std::string telemetry_json(const TelemetryFacts& facts);

}  // namespace pavise::agent
