// Applies the real policy in children; needs root.
#include "device/apps/powers/powers.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

namespace pavise::device {
namespace {

// Exit code, or 1000 and the signal.
int within_powers(const std::function<int()>& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto policy = apps_launcher_policy();
    if (!policy || !sandbox::apply(*policy)) ::_exit(200);
    ::_exit(act());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

class Powers : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }
};

TEST_F(Powers, ItMountsAndMakesNodes) {
  EXPECT_EQ(within_powers([] {
              if (::syscall(SYS_unshare, 0) == 0) return 1;  // not reached: that call ends it
              return 0;
            }),
            1000 + SIGSYS);
  EXPECT_EQ(within_powers([] {
              char folder[] = "/tmp/pavise-powers-XXXXXX";
              if (::mkdtemp(folder) == nullptr) return 1;
              const int mounted = ::mount("tmpfs", folder, "tmpfs", 0, "size=4k");
              const int error = errno;
              if (mounted == 0) ::umount(folder);
              ::rmdir(folder);
              return mounted == 0 ? 0 : error;
            }),
            0);
}

TEST_F(Powers, WhatNobodyHereNeedsEndsIt) {
  for (const auto request : {PTRACE_ATTACH, PTRACE_SEIZE})
    EXPECT_EQ(within_powers([request] { return static_cast<int>(::ptrace(request, 1, 0, 0)); }),
              1000 + SIGSYS);
  for (const long call : {SYS_init_module, SYS_kexec_load, SYS_process_vm_writev, SYS_keyctl,
                          SYS_io_uring_setup, SYS_setns, SYS_reboot, SYS_perf_event_open})
    EXPECT_EQ(within_powers([call] { return static_cast<int>(::syscall(call, 0, 0, 0, 0, 0)); }),
              1000 + SIGSYS)
        << call;
}

// Apps inherit this filter: one that is debugged asks for it, and its own filter lets it.
TEST_F(Powers, WhoAsksToBeTracedMayBeByItsParent) {
  EXPECT_EQ(within_powers([] {
              const pid_t child = ::fork();
              if (child == 0) {
                if (::ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) ::_exit(1);
                ::raise(SIGSTOP);
                ::_exit(0);
              }
              int status = 0;
              ::waitpid(child, &status, 0);
              if (!WIFSTOPPED(status)) return 1;
              if (::ptrace(PTRACE_CONT, child, 0, 0) != 0) return 2;
              ::waitpid(child, &status, 0);
              return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
            }),
            0);
}

TEST_F(Powers, CapabilitiesThatItHasNotAreGone) {
  // SYS_TIME, SYS_RAWIO, NET_RAW, SYS_PTRACE, SYS_MODULE and SYS_BOOT among them.
  EXPECT_EQ(
      within_powers([] { return ::socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == EPERM ? 0 : 1; }),
      0);
  EXPECT_EQ(within_powers([] {
              const timespec now{.tv_sec = 1, .tv_nsec = 0};
              return ::clock_settime(CLOCK_REALTIME, &now) != 0 ? 0 : 1;
            }),
            1000 + SIGSYS);
}

}  // namespace
}  // namespace pavise::device
