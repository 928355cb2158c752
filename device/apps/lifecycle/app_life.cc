#include "device/apps/lifecycle/app_life.h"

#include <algorithm>

#include "common/base/result.h"

namespace pavise::device {

std::string_view to_string(LifeState state) {
  switch (state) {
    case LifeState::stopped:
      return "stopped";
    case LifeState::waiting:
      return "waiting";
    case LifeState::starting:
      return "starting";
    case LifeState::running:
      return "running";
    case LifeState::ending:
      return "ending";
    case LifeState::killing:
      return "killing";
  }
  return "unknown";
}

AppLife::AppLife(const LifePolicy& policy) : policy_(policy), delay_ms_(policy.restart_delay_ms) {}

LifeAction AppLife::begin() {
  state_ = LifeState::starting;
  at_once_ = false;
  counts_as_failed_ = false;
  wake_ms_.reset();
  return LifeAction::begin;
}

LifeAction AppLife::want_running(std::int64_t /*now_ms*/) {
  if (wanted_ && state_ != LifeState::stopped && state_ != LifeState::waiting)
    return LifeAction::nothing;
  wanted_ = true;
  delay_ms_ = policy_.restart_delay_ms;
  restarts_ = 0;
  if (state_ == LifeState::stopped || state_ == LifeState::waiting) return begin();
  at_once_ = true;  // it is on its way out and comes back at once
  return LifeAction::nothing;
}

LifeAction AppLife::want_stopped(std::int64_t now_ms) {
  wanted_ = false;
  at_once_ = false;
  if (state_ == LifeState::waiting) {
    state_ = LifeState::stopped;
    wake_ms_.reset();
  }
  return state_ == LifeState::running ? end_it(now_ms) : LifeAction::nothing;
}

LifeAction AppLife::want_restart(std::int64_t now_ms) {
  if (state_ == LifeState::stopped || state_ == LifeState::waiting) return want_running(now_ms);
  wanted_ = true;
  at_once_ = true;
  return state_ == LifeState::running ? end_it(now_ms) : LifeAction::nothing;
}

LifeAction AppLife::end_it(std::int64_t now_ms) {
  state_ = LifeState::ending;
  wake_ms_ = now_ms + policy_.stop_timeout_ms;
  return LifeAction::ask_to_end;
}

LifeAction AppLife::started(std::int64_t now_ms) {
  PAVISE_CHECK(state_ == LifeState::starting);
  state_ = LifeState::running;
  started_ms_ = now_ms;
  if (policy_.health_interval_ms > 0) wake_ms_ = now_ms + policy_.first_health_ms;
  // What was wanted meanwhile.
  if (!wanted_ || at_once_) return end_it(now_ms);
  return LifeAction::nothing;
}

LifeAction AppLife::not_started(std::int64_t now_ms) {
  PAVISE_CHECK(state_ == LifeState::starting);
  started_ms_ = now_ms;
  return after_end(true, now_ms);
}

LifeAction AppLife::ended(bool failed, std::int64_t now_ms) {
  PAVISE_CHECK(state_ == LifeState::running || state_ == LifeState::ending ||
               state_ == LifeState::killing);
  return after_end(failed || counts_as_failed_, now_ms);
}

LifeAction AppLife::after_end(bool failed, std::int64_t now_ms) {
  state_ = LifeState::stopped;
  wake_ms_.reset();
  if (!wanted_) return LifeAction::nothing;
  if (at_once_) return begin();
  if (policy_.restart == RestartWhen::never ||
      (policy_.restart == RestartWhen::on_failure && !failed)) {
    wanted_ = false;
    return LifeAction::nothing;
  }
  if (now_ms - started_ms_ >= kCalmRunMs) delay_ms_ = policy_.restart_delay_ms;
  state_ = LifeState::waiting;
  wake_ms_ = now_ms + delay_ms_;
  delay_ms_ = std::min(delay_ms_ * 2, policy_.restart_delay_max_ms);
  ++restarts_;
  return LifeAction::nothing;
}

void AppLife::is_debugged() {
  if (state_ != LifeState::running || !wanted_) return;
  at_once_ = true;
  wake_ms_.reset();
}

void AppLife::is_well(std::int64_t now_ms) {
  if (state_ == LifeState::running && !at_once_ && policy_.health_interval_ms > 0)
    wake_ms_ = now_ms + policy_.health_interval_ms;
}

LifeAction AppLife::time_passed(std::int64_t now_ms) {
  if (!wake_ms_ || now_ms < *wake_ms_) return LifeAction::nothing;
  switch (state_) {
    case LifeState::waiting:
      return begin();
    case LifeState::running:
      ++missed_health_;
      counts_as_failed_ = true;
      return end_it(now_ms);
    case LifeState::ending:
      state_ = LifeState::killing;
      wake_ms_.reset();
      return LifeAction::kill;
    default:
      return LifeAction::nothing;
  }
}

}  // namespace pavise::device
