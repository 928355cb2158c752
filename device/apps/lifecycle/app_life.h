// The life of one app as a state machine without I/O.
//
//   AppLife life(policy);
//   act(life.want_running(now_ms));
//   act(life.ended({.failed = true}, now_ms));   // -> wait, then start again
//   act(life.time_passed(now_ms));               // at life.wakes_at_ms()
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pavise::device {

enum class RestartWhen { always, on_failure, never };

// Times in milliseconds.
struct LifePolicy {
  RestartWhen restart = RestartWhen::always;
  std::int64_t restart_delay_ms = 1000;  // doubles with each restart in a row, up to
  std::int64_t restart_delay_max_ms = 60'000;
  std::int64_t stop_timeout_ms = 5000;  // from the request to end to the kill
  // The app says that it is well: first within so long, then at least so often. 0: it need not.
  std::int64_t first_health_ms = 0;
  std::int64_t health_interval_ms = 0;
};

// An app that ran so long starts anew with the shortest delay.
inline constexpr std::int64_t kCalmRunMs = 120'000;

enum class LifeState {
  stopped,   // nobody wants it to run, or it ended and is not restarted
  waiting,   // for its next start
  starting,  // begin() was said; started() or not_started() is awaited
  running,
  ending,   // was asked to end
  killing,  // was killed; ended() is awaited
};
std::string_view to_string(LifeState state);

enum class LifeAction {
  nothing,
  begin,       // start it, then call started() or not_started()
  ask_to_end,  // then call ended() when it has
  kill,        // likewise
};

// Not thread-safe. Every call says at most one thing to do, which the caller must do before the
// next call. Times are of one clock that never goes back.
class AppLife {
 public:
  explicit AppLife(const LifePolicy& policy);

  LifeAction want_running(std::int64_t now_ms);
  // Also when it is waiting for its next start.
  LifeAction want_stopped(std::int64_t now_ms);
  // Ends it and starts it again, without delay and without counting it as a failure.
  LifeAction want_restart(std::int64_t now_ms);

  LifeAction started(std::int64_t now_ms);
  LifeAction not_started(std::int64_t now_ms);  // counts as a failure
  // `failed`: by a signal or with an exit code other than 0.
  LifeAction ended(bool failed, std::int64_t now_ms);
  void is_well(std::int64_t now_ms);
  // Of the run that has started: whatever its end, the next one begins at once, and nobody waits
  // for word that it is well, since a debugger may hold it. Until it ends or is not wanted any
  // more.
  void is_debugged();
  LifeAction time_passed(std::int64_t now_ms);

  LifeState state() const { return state_; }
  bool wanted() const { return wanted_; }  // to run, now or soon
  // When time_passed() has something to do; nothing: never.
  std::optional<std::int64_t> wakes_at_ms() const { return wake_ms_; }
  std::uint64_t restarts() const { return restarts_; }            // since want_running()
  std::uint64_t missed_health() const { return missed_health_; }  // times that it was ended for it

 private:
  LifeAction begin();
  LifeAction after_end(bool failed, std::int64_t now_ms);
  LifeAction end_it(std::int64_t now_ms);

  LifePolicy policy_;
  LifeState state_ = LifeState::stopped;
  bool wanted_ = false;
  bool at_once_ = false;           // the next start does not wait
  bool counts_as_failed_ = false;  // it is ended because it was not well
  std::int64_t delay_ms_;
  std::int64_t started_ms_ = 0;
  std::uint64_t restarts_ = 0;
  std::uint64_t missed_health_ = 0;
  std::optional<std::int64_t> wake_ms_;
};

}  // namespace pavise::device
