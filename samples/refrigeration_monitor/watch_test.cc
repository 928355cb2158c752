#include "samples/refrigeration_monitor/watch.h"

#include <gtest/gtest.h>

namespace refrigeration_monitor {
namespace {

constexpr Limits kLimits{
    .warm_above_centi_celsius = 800, .warm_for_s = 600, .door_for_s = 120, .silent_for_s = 30};
constexpr Alarms kNone{};

class WatchTest : public testing::Test {
 protected:
  // A good reading.
  void say(int centi_celsius, bool door_open = false) {
    watch_.take({.reading = Reading{.centi_celsius = centi_celsius,
                                    .humidity_percent = 50,
                                    .door_open = door_open}},
                now_ms_);
  }
  void say(LineFault fault) { watch_.take({.reading = {}, .fault = fault}, now_ms_); }
  // Says it each ten seconds for so long, the last time at the end.
  void say_for(std::int64_t seconds, int centi_celsius, bool door_open = false) {
    for (std::int64_t i = 0; i < seconds; i += 10) {
      wait(10);
      say(centi_celsius, door_open);
    }
  }
  void wait(std::int64_t seconds) { now_ms_ += seconds * 1000; }
  Alarms alarms() const { return watch_.alarms(now_ms_); }

  std::int64_t now_ms_ = 5000;
  Watch watch_{kLimits, 5000};
};

TEST_F(WatchTest, NothingIsWrongWithAColdAndClosedFridge) {
  say_for(86'400, 400);
  EXPECT_EQ(alarms(), kNone);
  EXPECT_EQ(watch_.counts().good, 8640);
}

TEST_F(WatchTest, TooWarmForTooLong) {
  say(801);
  say_for(590, 801);
  wait(9);
  EXPECT_EQ(alarms(), kNone);
  wait(1);
  EXPECT_EQ(alarms(), (Alarms{.warm = true}));
  say(800);  // not above
  EXPECT_EQ(alarms(), kNone);
  say_for(590, 801);  // anew
  EXPECT_EQ(alarms(), kNone);
  say_for(20, 801);
  EXPECT_EQ(alarms(), (Alarms{.warm = true}));
}

TEST_F(WatchTest, ShortWarmTimesAreNone) {
  for (int i = 0; i < 20; ++i) {
    say_for(500, 1200);
    say(400);
  }
  EXPECT_EQ(alarms(), kNone);
}

TEST_F(WatchTest, DoorOpenForTooLong) {
  say(400, true);
  say_for(110, 400, true);
  EXPECT_EQ(alarms(), kNone);
  wait(10);
  EXPECT_EQ(alarms(), (Alarms{.door = true}));
  say(400, false);
  EXPECT_EQ(alarms(), kNone);
}

TEST_F(WatchTest, AlarmsStandBesideEachOther) {
  say(900, true);
  say_for(600, 900, true);
  EXPECT_EQ(alarms(), (Alarms{.warm = true, .door = true}));
  wait(30);
  EXPECT_EQ(alarms(), (Alarms{.warm = true, .door = true, .sensor = true}));
  say(400, true);
  EXPECT_EQ(alarms(), (Alarms{.door = true}));
}

TEST_F(WatchTest, ASensorThatNeverSpeaks) {
  wait(29);
  EXPECT_EQ(alarms(), kNone);
  wait(1);
  EXPECT_EQ(alarms(), (Alarms{.sensor = true}));
  EXPECT_FALSE(watch_.reading());
}

TEST_F(WatchTest, ASensorThatFallsSilentAndSpeaksAgain) {
  say_for(100, 400);
  wait(30);
  EXPECT_EQ(alarms(), (Alarms{.sensor = true}));
  say(400);
  EXPECT_EQ(alarms(), kNone);
}

TEST_F(WatchTest, NoiseIsAsSilence) {
  say(400);
  for (int i = 0; i < 30; ++i) {
    wait(1);
    say(i % 2 == 0 ? LineFault::broken : LineFault::impossible);
  }
  EXPECT_EQ(alarms(), (Alarms{.sensor = true}));
  EXPECT_EQ(watch_.counts().broken, 15);
  EXPECT_EQ(watch_.counts().impossible, 15);
  EXPECT_EQ(watch_.counts().good, 1);
  EXPECT_EQ(watch_.reading()->centi_celsius, 400);
}

// Neither pulled cables nor noise end an alarm, or hold it up.
TEST_F(WatchTest, NoiseAndSilenceEndNoWarmTime) {
  say(900, true);
  for (int i = 0; i < 599; ++i) {
    wait(1);
    say(LineFault::broken);
  }
  EXPECT_FALSE(alarms().warm);
  wait(1);
  EXPECT_EQ(alarms(), (Alarms{.warm = true, .door = true, .sensor = true}));
  wait(100'000);
  EXPECT_EQ(alarms(), (Alarms{.warm = true, .door = true, .sensor = true}));
}

TEST_F(WatchTest, OtherLimitsHoldFromNowOn) {
  say_for(300, 900);
  Limits limits = kLimits;
  limits.warm_for_s = 200;
  watch_.set_limits(limits);
  EXPECT_EQ(alarms(), (Alarms{.warm = true}));
  limits.warm_above_centi_celsius = 1000;
  watch_.set_limits(limits);
  EXPECT_EQ(alarms(), (Alarms{.warm = true}));  // nothing was heard since
  say(900);
  EXPECT_EQ(alarms(), kNone);
}

TEST(Limits, EachHasItsRange) {
  EXPECT_TRUE(Limits{}.valid());
  for (const auto& [warm, valid] : {std::pair{kWarmAboveMin, true},
                                    {kWarmAboveMin - 1, false},
                                    {kWarmAboveMax, true},
                                    {kWarmAboveMax + 1, false}})
    EXPECT_EQ(Limits{.warm_above_centi_celsius = warm}.valid(), valid) << warm;
  for (const auto& [seconds, valid] : {std::pair{kSecondsMin, true},
                                       {kSecondsMin - 1, false},
                                       {kSecondsMax, true},
                                       {kSecondsMax + 1, false}}) {
    EXPECT_EQ(Limits{.warm_for_s = seconds}.valid(), valid) << seconds;
    EXPECT_EQ(Limits{.door_for_s = seconds}.valid(), valid) << seconds;
    EXPECT_EQ(Limits{.silent_for_s = seconds}.valid(), valid) << seconds;
  }
}

}  // namespace
}  // namespace refrigeration_monitor
