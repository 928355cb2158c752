#include "device/agent/sandbox.h"

namespace pavise::agent {

sandbox::SandboxPolicy sandbox_policy(const std::string& data_folder) {
  using sandbox::PathAccess;
  using sandbox::SyscallGroup;
  sandbox::SandboxPolicy policy{.name = "pavise-agent"};
  policy.paths = {
      {.path = data_folder, .access = PathAccess::read_write},
      {.path = "/proc", .access = PathAccess::read},
      {.path = "/run/pavise/init-memory", .access = PathAccess::read, .may_be_missing = true},
      {.path = "/etc/os-release", .access = PathAccess::read, .may_be_missing = true},
      {.path = "/usr/lib/os-release", .access = PathAccess::read, .may_be_missing = true},
      // getaddrinfo() reads these when the service is given by name.
      {.path = "/etc/resolv.conf", .access = PathAccess::read, .may_be_missing = true},
      {.path = "/etc/hosts", .access = PathAccess::read, .may_be_missing = true},
      {.path = "/etc/nsswitch.conf", .access = PathAccess::read, .may_be_missing = true},
      {.path = "/etc/host.conf", .access = PathAccess::read, .may_be_missing = true},
      {.path = "/etc/gai.conf", .access = PathAccess::read, .may_be_missing = true},
  };
  policy.groups = {SyscallGroup::inherited_sockets, SyscallGroup::read_files,
                   SyscallGroup::write_files, SyscallGroup::tcp_client};
  // For ipc::receive_untrusted(): no app holds us up.
  policy.extra_syscalls = {"timer_create", "timer_settime"};
  // A channel for each of 32 apps, and what the agent has beside them.
  policy.limits = {
      .open_files = 64, .address_space_bytes = {}, .file_size_bytes = std::uint64_t{1024} * 1024};
  return policy;
}

}  // namespace pavise::agent
