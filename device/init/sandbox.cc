#include "device/init/sandbox.h"

#include <linux/capability.h>

namespace pavise::device {

sandbox::SandboxPolicy init_policy() {
  using enum sandbox::SyscallGroup;
  sandbox::SandboxPolicy policy{.name = "pavise-init"};
  policy.capabilities_kept = {CAP_KILL, CAP_SYS_BOOT, CAP_SYS_TIME};
  // Sockets and pipes for the programs to come are made here; they are handed to the launcher.
  policy.groups = {inherited_sockets};
  policy.extra_syscalls = {"socketpair", "pipe2", "wait4", "kill", "reboot", "sync", "pause",
                           // For apps that may (ADR 0038).
                           "clock_settime"};
  policy.limits.open_files = 64;
  return policy;
}

sandbox::SandboxPolicy launcher_policy() {
  using enum sandbox::SyscallGroup;
  sandbox::SandboxPolicy policy{.name = "pavise-init launcher"};
  // To start children as other users. Not among them: SYS_ADMIN (no mount, no device-mapper),
  // NET_ADMIN, DAC_OVERRIDE, SYS_PTRACE, SYS_MODULE, SYS_RAWIO, KILL, SYS_BOOT.
  policy.capabilities_kept = {CAP_SETGID, CAP_SETUID, CAP_SETPCAP};
  policy.groups = {inherited_sockets, read_files,      write_files,
                   tcp_client,        child_processes, device_ioctl};
  policy.extra_syscalls = {"seccomp", "landlock_create_ruleset", "landlock_add_rule",
                           "landlock_restrict_self",
                           // The agent's, for packets of apps.
                           "timer_create", "timer_settime"};
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

}  // namespace pavise::device
