// Keeps the device's programs running. Monitor and agent are a pair: they share a socket pair, so
// when one ends the other is ended too and both start anew with fresh sockets. Nothing of an old
// conversation can reach a new program. The launcher of apps, where there are any, comes and goes
// for itself: apps outlive a restart of the pair, and the pair outlives the launcher.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "device/console/line_relay.h"
#include "device/init/child.h"
#include "device/init/launcher.h"
#include "device/init/restart_policy.h"

namespace pavise::device {

inline constexpr ErrorInfo kNoEventSource{"PV-INI-007", Retry::never, "init cannot receive signals",
                                          "Build the image with its own kernel configuration."};

// Lines a minute of all apps together; each has a limit of its own (device/apps/house).
inline constexpr int kAppLinesPerMinute = 1200;

// Words of the apps' launcher that are heard at once, and one more each so often: each is a line on
// the console. The rest is dropped, but for a restart and the end. It lets apps set the clock four
// times in a row, then once a minute.
inline constexpr int kInitWordsAtOnce = 8;
inline constexpr std::int64_t kInitWordEveryMs = 10'000;

class Supervisor {
 public:
  struct Programs {
    ChildSpec monitor;  // descriptors: 3 init's channel, 4 the agent's, 5 apps' if there are any
    // 3 the monitor's channel; if there are apps 4 their launcher's, and 5 that over which it sends
    // the apps' own (docs/formats/app-channels.md).
    ChildSpec agent;
    // 3 init's channel, over which its ends of the other three come, at each start of the pair
    // (ipc::send_descriptors: monitor's, then agent's 4 and 5). What it may say: device/init_wire.
    std::optional<ChildSpec> apps = {};
    std::vector<ChildSpec> pair() const { return {monitor, agent}; }  // for the launcher
  };

  // Sets the wall clock. False: the kernel refuses; errno says why.
  using ClockSetter = std::function<bool(UnixMillis to_ms)>;

  // Blocks SIGCHLD, SIGTERM, SIGINT, SIGPWR for the process and takes them by descriptor.
  // kNoEventSource, kNoBudget.
  // `clock` must outlive the supervisor; `print` takes whole console lines; without `set_clock`
  // apps cannot have the clock set.
  using Print = std::function<void(std::string_view line)>;
  static Result<Supervisor> create(std::string cgroup_root, Programs programs, const Clock& clock,
                                   Print print, ClockSetter set_clock = {});

  // From now on launchers start the programs, and the end of one asks for ours: `pair` (its specs:
  // monitor, then agent) and, if there are apps, `apps` (its spec: theirs).
  void start_through(Launcher pair, std::optional<Launcher> apps);

  // Starts the monitor. Returns init's end of its channel, which stays the supervisor's.
  // kChildNotStarted.
  Result<int> start_monitor();
  Status start_agent();  // after start_monitor(); kChildNotStarted
  Status start_apps();   // after start_agent(); nothing without apps; kChildNotStarted

  // Runs until a signal asks for the end, calling `each_turn` about once a second or more often.
  // Blocks. kLauncherGone.
  Status run(const std::function<void()>& each_turn);
  // One turn: relays output, reaps, restarts what is due. Blocks for at most timeout_ms.
  void step(int timeout_ms);
  // Asks all to end, then ends them. Blocks for about three seconds at most.
  void stop();
  // Whether the launcher of apps asked for a restart of the device, not for its end.
  bool restart_wanted() const { return restart_wanted_; }

 private:
  enum Place : std::size_t { kMonitor, kAgent, kApps, kPlaces };
  struct Running {
    RunningChild child;
    LineRelay relay;
  };
  // Of what starts and ends together.
  struct Restart {
    RestartPolicy policy;
    std::int64_t started_ms = 0;
    std::int64_t at_ms = -1;  // none is due
  };
  Supervisor(std::string cgroup_root, Programs programs, const Clock& clock, Print print,
             ClockSetter set_clock, UniqueFd signals);

  void say(const std::string& line) const;
  const ChildSpec& spec(std::size_t place) const;
  Status start(Place place, const std::vector<int>& sockets);
  Status hand_over_channels();
  void signal_all(int signal) const;
  void poll_once(int timeout_ms);
  bool relay(Running& running);  // false when there is nothing more
  void read_signals();
  void read_apps_channel();
  bool hears_a_word();
  void go_down(bool restart);
  void set_clock(UnixMillis to_ms) const;
  void reap();
  void ended(Place place, int status);
  void plan(Restart& restart, const std::string& who);
  void restart_if_due();
  bool due(const Restart& restart) const;
  void restart_pair();
  void restart_apps();
  bool pair_gone() const { return !running_[kMonitor] && !running_[kAgent]; }
  bool all_gone() const { return pair_gone() && !running_[kApps]; }

  std::string cgroup_root_;
  Programs programs_;
  const Clock* clock_;
  Print print_;
  ClockSetter set_clock_;
  UniqueFd signals_;
  std::array<std::unique_ptr<Running>, kPlaces> running_;
  UniqueFd channel_;        // init's end of the monitor's
  UniqueFd agent_channel_;  // the agent's end until it is started
  // Init's copies, so that apps' launcher can be started again beside the same pair.
  UniqueFd apps_channel_;              // init's end
  std::array<UniqueFd, 3> apps_ends_;  // of the monitor's channel and of both of the agent's
  int words_left_ = kInitWordsAtOnce;
  std::int64_t words_counted_ms_ = 0;  // up to then
  Restart pair_restart_;
  Restart apps_restart_;
  std::optional<Launcher> launcher_;
  std::optional<Launcher> apps_launcher_;
  bool launcher_gone_ = false;
  bool stopping_ = false;
  bool restart_wanted_ = false;
};

}  // namespace pavise::device
