#include <fcntl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string_view>

#include "common/sandbox/internal.h"

namespace pavise::sandbox {
namespace {

using Names = std::span<const std::string_view>;

constexpr auto kBase = std::to_array<std::string_view>({"read",
                                                        "readv",
                                                        "pread64",
                                                        "preadv",
                                                        "write",
                                                        "writev",
                                                        "close",
                                                        "lseek",
                                                        "fstat",
                                                        "newfstatat",
                                                        "poll",
                                                        "ppoll",
                                                        "munmap",
                                                        "mremap",
                                                        "brk",
                                                        "madvise",
                                                        "futex",
                                                        "getrandom",
                                                        "clock_gettime",
                                                        "clock_getres",
                                                        "clock_nanosleep",
                                                        "nanosleep",
                                                        "gettimeofday",
                                                        "time",
                                                        "rt_sigaction",
                                                        "rt_sigprocmask",
                                                        "rt_sigreturn",
                                                        "rt_sigtimedwait",
                                                        "sigaltstack",
                                                        "getpid",
                                                        "gettid",
                                                        "getuid",
                                                        "geteuid",
                                                        "getgid",
                                                        "getegid",
                                                        "getppid",
                                                        "sched_yield",
                                                        "sched_getaffinity",
                                                        "set_robust_list",
                                                        "rseq",
                                                        "restart_syscall",
                                                        "exit",
                                                        "exit_group",
                                                        "membarrier",
                                                        "uname",
                                                        "sysinfo",
                                                        "getrusage",
                                                        "times",
                                                        "dup",
                                                        "getcpu"});
constexpr auto kInheritedSockets = std::to_array<std::string_view>(
    {"sendmsg", "recvmsg", "sendto", "recvfrom", "sendmmsg", "recvmmsg", "shutdown", "getsockopt",
     "getpeername", "getsockname"});
constexpr auto kReadFiles = std::to_array<std::string_view>(
    {"stat", "lstat", "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat",
     "getdents64", "statfs", "fstatfs", "getcwd", "fadvise64", "flock"});
constexpr auto kWriteFiles = std::to_array<std::string_view>(
    {"open", "openat", "creat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir",
     "mkdirat", "rmdir", "fsync", "fdatasync", "ftruncate", "pwrite64", "fallocate", "fchmod",
     "sync_file_range"});
constexpr auto kTcpClient = std::to_array<std::string_view>({"connect", "setsockopt", "bind"});
constexpr auto kTcpServer =
    std::to_array<std::string_view>({"bind", "listen", "accept", "accept4", "setsockopt"});
constexpr auto kEventLoop = std::to_array<std::string_view>(
    {"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2",
     "timerfd_create", "timerfd_settime", "timerfd_gettime", "signalfd4", "pipe2"});
constexpr auto kChildProcesses = std::to_array<std::string_view>({"clone",
                                                                  "fork",
                                                                  "vfork",
                                                                  "execve",
                                                                  "execveat",
                                                                  "wait4",
                                                                  "waitid",
                                                                  "kill",
                                                                  "tgkill",
                                                                  "pidfd_open",
                                                                  "pidfd_send_signal",
                                                                  "setuid",
                                                                  "setgid",
                                                                  "setgroups",
                                                                  "setresuid",
                                                                  "setresgid",
                                                                  "setsid",
                                                                  "setpgid",
                                                                  "socketpair",
                                                                  "pipe2",
                                                                  "dup2",
                                                                  "dup3",
                                                                  "close_range",
                                                                  "chdir",
                                                                  "umask",
                                                                  "arch_prctl",
                                                                  "set_tid_address",
                                                                  "capset",
                                                                  "capget",
                                                                  "prctl",
                                                                  "prlimit64",
                                                                  "unshare"});
constexpr auto kDeviceIoctl = std::to_array<std::string_view>({"ioctl"});
constexpr auto kMounts = std::to_array<std::string_view>(
    {"mount", "umount2", "pivot_root", "chroot", "reboot", "sync", "mknod", "mknodat", "chown",
     "fchown", "fchownat", "lchown", "chmod", "fchmodat", "sethostname", "swapoff"});

struct ContextDeleter {
  void operator()(void* context) const { seccomp_release(context); }
};

// Collects the first failure, so that a rule list reads as a list.
class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_KILL_PROCESS)) {}

  void allow(Names names) {
    for (const std::string_view name : names) allow(name);
  }
  void allow(std::string_view name) { add(SCMP_ACT_ALLOW, name, {}); }
  void allow_if(std::string_view name, std::initializer_list<scmp_arg_cmp> conditions) {
    add(SCMP_ACT_ALLOW, name, conditions);
  }
  void refuse(std::string_view name, int error) {
    add(SCMP_ACT_ERRNO(static_cast<std::uint16_t>(error)), name, {});
  }
  void refuse_if(std::string_view name, int error, std::initializer_list<scmp_arg_cmp> conditions) {
    add(SCMP_ACT_ERRNO(static_cast<std::uint16_t>(error)), name, conditions);
  }
  Status load() {
    if (!context_) return Error(kFilterFailed, "out of memory");
    if (!failure_.empty()) return Error(kFilterFailed, failure_);
    // TSYNC: no thread of the process may keep a wider filter.
    if (seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_TSYNC, 1) != 0 ||
        seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) != 0)
      return Error(kFilterFailed, "attributes");
    // Sorted as a tree: a long list costs some ten comparisons instead of a hundred.
    (void)seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (const int code = seccomp_load(context_.get()); code != 0)
      return Error(kFilterFailed, errno_text("seccomp_load", -code));
    return {};
  }

 private:
  void add(std::uint32_t action, std::string_view name,
           std::initializer_list<scmp_arg_cmp> conditions) {
    if (!context_) return;
    const std::string text(name);
    const int number = seccomp_syscall_resolve_name(text.c_str());
    if (number == __NR_SCMP_ERROR) {
      failure_ = "unknown system call " + text;
      return;
    }
    const int code =
        seccomp_rule_add_array(context_.get(), action, number,
                               static_cast<unsigned>(conditions.size()), conditions.begin());
    if (code != 0) failure_ = errno_text(text, -code);
  }
  std::unique_ptr<void, ContextDeleter> context_;
  std::string failure_;
};

scmp_arg_cmp bits_clear(unsigned argument, std::uint64_t mask) {
  return {.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = 0};
}
scmp_arg_cmp bits_set(unsigned argument, std::uint64_t mask) {
  return {.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = mask};
}
scmp_arg_cmp equals(unsigned argument, std::uint64_t value) {
  return {.arg = argument, .op = SCMP_CMP_EQ, .datum_a = value, .datum_b = 0};
}
scmp_arg_cmp above(unsigned argument, std::uint64_t value) {
  return {.arg = argument, .op = SCMP_CMP_GT, .datum_a = value, .datum_b = 0};
}

void allow_base(Filter& filter) {
  filter.allow(kBase);
  // Memory may never become executable: no code is loaded after the sandbox is closed.
  filter.allow_if("mmap", {bits_clear(2, PROT_EXEC)});
  filter.allow_if("mprotect", {bits_clear(2, PROT_EXEC)});
  for (const int command : {F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC})
    filter.allow_if("fcntl", {equals(1, static_cast<std::uint64_t>(command))});
  // abort() raises its signal in its own process only.
  filter.allow_if("tgkill", {equals(0, static_cast<std::uint64_t>(::getpid()))});
  filter.allow_if("prctl", {equals(0, PR_SET_NAME)});
  filter.allow_if("prctl", {equals(0, PR_SET_VMA)});  // glibc and sanitizers name their mappings
  // glibc asks for limits when it sizes stacks; a new limit would need a pointer here.
  filter.allow_if("prlimit64", {equals(2, 0)});
#if __has_feature(address_sanitizer)
  filter.allow("pipe2");  // its run-time probes memory through a pipe
#endif
}

void allow_open_for_reading(Filter& filter) {
  constexpr std::uint64_t kWriting = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
  filter.allow(kReadFiles);
  filter.allow_if("openat", {bits_clear(2, kWriting)});
  filter.allow_if("open", {bits_clear(1, kWriting)});
}

void allow_locks(Filter& filter) {
  for (const int command : {F_GETLK, F_SETLK, F_SETLKW})
    filter.allow_if("fcntl", {equals(1, static_cast<std::uint64_t>(command))});
}

void allow_local_client(Filter& filter) {
  filter.allow(kInheritedSockets);
  filter.allow("connect");
  filter.allow_if("socket", {equals(0, AF_UNIX)});
}

void allow_network(Filter& filter, bool local_sockets) {
  filter.allow(kInheritedSockets);
  filter.allow_if("socket", {equals(0, AF_INET)});
  filter.allow_if("socket", {equals(0, AF_INET6)});
  // The resolver of glibc tries others first and lives with a refusal.
  if (!local_sockets) filter.refuse_if("socket", EAFNOSUPPORT, {equals(0, AF_UNIX)});
  filter.refuse_if("socket", EAFNOSUPPORT, {above(0, AF_INET6)});
  filter.allow_if("ioctl", {equals(1, 0x541B)});  // FIONREAD
  filter.allow_if("ioctl", {equals(1, 0x5421)});  // FIONBIO
}

void allow_threads(Filter& filter) {
  filter.allow_if("clone", {bits_set(0, CLONE_THREAD)});
  filter.allow("set_tid_address");
  // Its flags are behind a pointer, out of the filter's sight: glibc then falls back to clone.
  filter.refuse("clone3", ENOSYS);
}

void allow_children(Filter& filter) {
  filter.allow(kChildProcesses);
  filter.refuse("clone3", ENOSYS);
  // The program loader of a child maps its libraries.
  filter.allow("mmap");
  filter.allow("mprotect");
}

void allow_group(Filter& filter, SyscallGroup group, bool local_sockets) {
  switch (group) {
    case SyscallGroup::inherited_sockets:
      return filter.allow(kInheritedSockets);
    case SyscallGroup::read_files:
      return allow_open_for_reading(filter);
    case SyscallGroup::write_files:
      filter.allow(kReadFiles);
      allow_locks(filter);
      return filter.allow(kWriteFiles);
    case SyscallGroup::tcp_client:
      filter.allow(kTcpClient);
      return allow_network(filter, local_sockets);
    case SyscallGroup::tcp_server:
      filter.allow(kTcpServer);
      return allow_network(filter, local_sockets);
    case SyscallGroup::local_client:
      return allow_local_client(filter);
    case SyscallGroup::event_loop:
      filter.allow_if("fcntl", {equals(1, F_SETPIPE_SZ)});  // librdkafka makes its pipes small
      return filter.allow(kEventLoop);
    case SyscallGroup::threads:
      return allow_threads(filter);
    case SyscallGroup::child_processes:
      return allow_children(filter);
    case SyscallGroup::device_ioctl:
      return filter.allow(kDeviceIoctl);
    case SyscallGroup::mounts:
      return filter.allow(kMounts);
  }
}

Status load_compiled(const SandboxPolicy& policy) {
  sock_fprog program{.len = static_cast<unsigned short>(policy.compiled_filter.size()),
                     .filter = const_cast<sock_filter*>(policy.compiled_filter.data())};
  if (policy.compiled_filter.size() > BPF_MAXINSNS ||
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
    return Error(kFilterFailed, errno_text(policy.name));
  return {};
}

}  // namespace

Status restrict_syscalls(const SandboxPolicy& policy) {
  if (!policy.compiled_filter.empty()) return load_compiled(policy);
  Filter filter;
  allow_base(filter);
  const bool local_sockets =
      std::ranges::find(policy.groups, SyscallGroup::local_client) != policy.groups.end();
  for (const SyscallGroup group : policy.groups) allow_group(filter, group, local_sockets);
  for (const std::string& name : policy.extra_syscalls) filter.allow(name);
  for (const std::string& name : policy.refused_syscalls) filter.refuse(name, EPERM);
  return filter.load();
}

}  // namespace pavise::sandbox
