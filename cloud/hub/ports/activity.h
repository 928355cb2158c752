// What a hub did since the server started, as people and programs are shown it.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/metrics/metrics.h"

namespace pavise::hub {

// What a connection speaks, and through what.
enum class Spoken : std::uint8_t { mqtt, amqp, https, mqtt_websocket, amqp_websocket };
inline constexpr std::size_t kSpokenCount = 5;
constexpr std::string_view to_string(Spoken spoken) {
  constexpr std::array<std::string_view, kSpokenCount> kNames = {
      "mqtt", "amqp", "https", "mqtt-websocket", "amqp-websocket"};
  return kNames[static_cast<std::size_t>(spoken)];
}

// What a device is asked or asks, and somebody waits for.
enum class Operation : std::uint8_t { method, twin_get, twin_update };
inline constexpr std::size_t kOperationCount = 3;
constexpr std::string_view to_string(Operation operation) {
  constexpr std::array<std::string_view, kOperationCount> kNames = {"method", "twin-get",
                                                                    "twin-update"};
  return kNames[static_cast<std::size_t>(operation)];
}

struct ErrorCount {
  const ErrorInfo* info = nullptr;
  std::uint64_t count = 0;
};

struct OperationCounts {
  metrics::HistogramCounts latency{};  // microseconds; of all, failed or not
  std::vector<ErrorCount> failures{};
};

struct SlowOperation {
  Operation operation = Operation::method;
  std::string device;                  // with "/module"
  std::string name;                    // of a method
  std::uint64_t begun_us = 0;          // steady
  std::uint64_t us = 0;                // that it took
  const ErrorInfo* failure = nullptr;  // nullptr: it succeeded
  UnixMillis at_ms = 0;                // when it ended
};

struct HubActivity {
  std::string hub;  // empty: connections that have named none
  std::array<std::uint64_t, kSpokenCount> connects{};
  std::array<std::uint64_t, kSpokenCount> connections{};  // now
  std::uint64_t messages_in = 0;                          // telemetry
  std::uint64_t bytes_in = 0;
  std::uint64_t messages_out = 0;  // cloud-to-device, each delivery
  std::uint64_t bytes_out = 0;
  std::vector<ErrorCount> refused{};        // who was not let in
  std::vector<ErrorCount> closed{};         // why connections ended
  std::vector<ErrorCount> calls_refused{};  // HTTP calls that were answered with an error
  std::array<OperationCounts, kOperationCount> operations{};
  std::vector<SlowOperation> slowest{};  // of the last minutes, slowest first
};

}  // namespace pavise::hub
