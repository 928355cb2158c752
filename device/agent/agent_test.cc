#include "device/agent/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "common/net/errors.h"
#include "device/agent/testing/app_starter.h"
#include "device/agent/testing/fake_apps.h"
#include "protocol/iothub/topics.h"
#include "protocol/mqtt/encode.h"

namespace pavise::agent {
namespace {

constexpr UnixSeconds kNow = 1'790'000'000;
constexpr UnixSeconds kDay = 86'400;

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
    out.renew_at = service_time() + 16 * 3600;
    out.hub_host = "hub.test";
    return out;
  }
  UnixSeconds service_time() const { return clock.now_s() + service_ahead_s; }

  Agent agent(int interval_s = 10) {
    std::string id(64, 'a');
    return Agent({.device = *DeviceId::parse(id),
                  .version = "0.1",
                  .telemetry_interval_s = interval_s,
                  .time_floor = kNow - 1000},
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
  testing::FakeApps apps;
  testing::AppStarter starter;
  AppTraffic app_traffic{starter.agents_end(), *this};
  std::deque<Result<AttestOutcome>> outcomes;
  std::function<void()> during_attestation;
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

TEST(Agent, AttestsConnectsAndSendsTelemetry) {
  World world;
  Agent agent = world.agent();
  world.run(agent, 35'000);
  EXPECT_TRUE(agent.online());
  EXPECT_EQ(world.attested_at_ms.size(), 1U);
  EXPECT_TRUE(world.stored);
  ASSERT_EQ(world.hub.telemetry.size(), 4U);
  EXPECT_EQ(world.hub.telemetry[0],
            R"({"sequence":1,"uptime_s":7,"load_1m":0.10,"memory_used_kib":40,)"
            R"("memory_free_kib":60,"agent_pss_kib":3000,"monitor_pss_kib":2000,)"
            R"("kernel_to_certificate_ms":1234,"os_release":"Pavise","agent_version":"0.1",)"
            R"("boot_id":"b","clock":"wall"})");
  ASSERT_EQ(world.hub.reported.size(), 1U);
  EXPECT_EQ(world.hub.reported[0],
            R"({"os_release":"Pavise","agent_version":"0.1","boot_id":"b"})");
  const std::vector<std::string> expected = {"attested, certificate until 2026-09-22T14:13:20Z",
                                             "connected to hub hub.test",
                                             "telemetry 1 acknowledged"};
  EXPECT_EQ(world.log, expected);
}

// A certificate of an earlier boot must not speak for what booted now.
TEST(Agent, TheFirstEvidenceWaitsUntilAppsAreMeasured) {
  World world;
  world.apps.fails = Error(kLauncherSilent);
  Agent agent = world.agent();
  world.run(agent, 5'000);
  EXPECT_TRUE(world.attested_at_ms.empty());
  world.apps.fails.reset();
  world.run(agent, 2'000);
  EXPECT_EQ(world.attested_at_ms.size(), 1U);
  EXPECT_EQ(world.apps.called.size(), 6U);
}

TEST(Agent, ALauncherThatStaysSilentDoesNotCostTheCertificate) {
  World world;
  world.apps.fails = Error(kLauncherSilent);
  world.apps.on_call = [&] { world.clock.advance_ms(100); };
  Agent agent = world.agent();
  world.run(agent, 35'000);
  ASSERT_EQ(world.attested_at_ms.size(), 1U);
  EXPECT_GE(world.attested_at_ms[0], 29'000);
  EXPECT_TRUE(agent.online());
}

TEST(Agent, EveryStartAttestsBeforeItSpeaks) {
  World world;
  world.stored = world.certificate();
  Agent agent = world.agent();
  world.run(agent, 1'000);
  EXPECT_TRUE(agent.online());
  EXPECT_EQ(world.attested_at_ms.size(), 1U);
}

TEST(Agent, ARefusalAfterAStartEndsTheStoredCertificate) {
  World world;
  world.stored = world.certificate();
  for (int i = 0; i < 20; ++i)
    world.outcomes.emplace_back(AttestOutcome(Refusal{"PV-ATT-015", "not released", Retry::never}));
  Agent agent = world.agent();
  world.run(agent, 60'000);
  EXPECT_FALSE(world.stored);
  EXPECT_EQ(world.hub.connects, 0);
}

TEST(Agent, AStoredCertificateServesWhileTheServiceIsAway) {
  World world;
  world.stored = world.certificate();
  for (int i = 0; i < 20; ++i) world.outcomes.emplace_back(Error(net::kUnreachable));
  Agent agent = world.agent();
  world.run(agent, 5'000);
  EXPECT_TRUE(agent.online());
}

TEST(Agent, RenewsBeforeExpiryWithoutLosingTelemetry) {
  World world;
  Agent agent = world.agent(3600);
  world.run(agent, 40 * 3600 * 1000LL);
  EXPECT_EQ(world.attested_at_ms.size(), 3U);  // at 0, 16 and 32 hours
  EXPECT_EQ(world.hub.connects, 3);
  EXPECT_EQ(world.hub.farewells, 2);
  EXPECT_GE(world.hub.telemetry.size(), 40U);
}

TEST(Agent, AttestsAgainOnceAnAppWasMeasured) {
  World world;
  Agent agent = world.agent(10);
  world.apps_measured = 2;  // before the first time: nothing is news
  world.run(agent, 60'000);
  EXPECT_EQ(world.attested_at_ms.size(), 1U);
  world.apps_measured = 4;
  world.run(agent, 60'000);
  ASSERT_EQ(world.attested_at_ms.size(), 2U);
  EXPECT_LE(world.attested_at_ms[1] - world.attested_at_ms[0], 75'000) << "with the next telemetry";
  EXPECT_TRUE(agent.online());
  EXPECT_EQ(world.hub.connects, 2);
  world.apps_measured.reset();  // a monitor that does not answer says nothing
  world.run(agent, 60'000);
  EXPECT_EQ(world.attested_at_ms.size(), 2U);
}

TEST(Agent, AnAppThatIsMeasuredWhileItAttestsIsNotForgotten) {
  World world;
  world.during_attestation = [&] { world.apps_measured = 1; };
  Agent agent = world.agent(10);
  world.run(agent, 60'000);
  EXPECT_EQ(world.attested_at_ms.size(), 2U);
}

// PCR 13 cannot be explained, say: the device is told so at the pace of a refusal and stays online.
TEST(Agent, ARefusalAfterAnAppWasMeasuredIsNoCircle) {
  World world;
  Agent agent = world.agent(10);
  world.run(agent, 60'000);
  world.apps_measured = 1;
  for (int i = 0; i < 100; ++i)
    world.outcomes.emplace_back(
        AttestOutcome(Refusal{"PV-ATT-015", "PCR 13 was extended", Retry::needs_operator}));
  world.run(agent, 3600 * 1000LL);
  EXPECT_TRUE(agent.online());
  EXPECT_LE(world.attested_at_ms.size(), 20U);
}

TEST(Agent, StaysConnectedWhileRenewalFails) {
  World world;
  Agent agent = world.agent(60);
  world.run(agent, 15 * 3600 * 1000LL);
  for (int i = 0; i < 5; ++i) world.outcomes.emplace_back(Error(net::kRefused));
  world.run(agent, 2 * 3600 * 1000LL);
  EXPECT_TRUE(agent.online());
  EXPECT_EQ(world.attested_at_ms.size(), 7U);
  EXPECT_EQ(world.hub.connects, 2);
}

TEST(Agent, ComesBackAfterExpiry) {
  World world;
  Agent agent = world.agent(600);
  world.run(agent, 1'000);
  for (int i = 0; i < 400; ++i) world.outcomes.emplace_back(Error(net::kUnreachable));
  world.run(agent, 30 * 3600 * 1000LL);
  EXPECT_FALSE(agent.online());
  world.outcomes.clear();
  world.run(agent, 400'000);
  EXPECT_TRUE(agent.online());
}

TEST(Agent, SaysWhyItWasRefusedAndWaitsByTheClass) {
  const struct {
    Retry retry;
    std::int64_t first_ms;
    std::int64_t max_ms;
  } rows[] = {{Retry::later, 1'000, 300'000},
              {Retry::after_reattest, 1'000, 300'000},
              {Retry::needs_operator, 10'000, 600'000},
              {Retry::never, 60'000, 3'600'000}};
  for (const auto& row : rows) {
    World world;
    for (int i = 0; i < 30; ++i)
      world.outcomes.emplace_back(AttestOutcome(
          Refusal{.code = "PV-ATT-012", .reason = "kernel differs\n\x1b[2J", .retry = row.retry}));
    Agent agent = world.agent();
    while (world.attested_at_ms.size() < 20) world.clock.advance_ms(agent.step());
    EXPECT_TRUE(world.log[0].starts_with("refused PV-ATT-012: kernel differs??[2J; next try in "))
        << world.log[0];
    const auto& at = world.attested_at_ms;
    EXPECT_GE(at[1] - at[0], row.first_ms / 2);
    EXPECT_LE(at[1] - at[0], row.first_ms);
    for (std::size_t i = 1; i < at.size(); ++i) EXPECT_LE(at[i] - at[i - 1], row.max_ms);
    EXPECT_GE(at[19] - at[18], row.max_ms / 2);
    EXPECT_EQ(world.hub.connects, 0);
  }
}

TEST(Agent, AHubThatRejectsEveryFreshCertificateCausesNoTightLoop) {
  for (const bool by_tls : {true, false}) {
    World world;
    if (by_tls)
      world.hub.refuse_connect = net::kClientRejected;
    else
      world.hub.connack = mqtt::ConnectCode::not_authorized;
    Agent agent = world.agent();
    world.run(agent, 3600'000);
    EXPECT_LT(world.attested_at_ms.size(), 40U);
    EXPECT_GT(world.attested_at_ms.size(), 8U);
    EXPECT_FALSE(world.stored);
    // As soon as the hub takes it, all is well again.
    world.hub.refuse_connect.reset();
    world.hub.connack = mqtt::ConnectCode::accepted;
    world.run(agent, 600'000);
    EXPECT_TRUE(agent.online());
  }
}

TEST(Agent, ARejectedStoredCertificateIsReplacedAtOnce) {
  World world;
  world.stored = world.certificate();
  world.hub.refuse_connect = net::kClientRejected;
  Agent agent = world.agent();
  while (world.attested_at_ms.empty()) world.clock.advance_ms(agent.step());
  EXPECT_LE(world.attested_at_ms[0], 1'000);
}

TEST(Agent, AHubThatDropsEveryConnectionCausesNoTightLoop) {
  World world;
  world.hub.drop_after_connack = true;
  Agent agent = world.agent();
  world.run(agent, 3600'000);
  EXPECT_LT(world.hub.connects, 40);
  EXPECT_EQ(world.attested_at_ms.size(), 1U);
}

TEST(Agent, UnacknowledgedTelemetryGoesAgainOnTheNextConnection) {
  World world;
  world.hub.acknowledge = false;
  Agent agent = world.agent();
  world.run(agent, 25'000);
  EXPECT_TRUE(world.hub.telemetry.empty());
  world.hub.acknowledge = true;
  world.run(agent, 30'000);
  ASSERT_GE(world.hub.telemetry.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_TRUE(world.hub.telemetry[i].starts_with("{\"sequence\":" + std::to_string(i + 1) + ","));
  EXPECT_TRUE(world.logged("PV-AGT-014"));
}

TEST(Agent, FollowsTheDesiredInterval) {
  World world;
  world.hub.twin = R"({"desired":{"telemetry_interval_s":2,"$version":4},"reported":{}})";
  Agent agent = world.agent(60);
  world.run(agent, 9'000);
  EXPECT_EQ(agent.telemetry_interval_s(), 2);
  EXPECT_GE(world.hub.telemetry.size(), 5U);
  ASSERT_EQ(world.hub.reported.size(), 2U);
  EXPECT_EQ(world.hub.reported[1], R"({"telemetry_interval_s":{"value":2,"ac":200,"av":4}})");

  world.hub.send(mqtt::Publish{.topic = iothub::desired_patch_topic(5),
                               .payload = as_bytes(R"({"telemetry_interval_s":0,"$version":5})")});
  world.run(agent, 3'000);
  EXPECT_EQ(agent.telemetry_interval_s(), 2);
  ASSERT_EQ(world.hub.reported.size(), 3U);
  EXPECT_NE(world.hub.reported[2].find("\"ac\":400"), std::string::npos);

  world.hub.send(
      mqtt::Publish{.topic = iothub::desired_patch_topic(6),
                    .payload = as_bytes(R"({"telemetry_interval_s":null,"$version":6})")});
  world.run(agent, 3'000);
  EXPECT_EQ(agent.telemetry_interval_s(), 60);
}

TEST(Agent, AClockBeforeTheImageCountsAsTheTimeOfTheBuild) {
  World world(1000);
  world.service_ahead_s = kNow - 1000;
  Agent agent = world.agent();
  world.run(agent, 15'000);
  ASSERT_EQ(world.attested_as_of.size(), 1U);
  EXPECT_EQ(world.attested_as_of[0], kNow - 1000);
  EXPECT_TRUE(agent.online());
  EXPECT_NE(world.hub.telemetry.at(0).find(R"("clock":"certificate")"), std::string::npos);
  EXPECT_NEAR(static_cast<double>(world.hub.connected_at.at(0)), static_cast<double>(kNow), 120);
}

TEST(Agent, AClockSetAheadDoesNotCauseEndlessRenewal) {
  World world(kNow + 30 * kDay);
  world.service_ahead_s = -30 * kDay;
  Agent agent = world.agent(60);
  world.run(agent, 3600'000);
  EXPECT_EQ(world.attested_at_ms.size(), 1U);
  EXPECT_TRUE(agent.online());
  // Set right while running: its own time counts again, without a new attestation.
  world.clock.set_wall_ms((kNow + 3600) * 1000);
  world.service_ahead_s = 0;
  world.run(agent, 3600'000);
  EXPECT_EQ(world.attested_at_ms.size(), 1U);
  EXPECT_NE(world.hub.telemetry.back().find(R"("clock":"wall")"), std::string::npos);
}

TEST(Agent, AClockSetBackByARestartIsFlooredByTheStoredCertificate) {
  World world(kNow - 20 * kDay);
  world.service_ahead_s = 20 * kDay;
  world.stored = world.certificate();
  world.stored->not_before = kNow;
  world.stored->issued_after = kNow;
  world.stored->renew_at = kNow + kDay / 2;
  world.stored->not_after = kNow + kDay;
  Agent agent = world.agent();
  world.run(agent, 5'000);
  EXPECT_TRUE(agent.online());
  EXPECT_EQ(world.attested_as_of.at(0), kNow);
}

// The certificate of the service may be younger than the leaf's backdated beginning.
TEST(Agent, TheTimeOfTheServiceIsLearnedAtTheFirstStart) {
  World world(1000);
  world.service_ahead_s = kNow - 1000;
  DeviceCertificate first = world.certificate();
  first.issued_after = kNow - 5;
  world.outcomes.emplace_back(AttestOutcome(first));
  Agent agent = world.agent();
  world.run(agent, 15'000);
  EXPECT_TRUE(agent.online());
  EXPECT_EQ(world.hub.connected_at.at(0), kNow - 4);
}

// Somebody who recorded an answer, or who kept an old key of the service, turns no clock back.
TEST(Agent, AnAnswerFromBeforeTheFloorIsRefused) {
  World world(1000);
  DeviceCertificate old = world.certificate();
  old.not_before = old.issued_after = kNow - 1000 - kDay;
  for (const UnixSeconds end : {kNow - 1001, kNow - 1000}) {
    old.not_after = end;
    world.outcomes.emplace_back(AttestOutcome(old));
  }
  Agent agent = world.agent();
  world.run(agent, 1'500);
  EXPECT_FALSE(agent.online());
  EXPECT_FALSE(world.stored);
  EXPECT_TRUE(world.logged("PV-AGT-015"));

  old.not_after = kNow - 999;  // the first second that may still be
  world.outcomes.clear();
  world.outcomes.emplace_back(AttestOutcome(old));
  world.run(agent, 5'000);
  EXPECT_TRUE(world.stored);
}

TEST(Agent, WhatWasLearnedIsTheFloorOfTheNextAnswer) {
  World world(1000);
  world.service_ahead_s = kNow - 1000;
  Agent agent = world.agent(60);
  world.run(agent, 17 * 3600 * 1000LL);  // renewed once
  ASSERT_EQ(world.attested_at_ms.size(), 2U);
  DeviceCertificate replayed = world.certificate();
  replayed.not_before = replayed.issued_after = kNow - kDay;
  replayed.not_after = kNow + 16 * 3600 - 120;  // before the second one was issued
  for (int i = 0; i < 1000; ++i) world.outcomes.emplace_back(AttestOutcome(replayed));
  world.run(agent, 16 * 3600 * 1000LL);
  EXPECT_GT(world.attested_at_ms.size(), 2U);
  EXPECT_TRUE(world.logged("PV-AGT-015"));
  EXPECT_GT(world.stored->not_after, replayed.not_after);
}

TEST(Agent, AnswersMethods) {
  World world;
  Agent agent = world.agent();
  world.run(agent, 1'000);
  world.hub.call("pavise.apps.stop", "1", R"({"name":"blink"})");
  world.hub.call("pavise.reboot", "2");
  world.hub.call("pavise.apps.stop", "3", "[]");
  world.run(agent, 1);
  ASSERT_EQ(world.hub.answers.size(), 3U);
  EXPECT_EQ(world.hub.answers[0], R"(200 1 {"name":"blink","state":"ending"})");
  EXPECT_TRUE(world.hub.answers[1].starts_with("404 2 ")) << world.hub.answers[1];
  EXPECT_TRUE(world.hub.answers[2].starts_with("400 3 ")) << world.hub.answers[2];
  EXPECT_TRUE(agent.online());
}

TEST(Agent, MethodsThatComeTogetherAreBounded) {
  World world;
  Agent agent = world.agent();
  world.run(agent, 1'000);
  world.apps.called.clear();
  for (int i = 0; i < 9; ++i) world.hub.call("pavise.apps.list", std::to_string(i));
  world.run(agent, 1);
  ASSERT_EQ(world.hub.answers.size(), 9U);
  EXPECT_EQ(world.apps.called.size(), 8U);
  EXPECT_TRUE(world.hub.answers[7].starts_with("200 7 "));
  EXPECT_TRUE(world.hub.answers[8].starts_with("429 8 "));
  EXPECT_NE(world.hub.answers[8].find("PV-AGT-026"), std::string::npos);
  world.hub.call("pavise.apps.list", "9");
  world.run(agent, 1);
  EXPECT_TRUE(world.hub.answers.back().starts_with("200 9 ")) << "later ones are served again";
}

// The launcher hangs and the hub calls on: telemetry and pings still go out in time.
TEST(Agent, ALauncherThatHangsDoesNotCostTheConnection) {
  World world;
  Agent agent = world.agent(10);
  world.run(agent, 1'000);
  world.apps.fails = Error(kLauncherSilent);
  world.apps.on_call = [&] { world.clock.advance_ms(2'000); };
  for (int round = 0; round < 60; ++round) {
    for (int i = 0; i < 20; ++i) world.hub.call("pavise.apps.list", "1");
    const std::int64_t before_ms = world.clock.steady_ms();
    world.run(agent, 1);
    EXPECT_LE(world.clock.steady_ms() - before_ms, 4'000);
  }
  EXPECT_EQ(world.hub.answers.size(), 1200U);
  EXPECT_TRUE(world.hub.answers[0].starts_with("504 1 "));
  EXPECT_TRUE(world.hub.answers[1].starts_with("429 1 "));
  EXPECT_EQ(world.hub.connects, 1);
  EXPECT_GE(world.hub.telemetry.size(), 10U);
}

// ---- apps
// -----------------------------------------------------------------------------------------

using testing::app_telemetry;

TEST(Agent, TelemetryOfAppsGoesAtOnceUnderTheirNames) {
  World world;
  Agent agent = world.agent(3600);
  world.run(agent, 1'000);
  const testing::StartedApp fridge = world.starter.start("fridge");
  agent.step();
  EXPECT_EQ(fridge.take(), (testing::Packets{"online"}));
  ASSERT_TRUE(fridge.send(app_telemetry(7, "text/plain", "door=open", "cold")));
  const std::int64_t before_ms = world.clock.steady_ms();
  agent.step();
  EXPECT_EQ(world.clock.steady_ms(), before_ms) << "nobody waited";
  EXPECT_EQ(world.hub.telemetry.back(), "cold");
  EXPECT_EQ(world.hub.properties.back(), "%24.ct=text%2Fplain&pavise-app=fridge&door=open");
  EXPECT_EQ(fridge.take(), (testing::Packets{"accepted 7"}));
}

TEST(Agent, TelemetryOfAppsOutlivesAConnectionAndIsToldWhenTheHubHasIt) {
  World world;
  world.hub.acknowledge = false;
  Agent agent = world.agent(3600);
  world.run(agent, 1'000);
  const testing::StartedApp fridge = world.starter.start("fridge");
  ASSERT_TRUE(fridge.send(app_telemetry(1, "", "", "a")));
  ASSERT_TRUE(fridge.send(app_telemetry(2, "", "", "b")));
  world.run(agent, 40'000);  // the hub is silent, which ends the connection
  EXPECT_GE(world.hub.connects, 2);
  EXPECT_EQ(fridge.take().front(), "online");
  world.hub.acknowledge = true;
  world.run(agent, 120'000);
  EXPECT_EQ(std::ranges::count(world.hub.telemetry, "a"), 1);
  EXPECT_EQ(std::ranges::count(world.hub.telemetry, "b"), 1);
  const testing::Packets told = fridge.take();
  EXPECT_EQ(std::ranges::count(told, "accepted 1"), 1);
  EXPECT_EQ(std::ranges::count(told, "accepted 2"), 1);
}

TEST(Agent, AppsHearWhetherTheHubIsThere) {
  World world;
  world.hub.refuse_connect = kHubUnavailable;
  Agent agent = world.agent();
  const testing::StartedApp fridge = world.starter.start("fridge");
  world.run(agent, 1'000);
  EXPECT_EQ(fridge.take(), (testing::Packets{"offline"}));
  world.hub.refuse_connect.reset();
  world.run(agent, 60'000);
  EXPECT_EQ(fridge.take(), (testing::Packets{"online"}));
  world.hub.refuse_connect = kHubUnavailable;
  world.hub.closed = true;
  world.run(agent, 1'000);
  EXPECT_EQ(fridge.take(), (testing::Packets{"offline"}));
}

TEST(Agent, MethodsReachTheAppThatTheyName) {
  World world;
  Agent agent = world.agent();
  const testing::StartedApp fridge = world.starter.start("fridge");
  world.run(agent, 1'000);
  (void)fridge.take();
  world.hub.call("fridge.ping", "1", R"({"a":1})");
  world.hub.call("oven.ping", "2");
  world.hub.call("pavise.apps.list", "3");
  agent.step();
  EXPECT_EQ(fridge.take(), (testing::Packets{"call 1 ping {\"a\":1}"}));
  ASSERT_TRUE(fridge.send(testing::app_answer(1, 418, R"({"b":2})")));
  world.run(agent, 1'000);
  ASSERT_EQ(world.hub.answers.size(), 3U);
  EXPECT_TRUE(world.hub.answers[0].starts_with("200 3 ")) << "the device's own is not an app's";
  EXPECT_THAT(world.hub.answers, ::testing::Contains(::testing::HasSubstr("PV-AGT-027")));
  EXPECT_THAT(world.hub.answers, ::testing::Contains("418 1 {\"b\":2}"));
}

TEST(Agent, AnAppThatDoesNotAnswerCostsItsCallOnly) {
  World world;
  Agent agent = world.agent(3600);
  const testing::StartedApp fridge = world.starter.start("fridge");
  world.run(agent, 1'000);
  world.hub.call("fridge.ping", "1");
  world.run(agent, kAppMethodTimeoutMs - 2'000);
  EXPECT_TRUE(world.hub.answers.empty());
  world.run(agent, 3'000);
  ASSERT_EQ(world.hub.answers.size(), 1U);
  EXPECT_TRUE(world.hub.answers[0].starts_with("504 1 ")) << world.hub.answers[0];
  EXPECT_EQ(world.hub.connects, 1);
}

TEST(Agent, LivesWithoutItsDisk) {
  World world;
  world.load_fails = world.save_fails = true;
  Agent agent = world.agent();
  world.run(agent, 5'000);
  EXPECT_TRUE(agent.online());
  EXPECT_TRUE(world.logged("PV-AGT-016"));
}

}  // namespace
}  // namespace pavise::agent
