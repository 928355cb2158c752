// The process that starts monitor and agent for PID 1. To start a program as another user takes
// powers and system calls that PID 1, which reads what the programs print, should not have. So PID
// 1 forks this one, gives up nearly everything, and asks it by a packet. What it starts are
// children of PID 1, as if PID 1 had started them.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "device/init/child.h"

namespace pavise::device {

inline constexpr ErrorInfo kLauncherGone{
    "PV-INI-011", Retry::never, "the process that starts the device's programs is gone",
    "Start the device again; see the lines before on the console."};

inline constexpr std::size_t kLaunchSocketsMax = 4;

// Not thread-safe. Calls block until the launcher has answered, which it does at once or never.
class Launcher {
 public:
  // Forks it; call this from the only thread. It can start the programs of `specs` and no other,
  // and holds no descriptor of ours but its end of a socket and the console. `confine` runs in it
  // first; if that fails, it ends. kLauncherGone.
  static Result<Launcher> fork(const std::string& cgroup_root, const std::vector<ChildSpec>& specs,
                               const std::function<Status()>& confine);

  // As device::start_child(), by a spec's place in the list. kLauncherGone, kChildNotStarted.
  Result<RunningChild> start_child(std::size_t index, const std::vector<int>& sockets);

  pid_t pid() const { return pid_; }

 private:
  Launcher(pid_t pid, UniqueFd channel) : pid_(pid), channel_(std::move(channel)) {}
  Result<Launcher> ready() &&;

  pid_t pid_;
  UniqueFd channel_;
};

}  // namespace pavise::device
