// Gives up powers for good: user id, capabilities, privileges by exec, paths, system calls, limits.
//
//   SandboxPolicy policy{.name = "pavise-monitor"};
//   policy.groups = {SyscallGroup::inherited_sockets};
//   PAVISE_TRY(sandbox::apply(policy));
//
// Open what the process needs first (devices, sockets, logs), then apply().
#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace pavise::sandbox {

// Errors: PV-SBX-nnn.
inline constexpr ErrorInfo kPrivilegesStay{
    "PV-SBX-001", Retry::needs_operator, "the process could not give up its privileges",
    "Start it as root or already as its own user; see the detail."};
inline constexpr ErrorInfo kLandlockMissing{
    "PV-SBX-002", Retry::needs_operator, "this kernel has no Landlock",
    "Run a kernel with CONFIG_SECURITY_LANDLOCK and landlock in its lsm= list."};
inline constexpr ErrorInfo kPathRuleFailed{"PV-SBX-003", Retry::needs_operator,
                                           "a path that the sandbox must keep cannot be kept",
                                           "Create the path or remove the rule; see the detail."};
inline constexpr ErrorInfo kFilterFailed{
    "PV-SBX-004", Retry::needs_operator, "the system call filter cannot be installed",
    "Run a kernel with CONFIG_SECCOMP_FILTER; see the detail."};
inline constexpr ErrorInfo kLimitFailed{"PV-SBX-005", Retry::needs_operator,
                                        "a resource limit cannot be set",
                                        "Raise the hard limit of the parent; see the detail."};

enum class PathAccess {
  read,        // read files, list directories
  read_write,  // read, write, truncate, create and remove files below
  execute,     // read and execute
  device,      // read, write and ioctl a device node
};

// Applies to the path and all below it.
struct PathRule {
  std::string path;
  PathAccess access = PathAccess::read;
  bool may_be_missing = false;  // a missing path is then simply unreachable
};

// Groups of system calls. What every program needs (memory without executable mappings, reading and
// writing of open descriptors, poll, clocks, signals to itself, exit) is always allowed.
enum class SyscallGroup {
  inherited_sockets,  // send and receive on sockets that are already open
  read_files,         // open for reading, stat, list
  write_files,        // open for writing, rename, unlink, mkdir, fsync, locks
  tcp_client,         // socket(AF_INET/AF_INET6), connect, options, and UDP for name lookup
  tcp_server,         // bind, listen, accept
  local_client,       // socket(AF_UNIX) and connect to another process of this machine
  event_loop,         // epoll, eventfd, timerfd, signalfd, pipes
  threads,            // clone of threads only
  child_processes,    // fork, execve, wait, kill, setuid, socketpair, pipe
  device_ioctl,       // any ioctl on an open descriptor
  mounts,             // mount, umount, pivot_root, reboot: for init
};

struct RunAs {
  uid_t uid;
  gid_t gid;
};

struct Limits {
  std::uint64_t open_files = 64;
  std::optional<std::uint64_t> address_space_bytes = {};
  std::optional<std::uint64_t> file_size_bytes = {};
};

// Carried by a policy, it lets apply() succeed without Landlock. For developers' machines only; no
// program of the device image may construct one.
class LandlockMayBeMissingForDevelopment {};

struct SandboxPolicy {
  std::string name;                         // for messages
  std::optional<RunAs> run_as = {};         // becomes this user; supplementary groups are dropped
  std::vector<int> capabilities_kept = {};  // CAP_*; normally none
  std::vector<PathRule> paths = {};         // everything else is unreachable
  std::vector<std::uint16_t> connect_ports =
      {};  // with tcp_client, and Landlock ABI 4 or later: only these
  std::vector<SyscallGroup> groups = {};
  std::vector<std::string> extra_syscalls = {};    // by kernel name
  std::vector<std::string> refused_syscalls = {};  // answer EPERM instead of death
  // Made elsewhere, in place of one from groups and names; the groups then only tell Landlock.
  std::vector<sock_filter> compiled_filter = {};
  // Landlock forbids to mount, so who mounts goes without: `paths` says nothing then.
  bool mounts = false;
  Limits limits = {};
  std::optional<LandlockMayBeMissingForDevelopment> development = {};
};

// Whether this kernel has Landlock, for programs that run on kernels of others and say so in their
// log when they must go without.
bool landlock_available();

// Applies the whole policy to the calling process. Call it from the only thread: Landlock and the
// capabilities bind the caller and what it starts afterwards. Not undoable; after a failure part of
// the policy may hold already, and the caller must exit. Also disables core dumps and tracing.
// Errors: all of the above.
Status apply(const SandboxPolicy& policy);

// Landlock ABI of the running kernel, 0 if it has none.
int landlock_abi();

}  // namespace pavise::sandbox
