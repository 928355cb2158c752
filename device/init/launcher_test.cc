// Runs a real launcher and real programs, which needs root. The control groups are plain files.
#include "device/init/launcher.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "device/init/sandbox.h"

namespace pavise::device {
namespace {

constexpr uid_t kTestUid = 65534;

class LauncherTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to start children as other users";
    char path[] = "/tmp/pavise-launcher-XXXXXX";
    folder_ = ::mkdtemp(path);
    std::filesystem::permissions(folder_, std::filesystem::perms(0755));
    std::filesystem::create_directory(folder_ / "one");
    std::ofstream(folder_ / "one/cgroup.procs") << "";
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }
  ChildSpec script(const std::string& body) const {
    const auto path = folder_ / "one.sh";
    std::ofstream(path) << "#!/bin/sh\n" << body << '\n';
    std::filesystem::permissions(path, std::filesystem::perms(0755));
    return {.name = "one", .program = path, .uid = kTestUid};
  }
  static Status nothing() { return {}; }

  std::filesystem::path folder_;
};

// All that it prints until it ends; then its wait status.
std::pair<std::string, int> outcome(RunningChild& child) {
  std::string text;
  std::array<char, 256> piece{};
  pollfd polled{child.output.get(), POLLIN, 0};
  while (::poll(&polled, 1, 10'000) == 1) {
    const ssize_t size = ::read(child.output.get(), piece.data(), piece.size());
    if (size <= 0) break;
    text.append(piece.data(), static_cast<std::size_t>(size));
  }
  int status = -1;
  ::waitpid(child.pid, &status, 0);
  return {text, status};
}

TEST_F(LauncherTest, ItsProgramsAreChildrenOfTheOneThatAsked) {
  auto launcher = Launcher::fork(folder_, {script("echo parent $PPID user $(id -u); exit 6")},
                                 LauncherTest::nothing);
  ASSERT_TRUE(launcher) << launcher.error().message();
  for (int i = 0; i < 2; ++i) {
    auto child = launcher->start_child(0, {});
    ASSERT_TRUE(child) << child.error().message();
    const auto [text, status] = outcome(*child);
    EXPECT_EQ(text, "parent " + std::to_string(::getpid()) + " user 65534\n");
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 6) << status;
  }
}

TEST_F(LauncherTest, SocketsAreHandedOverAndKeptByNobodyElse) {
  auto launcher = Launcher::fork(
      folder_,
      {script("echo from three >&3; echo sockets $(ls -l /proc/self/fd | grep -c socket)")},
      LauncherTest::nothing);
  ASSERT_TRUE(launcher);
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  auto child = launcher->start_child(0, {theirs.get()});
  ASSERT_TRUE(child);
  theirs = UniqueFd();
  EXPECT_EQ(outcome(*child).first, "sockets 1\n");
  std::array<char, 64> text{};
  EXPECT_EQ(::recv(ours.get(), text.data(), text.size(), 0), 11);
  EXPECT_EQ(::recv(ours.get(), text.data(), text.size(), 0), 0);  // the program's end was the last
}

TEST_F(LauncherTest, APlaceWithoutAProgramIsRefused) {
  auto launcher = Launcher::fork(folder_, {script("exit 0")}, LauncherTest::nothing);
  ASSERT_TRUE(launcher);
  auto refused = launcher->start_child(1, {});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(kChildNotStarted)) << refused.error().message();
  EXPECT_TRUE(launcher->start_child(0, {}));  // and it lives on
  ::waitpid(-1, nullptr, 0);
}

TEST_F(LauncherTest, ItsEndIsSaid) {
  auto launcher = Launcher::fork(folder_, {script("exit 0")}, LauncherTest::nothing);
  ASSERT_TRUE(launcher);
  ::kill(launcher->pid(), SIGKILL);
  ::waitpid(launcher->pid(), nullptr, 0);
  EXPECT_TRUE(launcher->start_child(0, {}).error().is(kLauncherGone));
}

TEST_F(LauncherTest, WithoutItsSandboxItDoesNotServe) {
  const auto launcher = Launcher::fork(folder_, {script("exit 0")},
                                       [] { return Status(Error(sandbox::kFilterFailed)); });
  ASSERT_FALSE(launcher);
  EXPECT_TRUE(launcher.error().is(kLauncherGone));
  ::waitpid(-1, nullptr, 0);
}

// Both under the policies of the device: what remains is enough.
TEST_F(LauncherTest, StartsProgramsBetweenTheRealSandboxes) {
  const ChildSpec spec{.name = "one", .program = "/usr/bin/yes", .uid = kTestUid};
  const pid_t init = ::fork();
  if (init == 0) {
    auto launcher = Launcher::fork(folder_, {spec}, [this] {
      auto policy = launcher_policy();
      for (auto& rule : policy.paths) rule.may_be_missing = true;  // there is no /data here
      policy.paths.push_back({.path = folder_, .access = sandbox::PathAccess::read_write});
      policy.paths.push_back({.path = folder_, .access = sandbox::PathAccess::execute});
      policy.paths.push_back({.path = "/bin", .access = sandbox::PathAccess::execute});
      policy.development.emplace();
      return sandbox::apply(policy);
    });
    auto policy = init_policy();
    policy.development.emplace();
    if (!launcher || !sandbox::apply(policy)) ::_exit(1);
    auto child = launcher->start_child(0, {});
    if (!child) ::_exit(2);
    std::array<char, 16> text{};
    pollfd polled{child->output.get(), POLLIN, 0};
    if (::poll(&polled, 1, 10'000) != 1 ||
        ::read(child->output.get(), text.data(), text.size()) <= 0 || text[0] != 'y')
      ::_exit(3);
    int status = 0;
    if (::kill(child->pid, SIGKILL) != 0) ::_exit(4);
    if (::waitpid(child->pid, &status, 0) != child->pid || !WIFSIGNALED(status)) ::_exit(5);
    ::_exit(0);
  }
  int status = -1;
  ::waitpid(init, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace pavise::device
