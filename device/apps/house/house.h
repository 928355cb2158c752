// All apps of a device, from the first start to the last end.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "device/apps/house/running_app.h"

namespace pavise::device {

// How often what walls refused is looked for.
inline constexpr std::int64_t kRefusedEveryMs = 2000;

// What an app says is read this often at most, so that one that never stops costs us no more than
// others: meanwhile it waits in pipe and socket.
inline constexpr std::int64_t kRestMs = 10;

// What is to be told to the monitor before an app is started: it must be in the measured state
// first. The app is not started if this fails. `policy_digest` is that of the run, which is the
// app's unless it is to be debugged.
using Measure = std::function<Status(const InstalledApp& app, const Digest256& policy_digest)>;

// Not thread-safe.
class House {
 public:
  // All outlive it.
  struct Surroundings {
    PutUpWalls put_up;
    const Clock& clock;
    Tell tell;  // whole lines without their end
    Measure measure;
    Introduce introduce;
    // An app that may asked for the device to go down: asks init. Never waits.
    std::function<Status(app_wire::PowerAction action)> power;
    // What else apps change of the machine (device/apps/machine).
    std::function<app_wire::Outcome(app_wire::PowerAction profile)> set_profile;
    Timekeeper& time;
  };
  explicit House(Surroundings around)
      : around_(std::move(around)),
        requests_({.find = [this](std::string_view name) { return find(name); },
                   .installed = [this](const auto& component) { return has(component); },
                   .power = around_.power,
                   .set_profile = around_.set_profile,
                   .time = around_.time}) {}
  House(const House&) = delete;
  House& operator=(const House&) = delete;

  // An app, which is not started yet, behind the others. Its walls are put up with its first start:
  // if one fails, that start has failed, and is tried again like any other.
  RunningApp& move_in(InstalledApp app, uid_t user);
  // The same for an app that is to be refused if a wall fails. What PutUpWalls says; it has not
  // moved in then.
  Result<RunningApp*> move_in_behind_walls(InstalledApp app, uid_t user);
  // Ends an app at once. Its walls go; its log is what is left.
  struct MovedOut {
    InstalledApp app;
    AppLog log;
  };
  MovedOut move_out(RunningApp& app);
  // There is a new agent: it gets the channels of those that run.
  void introduce_all();
  // Asks all to end, waits as long as their manifests say, at most `timeout_ms`, then ends them.
  void stop_all(std::int64_t timeout_ms);

  // Waits for something to happen, at most `timeout_ms`, or until one of `others` can be read, and
  // does what is due. Those of `others` that can be read are returned.
  std::vector<int> turn(const std::vector<int>& others, std::int64_t timeout_ms);

  // All that are there, one with each start_next(): those that run already are looked after in
  // between, and so are their names.
  void start_all_later();
  // False: there was none to start.
  bool start_next();
  bool starts_later(std::string_view name) const;

  // By a person's word, for one of apps(). One that is stopped is not started later.
  void start(RunningApp& app);
  void stop(RunningApp& app);
  void restart(RunningApp& app);

  const std::vector<std::unique_ptr<RunningApp>>& apps() const { return apps_; }
  RunningApp* find(std::string_view name);  // null: there is none

 private:
  void act(RunningApp& app, LifeAction action);
  LifeAction begin(RunningApp& app);
  bool rests(const RunningApp& app) const;
  void look_after(RunningApp& app, short output, short end, short channel);
  void on_time();
  std::int64_t next_wake_ms() const;
  bool any_running() const;
  std::uint8_t free_number();
  bool has(const manifest::ComponentId& component) const;
  void hear(RunningApp& app);

  Surroundings around_;
  std::vector<std::unique_ptr<RunningApp>> apps_;
  std::uint8_t last_number_ = 0;
  std::deque<std::string> to_start_;  // names
  std::int64_t refused_at_ms_ = 0;
  Requests requests_;
  // Why apps are asked to end, and how long they have at most.
  app_wire::Cause end_cause_ = app_wire::Cause::app_stops;
  std::int64_t end_ms_max_ = INT64_MAX;
};

}  // namespace pavise::device
