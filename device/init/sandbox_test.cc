// The forbidden acts of PID 1 and of its launcher fail. Each test forks: a sandbox cannot be taken
// off again.
#include "device/init/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <functional>

namespace pavise::device {
namespace {

constexpr int kApplyFailed = 99;

// Runs `act` in a child under a policy. Returns its wait status.
int run(sandbox::SandboxPolicy policy, const std::function<int()>& act) {
  for (auto& rule : policy.paths) rule.may_be_missing = true;  // there is no /data here
  policy.development.emplace();
  const pid_t child = ::fork();
  if (child == 0) {
    if (const Status status = sandbox::apply(policy); !status) ::_exit(kApplyFailed);
    ::_exit(act());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

class InitSandbox : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, as PID 1 is";
  }
  static void expect_killed(const sandbox::SandboxPolicy& policy, const std::function<int()>& act) {
    const int status = run(policy, act);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) << status;
  }
  static void expect_exit(int code, const sandbox::SandboxPolicy& policy,
                          const std::function<int()>& act) {
    const int status = run(policy, act);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == code) << status;
  }
};

TEST_F(InitSandbox, ForbiddenActsKill) {
  for (const auto& policy : {init_policy(), launcher_policy()}) {
    expect_killed(policy, [] { return ::mount("x", "/tmp", "tmpfs", 0, nullptr); });
    expect_killed(policy, [] { return ::umount2("/tmp", MNT_DETACH); });
    expect_killed(policy, [] { return ::chroot("/"); });
    expect_killed(policy, [] { return ::sethostname("x", 1); });
    expect_killed(policy, [] { return static_cast<int>(::syscall(SYS_pivot_root, "/", "/")); });
    expect_killed(policy,
                  [] { return static_cast<int>(::syscall(SYS_init_module, nullptr, 0, "")); });
    expect_killed(policy, [] { return static_cast<int>(::syscall(SYS_bpf, 0, nullptr, 0)); });
    expect_killed(policy, [] { return static_cast<int>(::syscall(SYS_ptrace, 0, 0, 0, 0)); });
    expect_killed(policy,
                  [] { return static_cast<int>(::syscall(SYS_kexec_load, 0, 0, nullptr, 0)); });
    expect_killed(policy,
                  [] { return static_cast<int>(::syscall(SYS_io_uring_setup, 1, nullptr)); });
  }
}

// PID 1 reads what the programs print. Whoever took it over by that could open nothing, become
// nobody, start nothing.
TEST_F(InitSandbox, PidOneKeepsNoneOfItsChildrensPowers) {
  const auto policy = init_policy();
  expect_killed(policy, [] { return ::open("/dev/null", O_RDONLY); });
  expect_killed(policy, [] { return ::open("/tmp/x", O_WRONLY | O_CREAT, 0600); });
  expect_killed(policy, [] { return ::fork(); });
  expect_killed(policy, [] { return ::execl("/bin/true", "true", static_cast<char*>(nullptr)); });
  expect_killed(policy, [] { return ::socket(AF_INET, SOCK_STREAM, 0); });
  expect_killed(policy, [] { return ::setresuid(10, 10, 10); });
  expect_killed(policy, [] { return ::ioctl(0, 0x4b3a); });
  expect_killed(policy, [] { return static_cast<int>(::syscall(SYS_prctl, PR_CAPBSET_READ, 0)); });
  expect_exit(0, policy, [] { return ::kill(::getpid(), 0); });
}

// Only PID 1 sets the clock. The time is one that the kernel refuses, so that it stays.
TEST_F(InitSandbox, PidOneMaySetTheClockAndNoOtherClockCall) {
  const auto set = [] {
    const timespec never{.tv_sec = -1, .tv_nsec = 0};
    return ::clock_settime(CLOCK_REALTIME, &never) == 0 ? 0 : errno;
  };
  expect_exit(EINVAL, init_policy(), set);
  expect_killed(launcher_policy(), set);
  expect_killed(init_policy(), [] { return ::settimeofday(nullptr, nullptr); });
  expect_killed(init_policy(), [] { return static_cast<int>(::syscall(SYS_adjtimex, nullptr)); });
}

TEST_F(InitSandbox, TheLauncherEndsNoProcessOfOthersAndNoMachine) {
  expect_killed(launcher_policy(), [] { return ::reboot(RB_AUTOBOOT); });
  expect_exit(EPERM, launcher_policy(), [] { return ::unshare(CLONE_NEWNS) == 0 ? 0 : errno; });
}

TEST_F(InitSandbox, ChildrenOfTheLauncherStartAsAnotherUser) {
  expect_exit(0, launcher_policy(), [] {
    const pid_t child = ::fork();
    if (child == 0) {
      if (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0)
        ::_exit(1);
      ::execl("/bin/true", "true", static_cast<char*>(nullptr));
      ::_exit(2);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
  });
}

}  // namespace
}  // namespace pavise::device
