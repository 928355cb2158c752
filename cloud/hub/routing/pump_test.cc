#include "cloud/hub/routing/pump.h"

#include <gmock/gmock.h>

#include "cloud/hub/routing/testing/routing_fixture.h"

namespace pavise::hub::routing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Next = Pump::Next;

constexpr ErrorInfo kDown{"PV-TST-001", Retry::later, "down", "wait"};

class PumpTest : public testing::RoutingFixture {};

TEST_F(PumpTest, BringsWhatARouteTakesInTheOrderOfTheLog) {
  make_route("hot", "$connectionDeviceId = 'hot'");
  const auto pump = this->pump();
  append({.device = "hot", .body = "1"});
  append({.device = "cold", .body = "2"});
  append({.device = "hot", .body = "3"});
  EXPECT_EQ(run(*pump).next, Next::at_end);
  EXPECT_THAT(to_->bodies(), ElementsAre("1", "3"));
  EXPECT_EQ(to_->calls(), 1) << "one batch";
  EXPECT_EQ(endpoint().cursor, log_->durable_end()) << "kept before more is read";
  EXPECT_EQ(endpoint().delivered, 2U);
  EXPECT_TRUE(board_.health(endpoint().number)->healthy);
}

TEST_F(PumpTest, ReadsNoFurtherThanItIsTold) {
  make_route("all");
  append_many(3);
  const auto pump = this->pump();
  while (pump->step(2).next == Next::more) {
  }
  EXPECT_THAT(to_->bodies(), ElementsAre("0", "1"));
  EXPECT_EQ(pump->cursor(), 2U);
}

TEST_F(PumpTest, WhatCameBeforeTheEndpointIsNotForIt) {
  append("old");
  make_endpoint("late");
  make_route("all", "true", "late");
  Pump late(wiring_, hub_, endpoint("late"), std::make_unique<testing::ReceiverSink>(to_),
            std::make_shared<const Plan>(routes(), "late"));
  append("new");
  run(late);
  EXPECT_THAT(to_->bodies(), ElementsAre("new"));
}

TEST_F(PumpTest, OtherHubsAndFormerHubsAreNotForIt) {
  make_route("all");
  clock_.advance_ms(-1);
  append("of a former hub");
  clock_.advance_ms(1);
  append({.body = "of another hub", .hub = "plant-2"});
  append({.body = "of another tenant", .tenant = "other"});
  append("mine");
  run(*pump());
  EXPECT_THAT(to_->bodies(), ElementsAre("mine"));
}

TEST_F(PumpTest, EventsOfDevicesHaveRoutesOfTheirOwn) {
  make_route("twins", "opType = 'updateTwin'", "hook", store::RouteSource::twin_changes);
  iothub::PropertyBag update;
  update.add("opType", "updateTwin");
  append({.body = "twin", .properties = update, .origin = {{}, {}, {}, "twinChangeEvents"}});
  append({.body = "life", .properties = update, .origin = {{}, {}, {}, "deviceLifecycleEvents"}});
  append({.body = "telemetry", .properties = update});
  run(*pump());
  EXPECT_THAT(to_->bodies(), ElementsAre("twin"));
}

TEST_F(PumpTest, ConditionsMayAskTheTwinOfTheSender) {
  make_route("third-floor", "$twin.tags.floor = 3");
  twins_ = {{"d1", R"({"tags":{"floor":3}})"}, {"d2", R"({"tags":{"floor":2}})"}};
  append({.device = "d1", .body = "1"});
  append({.device = "d2", .body = "2"});
  append({.device = "gone", .body = "3"});
  run(*pump());
  EXPECT_THAT(to_->bodies(), ElementsAre("1"));
}

TEST_F(PumpTest, AMessageGoesOnceHoweverManyRoutesTakeIt) {
  make_route("all");
  make_route("also");
  std::vector<std::string> routes;
  to_->answer([&](std::span<const Message> messages) {
    routes = messages.front().routes;
    return Outcome{.delivered = messages.size()};
  });
  append("1");
  run(*pump());
  EXPECT_THAT(to_->bodies(), ElementsAre("1"));
  EXPECT_THAT(routes, ElementsAre("all", "also"));
}

TEST_F(PumpTest, ADeadEndpointIsAskedAgainMoreAndMoreSeldom) {
  make_route("all");
  append("1");
  const auto pump = this->pump();
  to_->answer([](std::span<const Message>) { return Outcome{.error = Error(kDown)}; });
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 8; ++i) {
    const Pump::Turn turn = run(*pump);
    ASSERT_EQ(turn.next, Next::later);
    waits.push_back(turn.wait_ms);
  }
  EXPECT_THAT(waits, ElementsAre(1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000));
  EXPECT_EQ(to_->calls(), 8);
  EXPECT_THAT(failures_, ElementsAre("hook PV-TST-001")) << "told once";
  const auto health = board_.health(endpoint().number);
  EXPECT_FALSE(health->healthy);
  EXPECT_TRUE(health->error->is(kDown));
  EXPECT_EQ(endpoint().cursor, 0U) << "nothing was taken";

  to_->answer({});
  EXPECT_EQ(run(*pump).next, Next::at_end);
  EXPECT_THAT(to_->bodies(), ElementsAre("1"));
  EXPECT_TRUE(board_.health(endpoint().number)->healthy);
  to_->answer([](std::span<const Message>) { return Outcome{.error = Error(kDown)}; });
  append("2");
  EXPECT_EQ(run(*pump).wait_ms, kRetryMsMin) << "after a success it begins anew";
}

TEST_F(PumpTest, CountsWhatBecameOfMessages) {
  make_route("all");
  make_route("hot", "$connectionDeviceId = 'hot'");
  append({.device = "hot", .body = "1"});
  append({.device = "cold", .body = "bad"});
  append({.device = "cold", .body = "3"});
  to_->answer([](std::span<const Message>) { return Outcome{.error = Error(kDown)}; });
  const auto pump = this->pump();
  EXPECT_EQ(run(*pump).next, Next::later);
  to_->answer([](std::span<const Message> messages) {
    Outcome out;
    for (const Message& message : messages) {
      if (as_text(message.body) == "bad") {
        out.error = Error(kDown);
        out.refused = true;
        return out;
      }
      ++out.delivered;
    }
    return out;
  });
  while (run(*pump).next != Next::at_end) continue;
  const std::vector<Health> all = board_.all();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].hub, hub_.name.text());
  EXPECT_EQ(all[0].endpoint, "hook");
  EXPECT_EQ(all[0].delivered, 2U);
  EXPECT_EQ(all[0].dropped, 1U);
  EXPECT_EQ(all[0].failures, 1U + kRefusalsMax - 1) << "down once, refused twice in vain";
  EXPECT_EQ(all[0].cursor, 3U);
  EXPECT_EQ(all[0].delivered_by_route,
            (std::map<std::string, std::uint64_t>{{"all", 2}, {"hot", 1}}));
  board_.forget(endpoint().number);
  EXPECT_TRUE(board_.all().empty());
}

TEST_F(PumpTest, WhatWasTakenOfABatchIsNotSentAgain) {
  make_route("all");
  append_many(5);
  const auto pump = this->pump();
  to_->answer(
      [](std::span<const Message>) { return Outcome{.delivered = 2, .error = Error(kDown)}; });
  EXPECT_EQ(run(*pump).next, Next::later);
  EXPECT_EQ(endpoint().delivered, 2U);
  EXPECT_EQ(endpoint().cursor, 2U);
  to_->answer({});
  run(*pump);
  EXPECT_THAT(to_->bodies(), ElementsAre("0", "1", "2", "3", "4"));
}

TEST_F(PumpTest, AProcessThatDiesGoesOnWhereTheEndpointStopped) {
  make_route("all");
  append_many(250);
  {
    const auto pump = this->pump();
    EXPECT_EQ(pump->step(log_->durable_end()).next, Next::more);  // delivers a batch and dies
  }
  EXPECT_EQ(to_->bodies().size(), kBatchMax);
  EXPECT_EQ(endpoint().cursor, kBatchMax) << "kept with the delivery, not later";
  run(*pump());
  std::vector<std::string> all;
  all.reserve(250);
  for (int i = 0; i < 250; ++i) all.push_back(std::to_string(i));
  EXPECT_EQ(to_->bodies(), all);
}

TEST_F(PumpTest, WhatWasDeliveredAndNotKeptComesAgain) {
  make_route("all");
  append("1");
  const store::RoutingEndpointRecord before = endpoint();
  run(*pump());
  // As if the process had died between the answer and the commit.
  Pump again(wiring_, hub_, before, std::make_unique<testing::ReceiverSink>(to_), plan());
  run(again);
  EXPECT_THAT(to_->bodies(), ElementsAre("1", "1"));
}

TEST_F(PumpTest, ABatchHasAMaximumOfMessagesAndBytes) {
  make_route("all");
  append_many(static_cast<int>(kBatchMax) + 1);
  std::vector<std::size_t> sizes;
  to_->answer([&](std::span<const Message> messages) {
    sizes.push_back(messages.size());
    return Outcome{.delivered = messages.size()};
  });
  const auto pump = this->pump();
  run(*pump);
  EXPECT_THAT(sizes, ElementsAre(kBatchMax, 1U));
  sizes.clear();
  const std::string large(250'000, 'x');
  for (int i = 0; i < 5; ++i) append(large);
  run(*pump);
  EXPECT_THAT(sizes, ElementsAre(4U, 1U)) << "five are more than a mebibyte";
}

TEST_F(PumpTest, OneThatIsRefusedForGoodDoesNotHoldUpTheOthers) {
  make_route("all");
  append_many(20);
  to_->answer([](std::span<const Message> messages) -> Outcome {
    for (const Message& message : messages)
      if (as_text(message.body) == "13") return {.error = Error(kDown), .refused = true};
    return {.delivered = messages.size()};
  });
  const auto pump = this->pump();
  int waits = 0;
  while (run(*pump).next == Next::later) ++waits;
  EXPECT_EQ(waits, kRefusalsMax - 1) << "tried so often before it is dropped";
  std::vector<std::string> expected;
  for (int i = 0; i < 20; ++i)
    if (i != 13) expected.push_back(std::to_string(i));
  EXPECT_EQ(to_->bodies(), expected);
  EXPECT_EQ(endpoint().dead_letters, 1U);
  EXPECT_EQ(endpoint().delivered, 19U);
  EXPECT_EQ(endpoint().cursor, log_->durable_end());
  EXPECT_THAT(failures_, ElementsAre("hook PV-TST-001", "hook PV-HRT-003"));
}

TEST_F(PumpTest, WhatRetentionTookIsCountedAndToldOfOnce) {
  make_route("all");
  append("1");
  Retention retention(*log_, clock_, [&] {
    return std::vector<HubRetention>{{"plant-1", hub_.created_ms, 1000, 0}};
  });
  wiring_.retention = &retention;
  const auto pump = this->pump();
  to_->answer([](std::span<const Message>) { return Outcome{.error = Error(kDown)}; });
  EXPECT_EQ(run(*pump).next, Next::later);
  clock_.advance_ms(10'000);
  append("2");
  ASSERT_TRUE(retention.apply());
  pump->use(plan());  // the batch that waits is let go
  to_->answer({});
  run(*pump);
  EXPECT_THAT(to_->bodies(), ElementsAre("2"));
  EXPECT_EQ(endpoint().gaps, 1U);
  EXPECT_THAT(failures_, ElementsAre("hook PV-TST-001", "hook PV-HRT-005"));
}

TEST_F(PumpTest, RoutesThatChangeHoldForWhatWasNotDelivered) {
  make_route("all");
  append("1");
  const auto pump = this->pump();
  to_->answer([](std::span<const Message>) { return Outcome{.error = Error(kDown)}; });
  EXPECT_EQ(run(*pump).next, Next::later);
  to_->answer({});
  pump->use(std::make_shared<const Plan>(std::span<const store::RouteRecord>{}));
  EXPECT_EQ(run(*pump).next, Next::at_end);
  EXPECT_THAT(to_->bodies(), IsEmpty());
  append("2");
  pump->use(plan());
  run(*pump);
  EXPECT_THAT(to_->bodies(), ElementsAre("2"));
}

TEST_F(PumpTest, ACursorThatMovesWithoutADeliveryIsKeptNowAndThen) {
  const auto pump = this->pump();  // no route
  append_many(static_cast<int>(kCursorLagMax) - 1);
  run(*pump);
  run(*pump);
  EXPECT_EQ(endpoint().cursor, 0U);
  append_many(1);
  run(*pump);
  run(*pump);
  EXPECT_EQ(endpoint().cursor, kCursorLagMax);
  append_many(1);
  run(*pump);
  pump->flush();
  EXPECT_EQ(endpoint().cursor, kCursorLagMax + 1);
}

TEST_F(PumpTest, OneStepLooksAtABoundedPartOfTheLog) {
  make_route("none", "false");
  append_many(static_cast<int>(kScannedMax) + 1);
  const auto pump = this->pump();
  EXPECT_EQ(pump->step(log_->durable_end()).next, Next::more);
  EXPECT_EQ(pump->cursor(), kScannedMax);
  run(*pump);
  const Offset begin = pump->cursor();
  const std::string large(250'000, 'x');
  constexpr std::size_t kCount = kScannedBytesMax / 250'000 + 20;
  for (std::size_t i = 0; i < kCount; ++i) append(large);
  EXPECT_EQ(pump->step(log_->durable_end()).next, Next::more);
  EXPECT_LT(pump->cursor(), begin + kCount);
  EXPECT_GE(pump->cursor(), begin + kScannedBytesMax / 250'000);
}

TEST_F(PumpTest, TwinsAreReadOnceForAStepAndForgotten) {
  make_route("all", "$twin.tags.floor = 3 OR true");
  const auto pump = this->pump();
  int reads = 0;
  wiring_.twin = [&](const iothub::Identity&) -> std::optional<query::Document> {
    ++reads;
    return std::nullopt;
  };
  append_many(50);
  run(*pump);
  EXPECT_EQ(reads, 1) << "one device";
  append("again");
  run(*pump);
  EXPECT_EQ(reads, 2) << "it may have changed";
}

TEST_F(PumpTest, AnEndpointThatIsGoneEndsQuietly) {
  append("1");
  make_route("all");
  const auto pump = this->pump();
  ASSERT_TRUE(queue_->call([&](store::HubTransaction& tx) -> Status {
    PAVISE_TRY(tx.delete_route(name_, "all", {}));
    return tx.delete_routing_endpoint(name_, "hook", {});
  }));
  EXPECT_EQ(run(*pump).next, Next::at_end);
}

}  // namespace
}  // namespace pavise::hub::routing
