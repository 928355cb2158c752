// Apps that speak to the hub, from their sockets to the hub and back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "device/agent/agent.h"
#include "device/agent/testing/agent_world.h"

namespace pavise::agent {
namespace {

using testing::app_telemetry;
using testing::World;

TEST(AgentAndApps, TelemetryOfAppsGoesAtOnceUnderTheirNames) {
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

TEST(AgentAndApps, TelemetryOfAppsOutlivesAConnectionAndIsToldWhenTheHubHasIt) {
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

TEST(AgentAndApps, AppsHearWhetherTheHubIsThere) {
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

TEST(AgentAndApps, MethodsReachTheAppThatTheyName) {
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

TEST(AgentAndApps, AnAppThatDoesNotAnswerCostsItsCallOnly) {
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

}  // namespace
}  // namespace pavise::agent
