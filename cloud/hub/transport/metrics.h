// What the hub counts. Each worker writes its own counters; anyone may read.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "cloud/hub/ports/activity.h"
#include "common/metrics/metrics.h"
#include "protocol/iothub/identity.h"

namespace pavise::hub {

using metrics::Counter;

// Rows of error tables that are counted apart: of the whole server, and of one hub.
inline constexpr std::size_t kCodesMax = 128;
inline constexpr std::size_t kHubCodesMax = 32;
// Hubs that a worker counts apart; what others do is counted as of no hub.
inline constexpr std::size_t kHubsCountedMax = 2'000;

struct HubMetrics {
  std::uint64_t accepted = 0;          // TCP connections
  std::uint64_t refused_by_limit = 0;  // closed at once: too many connections
  std::uint64_t handshakes_full = 0;
  std::uint64_t handshakes_resumed = 0;
  std::uint64_t handshakes_failed = 0;
  std::uint64_t not_admitted = 0;                  // authentications that were refused
  std::uint64_t sessions = 0;                      // connections that were authenticated
  std::uint64_t closed = 0;                        // connections, for any reason
  std::uint64_t messages = 0;                      // telemetry queued for the log
  std::uint64_t message_bytes = 0;                 // their payloads
  std::uint64_t messages_lost = 0;                 // not stored; the device was not answered
  std::uint64_t methods = 0;                       // calls handed to devices
  std::uint64_t messages_sent = 0;                 // cloud-to-device messages handed to devices
  std::uint64_t received_bytes = 0;                // from sockets
  std::uint64_t sent_bytes = 0;                    // to sockets
  std::uint64_t open_connections = 0;              // now
  metrics::HistogramCounts durable_us = {};        // from a turn's end to the disk, by message
  std::vector<std::uint64_t> worker_busy_us = {};  // by worker
  std::uint64_t method_calls_waiting = 0;          // now
};

struct alignas(64) WorkerCounters {
  Counter accepted, refused_by_limit, handshakes_full, handshakes_resumed, handshakes_failed,
      not_admitted, sessions, closed, messages, message_bytes, messages_lost, methods,
      messages_sent, received_bytes, sent_bytes, busy_us;
  metrics::LatencyHistogram durable_us;

  void add_to(HubMetrics& sum) const {
    sum.accepted += accepted.get();
    sum.refused_by_limit += refused_by_limit.get();
    sum.handshakes_full += handshakes_full.get();
    sum.handshakes_resumed += handshakes_resumed.get();
    sum.handshakes_failed += handshakes_failed.get();
    sum.not_admitted += not_admitted.get();
    sum.sessions += sessions.get();
    sum.closed += closed.get();
    sum.messages += messages.get();
    sum.message_bytes += message_bytes.get();
    sum.messages_lost += messages_lost.get();
    sum.methods += methods.get();
    sum.messages_sent += messages_sent.get();
    sum.received_bytes += received_bytes.get();
    sum.sent_bytes += sent_bytes.get();
    sum.worker_busy_us.push_back(busy_us.get());
    durable_us.add_to(sum.durable_us);
  }
};

// Takes off what was counted before, and the slowest that began before that. What is now stays.
void take_off(HubActivity& from, const HubActivity& before, std::uint64_t since_us);

// What one worker counts for one hub.
struct alignas(64) HubCounters {
  std::array<Counter, kSpokenCount> connects, ended;
  Counter messages_in, bytes_in, messages_out, bytes_out;
  metrics::CodeCounters<kHubCodesMax> refused, closed;

  void add_to(HubActivity& sum) const;
};

// The counters of one worker by hub. Its worker alone calls of(); readers may come any time.
class HubCountersMap {
 public:
  // Stays where it is. Costs a look-up: callers keep it.
  HubCounters& of(const iothub::HubName& hub);
  HubCounters& of_none() { return none_; }
  // Adds to the entries by hub name; "" has what belongs to no hub.
  void add_to(std::map<std::string, HubActivity, std::less<>>& sums) const;

 private:
  mutable std::mutex mutex_;  // the worker takes it to insert, readers to walk
  std::map<std::string, std::unique_ptr<HubCounters>, std::less<>> by_hub_;
  HubCounters none_;
};

// Methods and twin requests of all hubs: how many, how long, and the slowest ones. Thread-safe;
// each such request takes longer than the lock by orders of magnitude.
class OperationCounters {
 public:
  static constexpr std::size_t kSlowestMax = 10;           // kept for a hub
  static constexpr std::int64_t kSlowestKeptMs = 600'000;  // then they are forgotten

  void note(const iothub::HubName& hub, SlowOperation what);
  // Telemetry that came as an HTTP call.
  void note_messages(const iothub::HubName& hub, std::uint64_t count, std::uint64_t bytes);
  // An HTTP call that was answered with an error; nullptr: to no hub.
  void note_refused_call(const iothub::HubName* hub, const ErrorInfo& why);
  void add_to(std::map<std::string, HubActivity, std::less<>>& sums, UnixMillis now_ms) const;

 private:
  struct OfHub {
    std::array<metrics::LatencyHistogram, kOperationCount> latency;
    std::array<metrics::CodeCounters<kHubCodesMax>, kOperationCount> failures;
    metrics::CodeCounters<kHubCodesMax> calls_refused;
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
    std::vector<SlowOperation> slowest;
  };
  OfHub& of(const iothub::HubName& hub);

  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<OfHub>, std::less<>> by_hub_;
  OfHub others_;
};

}  // namespace pavise::hub
