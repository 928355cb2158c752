#include "device/agent/agent.h"

#include <gtest/gtest.h>

#include "device/agent/testing/agent_world.h"

namespace pavise::agent {
namespace {

using testing::kDay;
using testing::kNow;
using testing::World;

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

// An app that may set the clock does not strand the device, nor keep an old certificate alive.
TEST(Agent, TheServicesWordStandsWhateverTheClockIsSetTo) {
  World world;
  Agent agent = world.agent(60);
  world.run(agent, 10'000);
  for (const UnixSeconds set : {kNow + 365 * kDay, kNow - 365 * kDay, kNow + 5 * 3600}) {
    world.service_ahead_s += world.clock.now_s() - set;
    world.clock.set_wall_ms(set * 1000);
    world.run(agent, kDay * 1000);
    EXPECT_TRUE(agent.online());
    EXPECT_NE(world.hub.telemetry.back().find(R"("clock":"certificate")"), std::string::npos);
  }
  // One attestation at first, and one each 16 hours, at what is the time.
  ASSERT_EQ(world.attested_as_of.size(), 5U);
  for (std::size_t i = 1; i < world.attested_as_of.size(); ++i)
    EXPECT_NEAR(static_cast<double>(world.attested_as_of[i] - world.attested_as_of[i - 1]),
                16.0 * 3600, 120);
}

// Without the service an app may set the clock years ahead. The certificate that is kept serves on,
// the service is found as soon as it is there, and ends what has ended.
TEST(Agent, BeforeTheServicesWordNoAppsClockEndsCertificates) {
  World world;
  world.stored = world.certificate();
  world.stored->renew_at = kNow + kDay / 2;
  for (int i = 0; i < 1000; ++i) world.outcomes.emplace_back(Error(net::kUnreachable));
  Agent agent = world.agent(60);
  world.run(agent, 300'000);
  EXPECT_TRUE(agent.online());
  const std::size_t asked = world.attested_as_of.size();
  ASSERT_GT(asked, 0U);
  world.service_ahead_s = -20 * 365 * kDay;
  world.clock.set_wall_ms((kNow + 300 + 20 * 365 * kDay) * 1000);
  world.run(agent, 3600'000);
  EXPECT_TRUE(agent.online());
  EXPECT_EQ(world.hub.connects, 1);
  ASSERT_GT(world.attested_as_of.size(), asked);
  EXPECT_NEAR(static_cast<double>(world.attested_as_of.back()), static_cast<double>(kNow + 3900),
              1800);
  world.outcomes.clear();
  world.run(agent, 3600'000);
  EXPECT_TRUE(agent.online());
  EXPECT_TRUE(world.apps.told.back().vouched);
}

TEST(Agent, WithoutTheServiceACertificateEndsThoughAnAppSetsTheClockBack) {
  World world;
  world.stored = world.certificate();
  for (int i = 0; i < 100'000; ++i) world.outcomes.emplace_back(Error(net::kUnreachable));
  Agent agent = world.agent(600);
  world.run(agent, kDay * 1000 / 2);
  EXPECT_TRUE(agent.online());
  world.clock.set_wall_ms(kNow * 1000);
  world.run(agent, kDay * 1000 / 2 + 60'000);
  EXPECT_FALSE(agent.online());
}

// The clock was set before this start of the agent, not before the one of the device.
TEST(Agent, AnAgentThatIsStartedAnewGoesByTheClockThatInitSays) {
  World world(kNow + 20 * 365 * kDay);
  world.service_ahead_s = -20 * 365 * kDay;
  world.clock_ahead_ms = kNow * 1000;
  Agent agent = world.agent(60);
  world.run(agent, 10'000);
  EXPECT_TRUE(agent.online());
  ASSERT_EQ(world.attested_as_of.size(), 1U);
  EXPECT_EQ(world.attested_as_of[0], kNow);
}

// The word is later than the question: it counts from when it was heard.
TEST(Agent, ASlowAttestationDoesNotPutTheTimeAhead) {
  World world;
  world.outcomes.emplace_back(AttestOutcome(world.certificate()));
  world.during_attestation = [&] { world.clock.advance_ms(600'000); };
  Agent agent = world.agent(60);
  const auto issued = static_cast<std::uint64_t>(kNow - 60);
  while (world.apps.told.empty() || !world.apps.told.back().vouched)
    world.clock.advance_ms(agent.step());
  EXPECT_GT(world.apps.told.back().later_than_s, issued);
  EXPECT_LT(world.apps.told.back().later_than_s, issued + 60);
}

TEST(Agent, TellsTheLauncherEachMinuteThoughNothingElseIsDue) {
  World world;
  for (int i = 0; i < 1000; ++i) world.outcomes.emplace_back(Error(net::kUnreachable));
  Agent offline = world.agent(3600);
  world.run(offline, 3600'000);
  EXPECT_NEAR(static_cast<double>(world.apps.told.size()), 60, 2);
  world.apps.told.clear();
  world.outcomes.clear();
  Agent online = world.agent(3600);
  world.run(online, 3600'000);
  EXPECT_TRUE(online.online());
  EXPECT_NEAR(static_cast<double>(world.apps.told.size()), 60, 3);
}

TEST(Agent, TellsTheLauncherWhatItKnowsOfTheTime) {
  World world(1000);
  world.service_ahead_s = kNow - 1000;
  world.outcomes.emplace_back(Error(net::kUnreachable));
  Agent agent = world.agent();
  agent.step();
  agent.step();
  ASSERT_EQ(world.apps.told.size(), 1U);
  EXPECT_EQ(world.apps.told[0].later_than_s, static_cast<std::uint64_t>(kNow - 1000));
  EXPECT_FALSE(world.apps.told[0].vouched);
  world.run(agent, 15'000);
  ASSERT_EQ(world.apps.told.size(), 2U);
  EXPECT_NEAR(static_cast<double>(world.apps.told[1].later_than_s), static_cast<double>(kNow), 120);
  EXPECT_TRUE(world.apps.told[1].vouched);
  world.clock.set_wall_ms(5'000'000'000'000);
  world.run(agent, 600'000);
  EXPECT_NEAR(static_cast<double>(world.apps.told.size()), 12, 2);
  EXPECT_NEAR(static_cast<double>(world.apps.told.back().later_than_s),
              static_cast<double>(kNow + 600), 180);
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
