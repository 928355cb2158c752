#include "device/apps/housekeeping/house_debuggees.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "device/apps/house/testing/paper_walls.h"
#include "device/apps/installation/testing/app_packages.h"

namespace pavise::device {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class HouseDebuggeesTest : public ::testing::Test {
 protected:
  HouseDebuggeesTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    ours.reset(ends[0]);
    its.reset(ends[1]);
  }
  std::string debug(std::string_view name) {
    const Status begun = debuggees.debug(name, std::move(its), 7);
    return begun ? "ok" : std::string(begun.error().code());
  }
  // Whether all that had the debugger's end of the console are gone.
  bool console_is_closed() const {
    char byte = 0;
    return ::recv(ours.get(), &byte, 1, MSG_DONTWAIT) == 0;
  }
  void turn(std::int64_t ms = 0) {
    clock.advance_ms(ms);
    (void)house.turn({}, 0);
  }
  std::vector<std::string> done() { return std::exchange(ground.done, {}); }

  erofs::testing::Folder folder;
  ManualClock clock{0};
  testing::PaperGround ground;
  testing::PaperMachine machine;
  std::vector<Digest256> measured;
  Status measurable;
  House house{{.put_up = ground.put_up(),
               .clock = clock,
               .tell = [](const std::string&) {},
               .measure =
                   [this](const InstalledApp&, const Digest256& policy) {
                     measured.push_back(policy);
                     return measurable;
                   },
               .introduce = [](const std::string&, int) { return Status(); },
               .power = [](app_wire::PowerAction) { return Status(); },
               .set_profile = machine.set_profile(),
               .time = machine}};
  HouseDebuggees debuggees{house};
  RunningApp& blink = house.move_in(testing::installed(folder.path(), {}), 1000);
  UniqueFd ours, its;
};

TEST_F(HouseDebuggeesTest, KnowsTheAppsOfTheHouse) {
  EXPECT_EQ(debuggees.component_of("blink").value(), testing::component_of(1));
  EXPECT_EQ(debuggees.name_of(testing::component_of(1)).value(), "blink");
  EXPECT_TRUE(debuggees.component_of("nobody").error().is(apps_ipc::kUnknownApp));
  EXPECT_TRUE(debuggees.name_of(testing::component_of(2)).error().is(kAppNotHere));
  EXPECT_EQ(debug("nobody"), "PV-AIP-003");
  debuggees.let_go("nobody");
  EXPECT_THAT(ground.done, IsEmpty());
}

TEST_F(HouseDebuggeesTest, ARunWithADebuggerIsMeasuredAsSuchAndTheNextOneIsAsEver) {
  house.start(blink);
  done();
  ASSERT_EQ(debug("blink"), "ok");
  EXPECT_THAT(done(), ElementsAre("ask blink 1.0.0"));
  turn();
  EXPECT_TRUE(blink.debugged());
  EXPECT_THAT(done(), ElementsAre("gone blink 1.0.0", "start blink 1.0.0"));
  ASSERT_EQ(measured.size(), 2U);
  EXPECT_NE(measured[1], measured[0]);
  EXPECT_EQ(blink.policy().digest, measured[1]);
  {
    const UniqueFd console = ground.console("blink");
    ASSERT_TRUE(console);
    EXPECT_FALSE(console_is_closed());
  }
  EXPECT_TRUE(console_is_closed()) << "nobody else has the debugger's end";
  // The program ends by itself: at once the app is what it was.
  ground.end("blink");
  turn();
  EXPECT_FALSE(blink.debugged());
  EXPECT_TRUE(blink.running());
  EXPECT_EQ(measured.back(), measured[0]);
}

TEST_F(HouseDebuggeesTest, WhoIsLetGoIsStartedAgainWithoutIt) {
  ASSERT_EQ(debug("blink"), "ok") << "it was stopped, and is started for this";
  EXPECT_TRUE(blink.debugged());
  done();
  debuggees.let_go("blink");
  turn();
  EXPECT_THAT(done(), ElementsAre("ask blink 1.0.0", "gone blink 1.0.0", "start blink 1.0.0"));
  EXPECT_FALSE(blink.debugged());
  debuggees.let_go("blink");
  EXPECT_THAT(done(), IsEmpty());
}

TEST_F(HouseDebuggeesTest, APersonsStopHoldsThoughItIsLetGo) {
  ASSERT_EQ(debug("blink"), "ok");
  house.stop(blink);
  debuggees.let_go("blink");
  turn();
  EXPECT_EQ(blink.life().state(), LifeState::stopped);
  EXPECT_FALSE(blink.debugged());
}

TEST_F(HouseDebuggeesTest, LetGoBeforeItBeganNoDebuggerStarts) {
  house.start(blink);
  ground.ends_when_asked = false;
  ASSERT_EQ(debug("blink"), "ok");
  debuggees.let_go("blink");
  ground.end("blink");
  turn();
  EXPECT_TRUE(blink.running());
  EXPECT_FALSE(blink.debugged());
  EXPECT_TRUE(console_is_closed());
}

TEST_F(HouseDebuggeesTest, WhatIsNotMeasuredIsNotDebuggedAndTheAppIsTriedAsEver) {
  measurable = Error(testing::kPaperTore);
  ASSERT_EQ(debug("blink"), "ok") << "it only begins";
  EXPECT_FALSE(blink.debugged());
  EXPECT_TRUE(console_is_closed());
  measurable = {};
  turn(1000);
  EXPECT_TRUE(blink.running());
  EXPECT_FALSE(blink.debugged());
}

TEST_F(HouseDebuggeesTest, AnAppWithoutADebuggerRunsOn) {
  house.start(blink);
  done();
  ground.has_debugger = false;
  EXPECT_EQ(debug("blink"), "PV-DBG-006");
  EXPECT_THAT(done(), IsEmpty());
}

TEST_F(HouseDebuggeesTest, AnAppThatWaitsForItsWallsCannotBeDebuggedAndSaysWhy) {
  ground.fails["put up blink 1.0.0"] = 2;
  house.start(blink);
  EXPECT_EQ(debug("blink"), "PV-TST-001");
  its.reset(::dup(ours.get()));
  EXPECT_EQ(debug("blink"), "ok");
  EXPECT_TRUE(blink.debugged());
}

}  // namespace
}  // namespace pavise::device
