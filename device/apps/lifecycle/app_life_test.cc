#include "device/apps/lifecycle/app_life.h"

#include <gtest/gtest.h>

namespace pavise::device {
namespace {

using enum LifeAction;
using enum LifeState;

class AppLifeTest : public testing::Test {
 protected:
  static LifePolicy policy() {
    return {.restart_delay_ms = 100, .restart_delay_max_ms = 400, .stop_timeout_ms = 50};
  }
  // A started app at time 0.
  static AppLife running(const LifePolicy& policy) {
    AppLife life(policy);
    EXPECT_EQ(life.want_running(0), begin);
    EXPECT_EQ(life.started(0), nothing);
    return life;
  }
};

TEST_F(AppLifeTest, NothingHappensUnlessItIsWanted) {
  AppLife life(policy());
  EXPECT_EQ(life.state(), stopped);
  EXPECT_EQ(life.time_passed(1'000'000), nothing);
  EXPECT_EQ(life.want_stopped(0), nothing);
  EXPECT_FALSE(life.wakes_at_ms());
}

TEST_F(AppLifeTest, RestartsWithGrowingDelays) {
  AppLife life = running(policy());
  std::int64_t now = 0;
  for (const std::int64_t delay : {100, 200, 400, 400}) {
    EXPECT_EQ(life.ended(true, now), nothing);
    EXPECT_EQ(life.state(), waiting);
    EXPECT_EQ(life.wakes_at_ms(), now + delay);
    EXPECT_EQ(life.time_passed(now + delay - 1), nothing);
    now += delay;
    EXPECT_EQ(life.time_passed(now), begin);
    EXPECT_EQ(life.started(now), nothing);
  }
  EXPECT_EQ(life.restarts(), 4U);
}

TEST_F(AppLifeTest, ACalmRunMakesTheDelayShortAgain) {
  AppLife life = running(policy());
  EXPECT_EQ(life.ended(true, 0), nothing);
  EXPECT_EQ(life.time_passed(100), begin);
  EXPECT_EQ(life.started(100), nothing);
  EXPECT_EQ(life.ended(true, 100 + kCalmRunMs - 1), nothing);
  EXPECT_EQ(life.wakes_at_ms(), 100 + kCalmRunMs - 1 + 200);
  std::int64_t now = *life.wakes_at_ms();
  EXPECT_EQ(life.time_passed(now), begin);
  EXPECT_EQ(life.started(now), nothing);
  EXPECT_EQ(life.ended(true, now + kCalmRunMs), nothing);
  EXPECT_EQ(life.wakes_at_ms(), now + kCalmRunMs + 100);
}

TEST_F(AppLifeTest, AProgramThatCannotBeStartedIsTriedAgain) {
  AppLife life(policy());
  EXPECT_EQ(life.want_running(0), begin);
  EXPECT_EQ(life.not_started(0), nothing);
  EXPECT_EQ(life.wakes_at_ms(), 100);
  EXPECT_EQ(life.time_passed(100), begin);
}

TEST_F(AppLifeTest, RestartByPolicy) {
  LifePolicy failures = policy();
  failures.restart = RestartWhen::on_failure;
  AppLife life = running(failures);
  EXPECT_EQ(life.ended(false, 10), nothing);
  EXPECT_EQ(life.state(), stopped);
  EXPECT_FALSE(life.wakes_at_ms());
  life = running(failures);
  EXPECT_EQ(life.ended(true, 10), nothing);
  EXPECT_EQ(life.state(), waiting);

  LifePolicy once = policy();
  once.restart = RestartWhen::never;
  life = running(once);
  EXPECT_EQ(life.ended(true, 10), nothing);
  EXPECT_EQ(life.state(), stopped);
  EXPECT_EQ(life.want_running(20), begin);
}

TEST_F(AppLifeTest, IsAskedToEndThenKilled) {
  AppLife life = running(policy());
  EXPECT_EQ(life.want_stopped(10), ask_to_end);
  EXPECT_EQ(life.want_stopped(11), nothing);
  EXPECT_EQ(life.time_passed(59), nothing);
  EXPECT_EQ(life.time_passed(60), kill);
  EXPECT_EQ(life.state(), killing);
  EXPECT_EQ(life.time_passed(1000), nothing);
  EXPECT_EQ(life.ended(true, 70), nothing);
  EXPECT_EQ(life.state(), stopped);
  EXPECT_FALSE(life.wakes_at_ms());
}

TEST_F(AppLifeTest, StoppedWhileItWaits) {
  AppLife life = running(policy());
  EXPECT_EQ(life.ended(true, 0), nothing);
  EXPECT_EQ(life.want_stopped(10), nothing);
  EXPECT_EQ(life.state(), stopped);
  EXPECT_EQ(life.time_passed(1000), nothing);
}

TEST_F(AppLifeTest, StoppedWhileItStarts) {
  AppLife life(policy());
  EXPECT_EQ(life.want_running(0), begin);
  EXPECT_EQ(life.want_stopped(1), nothing);
  EXPECT_EQ(life.started(2), ask_to_end);
  EXPECT_EQ(life.ended(false, 3), nothing);
  EXPECT_EQ(life.state(), stopped);
}

TEST_F(AppLifeTest, RestartOnRequestDoesNotWait) {
  AppLife life = running(policy());
  EXPECT_EQ(life.want_restart(10), ask_to_end);
  EXPECT_EQ(life.ended(false, 20), begin);
  EXPECT_EQ(life.started(21), nothing);
  EXPECT_EQ(life.restarts(), 0U);
  EXPECT_EQ(life.ended(true, 22), nothing);
  EXPECT_EQ(life.wakes_at_ms(), 122);
}

TEST_F(AppLifeTest, WantedAgainWhileItEnds) {
  AppLife life = running(policy());
  EXPECT_EQ(life.want_stopped(10), ask_to_end);
  EXPECT_EQ(life.want_running(11), nothing);
  EXPECT_EQ(life.ended(false, 12), begin);
}

TEST_F(AppLifeTest, RequestedWhileItWaitsOrIsStopped) {
  AppLife life = running(policy());
  EXPECT_EQ(life.ended(true, 0), nothing);
  EXPECT_EQ(life.want_restart(1), begin);
  AppLife other(policy());
  EXPECT_EQ(other.want_restart(1), begin);
}

TEST_F(AppLifeTest, WhoIsNotWellIsEndedAndStartedAgain) {
  LifePolicy checked = policy();
  checked.restart = RestartWhen::on_failure;
  checked.first_health_ms = 1000;
  checked.health_interval_ms = 300;
  AppLife life = running(checked);
  EXPECT_EQ(life.wakes_at_ms(), 1000);
  life.is_well(900);
  EXPECT_EQ(life.wakes_at_ms(), 1200);
  EXPECT_EQ(life.time_passed(1199), nothing);
  EXPECT_EQ(life.time_passed(1200), ask_to_end);
  EXPECT_EQ(life.missed_health(), 1U);
  life.is_well(1201);  // too late
  EXPECT_EQ(life.wakes_at_ms(), 1250);
  // It may end as if nothing were wrong; it was a failure all the same.
  EXPECT_EQ(life.ended(false, 1210), nothing);
  EXPECT_EQ(life.state(), waiting);
}

TEST_F(AppLifeTest, WithoutHealthCheckNobodyWaitsForWord) {
  AppLife life = running(policy());
  EXPECT_FALSE(life.wakes_at_ms());
  life.is_well(10);
  EXPECT_FALSE(life.wakes_at_ms());
}

TEST_F(AppLifeTest, WhatIsDebuggedMayStandStillAndComesBackAtOnce) {
  LifePolicy checked = policy();
  checked.restart = RestartWhen::never;
  checked.first_health_ms = 1000;
  checked.health_interval_ms = 300;
  AppLife life = running(checked);
  life.is_debugged();
  EXPECT_FALSE(life.wakes_at_ms());
  life.is_well(900);
  EXPECT_FALSE(life.wakes_at_ms());
  EXPECT_EQ(life.ended(true, 5000), begin);
  EXPECT_EQ(life.started(5000), nothing);
  EXPECT_EQ(life.wakes_at_ms(), 6000) << "an ordinary run again";
  EXPECT_EQ(life.restarts(), 0U);

  life = running(checked);
  life.is_debugged();
  EXPECT_EQ(life.want_restart(10), ask_to_end);
  EXPECT_EQ(life.time_passed(60), kill) << "a debugger that does not end";
  EXPECT_EQ(life.ended(true, 70), begin);

  life = running(checked);
  life.is_debugged();
  EXPECT_EQ(life.want_stopped(10), ask_to_end);
  life.is_debugged();
  EXPECT_EQ(life.ended(true, 20), nothing) << "stopped by a person's word";
}

TEST_F(AppLifeTest, StatesHaveNames) {
  for (const LifeState state : {stopped, waiting, starting, LifeState::running, ending, killing})
    EXPECT_NE(to_string(state), "unknown");
}

}  // namespace
}  // namespace pavise::device
