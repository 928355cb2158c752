// Keeps monitor and agent running as a pair: they share a socket pair, so when one ends the other
// is ended too and both start anew with fresh sockets. Nothing of an old conversation can reach a
// new program.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "device/init/child.h"
#include "device/init/launcher.h"
#include "device/init/line_relay.h"
#include "device/init/restart_policy.h"

namespace pavise::device {

inline constexpr ErrorInfo kNoEventSource{"PV-INI-007", Retry::never, "init cannot receive signals",
                                          "Build the image with its own kernel configuration."};

class Supervisor {
 public:
  struct Programs {
    ChildSpec monitor;  // descriptors: 3 init's channel, 4 the agent's channel
    ChildSpec agent;    // descriptor: 3 the monitor's channel
    std::vector<ChildSpec> in_order() const;  // for the launcher
  };

  // Blocks SIGCHLD, SIGTERM, SIGINT, SIGPWR for the process and takes them by descriptor.
  // kNoEventSource, kNoBudget.
  // `clock` must outlive the supervisor; `print` takes whole console lines.
  using Print = std::function<void(std::string_view line)>;
  static Result<Supervisor> create(std::string cgroup_root, Programs programs, const Clock& clock,
                                   Print print);

  // From now on the launcher starts the programs (its specs: monitor, then agent), and its end asks
  // for ours.
  void start_through(Launcher launcher) { launcher_.emplace(std::move(launcher)); }

  // Starts the monitor. Returns init's end of its channel, which stays the supervisor's.
  // kChildNotStarted.
  Result<int> start_monitor();
  Status start_agent();  // after start_monitor(); kChildNotStarted

  // Runs until a signal asks for the end, calling `each_turn` about once a second or more often.
  // Blocks. kLauncherGone.
  Status run(const std::function<void()>& each_turn);
  // One turn: relays output, reaps, restarts what is due. Blocks for at most timeout_ms.
  void step(int timeout_ms);
  // Asks both to end, then ends them. Blocks for about three seconds at most.
  void stop();

 private:
  struct Running {
    RunningChild child;
    LineRelay relay;
  };
  Supervisor(std::string cgroup_root, Programs programs, const Clock& clock, Print print,
             UniqueFd signals);

  void say(const std::string& line) const;
  Result<RunningChild> start(const ChildSpec& spec, const std::vector<int>& sockets);
  void poll_once(int timeout_ms);
  bool relay(Running& running);  // false when there is nothing more
  void read_signals();
  void reap();
  void ended(std::unique_ptr<Running>& running, const ChildSpec& spec, int status);
  void restart_if_due();
  bool all_gone() const { return !monitor_ && !agent_; }

  std::string cgroup_root_;
  Programs programs_;
  const Clock* clock_;
  Print print_;
  UniqueFd signals_;
  std::unique_ptr<Running> monitor_;
  std::unique_ptr<Running> agent_;
  UniqueFd channel_;        // init's end
  UniqueFd agent_channel_;  // the agent's end until it is started
  RestartPolicy restarts_;
  std::int64_t started_ms_ = 0;
  std::int64_t restart_at_ms_ = -1;
  std::optional<Launcher> launcher_;
  bool launcher_gone_ = false;
  bool stopping_ = false;
};

}  // namespace pavise::device
