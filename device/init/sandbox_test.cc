// The forbidden acts of PID 1 fail. Each test forks: a sandbox cannot be taken off again.
#include "device/init/sandbox.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

namespace pavise::device {
namespace {

constexpr int kApplyFailed = 99;

// Runs `act` in a child under init's policy. Returns its wait status.
int run(const std::function<int()>& act) {
  auto policy = init_policy();
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
  static void expect_killed(const std::function<int()>& act) {
    const int status = run(act);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) << status;
  }
  static void expect_exit(int code, const std::function<int()>& act) {
    const int status = run(act);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == code) << status;
  }
};

TEST_F(InitSandbox, ForbiddenActsKill) {
  expect_killed([] { return ::mount("x", "/tmp", "tmpfs", 0, nullptr); });
  expect_killed([] { return ::umount2("/tmp", MNT_DETACH); });
  expect_killed([] { return ::chroot("/"); });
  expect_killed([] { return ::sethostname("x", 1); });
  expect_killed([] { return static_cast<int>(::syscall(SYS_pivot_root, "/", "/")); });
  expect_killed([] { return static_cast<int>(::syscall(SYS_init_module, nullptr, 0, "")); });
  expect_killed([] { return static_cast<int>(::syscall(SYS_bpf, 0, nullptr, 0)); });
  expect_killed([] { return static_cast<int>(::syscall(SYS_ptrace, 0, 0, 0, 0)); });
  expect_killed([] { return static_cast<int>(::syscall(SYS_kexec_load, 0, 0, nullptr, 0)); });
  expect_killed([] { return static_cast<int>(::syscall(SYS_io_uring_setup, 1, nullptr)); });
}

TEST_F(InitSandbox, AdministrationIsGone) {
  expect_exit(EPERM, [] { return ::unshare(CLONE_NEWNS) == 0 ? 0 : errno; });
}

TEST_F(InitSandbox, ChildrenStillStartAsAnotherUser) {
  expect_exit(0, [] {
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
