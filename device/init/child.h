// Starts one program with its own user, budget and sockets, and nothing else.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace pavise::device {

inline constexpr ErrorInfo kChildNotStarted{
    "PV-INI-003", Retry::later, "a program of the device cannot be started",
    "Init tries again; if it goes on, build the image again."};
inline constexpr ErrorInfo kNoBudget{"PV-INI-004", Retry::never,
                                     "a program's memory budget cannot be set",
                                     "Build the image with its own kernel configuration."};

struct ChildSpec {
  std::string name;  // also the name of its control group
  std::string program;
  std::vector<std::string> arguments = {};  // after the program's name
  uid_t uid = 0;                            // and gid
  std::uint64_t memory_bytes_max = 0;
  std::uint32_t processes_max = 1;  // threads count
  std::uint32_t open_files_max = 32;
  bool keeps_powers = false;  // the capabilities of who starts it: it gives them up by itself
};

struct RunningChild {
  pid_t pid = 0;
  UniqueFd output;  // what it prints, non-blocking
};

// Makes the control groups' parent able to hold budgets, once after mounting cgroup2. kNoBudget.
Status enable_budgets(const std::string& cgroup_root);
// Makes the group of this program and writes its limits. kNoBudget.
Status set_budget(const std::string& cgroup_root, const ChildSpec& spec);

// Where a program prints to.
struct OutputPipe {
  UniqueFd read_end;  // non-blocking
  UniqueFd write_end;
};
Result<OutputPipe> make_output_pipe();  // kChildNotStarted

// In a process made for it: becomes the program. The first failure becomes a line on `output`.
[[noreturn]] void run_child(const std::string& cgroup_root, const ChildSpec& spec,
                            const std::vector<int>& sockets, int output);

// Starts it: `sockets` become its descriptors 3, 4, ...; input is empty, output goes to a pipe; the
// environment is empty; user, group, limits and control group are set, all capabilities dropped
// (unless it keeps them), no_new_privs on. Returns at once; a failure after the fork ends the child
// with exit code 127 and a line on its output. kChildNotStarted.
Result<RunningChild> start_child(const std::string& cgroup_root, const ChildSpec& spec,
                                 const std::vector<int>& sockets);

}  // namespace pavise::device
