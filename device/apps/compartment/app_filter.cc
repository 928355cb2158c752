#include "device/apps/compartment/app_filter.h"

#include <linux/gpio.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/base/unique_fd.h"

namespace pavise::device {
namespace {

using Names = std::initializer_list<const char*>;

constexpr Names kFiles = {"read",
                          "readv",
                          "pread64",
                          "preadv",
                          "preadv2",
                          "write",
                          "writev",
                          "pwrite64",
                          "pwritev",
                          "pwritev2",
                          "open",
                          "openat",
                          "openat2",
                          "creat",
                          "close",
                          "close_range",
                          "lseek",
                          "stat",
                          "lstat",
                          "fstat",
                          "newfstatat",
                          "statx",
                          "statfs",
                          "fstatfs",
                          "access",
                          "faccessat",
                          "faccessat2",
                          "readlink",
                          "readlinkat",
                          "getdents64",
                          "getdents",
                          "getcwd",
                          "chdir",
                          "fchdir",
                          "mkdir",
                          "mkdirat",
                          "rmdir",
                          "unlink",
                          "unlinkat",
                          "rename",
                          "renameat",
                          "renameat2",
                          "link",
                          "linkat",
                          "symlink",
                          "symlinkat",
                          "chmod",
                          "fchmod",
                          "fchmodat",
                          "truncate",
                          "ftruncate",
                          "fallocate",
                          "fsync",
                          "fdatasync",
                          "sync_file_range",
                          "fadvise64",
                          "flock",
                          "fcntl",
                          "dup",
                          "dup2",
                          "dup3",
                          "umask",
                          "utimensat",
                          "futimesat",
                          "utime",
                          "utimes",
                          "sendfile",
                          "copy_file_range",
                          "splice",
                          "tee",
                          "inotify_init1",
                          "inotify_add_watch",
                          "inotify_rm_watch"};
constexpr Names kMemoryAndThreads = {"brk",
                                     "munmap",
                                     "mremap",
                                     "madvise",
                                     "mincore",
                                     "msync",
                                     "mlock",
                                     "munlock",
                                     "mlock2",
                                     "futex",
                                     "futex_waitv",
                                     "set_robust_list",
                                     "get_robust_list",
                                     "set_tid_address",
                                     "rseq",
                                     "membarrier",
                                     "arch_prctl",
                                     "sched_yield",
                                     "sched_getaffinity",
                                     "sched_setaffinity",
                                     "sched_getparam",
                                     "sched_getscheduler",
                                     "sched_get_priority_max",
                                     "sched_get_priority_min",
                                     "getcpu",
                                     "getpriority"};
constexpr Names kProcesses = {"fork",
                              "vfork",
                              "execve",
                              "execveat",
                              "exit",
                              "exit_group",
                              "wait4",
                              "waitid",
                              "kill",
                              "tkill",
                              "tgkill",
                              "getpid",
                              "gettid",
                              "getppid",
                              "getpgid",
                              "getpgrp",
                              "getsid",
                              "setsid",
                              "setpgid",
                              "getuid",
                              "geteuid",
                              "getgid",
                              "getegid",
                              "getresuid",
                              "getresgid",
                              "getgroups",
                              "getrusage",
                              "getrlimit",
                              "setrlimit",
                              "prlimit64",
                              "prctl",
                              "capget",
                              "uname",
                              "sysinfo",
                              "times",
                              "restart_syscall",
                              "pidfd_open",
                              "pidfd_send_signal",
                              "seccomp",
                              "landlock_create_ruleset",
                              "landlock_add_rule",
                              "landlock_restrict_self"};
constexpr Names kWaiting = {"poll",
                            "ppoll",
                            "select",
                            "pselect6",
                            "epoll_create",
                            "epoll_create1",
                            "epoll_ctl",
                            "epoll_wait",
                            "epoll_pwait",
                            "epoll_pwait2",
                            "eventfd",
                            "eventfd2",
                            "timerfd_create",
                            "timerfd_settime",
                            "timerfd_gettime",
                            "signalfd",
                            "signalfd4",
                            "pipe",
                            "pipe2",
                            "pause",
                            "nanosleep",
                            "clock_nanosleep",
                            "clock_gettime",
                            "clock_getres",
                            "gettimeofday",
                            "time",
                            "alarm",
                            "getitimer",
                            "setitimer",
                            "timer_create",
                            "timer_settime",
                            "timer_gettime",
                            "timer_getoverrun",
                            "timer_delete",
                            "rt_sigaction",
                            "rt_sigprocmask",
                            "rt_sigreturn",
                            "rt_sigpending",
                            "rt_sigtimedwait",
                            "rt_sigsuspend",
                            "rt_sigqueueinfo",
                            "rt_tgsigqueueinfo",
                            "sigaltstack",
                            "getrandom"};
// On sockets that it has: pairs of its own, those that it was given, those of the network.
constexpr Names kSockets = {"sendto",   "recvfrom", "sendmsg",    "recvmsg",     "sendmmsg",
                            "recvmmsg", "shutdown", "getsockopt", "getsockname", "getpeername"};
struct SocketOption {
  int level;
  int name;
};
// Not listed are those that make closing wait (SO_LINGER: also for the launcher or the agent, whom
// an app may send the socket as a descriptor), send elsewhere than to the peer (IP_OPTIONS,
// IPV6_RTHDR), speak for themselves (groups of multicast) or bring programs into the kernel
// (SO_ATTACH_FILTER, TCP_ULP).
constexpr auto kSocketOptions = std::to_array<SocketOption>({
    {SOL_SOCKET, SO_REUSEADDR},
    {SOL_SOCKET, SO_REUSEPORT},
    {SOL_SOCKET, SO_KEEPALIVE},
    {SOL_SOCKET, SO_BROADCAST},
    {SOL_SOCKET, SO_OOBINLINE},
    {SOL_SOCKET, SO_SNDBUF},
    {SOL_SOCKET, SO_RCVBUF},
    {SOL_SOCKET, SO_RCVLOWAT},
    {SOL_SOCKET, SO_RCVTIMEO},
    {SOL_SOCKET, SO_SNDTIMEO},
    {SOL_SOCKET, SO_PRIORITY},
    {SOL_SOCKET, SO_PASSCRED},
    {SOL_SOCKET, SO_TIMESTAMP},
    {SOL_SOCKET, SO_TIMESTAMPNS},
    {IPPROTO_TCP, TCP_NODELAY},
    {IPPROTO_TCP, TCP_CORK},
    {IPPROTO_TCP, TCP_MAXSEG},
    {IPPROTO_TCP, TCP_KEEPIDLE},
    {IPPROTO_TCP, TCP_KEEPINTVL},
    {IPPROTO_TCP, TCP_KEEPCNT},
    {IPPROTO_TCP, TCP_SYNCNT},
    {IPPROTO_TCP, TCP_LINGER2},
    {IPPROTO_TCP, TCP_DEFER_ACCEPT},
    {IPPROTO_TCP, TCP_QUICKACK},
    {IPPROTO_TCP, TCP_USER_TIMEOUT},
    {IPPROTO_TCP, TCP_FASTOPEN},
    {IPPROTO_TCP, TCP_FASTOPEN_CONNECT},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT},
    {IPPROTO_IP, IP_TOS},
    {IPPROTO_IP, IP_TTL},
    {IPPROTO_IP, IP_RECVTTL},
    {IPPROTO_IP, IP_RECVTOS},
    {IPPROTO_IP, IP_RECVERR},
    {IPPROTO_IP, IP_PKTINFO},
    {IPPROTO_IP, IP_MTU_DISCOVER},
    {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT},
    {IPPROTO_IP, IP_MULTICAST_TTL},
    {IPPROTO_IP, IP_MULTICAST_LOOP},
    {IPPROTO_IPV6, IPV6_V6ONLY},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS},
    {IPPROTO_IPV6, IPV6_MULTICAST_HOPS},
    {IPPROTO_IPV6, IPV6_MULTICAST_LOOP},
    {IPPROTO_IPV6, IPV6_TCLASS},
    {IPPROTO_IPV6, IPV6_RECVTCLASS},
    {IPPROTO_IPV6, IPV6_RECVERR},
    {IPPROTO_IPV6, IPV6_RECVPKTINFO},
    {IPPROTO_IPV6, IPV6_RECVHOPLIMIT},
    {IPPROTO_IPV6, IPV6_MTU_DISCOVER},
});
constexpr Names kNetwork = {"connect", "bind"};
constexpr Names kListening = {"listen", "accept", "accept4"};
// Only an attack, or a program that is no app, comes here. It ends at the first one, so that it is
// seen.
constexpr Names kHostile = {"process_vm_readv",
                            "process_vm_writev",
                            "process_madvise",
                            "kcmp",
                            "pidfd_getfd",
                            "mount",
                            "umount2",
                            "pivot_root",
                            "chroot",
                            "move_mount",
                            "open_tree",
                            "fsopen",
                            "fsconfig",
                            "fsmount",
                            "fspick",
                            "mount_setattr",
                            "setns",
                            "unshare",
                            "bpf",
                            "perf_event_open",
                            "userfaultfd",
                            "io_uring_setup",
                            "io_uring_enter",
                            "io_uring_register",
                            "keyctl",
                            "add_key",
                            "request_key",
                            "init_module",
                            "finit_module",
                            "delete_module",
                            "kexec_load",
                            "kexec_file_load",
                            "reboot",
                            "swapon",
                            "swapoff",
                            "iopl",
                            "ioperm",
                            "acct",
                            "quotactl",
                            "syslog",
                            "settimeofday",
                            "clock_settime",
                            "adjtimex",
                            "clock_adjtime",
                            "open_by_handle_at",
                            "name_to_handle_at",
                            "fanotify_init",
                            "vhangup",
                            "sethostname",
                            "setdomainname",
                            "modify_ldt",
                            "memfd_secret"};
// They fail for whoever has no capability; a program may ask all the same.
constexpr Names kRefused = {"setuid",         "setgid",        "setreuid",
                            "setregid",       "setresuid",     "setresgid",
                            "setgroups",      "setfsuid",      "setfsgid",
                            "capset",         "mknod",         "mknodat",
                            "chown",          "fchown",        "lchown",
                            "fchownat",       "setpriority",   "sched_setscheduler",
                            "sched_setparam", "sched_setattr", "mlockall",
                            "personality"};

constexpr std::uint64_t kNewNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                         CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

scmp_arg_cmp equals(unsigned argument, std::uint64_t value) {
  return {.arg = argument, .op = SCMP_CMP_EQ, .datum_a = value, .datum_b = 0};
}
scmp_arg_cmp masked(unsigned argument, std::uint64_t mask, std::uint64_t value) {
  return {.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

// Of what the kernel reads 32 bits of, so that no more may be compared.
scmp_arg_cmp low_word(unsigned argument, int value) {
  return masked(argument, 0xffffffffU, static_cast<std::uint32_t>(value));
}

struct ContextDeleter {
  void operator()(void* context) const { seccomp_release(context); }
};

// Keeps the first failure, so that the rules below read as a list.
class Rules {
 public:
  explicit Rules(std::uint32_t otherwise) : context_(seccomp_init(otherwise)) {}

  void add(std::uint32_t action, const char* name, std::initializer_list<scmp_arg_cmp> when = {}) {
    if (!context_ || !failure_.empty()) return;
    const int number = seccomp_syscall_resolve_name(name);
    // Newer calls have no name in an older library; not listed is refused anyway.
    if (number == __NR_SCMP_ERROR) return;
    const int code = seccomp_rule_add_array(context_.get(), action, number,
                                            static_cast<unsigned>(when.size()), when.begin());
    if (code != 0) failure_ = std::string(name) + ": " + std::strerror(-code);
  }
  void add(std::uint32_t action, Names names) {
    for (const char* name : names) add(action, name);
  }
  void allow(const char* name, std::initializer_list<scmp_arg_cmp> when = {}) {
    add(SCMP_ACT_ALLOW, name, when);
  }
  void refuse(const char* name, int error, std::initializer_list<scmp_arg_cmp> when = {}) {
    add(SCMP_ACT_ERRNO(static_cast<std::uint16_t>(error)), name, when);
  }

  Result<std::vector<sock_filter>> compile() {
    if (!context_) return Error(kFilterNotMade, "out of memory");
    if (failure_.empty() &&
        seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) != 0)
      failure_ = "attributes";
    // A tree of comparisons instead of a list.
    (void)seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
    const UniqueFd memory(::memfd_create("filter", MFD_CLOEXEC));
    if (failure_.empty() && (!memory || seccomp_export_bpf(context_.get(), memory.get()) != 0))
      failure_ = "export";
    if (!failure_.empty()) return Error(kFilterNotMade, failure_);
    const off_t size = ::lseek(memory.get(), 0, SEEK_END);
    if (size <= 0 || size % static_cast<off_t>(sizeof(sock_filter)) != 0)
      return Error(kFilterNotMade, "size");
    std::vector<sock_filter> out(static_cast<std::size_t>(size) / sizeof(sock_filter));
    if (::pread(memory.get(), out.data(), static_cast<std::size_t>(size), 0) != size)
      return Error(kFilterNotMade, "read");
    return out;
  }

 private:
  std::unique_ptr<void, ContextDeleter> context_;
  std::string failure_;
};

// Code comes out of files, which a read-only image and mounts without execution vouch for. It never
// comes out of memory that the app wrote.
void allow_mappings(Rules& rules) {
  rules.allow("mmap", {masked(2, PROT_EXEC, 0)});
  rules.allow("mmap", {masked(2, PROT_EXEC | PROT_WRITE, PROT_EXEC), masked(3, MAP_ANONYMOUS, 0)});
  rules.refuse("mmap", EPERM, {masked(2, PROT_EXEC | PROT_WRITE, PROT_EXEC | PROT_WRITE)});
  rules.refuse("mmap", EPERM,
               {masked(2, PROT_EXEC, PROT_EXEC), masked(3, MAP_ANONYMOUS, MAP_ANONYMOUS)});
  rules.allow("mprotect", {masked(2, PROT_EXEC, 0)});
  rules.refuse("mprotect", EPERM, {masked(2, PROT_EXEC, PROT_EXEC)});
}

// What debuggers do with whom they trace, besides the first sixteen requests: by number, since not
// every processor has a name for each.
constexpr std::initializer_list<int> kTracing = {
    17,      // PTRACE_DETACH
    18,      // PTRACE_GETFPXREGS
    19,      // PTRACE_SETFPXREGS
    24,      // PTRACE_SYSCALL
    25,      // PTRACE_GET_THREAD_AREA
    26,      // PTRACE_SET_THREAD_AREA
    30,      // PTRACE_ARCH_PRCTL
    0x4200,  // PTRACE_SETOPTIONS
    0x4201,  // PTRACE_GETEVENTMSG
    0x4202,  // PTRACE_GETSIGINFO
    0x4203,  // PTRACE_SETSIGINFO
    0x4204,  // PTRACE_GETREGSET
    0x4205,  // PTRACE_SETREGSET
};

// Who is to be traced asks for it itself, and its parent traces it (PTRACE_TRACEME). Taking hold of
// any other process is what attacks do.
void end_who_attaches(Rules& rules) {
  for (const int request : {PTRACE_ATTACH, PTRACE_SEIZE})
    rules.add(SCMP_ACT_KILL_PROCESS, "ptrace", {equals(0, static_cast<std::uint64_t>(request))});
}

void judge_tracing(Rules& rules, const AppFilterNeeds& needs) {
  if (!needs.debugger) {
    rules.add(SCMP_ACT_KILL_PROCESS, "ptrace");
    return;
  }
  end_who_attaches(rules);
  rules.allow("ptrace", {{.arg = 0, .op = SCMP_CMP_LT, .datum_a = PTRACE_ATTACH, .datum_b = 0}});
  for (const int request : kTracing)
    rules.allow("ptrace", {equals(0, static_cast<std::uint64_t>(request))});
}

void allow_clone(Rules& rules) {
  rules.allow("clone", {masked(0, kNewNamespaces, 0)});
  // clone3's flags are behind a pointer, out of a filter's sight: not listed, so ENOSYS, and
  // run-times fall back to clone.
}

void allow_sockets(Rules& rules, const AppFilterNeeds& needs) {
  rules.add(SCMP_ACT_ALLOW, kSockets);
  for (const SocketOption& option : kSocketOptions)
    rules.allow("setsockopt", {low_word(1, option.level), low_word(2, option.name)});
  rules.allow("socketpair", {equals(0, AF_UNIX)});
  if (!needs.network) {
    rules.refuse("socket", EACCES);
    return;
  }
  rules.add(SCMP_ACT_ALLOW, kNetwork);
  if (needs.listens) rules.add(SCMP_ACT_ALLOW, kListening);
  for (const int family : {AF_INET, AF_INET6})
    rules.allow("socket", {equals(0, static_cast<std::uint64_t>(family))});
  // The C library asks for others first (netlink, local services) and lives with this answer.
  rules.refuse("socket", EAFNOSUPPORT,
               {{.arg = 0, .op = SCMP_CMP_GT, .datum_a = AF_INET6, .datum_b = 0}});
  rules.refuse("socket", EAFNOSUPPORT,
               {{.arg = 0, .op = SCMP_CMP_LT, .datum_a = AF_INET, .datum_b = 0}});
}

void allow_ioctl(Rules& rules, const AppFilterNeeds& needs) {
  if (needs.device_nodes) {
    // Which requests a node takes is its driver's to say; the app has the nodes that it was given.
    rules.allow("ioctl");
    return;
  }
  for (const int request : {FIONREAD, FIONBIO, FIOASYNC, FIOCLEX, FIONCLEX, TCGETS, TIOCGWINSZ})
    rules.allow("ioctl", {low_word(1, request)});
  if (!needs.gpio_lines) return;
  for (const std::uint64_t request : {GPIO_V2_LINE_SET_CONFIG_IOCTL, GPIO_V2_LINE_GET_VALUES_IOCTL,
                                      GPIO_V2_LINE_SET_VALUES_IOCTL})
    rules.allow("ioctl", {masked(1, 0xffffffffU, request)});
}

}  // namespace

Result<std::vector<sock_filter>> make_app_filter(const AppFilterNeeds& needs) {
  Rules rules(SCMP_ACT_ERRNO(ENOSYS));
  for (const Names names : {kFiles, kMemoryAndThreads, kProcesses, kWaiting})
    rules.add(SCMP_ACT_ALLOW, names);
  allow_mappings(rules);
  allow_clone(rules);
  allow_sockets(rules, needs);
  allow_ioctl(rules, needs);
  judge_tracing(rules, needs);
  rules.add(SCMP_ACT_KILL_PROCESS, kHostile);
  rules.add(SCMP_ACT_ERRNO(EPERM), kRefused);
  return rules.compile();
}

Result<std::vector<sock_filter>> make_launcher_filter() {
  constexpr std::array<std::string_view, 5> kNeeded = {"mount", "umount2", "pivot_root", "bpf",
                                                       "sethostname"};
  Rules rules(SCMP_ACT_ALLOW);
  for (const char* name : kHostile)
    if (std::ranges::find(kNeeded, name) == kNeeded.end()) rules.add(SCMP_ACT_KILL_PROCESS, name);
  end_who_attaches(rules);
  return rules.compile();
}

Result<std::vector<sock_filter>> make_warden_filter() {
  Rules rules(SCMP_ACT_KILL_PROCESS);
  rules.add(SCMP_ACT_ALLOW, {"wait4", "rt_sigtimedwait", "kill", "read", "write", "close",
                             "exit_group", "rt_sigreturn", "poll"});
  rules.allow("prctl", {low_word(0, PR_SET_PDEATHSIG)});
#if __has_feature(address_sanitizer)
  // Its run-time probes memory and has stacks of its own.
  rules.add(SCMP_ACT_ALLOW,
            {"sigaltstack", "pipe2", "mmap", "munmap", "madvise", "mprotect", "futex", "getpid"});
#endif
  return rules.compile();
}

}  // namespace pavise::device
