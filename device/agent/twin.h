// What the agent does with its twin. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/json/json_view.h"

namespace pavise::agent {

struct DesiredOutcome {
  std::optional<int> telemetry_interval_s;  // set when it is to change
  std::string reported_patch;               // JSON object to report; empty when there is nothing
};

// `desired` is the desired section or a patch to it. telemetry_interval_s: a whole number from
// kTelemetryIntervalMinS to kTelemetryIntervalMaxS, or null for the default of the configuration.
// The answer has the form of a writable property of IoT Plug and Play: value, ac (200 or 400), av
// (the version answered), ad (why not).
DesiredOutcome handle_desired(const json::JsonView& desired, int current_interval_s,
                              int default_interval_s);

struct ReportedFacts {
  std::string os_release;
  std::string agent_version;
  std::string boot_id;
};
// The patch that is reported after each connect.
std::string reported_facts(const ReportedFacts& facts);

}  // namespace pavise::agent
