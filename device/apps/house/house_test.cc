// A house of apps whose walls are of paper: what happens in which order, and what is tried again.
#include "device/apps/house/house.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "device/apps/house/testing/paper_walls.h"
#include "device/apps/installation/testing/app_packages.h"

namespace pavise::device {
namespace {

using testing::AppWish;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class HouseTest : public ::testing::Test {
 protected:
  RunningApp& move_in(const AppWish& wish) {
    return house.move_in(testing::installed(folder.path(), wish), 1000);
  }
  // Time passes, and all that is due in it is done.
  void pass(std::int64_t ms) {
    for (std::int64_t passed = 0; passed < ms; passed += 100) {
      clock.advance_ms(100);
      (void)house.turn({}, 0);
    }
  }
  std::vector<std::string> done() { return std::exchange(ground.done, {}); }

  erofs::testing::Folder folder;
  ManualClock clock{0};
  testing::PaperGround ground;
  testing::PaperMachine machine;
  std::vector<std::string> lines;
  Status measured, introduced, powered;
  std::vector<app_wire::PowerAction> asked;
  House house{{.put_up = ground.put_up(),
               .clock = clock,
               .tell = [this](const std::string& line) { lines.push_back(line); },
               .measure =
                   [this](const InstalledApp& app, const Digest256&) {
                     ground.done.push_back("measure " + app.manifest().name);
                     return measured;
                   },
               .introduce = [this](const std::string&, int) { return introduced; },
               .power =
                   [this](app_wire::PowerAction action) {
                     asked.push_back(action);
                     return powered;
                   },
               .set_profile = machine.set_profile(),
               .time = machine}};
};

TEST_F(HouseTest, AnAppIsMeasuredBeforeItStartsAndItsWallsStandThroughItsRuns) {
  RunningApp& blink = move_in({});
  EXPECT_EQ(blink.life().state(), LifeState::stopped);
  house.start(blink);
  EXPECT_THAT(done(), ElementsAre("measure blink", "put up blink 1.0.0", "start blink 1.0.0"));
  house.restart(blink);
  pass(100);
  EXPECT_THAT(done(), ElementsAre("ask blink 1.0.0", "gone blink 1.0.0", "measure blink",
                                  "start blink 1.0.0"));
  (void)house.move_out(blink);
  EXPECT_THAT(done(), ElementsAre("kill blink 1.0.0", "gone blink 1.0.0", "take down blink 1.0.0"));
  EXPECT_TRUE(house.apps().empty());
}

TEST_F(HouseTest, WhatIsNotMeasuredHasNoWallsAndDoesNotStart) {
  measured = Error(testing::kPaperTore);
  RunningApp& blink = move_in({});
  house.start(blink);
  EXPECT_THAT(done(), ElementsAre("measure blink"));
  EXPECT_EQ(blink.life().state(), LifeState::waiting);
  EXPECT_THAT(blink.last_event(), HasSubstr("not started: PV-TST-001"));
  measured = {};
  pass(1000);
  EXPECT_EQ(blink.life().state(), LifeState::running);
}

TEST_F(HouseTest, AWallThatFailsIsTriedAgainLikeAnyStart) {
  ground.fails["put up blink 1.0.0"] = 3;
  RunningApp& blink = move_in({});
  house.start(blink);
  EXPECT_EQ(blink.life().state(), LifeState::waiting);
  EXPECT_EQ(blink.memory_bytes(), 0U);
  EXPECT_FALSE(blink.has_debugger());
  EXPECT_TRUE(blink.pin({}, SOCK_STREAM, 53, std::chrono::seconds(1)).error().is(kGuardRefused));
  pass(1000);  // 1 s, 2 s, 4 s
  pass(2000);
  EXPECT_EQ(blink.life().state(), LifeState::waiting);
  pass(3900);
  EXPECT_EQ(blink.life().state(), LifeState::waiting);
  pass(100);
  EXPECT_EQ(blink.life().state(), LifeState::running);
  EXPECT_EQ(blink.life().restarts(), 3U);
}

TEST_F(HouseTest, WhoIsNotToBeRestartedIsNotTriedAgainButStaysAndAPersonMayStartIt) {
  ground.fails["put up blink 1.0.0"] = 1;
  RunningApp& blink = move_in({.lifecycle = R"({"restart":"never"})"});
  house.start(blink);
  pass(120'000);
  EXPECT_EQ(blink.life().state(), LifeState::stopped);
  house.start(blink);
  EXPECT_EQ(blink.life().state(), LifeState::running);
}

TEST_F(HouseTest, WhoIsToStandBehindWallsAtOnceDoesNotMoveInWithoutThem) {
  ground.fails["put up blink 1.0.0"] = 1;
  const auto refused = house.move_in_behind_walls(testing::installed(folder.path(), {}), 1000);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(testing::kPaperTore));
  EXPECT_TRUE(house.apps().empty());
  const auto moved = house.move_in_behind_walls(testing::installed(folder.path(), {}), 1001);
  ASSERT_TRUE(moved);
  EXPECT_EQ(ground.numbers.at("blink 1.0.0"), (std::pair<uid_t, std::uint8_t>{1001, 2}))
      << "not the number that was just given back: its address may still be taken";
  EXPECT_FALSE((*moved)->running());
}

TEST_F(HouseTest, AnAppThatFailsIsStartedAgainLaterAndLater) {
  RunningApp& blink = move_in({});
  house.start(blink);
  ground.end("blink", {.by_signal = false, .code = 3});
  pass(100);
  EXPECT_EQ(blink.last_event(), "ended with exit code 3");
  EXPECT_EQ(blink.life().state(), LifeState::waiting);
  pass(1000);
  ASSERT_EQ(blink.life().state(), LifeState::running);
  ground.end("blink", {.by_signal = true, .code = SIGSEGV});
  pass(1900);
  EXPECT_EQ(blink.life().state(), LifeState::waiting);
  pass(200);
  EXPECT_EQ(blink.life().state(), LifeState::running);
}

TEST_F(HouseTest, AProgramThatDoesNotStartIsTriedAgain) {
  ground.fails["start blink 1.0.0"] = 1;
  RunningApp& blink = move_in({});
  house.start(blink);
  EXPECT_FALSE(blink.running());
  EXPECT_THAT(blink.last_event(), HasSubstr("not started: PV-TST-001"));
  done();
  pass(1000);
  EXPECT_THAT(done(), ElementsAre("measure blink", "start blink 1.0.0"));
}

TEST_F(HouseTest, WhoDoesNotEndWhenAskedIsKilled) {
  ground.ends_when_asked = false;
  RunningApp& blink = move_in({.lifecycle = R"({"stop_timeout_ms":2000})"});
  house.start(blink);
  done();
  house.stop(blink);
  pass(1900);
  EXPECT_THAT(done(), ElementsAre("ask blink 1.0.0"));
  pass(200);
  EXPECT_THAT(done(), ElementsAre("kill blink 1.0.0", "gone blink 1.0.0"));
  EXPECT_EQ(blink.life().state(), LifeState::stopped);
  EXPECT_THAT(blink.last_event(), HasSubstr("ended by signal 9"));
}

TEST_F(HouseTest, AllStartOneByOneAndWhoWasStoppedMeanwhileDoesNot) {
  move_in({.name = "one", .number = 1});
  RunningApp& two = move_in({.name = "two", .number = 2});
  move_in({.name = "three", .number = 3});
  house.start_all_later();
  EXPECT_TRUE(house.start_next());
  EXPECT_TRUE(house.starts_later("two"));
  house.stop(two);
  EXPECT_FALSE(house.starts_later("two"));
  EXPECT_TRUE(house.start_next());
  EXPECT_FALSE(house.start_next());
  EXPECT_THAT(done(), ElementsAre("measure one", "put up one 1.0.0", "start one 1.0.0",
                                  "measure three", "put up three 1.0.0", "start three 1.0.0"));
  EXPECT_EQ(house.find("three")->number(), 3);
  EXPECT_EQ(house.find("four"), nullptr);
}

TEST_F(HouseTest, WhatAnAppPrintsIsInItsLogAndTold) {
  RunningApp& blink = move_in({});
  house.start(blink);
  ground.print("blink", "on\noff\n");
  ground.end("blink");
  pass(100);
  std::vector<std::string> log;
  for (const AppLogLine& line : blink.log().after(0)) log.push_back(line.text);
  EXPECT_THAT(log, ElementsAre("started, version 1.0.0", "on", "off", "ended with exit code 0"));
  EXPECT_THAT(lines, Contains("blink: off"));
  EXPECT_THAT(lines, Contains("event blink: ended with exit code 0"));
}

TEST_F(HouseTest, AnAppThatMayHasTheDeviceRestartedOnceItHasRunLongEnough) {
  RunningApp& blink = move_in({.capabilities = R"({"power_control":["reboot"]})"});
  house.start(blink);
  const std::string restart{"\3\1\0\0\0\1", 6};
  ground.say("blink", restart);
  pass(100);
  EXPECT_TRUE(asked.empty());
  EXPECT_THAT(blink.last_event(), HasSubstr("refused: to restart the device already"));
  pass(kPowerAfterMs);
  ground.say("blink", restart);
  pass(100);
  EXPECT_THAT(asked, ElementsAre(app_wire::PowerAction::restart));
}

TEST_F(HouseTest, TheMachinesClockAndProfileAreSetByWhoMay) {
  RunningApp& blink =
      move_in({.capabilities = R"({"system_time":true,"power_control":["power_profile"]})"});
  move_in({.name = "other", .number = 2});
  for (const auto& app : house.apps()) house.start(*app);
  for (const char* name : {"blink", "other"}) {
    ground.say(name, {"\5\1\0\0\0\xc0\x98\xd9\xd0\x9b\1\0\0", 13});
    ground.say(name, {"\3\2\0\0\0\5", 6});
  }
  pass(100);
  EXPECT_THAT(machine.times, ElementsAre(1'768'735'480'000));
  EXPECT_THAT(machine.profiles, ElementsAre(app_wire::PowerAction::power_saver));
  EXPECT_EQ(blink.last_event(), "set the power profile saving power");
  EXPECT_THAT(lines, Contains(HasSubstr("event blink: set the clock from ")));
  EXPECT_THAT(lines, Contains(HasSubstr("event other: refused: to set the clock to ")));
}

TEST_F(HouseTest, AtTheEndAllAreAskedAtOnce) {
  move_in({.name = "one", .number = 1});
  move_in({.name = "two", .number = 2});
  for (const auto& app : house.apps()) house.start(*app);
  done();
  house.stop_all(2500);
  EXPECT_THAT(done(),
              ElementsAre("ask one 1.0.0", "ask two 1.0.0", "gone one 1.0.0", "gone two 1.0.0"));
}

TEST_F(HouseTest, WhoHasNotEndedByThenIsKilled) {
  ground.ends_when_asked = false;
  house.start(move_in({}));
  done();
  house.stop_all(0);
  EXPECT_THAT(done(), ElementsAre("ask blink 1.0.0", "kill blink 1.0.0"));
}

}  // namespace
}  // namespace pavise::device
