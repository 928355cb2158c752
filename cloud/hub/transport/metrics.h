// What the hub counts. Each worker writes its own counters; anyone may read.
#pragma once

#include <atomic>
#include <cstdint>

namespace pavise::hub {

// A counter with one writer.
class Counter {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct HubMetrics {
  std::uint64_t accepted = 0;          // TCP connections
  std::uint64_t refused_by_limit = 0;  // closed at once: too many connections
  std::uint64_t handshakes_full = 0;
  std::uint64_t handshakes_resumed = 0;
  std::uint64_t handshakes_failed = 0;
  std::uint64_t not_admitted = 0;      // authentications that were refused
  std::uint64_t sessions = 0;          // connections that were authenticated
  std::uint64_t closed = 0;            // connections, for any reason
  std::uint64_t messages = 0;          // telemetry queued for the log
  std::uint64_t message_bytes = 0;     // their payloads
  std::uint64_t messages_lost = 0;     // not stored; the device was not answered
  std::uint64_t methods = 0;           // calls handed to devices
  std::uint64_t messages_sent = 0;     // cloud-to-device messages handed to devices
  std::uint64_t open_connections = 0;  // now
};

struct alignas(64) WorkerCounters {
  Counter accepted, refused_by_limit, handshakes_full, handshakes_resumed, handshakes_failed,
      not_admitted, sessions, closed, messages, message_bytes, messages_lost, methods,
      messages_sent;

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
  }
};

}  // namespace pavise::hub
