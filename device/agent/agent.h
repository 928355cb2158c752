// What the agent does, and when: certificate, hub, telemetry, twin, renewal. No I/O of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "device/agent/app_traffic.h"
#include "device/agent/backoff.h"
#include "device/agent/hub_session.h"
#include "device/agent/ports.h"
#include "device/agent/telemetry.h"
#include "device/agent/telemetry_queue.h"

namespace pavise::agent {

struct AgentOptions {
  DeviceId device;
  std::string version;
  int telemetry_interval_s = 30;
  UnixSeconds time_floor = 0;  // the time is never taken to be earlier
  // common/base/clock_ahead.h; none: as it is when the agent is made.
  std::optional<std::int64_t> clock_ahead_ms = {};
};

// All outlive the agent.
struct AgentPorts {
  const Clock& clock;
  Attester& attester;
  HubConnector& connector;
  CertificateStore& store;
  SystemProbe& system;
  MonitorProbe& monitor;
  AppsPort& apps;
  AppTraffic& app_traffic;
  LogSink& log;
  std::function<std::uint32_t()> random;
};

// Not thread-safe. Never ends by itself: whatever fails is tried again, at the pace of its class.
class Agent {
 public:
  Agent(AgentOptions options, AgentPorts ports);

  // Does what is due and returns how many milliseconds may pass until the next call, if apps have
  // nothing to say before (AppTraffic::polled()). Blocks as the ports do; while connected, up to
  // half the keep-alive time in the connection's read.
  std::int64_t step();

  bool online() const { return session_ != nullptr && session_->connected(); }
  int telemetry_interval_s() const { return interval_s_; }

 private:
  UnixSeconds now_s() const;
  UnixSeconds wall_s() const;
  UnixSeconds known_s() const;
  ClockSource clock_source() const;
  bool certificate_usable() const;
  bool renewal_due() const;

  void load_certificate();
  void tell_time(std::int64_t now_ms);
  std::int64_t tell_time_due_ms() const;
  bool apps_are_measured(std::int64_t now_ms);
  void attest(std::int64_t now_ms);
  void attest_failed(const Error& error, std::int64_t now_ms);
  void accept(DeviceCertificate certificate, std::int64_t now_ms);
  void connect(std::int64_t now_ms);
  void serve(std::int64_t now_ms);
  void serve_apps(std::int64_t now_ms);
  void forget_connection();
  Status exchange(std::int64_t now_ms);
  Status flush();
  void handle_events();
  void answer(const MethodCalled& call, bool is_served);
  void on_desired(const std::string& text);
  void queue_telemetry(std::int64_t now_ms);
  void look_at_apps();
  void hub_lost(const Error& error, std::int64_t now_ms);
  void leave_hub();
  std::string next_try(std::int64_t wait_ms) const;

  AgentOptions options_;
  AgentPorts ports_;
  Backoff attest_backoff_;
  Backoff hub_backoff_;
  std::unique_ptr<const DeviceCertificate> certificate_;  // null: none
  TelemetryQueue queue_;
  std::unique_ptr<HubConnection> connection_;
  std::unique_ptr<HubSession> session_;  // together with connection_
  int waits_for_apps_ = 0;               // of kWaitsForAppsMax
  std::int64_t attest_at_ms_ = 0;
  std::int64_t connect_at_ms_ = 0;
  std::int64_t telemetry_at_ms_ = 0;
  std::optional<std::int64_t> kernel_to_certificate_ms_;
  UnixSeconds time_floor_;
  std::int64_t clock_ahead_ms_;  // of the steady clock, before an app could set it
  // What the service said, as of then: from there the steady clock counts. An app may set the
  // other.
  struct Vouched {
    UnixSeconds at;
    std::int64_t steady_ms;
  };
  std::optional<Vouched> vouched_;
  std::int64_t tell_time_at_ms_ = 0;
  int interval_s_;
  std::uint64_t sequence_ = 0;
  std::uint64_t apps_ = 0;           // that the monitor has measured, when it was last asked
  std::uint64_t apps_attested_ = 0;  // of which evidence was accepted
  std::uint64_t acknowledged_ = 0;
  std::int64_t connected_since_ms_ = 0;
  bool loaded_ = false;
  // A certificate of an earlier start says nothing about what booted now: it serves only while the
  // service cannot be asked, and a refusal ends it.
  enum class Judgement { not_asked, unreachable, judged } judgement_ = Judgement::not_asked;
  bool certificate_proven_ = false;  // the hub took it
};

}  // namespace pavise::agent
