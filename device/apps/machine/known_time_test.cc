#include "device/apps/machine/known_time.h"

#include <gtest/gtest.h>

#include <string>

#include "device/init_wire/init_wire.h"

namespace pavise::device {
namespace {

using app_wire::Outcome;

constexpr UnixSeconds kNowS = 1'795'000'000;
constexpr UnixMillis kNowMs = kNowS * 1000;
constexpr UnixMillis kDayMs = 86'400'000;

class KnownTimeTest : public ::testing::Test {
 protected:
  Outcome judged(UnixMillis to_ms) { return time.judge(to_ms).outcome; }

  ManualClock clock{kNowMs};
  KnownTime time{clock};
};

TEST_F(KnownTimeTest, NothingIsSetBeforeTheAgentHasSpoken) {
  clock.advance_ms(24LL * 3600 * 1000);
  EXPECT_EQ(judged(clock.now_ms()), Outcome::too_soon);
  EXPECT_EQ(time.judge(clock.now_ms()).wait_ms, kAgentSpeaksEveryMs);
}

TEST_F(KnownTimeTest, WithTheServicesWordThereIsADay) {
  EXPECT_EQ(time.hear(kNowS, true), kNowS);
  EXPECT_EQ(judged(kNowMs - 1), Outcome::implausible);
  EXPECT_EQ(judged(kNowMs), Outcome::done);
  EXPECT_EQ(judged(kNowMs + kAheadOfServiceMaxMs), Outcome::done);
  EXPECT_EQ(judged(kNowMs + kAheadOfServiceMaxMs + 1), Outcome::implausible);
  // Both ends go on with the steady clock, not with the one that was set.
  clock.advance_ms(1000);
  clock.set_wall_ms(kNowMs + kAheadOfServiceMaxMs);
  EXPECT_EQ(judged(kNowMs + 999), Outcome::implausible);
  EXPECT_EQ(judged(kNowMs + 1000), Outcome::done);
  EXPECT_EQ(judged(kNowMs + kAheadOfServiceMaxMs + 1000), Outcome::done);
  EXPECT_EQ(judged(kNowMs + kAheadOfServiceMaxMs + 1001), Outcome::implausible);
}

TEST_F(KnownTimeTest, WithoutItThereAreYearsAfterAWhile) {
  time.hear(kNowS, false);
  clock.advance_ms(kWaitForServiceMs - 1);
  EXPECT_EQ(judged(kNowMs + kWaitForServiceMs), Outcome::too_soon);
  EXPECT_EQ(time.judge(kNowMs).wait_ms, 1U);
  clock.advance_ms(1);
  EXPECT_EQ(judged(kNowMs + kWaitForServiceMs - 1), Outcome::implausible);
  EXPECT_EQ(judged(kNowMs + kWaitForServiceMs), Outcome::done);
  EXPECT_EQ(judged(kNowMs + kWaitForServiceMs + kAheadOfImageMaxMs), Outcome::done);
  EXPECT_EQ(judged(kNowMs + kWaitForServiceMs + kAheadOfImageMaxMs + 1), Outcome::implausible);
}

TEST_F(KnownTimeTest, WhatIsKnownNeverFalls) {
  time.hear(kNowS, true);
  clock.advance_ms(5000);
  EXPECT_EQ(time.hear(kNowS - 86'400, false), kNowS + 5);
  EXPECT_EQ(judged(kNowMs + 4999), Outcome::implausible);
  EXPECT_EQ(judged(kNowMs + 5000 + kAheadOfServiceMaxMs + 1), Outcome::implausible);
}

// Whoever took the agent over, or a device that knows nothing.
TEST_F(KnownTimeTest, InitsBoundsHoldWhateverTheAgentSays) {
  for (const UnixSeconds said : {UnixSeconds{0}, UnixSeconds{-1}, INT64_MIN}) {
    EXPECT_EQ(time.hear(said, true), 0);
    EXPECT_EQ(judged(kClockEarliestMs - 1), Outcome::implausible);
    EXPECT_EQ(judged(kClockEarliestMs), Outcome::done);
  }
  EXPECT_EQ(time.hear(INT64_MAX, true), kClockLatestMs / 1000);
  EXPECT_EQ(judged(kClockLatestMs), Outcome::done);
  EXPECT_EQ(judged(kClockLatestMs + 1), Outcome::implausible);
  clock.advance_ms(1);
  EXPECT_EQ(judged(kClockLatestMs), Outcome::implausible);
}

TEST_F(KnownTimeTest, ItsClockGoesOnWhateverTheOtherIsSetTo) {
  EXPECT_EQ(time.now_ms(), kNowMs);
  clock.advance_ms(10'000);
  for (const UnixMillis set : {kNowMs - 86'400'000, kNowMs + 86'400'000}) {
    clock.set_wall_ms(set);
    clock.advance_ms(500);
  }
  EXPECT_EQ(time.now_ms(), kNowMs + 11'000);
  time.hear(kNowS - 5, true);
  EXPECT_EQ(time.now_ms(), kNowMs + 11'000);
  time.hear(kNowS + 3600, false);
  clock.advance_ms(7);
  EXPECT_EQ(time.now_ms(), kNowMs + 3'600'007);
}

// The clock was set before this start of the launcher, not before the one of the device.
TEST_F(KnownTimeTest, ALauncherThatIsStartedAnewGoesOnAsInitSays) {
  const std::int64_t ahead_ms = clock_ahead_ms(clock);
  clock.advance_ms(10'000);
  for (const UnixMillis set : {kNowMs - kDayMs, kNowMs + 365 * kDayMs}) {
    clock.set_wall_ms(set);
    EXPECT_EQ(KnownTime(clock, ahead_ms).now_ms(), kNowMs + 10'000);
    EXPECT_EQ(KnownTime(clock).now_ms(), set) << "nobody said it";
  }
}

TEST(ClockAhead, IsInItsBounds) {
  EXPECT_EQ(clock_ahead_ms(ManualClock(kNowMs)), kNowMs);
  EXPECT_EQ(clock_ahead_ms(ManualClock(-1)), 0);
  EXPECT_EQ(clock_ahead_ms(ManualClock(kClockAheadMsMax + 1)), kClockAheadMsMax);
  EXPECT_EQ(parse_clock_ahead_ms(std::to_string(kClockAheadMsMax)), kClockAheadMsMax);
  EXPECT_FALSE(parse_clock_ahead_ms(std::to_string(kClockAheadMsMax + 1)));
  for (const char* bad : {"", "-1", "-0", "+1", "1 ", "0x1"})
    EXPECT_FALSE(parse_clock_ahead_ms(bad)) << bad;
}

// A device without a clock learns from the agent what time it is.
TEST_F(KnownTimeTest, ItsClockIsAtLeastWhatTheAgentSays) {
  ManualClock none{0};
  KnownTime here{none};
  EXPECT_EQ(here.now_ms(), 0);
  here.hear(kNowS, false);
  EXPECT_EQ(here.now_ms(), kNowMs);
}

}  // namespace
}  // namespace pavise::device
