#include "device/init/sandbox.h"

#include <linux/capability.h>

namespace pavise::device {

sandbox::SandboxPolicy init_policy() {
  using enum sandbox::SyscallGroup;
  sandbox::SandboxPolicy policy{.name = "pavise-init"};
  // To start children as other users, to end them, and to power off. Not among them: SYS_ADMIN (no
  // mount, no device-mapper), NET_ADMIN, DAC_OVERRIDE, SYS_PTRACE, SYS_MODULE, SYS_RAWIO.
  policy.capabilities_kept = {CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SETPCAP, CAP_SYS_BOOT};
  policy.groups = {inherited_sockets, read_files,      write_files, tcp_client,
                   event_loop,        child_processes, threads,     device_ioctl};
  policy.extra_syscalls = {"reboot",
                           "sync",
                           "pause",
                           "seccomp",
                           "landlock_create_ruleset",
                           "landlock_add_rule",
                           "landlock_restrict_self",
                           "rt_sigsuspend"};
  using enum sandbox::PathAccess;
  policy.paths = {{"/sbin", execute},    {"/usr", execute},
                  {"/lib", execute},     {"/lib64", execute},
                  {"/etc", read},        {"/proc", read_write},
                  {"/sys", read},        {"/sys/fs/cgroup", read_write},
                  {"/run", read},        {"/dev", device},
                  {"/data", read_write}, {"/tmp", read_write}};
  policy.limits.open_files = 256;
  return policy;
}

Status give_up_powers() {
  return sandbox::apply(init_policy());
}

}  // namespace pavise::device
