#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "device/apps/compartment/testing/hostile/attacks.h"

namespace pavise::device::hostile {

// A parent that traces its child as debuggers do, and writes into it.
int trace_child() {
  static volatile long word = 1;
  const pid_t child = ::fork();
  if (child < 0) return errno;
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(99);
    ::raise(SIGSTOP);
    ::_exit(static_cast<int>(word));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFSTOPPED(status)) return 1000 + WEXITSTATUS(status);
  if (::ptrace(PTRACE_POKEDATA, child, &word, 7L) != 0) return errno;
  if (::ptrace(PTRACE_CONT, child, nullptr, nullptr) != 0) return errno;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

int forbidden(std::string_view call) {
  if (call == "ptrace") return outcome(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr));
  if (call == "attach") return outcome(::ptrace(PTRACE_ATTACH, 1, nullptr, nullptr));
  if (call == "seize") return outcome(::ptrace(PTRACE_SEIZE, 1, nullptr, nullptr));
  if (call == "peek_warden") return outcome(::ptrace(PTRACE_PEEKDATA, 1, nullptr, nullptr));
  if (call == "mount") return outcome(::mount("none", "/tmp", "tmpfs", 0, nullptr));
  if (call == "unshare") return outcome(::unshare(CLONE_NEWUSER));
  if (call == "bpf") return outcome(::syscall(SYS_bpf, 0, nullptr, 0));
  if (call == "io_uring") return outcome(::syscall(SYS_io_uring_setup, 1, nullptr));
  if (call == "vm_readv")
    return outcome(::syscall(SYS_process_vm_readv, 1, nullptr, 0, nullptr, 0, 0));
  if (call == "userfaultfd") return outcome(::syscall(SYS_userfaultfd, 0));
  if (call == "keyctl") return outcome(::syscall(SYS_keyctl, 0, -3, 0));
  if (call == "perf") return outcome(::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0));
  if (call == "setns") return outcome(::syscall(SYS_setns, 0, 0));
  if (call == "getfd") return outcome(::syscall(SYS_pidfd_getfd, 0, 0, 0));
  if (call == "handle") return outcome(::syscall(SYS_open_by_handle_at, -1, nullptr, 0));
  if (call == "x32") return outcome(::syscall(0x40000000 | SYS_getpid));
  if (call == "shm") return outcome(::syscall(SYS_shmget, 0, 4096, 0600));
  if (call == "pkey") return outcome(::syscall(SYS_pkey_mprotect, nullptr, 0, PROT_EXEC, -1));
  if (call == "personality") return outcome(::syscall(SYS_personality, 0x0400000));
  // Its guard is of the same user; what can be done to its limits must not set the app free.
  if (call == "limit_warden") {
    const rlimit none{};
    int changed = 0;
    for (const auto kind :
         {RLIMIT_NOFILE, RLIMIT_STACK, RLIMIT_AS, RLIMIT_SIGPENDING, RLIMIT_FSIZE})
      changed += ::prlimit(1, kind, &none, nullptr) == 0;
    return changed == 5 ? 0 : errno;
  }
  if (call == "clone_user")
    return outcome(::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, 0));
  if (call == "clone3") return outcome(::syscall(SYS_clone3, nullptr, 0));
  if (call == "setuid") return outcome(::setuid(0));
  if (call == "mknod") return outcome(::mknod("/tmp/null", S_IFCHR | 0600, makedev(1, 3)));
  if (call == "memfd") return outcome(::memfd_create("code", 0));
  if (call == "unix") return outcome(::socket(AF_UNIX, SOCK_STREAM, 0));
  if (call == "netlink") return outcome(::socket(AF_NETLINK, SOCK_RAW, 0));
  if (call == "packet") return outcome(::socket(AF_PACKET, SOCK_RAW, 0));
  if (call == "inet") return outcome(::socket(AF_INET, SOCK_STREAM, 0));
  if (call == "tiocsti") return outcome(::ioctl(0, 0x5412, "x"));
  if (call == "tiocsti64") return outcome(::syscall(SYS_ioctl, 0, 0x1'0000'5412UL, "x"));
  if (call == "wx")
    return outcome(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
                       ? -1
                       : 0);
  if (call == "kill_all") return outcome(::kill(-1, SIGKILL));
  if (call == "kill_warden") return outcome(::kill(1, SIGKILL));
  return -1;
}

}  // namespace pavise::device::hostile
