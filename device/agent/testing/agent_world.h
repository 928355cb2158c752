// For tests: all that an agent sees. Time passes only while it waits.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/net/errors.h"
#include "device/agent/agent.h"
#include "device/agent/testing/app_starter.h"
#include "device/agent/testing/fake_apps.h"
#include "protocol/iothub/topics.h"
#include "protocol/mqtt/encode.h"

namespace pavise::agent::testing {

inline constexpr UnixSeconds kNow = 1'790'000'000;
inline constexpr UnixSeconds kDay = 86'400;

// A hub that answers as configured; time passes only while the agent waits in read().
struct FakeHub {
  ManualClock& clock;
  std::optional<ErrorInfo> refuse_connect = {};
  mqtt::ConnectCode connack = mqtt::ConnectCode::accepted;
  bool acknowledge = true;
  bool drop_after_connack = false;
  std::string twin = R"({"desired":{"$version":1},"reported":{"$version":1}})";
  std::vector<std::string> telemetry = {};
  std::vector<std::string> properties = {};  // of each
  std::vector<std::string> reported = {};
  std::vector<std::string> answers = {};  // "status request-id body"
  std::vector<UnixSeconds> connected_at = {};
  int connects = 0;
  int farewells = 0;
  Bytes to_agent = {};
  bool closed = false;

  void send(const mqtt::Packet& packet) { PAVISE_CHECK(mqtt::encode(packet, to_agent)); }

  void receive(const mqtt::Packet& packet) {
    if (std::holds_alternative<mqtt::Connect>(packet)) {
      send(mqtt::ConnAck{.code = connack});
      closed = drop_after_connack;
    } else if (closed) {
      return;
    } else if (std::holds_alternative<mqtt::Subscribe>(packet)) {
      send(mqtt::SubAck{.packet_id = 1, .codes = {0, 0, 0}});
    } else if (std::holds_alternative<mqtt::PingReq>(packet)) {
      send(mqtt::PingResp{});
    } else if (std::holds_alternative<mqtt::Disconnect>(packet)) {
      ++farewells;
    } else if (const auto* publish = std::get_if<mqtt::Publish>(&packet)) {
      on_publish(*publish);
    }
  }

  void call(std::string_view name, std::string_view request_id, std::string_view payload = {}) {
    send(mqtt::Publish{.topic = iothub::method_topic(name, request_id),
                       .payload = as_bytes(payload)});
  }

  void on_publish(const mqtt::Publish& publish) {
    const auto topic = iothub::parse_device_topic(publish.topic);
    ASSERT_TRUE(topic) << publish.topic;
    const std::string body(as_text(publish.payload));
    if (const auto* get = std::get_if<iothub::TwinGetTopic>(&*topic)) {
      send(mqtt::Publish{.topic = iothub::twin_response_topic(200, get->request_id),
                         .payload = as_bytes(twin)});
    } else if (const auto* patch = std::get_if<iothub::ReportedPatchTopic>(&*topic)) {
      reported.push_back(body);
      send(mqtt::Publish{.topic = iothub::twin_response_topic(204, patch->request_id, 2)});
    } else if (const auto* answer = std::get_if<iothub::MethodResponseTopic>(&*topic)) {
      answers.push_back(std::to_string(answer->status) + " " + std::string(answer->request_id) +
                        " " + body);
    } else if (acknowledge) {
      telemetry.push_back(body);
      properties.emplace_back(std::get<iothub::TelemetryTopic>(*topic).property_bag);
      send(mqtt::PubAck{.packet_id = publish.packet_id});
    }
  }
};

class FakeConnection final : public HubConnection {
 public:
  explicit FakeConnection(FakeHub& hub) : hub_(hub) {
    hub_.to_agent.clear();
    hub_.closed = false;
  }
  Result<std::size_t> read(std::span<std::byte> out, std::int64_t timeout_ms,
                           std::vector<pollfd> others) override {
    if (hub_.to_agent.empty()) {
      if (hub_.closed) return Error(net::kClosed);
      if (::poll(others.data(), others.size(), 0) > 0) return std::size_t{0};
      hub_.clock.advance_ms(timeout_ms);
      return std::size_t{0};
    }
    const std::size_t size = std::min(out.size(), hub_.to_agent.size());
    std::copy_n(hub_.to_agent.begin(), size, out.begin());
    hub_.to_agent.erase(hub_.to_agent.begin(),
                        hub_.to_agent.begin() + static_cast<std::ptrdiff_t>(size));
    return size;
  }
  Status write(ByteView bytes) override {
    stream_.feed(bytes);
    while (true) {
      const auto packet = stream_.next();
      PAVISE_CHECK(packet.has_value());
      if (!*packet) return {};
      hub_.receive(**packet);
    }
  }

 private:
  FakeHub& hub_;
  mqtt::PacketStream stream_;
};

class World : public Attester,
              public HubConnector,
              public CertificateStore,
              public SystemProbe,
              public MonitorProbe,
              public LogSink {
 public:
  explicit World(UnixSeconds wall = kNow) : clock(wall * 1000) {}

  Result<AttestOutcome> attest(UnixSeconds now) override {
    attested_at_ms.push_back(clock.steady_ms());
    attested_as_of.push_back(now);
    if (during_attestation) during_attestation();
    if (!outcomes.empty()) {
      auto outcome = outcomes.front();
      outcomes.pop_front();
      return outcome;
    }
    return AttestOutcome(certificate());
  }
  Result<std::unique_ptr<HubConnection>> connect(const DeviceCertificate&,
                                                 UnixSeconds now) override {
    ++hub.connects;
    hub.connected_at.push_back(now);
    if (hub.refuse_connect) return Error(*hub.refuse_connect);
    return std::unique_ptr<HubConnection>(std::make_unique<FakeConnection>(hub));
  }
  Result<std::optional<DeviceCertificate>> load() override {
    if (load_fails) return Error(kStoreFailed);
    return stored;
  }
  Status save(const DeviceCertificate& saved) override {
    if (save_fails) return Error(kStoreFailed);
    stored = saved;
    return {};
  }
  void erase() override { stored.reset(); }
  SystemInfo read() override {
    return {.uptime_s = 7,
            .load_1m = "0.10",
            .memory_total_kib = 100,
            .memory_free_kib = 60,
            .agent_pss_kib = 3000,
            .init_pss_kib = {},
            .os_release = "Pavise",
            .boot_id = "b"};
  }
  std::int64_t since_kernel_start_ms() override { return 1234; }
  std::optional<std::int64_t> monitor_pss_kib() override { return 2000; }
  std::optional<std::uint64_t> measured_apps() override { return apps_measured; }
  void line(std::string_view text) override { log.emplace_back(text); }

  // As the service issues them: valid from a minute ago, for a day, to be renewed after 16 hours.
  DeviceCertificate certificate() const {
    DeviceCertificate out;
    out.not_before = service_time() - 60;
    out.not_after = service_time() + kDay;
    out.issued_after = out.not_before;
    out.renew_at = service_time() + 16L * 3600;
    out.hub_host = "hub.test";
    return out;
  }
  UnixSeconds service_time() const { return clock.now_s() + service_ahead_s; }

  Agent agent(int interval_s = 10) {
    std::string id(64, 'a');
    return Agent({.device = *DeviceId::parse(id),
                  .version = "0.1",
                  .telemetry_interval_s = interval_s,
                  .time_floor = kNow - 1000,
                  .clock_ahead_ms = clock_ahead_ms},
                 {.clock = clock,
                  .attester = *this,
                  .connector = *this,
                  .store = *this,
                  .system = *this,
                  .monitor = *this,
                  .apps = apps,
                  .app_traffic = app_traffic,
                  .log = *this,
                  .random = [] { return 0xffffffffU; }});
  }
  // Lets the agent live for so long.
  void run(Agent& agent, std::int64_t span_ms) {
    const std::int64_t end_ms = clock.steady_ms() + span_ms;
    steps = 0;
    while (clock.steady_ms() < end_ms) {
      ++steps;
      ASSERT_LT(steps, 100'000) << "the agent spins";
      clock.advance_ms(agent.step());
    }
  }
  bool logged(std::string_view text) const {
    return std::ranges::any_of(
        log, [&](const std::string& line) { return line.find(text) != std::string::npos; });
  }

  ManualClock clock;
  FakeHub hub{clock};
  FakeApps apps;
  AppStarter starter;
  AppTraffic app_traffic{starter.agents_end(), *this};
  std::deque<Result<AttestOutcome>> outcomes;
  std::function<void()> during_attestation;
  std::optional<std::int64_t> clock_ahead_ms;  // that init says
  std::optional<DeviceCertificate> stored;
  std::optional<std::uint64_t> apps_measured = 0;
  std::vector<std::int64_t> attested_at_ms;
  std::vector<UnixSeconds> attested_as_of;
  std::vector<std::string> log;
  UnixSeconds service_ahead_s = 0;
  bool load_fails = false;
  bool save_fails = false;
  int steps = 0;
};

}  // namespace pavise::agent::testing
