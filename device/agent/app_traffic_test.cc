// The agent between hostile apps and the hub, without either: sockets and time are the test's.
#include "device/agent/app_traffic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "device/agent/testing/app_starter.h"
#include "protocol/iothub/property_bag.h"

namespace pavise::agent {
namespace {

using testing::app_answer;
using testing::app_telemetry;
using testing::app_under_way;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Packets;
using testing::StartedApp;
using ::testing::StartsWith;

class AppTrafficTest : public ::testing::Test, public LogSink {
 protected:
  void line(std::string_view text) override { log.emplace_back(text); }

  StartedApp start(const std::string& name) {
    StartedApp out = starter.start(name);
    traffic.turn(now_ms);
    (void)out.take();
    return out;
  }
  // The result of the message, or "" when it waits for the hub.
  std::string result_of(const StartedApp& app, const std::string& packet) {
    EXPECT_TRUE(app.send(packet));
    traffic.turn(now_ms);
    const Packets told = app.take();
    return told.empty() ? "" : told.front();
  }
  // "STATUS REQUEST-ID BODY"
  std::vector<std::string> answers() {
    std::vector<std::string> out;
    for (const AnsweredCall& call : traffic.take_answers())
      out.push_back(std::to_string(call.answer.status) + " " + call.request_id + " " +
                    call.answer.body);
    return out;
  }
  std::string sent_properties() {
    const AppMessage* next = traffic.outbox().next_to_send();
    return next == nullptr ? "nothing" : next->properties;
  }

  std::int64_t now_ms = 1'000;
  std::vector<std::string> log;
  testing::AppStarter starter;
  AppTraffic traffic{starter.agents_end(), *this};
};

std::string pairs(std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i)
    out += (out.empty() ? "" : "&") + std::string("p") + std::to_string(i) + "=1";
  return out;
}

TEST_F(AppTrafficTest, TheDeviceSaysWhoseMessageItIs) {
  const StartedApp fridge = start("fridge");
  EXPECT_EQ(result_of(fridge, app_telemetry(1, "application/json", "a=b%20c", "{}")), "");
  EXPECT_EQ(sent_properties(), "%24.ct=application%2Fjson&%24.ce=utf-8&pavise-app=fridge&a=b%20c");
  traffic.outbox().mark_sent(1, 0);
  traffic.acknowledged(*traffic.outbox().acknowledge(1));
  EXPECT_EQ(fridge.take(), (Packets{"accepted 1"}));
}

TEST_F(AppTrafficTest, NoAppSpeaksForAnotherOrForTheDevice) {
  const StartedApp fridge = start("fridge");
  std::uint32_t id = 0;
  for (const char* properties : {"pavise-app=oven", "pavise%2Dapp=oven", "Pavise-App=oven",
                                 "x=1&pavise-app=", "AzIoTHub_FaultOperationType=KillTcp",
                                 "aziothub%5FFaultOperationType=KillTcp"}) {
    ++id;
    EXPECT_THAT(result_of(fridge, app_telemetry(id, "", properties, "x")),
                StartsWith("refused " + std::to_string(id) + " PV-AGT-031"))
        << properties;
  }
  EXPECT_EQ(sent_properties(), "nothing");
  EXPECT_EQ(result_of(fridge, app_telemetry(++id, "", "app=oven&xpavise-app=1", "x")), "");
}

TEST_F(AppTrafficTest, TheHubReadsWhateverAnAppMaySend) {
  const StartedApp fridge = start("fridge");
  const std::size_t own_max = iothub::kPropertiesMax - 3;
  const std::string json = "application/json";
  EXPECT_EQ(result_of(fridge, app_telemetry(1, json, pairs(own_max), "{}")), "");
  EXPECT_TRUE(iothub::PropertyBag::parse(sent_properties()));
  EXPECT_THAT(result_of(fridge, app_telemetry(2, json, pairs(own_max + 1), "{}")),
              HasSubstr("more than 97"));
  std::string escapes = "a=";
  while (escapes.size() + 3 <= app_channel::kPropertiesBytesMax) escapes += "%FF";
  EXPECT_EQ(result_of(fridge, app_telemetry(3, "", escapes, "x")), "");
  // What grows by being encoded once more is measured as it goes.
  EXPECT_THAT(result_of(fridge, app_telemetry(4, "", "a=" + std::string(8'000, '='), "x")),
              HasSubstr("too long"));
}

TEST_F(AppTrafficTest, AFullOutboxIsTold) {
  const StartedApp loud = start("loud");
  const std::string large(60'000, 'x');
  EXPECT_EQ(result_of(loud, app_telemetry(1, "", "", large)), "");
  EXPECT_EQ(result_of(loud, app_telemetry(2, "", "", large)), "");
  EXPECT_THAT(result_of(loud, app_telemetry(3, "", "", large)), StartsWith("refused 3 PV-AGT-032"));
  EXPECT_EQ(result_of(start("quiet"), app_telemetry(1, "", "", large)), "");
}

TEST_F(AppTrafficTest, AFloodIsHeldBackAndSaidAndTheNeighbourIsHeard) {
  const StartedApp loud = start("loud");
  const StartedApp quiet = start("quiet");
  std::uint32_t id = 0;
  std::uint16_t packet_id = 0;
  std::size_t heard = 0;
  for (const std::int64_t end_ms = now_ms + 10'000; now_ms < end_ms; now_ms += 50) {
    while (loud.send(app_telemetry(++id, "", "", "x"))) {
    }
    --id;
    traffic.turn(now_ms);
    for (; traffic.outbox().next_to_send() != nullptr; ++heard) {
      traffic.outbox().mark_sent(++packet_id, now_ms);
      traffic.acknowledged(*traffic.outbox().acknowledge(packet_id));
    }
    (void)loud.take();
  }
  EXPECT_EQ(heard, kAppUnitsMax + 10 * kAppUnitsPerSecond - 1);
  EXPECT_THAT(log, ElementsAre("app loud sends more than 4 messages in a second: it has to wait"));
  now_ms -= 50;  // the loud one still waits
  EXPECT_EQ(result_of(quiet, app_telemetry(1, "", "", "x")), "");
  ASSERT_NE(traffic.outbox().next_to_send(), nullptr);
  EXPECT_EQ(traffic.outbox().next_to_send()->app, "quiet");
  EXPECT_LE(traffic.next_wake_ms(), now_ms + 1000 / kAppUnitsPerSecond);
}

TEST_F(AppTrafficTest, WhatAnAppSentBeforeItEndedStillGoes) {
  StartedApp fridge = start("fridge");
  ASSERT_TRUE(fridge.send(app_telemetry(1, "", "", "last words")));
  fridge.end();
  traffic.turn(now_ms);
  ASSERT_NE(traffic.outbox().next_to_send(), nullptr);
  traffic.outbox().mark_sent(1, 0);
  // Its result does not reach the next start, which uses the same numbers.
  const StartedApp again = start("fridge");
  ASSERT_TRUE(again.send(app_telemetry(1, "", "", "first words")));
  traffic.turn(now_ms);
  traffic.acknowledged(*traffic.outbox().acknowledge(1));
  EXPECT_EQ(again.take(), Packets{});
}

TEST_F(AppTrafficTest, CallsAndAnswersFindEachOther) {
  const StartedApp fridge = start("fridge");
  const StartedApp oven = start("oven");
  EXPECT_TRUE(AppTraffic::is_for_app("fridge.ping"));
  EXPECT_FALSE(AppTraffic::is_for_app("pavise.ping") || AppTraffic::is_for_app("ping"));
  traffic.call("fridge.door.open", "r1", "null", now_ms);
  traffic.call("oven.ping", "r2", "", now_ms);
  EXPECT_EQ(fridge.take(), (Packets{"call 1 door.open null"}));
  EXPECT_EQ(oven.take(), (Packets{"call 1 ping "}));
  // An app answers its own calls only.
  ASSERT_TRUE(oven.send(app_answer(1, 200, "{\"who\":\"oven\"}")));
  traffic.turn(now_ms);
  EXPECT_THAT(answers(), ElementsAre("200 r2 {\"who\":\"oven\"}"));
  ASSERT_TRUE(fridge.send(app_answer(1, 65535, "")));
  traffic.turn(now_ms);
  EXPECT_THAT(answers(), ElementsAre("65535 r1 "));
}

TEST_F(AppTrafficTest, CallsThatCannotBeMadeAreAnsweredAtOnce) {
  const StartedApp fridge = start("fridge");
  traffic.call("oven.ping", "1", "", now_ms);
  traffic.call("fridge.", "2", "", now_ms);
  traffic.call(".ping", "3", "", now_ms);
  traffic.call("fridge.ping", "4", std::string(app_channel::kPayloadBytesMax + 1, '1'), now_ms);
  EXPECT_THAT(answers(), ElementsAre(StartsWith("404 1 "), StartsWith("404 2 "),
                                     StartsWith("404 3 "), StartsWith("400 4 ")));
  traffic.call("fridge.ping", "5", std::string(app_channel::kPayloadBytesMax, '1'), now_ms);
  for (std::size_t i = 1; i <= kAppCallsMax; ++i) traffic.call("fridge.ping", "n", "", now_ms);
  EXPECT_THAT(answers(), ElementsAre(StartsWith("429 n ")));
}

TEST_F(AppTrafficTest, ACallEndsWithItsTimeItsAppOrItsConnection) {
  StartedApp fridge = start("fridge");
  EXPECT_EQ(traffic.next_wake_ms(), INT64_MAX);
  traffic.call("fridge.ping", "late", "", now_ms);
  EXPECT_EQ(traffic.next_wake_ms(), now_ms + kAppMethodTimeoutMs);
  traffic.turn(now_ms + kAppMethodTimeoutMs - 1);
  EXPECT_THAT(answers(), ElementsAre());
  traffic.turn(now_ms + kAppMethodTimeoutMs);
  EXPECT_THAT(answers(), ElementsAre(StartsWith("504 late ")));
  ASSERT_TRUE(fridge.send(app_answer(1, 200, "")));  // too late
  traffic.turn(now_ms);
  EXPECT_THAT(answers(), ElementsAre());
  EXPECT_EQ(log.size(), 0U);

  traffic.call("fridge.ping", "replaced", "", now_ms);
  StartedApp again = start("fridge");
  EXPECT_THAT(answers(), ElementsAre(StartsWith("503 replaced ")));
  traffic.call("fridge.ping", "ended", "", now_ms);
  again.end();
  traffic.turn(now_ms);
  EXPECT_THAT(answers(), ElementsAre(StartsWith("503 ended ")));

  const StartedApp third = start("fridge");
  traffic.call("fridge.ping", "of an old connection", "", now_ms);
  traffic.hub_left();
  ASSERT_TRUE(third.send(app_answer(1, 200, "")));
  traffic.turn(now_ms);
  EXPECT_THAT(answers(), ElementsAre());
}

TEST_F(AppTrafficTest, AnAnswerThatIsNoJsonIsNotPassedOn) {
  const StartedApp fridge = start("fridge");
  traffic.call("fridge.ping", "1", "", now_ms);
  ASSERT_TRUE(fridge.send(app_answer(1, 200, "<script>")));
  traffic.turn(now_ms);
  EXPECT_THAT(answers(), ElementsAre(StartsWith("502 1 ")));
}

TEST_F(AppTrafficTest, WhoBreaksTheRulesLosesItsChannelAndNobodyElse) {
  const StartedApp bad = start("bad");
  const StartedApp good = start("good");
  traffic.call("bad.ping", "1", "", now_ms);
  (void)bad.take();
  ASSERT_TRUE(bad.send("nonsense"));
  traffic.turn(now_ms);
  EXPECT_EQ(bad.take(), (Packets{"ended"}));
  EXPECT_THAT(answers(), ElementsAre(StartsWith("503 1 ")));
  EXPECT_THAT(log, ElementsAre(HasSubstr("app bad loses its channel to the hub: PV-ACH-001")));
  EXPECT_EQ(result_of(good, app_telemetry(1, "", "", "x")), "");
}

// ---- introductions
// --------------------------------------------------------------------------------

TEST_F(AppTrafficTest, WhatIsNoIntroductionIsClosedAndSaid) {
  const auto ends = testing::socket_ends();
  const auto stream = testing::socket_ends(SOCK_STREAM);
  const std::array one{ends[0].get()};
  const std::array two{ends[0].get(), ends[1].get()};
  const std::array wrong{stream[0].get()};
  const int socket = starter.socket();
  const std::string longest(33, 'a');
  ASSERT_TRUE(ipc::send_with_descriptors(socket, as_bytes("fridge"), {}, 0));
  ASSERT_TRUE(ipc::send_with_descriptors(socket, as_bytes("fridge"), two, 0));
  ASSERT_TRUE(ipc::send_with_descriptors(socket, as_bytes("fridge"), wrong, 0));
  ASSERT_TRUE(ipc::send_with_descriptors(socket, as_bytes("a name"), one, 0));
  ASSERT_TRUE(ipc::send_with_descriptors(socket, as_bytes(longest), one, 0));
  ASSERT_TRUE(ipc::send_with_descriptors(socket, Bytes(1000), one, 0));
  traffic.turn(now_ms);
  EXPECT_EQ(log.size(), 6U);
  EXPECT_EQ(traffic.polled().size(), 1U) << "the launcher's only";
  EXPECT_EQ(result_of(start("fridge"), app_telemetry(1, "", "", "x")), "");
}

TEST_F(AppTrafficTest, AsManyChannelsAsADeviceHasApps) {
  std::vector<StartedApp> apps;
  apps.reserve(kAppChannelsMax);
  for (std::size_t i = 0; i < kAppChannelsMax; ++i) apps.push_back(start("a" + std::to_string(i)));
  EXPECT_THAT(log, ElementsAre());
  const StartedApp more = start("more");  // ended for the launcher's copy as well
  EXPECT_FALSE(more.send(app_telemetry(1, "", "", "x")));
  EXPECT_THAT(log, ElementsAre(HasSubstr("app more has no channel")));
  const StartedApp again = start("a0");  // another start of one of them
  EXPECT_EQ(result_of(again, app_telemetry(1, "", "", "x")), "");
}

TEST_F(AppTrafficTest, ALauncherThatLeftIsNotWaitedFor) {
  {
    const testing::AppStarter gone = std::move(starter);
  }
  traffic.turn(now_ms);
  EXPECT_EQ(traffic.polled().size(), 0U);
  AppTraffic none(UniqueFd(), *this);
  none.turn(now_ms);
  EXPECT_EQ(none.polled().size(), 0U);
}

// ---- an agent that was started again
// ------------------------------------------------------------------------

class AgentAgain : public AppTrafficTest {
 protected:
  // Another agent in the place of `traffic`, which takes part no more.
  void start_again() {
    next.emplace(starter.next_agents_end(), *this);
    starter.introduce_all();
    next->turn(now_ms);
  }
  std::string sent_by_next() {
    std::string out;
    for (; next->outbox().next_to_send() != nullptr; next->outbox().mark_sent(++packet_id, 0))
      out += std::string(as_text(next->outbox().next_to_send()->body)) + ' ';
    return out;
  }

  std::optional<AppTraffic> next;
  std::uint16_t packet_id = 0;
};

TEST_F(AgentAgain, TheAppKeepsItsChannelAndLearnsWhatBecameOfItsMessages) {
  auto first = std::make_optional<AppTraffic>(starter.next_agents_end(), *this);
  const StartedApp fridge = starter.start("fridge");
  first->turn(now_ms);
  first->hub_came();
  ASSERT_TRUE(fridge.send(app_telemetry(1, "", "", "finished")));
  ASSERT_TRUE(fridge.send(app_telemetry(2, "", "", "taken")));
  first->turn(now_ms);
  first->outbox().mark_sent(1, 0);
  first->acknowledged(*first->outbox().acknowledge(1));
  EXPECT_EQ(fridge.take(), (Packets{"offline", "online", "accepted 1"}));
  first.reset();
  ASSERT_TRUE(fridge.send(app_telemetry(3, "", "", "while-nobody-was-there")));

  start_again();
  EXPECT_EQ(fridge.take(), (Packets{"taken over", "offline"}));
  ASSERT_TRUE(fridge.send(app_telemetry(4, "", "", "before-it-read-that")));
  next->turn(now_ms);
  EXPECT_EQ(sent_by_next(), "while-nobody-was-there before-it-read-that ");
  // No result before the app has said what it waits for: it could be told twice of one.
  next->acknowledged(*next->outbox().acknowledge(1));
  EXPECT_EQ(fridge.take(), Packets{});
  ASSERT_TRUE(fridge.send(app_under_way(0, {2, 3, 4})));
  next->turn(now_ms);
  next->turn(now_ms);
  Packets told = fridge.take();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0], "accepted 3");
  EXPECT_THAT(told[1], StartsWith("refused 2 PV-AGT-040"));
  next->acknowledged(*next->outbox().acknowledge(2));
  EXPECT_EQ(fridge.take(), (Packets{"accepted 4"}));
  ASSERT_TRUE(fridge.send(app_telemetry(2, "", "", "again")));  // the number is free
  next->turn(now_ms);
  EXPECT_EQ(sent_by_next(), "again ");
  EXPECT_THAT(log, ElementsAre());
}

TEST_F(AgentAgain, CallsOfTheAgentBeforeAreNobodysAndNewOnesAreToldApart) {
  const StartedApp fridge = start("fridge");
  traffic.call("fridge.ping", "old", "", now_ms);
  traffic.call("fridge.ping", "old", "", now_ms);
  (void)fridge.take();
  start_again();
  (void)fridge.take();
  ASSERT_TRUE(fridge.send(app_answer(1, 200, "1")));
  next->call("fridge.ping", "early", "", now_ms);
  ASSERT_TRUE(fridge.send(app_under_way(2, {})));
  next->turn(now_ms);
  next->call("fridge.ping", "new", "", now_ms);
  EXPECT_EQ(fridge.take(), (Packets{"call 3 ping "}));
  ASSERT_TRUE(fridge.send(app_answer(2, 200, "2")));
  ASSERT_TRUE(fridge.send(app_answer(3, 200, "3")));
  next->turn(now_ms);
  std::vector<std::string> got;
  for (const AnsweredCall& call : next->take_answers())
    got.push_back(std::to_string(call.answer.status) + " " + call.request_id);
  EXPECT_THAT(got, ElementsAre("429 early", "200 new"));
  EXPECT_THAT(log, ElementsAre());
}

TEST_F(AgentAgain, WhoLostItsChannelDoesNotGetItBack) {
  const StartedApp bad = start("bad");
  StartedApp ended = start("ended");
  const StartedApp good = start("good");
  ASSERT_TRUE(bad.send("nonsense"));
  ended.end();
  traffic.turn(now_ms);
  EXPECT_EQ(bad.take(), (Packets{"ended"})) << "though the launcher has a copy";
  start_again();
  next->turn(now_ms);
  EXPECT_FALSE(bad.send(app_telemetry(1, "", "", "x")));
  EXPECT_EQ(good.take(), (Packets{"taken over", "offline"}));
  EXPECT_EQ(next->polled().size(), 2U) << "the launcher's and the good one's";
}

TEST_F(AgentAgain, WhoAnswersNonsenseLosesItsChannel) {
  std::vector<std::uint32_t> ids;
  for (std::uint32_t id = 1; id <= kAppTelemetryMax; ++id) ids.push_back(id);
  for (const auto& [packets, why] :
       {std::pair{std::vector{app_under_way(0x80000000U, {})}, "an answer to no question"},
        {std::vector{app_under_way(0, {}), app_under_way(0, {})}, "an answer to no question"},
        {std::vector{app_under_way(0, {1, 1})}, "under way: ids"},
        // 16 that are lost, and one that the new agent has.
        {std::vector{app_telemetry(99, "", "", "x"), app_under_way(0, ids)}, "too many"}}) {
    log.clear();
    const StartedApp bad = starter.start("bad");
    start_again();
    (void)bad.take();
    for (const std::string& packet : packets) ASSERT_TRUE(bad.send(packet));
    next->turn(now_ms);
    next->turn(now_ms);
    EXPECT_THAT(log, ElementsAre(HasSubstr(why)));
    EXPECT_FALSE(bad.send(app_telemetry(1, "", "", "x"))) << why;
  }
  // Nobody asked in the first place.
  log.clear();
  next.emplace(starter.next_agents_end(), *this);
  const StartedApp fresh = starter.start("fresh");
  next->turn(now_ms);
  ASSERT_TRUE(fresh.send(app_under_way(0, {})));
  next->turn(now_ms);
  EXPECT_THAT(log, ElementsAre(HasSubstr("an answer to no question")));
}

TEST_F(AgentAgain, WhoNeverAnswersIsBounded) {
  const StartedApp silent = start("silent");
  start_again();
  std::uint32_t id = 0;
  while (silent.send(app_telemetry(++id, "", "", "x"))) {
    ASSERT_LE(id, kAppTelemetryMax + 1);
    next->turn(now_ms);
    while (next->outbox().next_to_send() != nullptr) {
      next->outbox().mark_sent(++packet_id, 0);
      next->acknowledged(*next->outbox().acknowledge(packet_id));
    }
    EXPECT_EQ(next->polled().back().events & POLLOUT, 0) << "nothing to be written: no waking";
  }
  EXPECT_THAT(log, ElementsAre(HasSubstr("too many messages under way")));
}

TEST(AppIntroductions, OnlyASocketOfPacketsIsInherited) {
  EXPECT_FALSE(inherited_app_introductions(999));
  const auto stream = testing::socket_ends(SOCK_STREAM);
  EXPECT_FALSE(inherited_app_introductions(stream[0].get()));
  auto ends = testing::socket_ends();
  EXPECT_TRUE(inherited_app_introductions(ends[0].release()));
}

}  // namespace
}  // namespace pavise::agent
