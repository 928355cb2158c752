// Runs real children: shell scripts under users of their own, which needs root. The control groups
// are a folder of plain files.
#include "device/init/supervisor.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <utility>

namespace pavise::device {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

constexpr uid_t kTestUid = 65534;
constexpr int kTurns = 60;
constexpr int kTurnMs = 50;

class SupervisorTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to start children as other users";
    ::sigprocmask(SIG_SETMASK, nullptr, &mask_);
    char path[] = "/tmp/pavise-init-XXXXXX";
    folder_ = ::mkdtemp(path);
    std::filesystem::permissions(folder_, std::filesystem::perms(0755));
    file("cgroup.subtree_control", "");
    for (const char* group : {"monitor", "agent", "apps"}) {
      std::filesystem::create_directory(folder_ / group);
      for (const char* name : {"cgroup.procs", "memory.max", "memory.oom.group", "pids.max"})
        file(std::string(group) + '/' + name, "");
    }
  }
  void TearDown() override {
    if (folder_.empty()) return;
    ::sigprocmask(SIG_SETMASK, &mask_, nullptr);
    std::filesystem::remove_all(folder_);
  }

  void file(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }
  std::string content(const std::string& name) const {
    std::ifstream in(folder_ / name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  ChildSpec script(const std::string& name, const std::string& body) const {
    file(name + ".sh", "#!/bin/sh\n" + body + '\n');
    std::filesystem::permissions(folder_ / (name + ".sh"), std::filesystem::perms(0755));
    return {.name = name,
            .program = folder_ / (name + ".sh"),
            .uid = kTestUid,
            .memory_bytes_max = 1000,
            .processes_max = 7,
            .open_files_max = 20};
  }
  Supervisor supervise(const std::string& monitor, const std::string& agent) {
    auto created = Supervisor::create(
        folder_, {.monitor = script("monitor", monitor), .agent = script("agent", agent)}, clock_,
        [this](std::string_view line) { console_.emplace_back(line); });
    PAVISE_CHECK(created.has_value());
    PAVISE_CHECK(created->start_monitor().has_value());
    PAVISE_CHECK(created->start_agent().has_value());
    return std::move(*created);
  }
  pid_t pid_said_by(const std::string& prefix) const {
    for (const auto& line : console_)
      if (line.starts_with(prefix)) return std::stoi(line.substr(prefix.size()));
    ADD_FAILURE() << prefix;
    return 0;
  }
  bool turn_until(Supervisor& supervisor, const std::string& text, std::size_t times = 1) {
    for (int i = 0; i < kTurns; ++i) {
      std::size_t seen = 0;
      for (const auto& line : console_)
        if (line.find(text) != std::string::npos) ++seen;
      if (seen >= times) return true;
      supervisor.step(kTurnMs);
    }
    return false;
  }

  std::filesystem::path folder_;
  sigset_t mask_{};
  ManualClock clock_{0};
  std::vector<std::string> console_;
};

TEST_F(SupervisorTest, ChildrenRunConfinedWithTheirSocketsAndNothingElse) {
  auto supervisor = supervise(
      "id -u; id -G; echo limits $(ulimit -n) $(ulimit -c); env | grep -v '^PWD=\\|^_=\\|^SHLVL='; "
      "echo fds $(ls -l /proc/self/fd | grep -c socket); echo ready; sleep 60",
      "echo caps $(grep -h 'CapBnd\\|CapEff\\|NoNewPrivs' /proc/self/status); echo agent-fds $(ls "
      "-l "
      "/proc/self/fd | grep -c socket); sleep 60");
  EXPECT_TRUE(turn_until(supervisor, "monitor: ready"));
  EXPECT_TRUE(turn_until(supervisor, "agent-fds"));
  EXPECT_THAT(console_, Contains("monitor: 65534\n"));
  EXPECT_THAT(console_, Contains("monitor: limits 20 0\n"));
  EXPECT_THAT(console_, Contains("monitor: fds 2\n"));
  EXPECT_THAT(console_, Contains("agent: agent-fds 1\n"));
  EXPECT_THAT(console_, Contains("agent: caps CapEff: 0000000000000000 CapBnd: 0000000000000000 "
                                 "NoNewPrivs: 1\n"));
  EXPECT_THAT(console_, Not(Contains(HasSubstr("PATH="))));
  EXPECT_EQ(content("monitor/memory.max"), "1000");
  EXPECT_EQ(content("monitor/pids.max"), "7");
  EXPECT_EQ(content("monitor/cgroup.procs"), "0");
  EXPECT_EQ(content("cgroup.subtree_control"), "+memory +pids +cpu");
  supervisor.stop();
}

TEST_F(SupervisorTest, WhenOneEndsBothStartAgainAfterTheDelay) {
  auto supervisor = supervise("echo hello; echo go >&4; sleep 60",
                              "dd bs=9 count=1 <&3 2>/dev/null; echo first; exit 5");
  EXPECT_TRUE(turn_until(supervisor, "agent ended with exit code 5"));
  EXPECT_TRUE(turn_until(supervisor, "monitor ended by signal 9"));
  for (int i = 0; i < 3; ++i) supervisor.step(1);
  EXPECT_EQ(std::ranges::count(console_, "monitor: hello\n"), 1);  // time stands still
  clock_.advance_ms(kRestartFirstMs);
  EXPECT_TRUE(turn_until(supervisor, "monitor: hello", 2));
  EXPECT_TRUE(turn_until(supervisor, "agent: first", 2));
  EXPECT_TRUE(turn_until(supervisor, "start again in 1000 ms"));
  supervisor.stop();
}

// What init knows of its own start it says at each of theirs, directly and through a launcher.
TEST_F(SupervisorTest, ArgumentsAreTheSameAtEachStart) {
  Supervisor::Programs programs{script("monitor", "sleep 60"),
                                script("agent", "echo told $# $1 $2; exit 9")};
  programs.agent.arguments = {"--clock-ahead-ms", "17 *"};
  auto supervisor = Supervisor::create(
      folder_, programs, clock_, [this](std::string_view line) { console_.emplace_back(line); });
  ASSERT_TRUE(supervisor && supervisor->start_monitor());
  ASSERT_TRUE(supervisor->start_agent());
  auto launcher = Launcher::fork(folder_, programs.pair(), [] { return Status{}; });
  ASSERT_TRUE(launcher) << launcher.error().message();
  supervisor->start_through(std::move(*launcher), std::nullopt);
  EXPECT_TRUE(turn_until(*supervisor, "monitor ended by signal 9"));
  clock_.advance_ms(kRestartFirstMs);
  EXPECT_TRUE(turn_until(*supervisor, "agent: told 2 --clock-ahead-ms 17 ", 2))
      << testing::PrintToString(console_);
  supervisor->stop();
}

TEST_F(SupervisorTest, AgentIsRestartedWhenTheMonitorEnds) {
  auto supervisor = supervise("exit 3", "echo agent here; sleep 60");
  EXPECT_TRUE(turn_until(supervisor, "monitor ended with exit code 3"));
  EXPECT_TRUE(turn_until(supervisor, "agent ended by signal 9"));
  supervisor.stop();
}

TEST_F(SupervisorTest, ProgramThatCannotBeStartedIsTriedAgain) {
  auto broken = Supervisor::create(
      folder_,
      {.monitor = script("monitor", "sleep 60"),
       .agent = {.name = "agent", .program = folder_ / "missing", .uid = kTestUid}},
      clock_, [this](std::string_view line) { console_.emplace_back(line); });
  ASSERT_TRUE(broken);
  ASSERT_TRUE(broken->start_monitor());
  ASSERT_TRUE(broken->start_agent());
  EXPECT_TRUE(turn_until(*broken, "agent: not started: exec: No such file"))
      << testing::PrintToString(console_);
  EXPECT_TRUE(turn_until(*broken, "agent ended with exit code 127"));
  EXPECT_TRUE(turn_until(*broken, "start again in 500 ms"));
  broken->stop();
}

TEST_F(SupervisorTest, SignalEndsTheRunAndChildrenAreAskedFirst) {
  auto supervisor = supervise(
      "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done", "sleep 60");
  EXPECT_TRUE(turn_until(supervisor, "monitor: ready"));
  ::kill(::getpid(), SIGTERM);
  EXPECT_TRUE(supervisor.run([] {}));  // returns because of the signal
  supervisor.stop();
  EXPECT_THAT(console_, Contains("monitor: bye\n"));
  EXPECT_THAT(console_, Contains(HasSubstr("agent ended by signal 15")));
}

TEST_F(SupervisorTest, ALauncherStartsThemAgainAndItsEndIsTheEnd) {
  const Supervisor::Programs programs{script("monitor", "echo child of $PPID; sleep 60"),
                                      script("agent", "sleep 0.2; exit 9")};
  auto supervisor = Supervisor::create(
      folder_, programs, clock_, [this](std::string_view line) { console_.emplace_back(line); });
  ASSERT_TRUE(supervisor && supervisor->start_monitor());
  auto launcher = Launcher::fork(folder_, programs.pair(), [] { return Status{}; });
  ASSERT_TRUE(launcher) << launcher.error().message();
  const pid_t pid = launcher->pid();
  supervisor->start_through(std::move(*launcher), std::nullopt);
  ASSERT_TRUE(supervisor->start_agent());
  EXPECT_TRUE(turn_until(*supervisor, "agent ended with exit code 9"));
  EXPECT_TRUE(turn_until(*supervisor, "monitor ended by signal 9"));
  clock_.advance_ms(kRestartFirstMs);
  // The parent of both is PID 1, here this test, which learns how they ended.
  const std::string line = "monitor: child of " + std::to_string(::getpid());
  EXPECT_TRUE(turn_until(*supervisor, line, 2)) << testing::PrintToString(console_);
  EXPECT_TRUE(turn_until(*supervisor, "agent ended with exit code 9", 2));
  ::kill(pid, SIGKILL);
  const Status ended = supervisor->run([] {});
  ASSERT_FALSE(ended);
  EXPECT_TRUE(ended.error().is(kLauncherGone));
  supervisor->stop();
}

// Says which of descriptors 3 to 6 it has, and what came over init's channel.
constexpr const char* kSayDescriptors =
    "for n in 3 4 5 6; do test -S /proc/self/fd/$n && echo has $n; done; exec sleep 60";

TEST_F(SupervisorTest, AppsAreReachedFromThePairAndLiveForThemselves) {
  auto supervisor =
      Supervisor::create(folder_,
                         {.monitor = script("monitor", kSayDescriptors),
                          .agent = script("agent", kSayDescriptors),
                          .apps = script("apps", std::string("echo child $$; ") + kSayDescriptors)},
                         clock_, [this](std::string_view line) { console_.emplace_back(line); });
  ASSERT_TRUE(supervisor) << supervisor.error().message();
  ASSERT_TRUE(supervisor->start_monitor() && supervisor->start_agent() && supervisor->start_apps());
  EXPECT_TRUE(turn_until(*supervisor, "monitor: has 5"));
  EXPECT_TRUE(turn_until(*supervisor, "agent: has 5"));
  EXPECT_THAT(console_, Contains("agent: has 4\n"));
  EXPECT_TRUE(turn_until(*supervisor, "apps: has 3"));
  EXPECT_THAT(console_, Not(Contains("monitor: has 6\n")));
  EXPECT_THAT(console_, Not(Contains("agent: has 6\n")));
  EXPECT_THAT(console_, Not(Contains("apps: has 4\n")));

  // Their end leaves the pair alone.
  ::kill(pid_said_by("apps: child "), SIGKILL);
  EXPECT_TRUE(turn_until(*supervisor, "apps start again in 500 ms"));
  clock_.advance_ms(kRestartFirstMs);
  EXPECT_TRUE(turn_until(*supervisor, "apps: has 3", 2));
  EXPECT_THAT(console_, Not(Contains(HasSubstr("monitor ended"))));
  EXPECT_THAT(console_, Not(Contains(HasSubstr("agent ended"))));
  supervisor->stop();
}

TEST_F(SupervisorTest, AppsGetTheChannelsOfEachNewPair) {
  // The script prints a word for each packet that init sends: one byte and three descriptors.
  auto supervisor = Supervisor::create(
      folder_,
      {.monitor = script("monitor", "echo child $$; exec sleep 60"),
       .agent = script("agent", "exec sleep 60"),
       .apps = script("apps",
                      "exec python3 -c 'import socket\ns = socket.socket(fileno=3)\n"
                      "while True:\n  byte, fds, _, _ = socket.recv_fds(s, 1, 8)\n"
                      "  print(\"got\", len(byte), len(fds), flush=True)'")},
      clock_, [this](std::string_view line) { console_.emplace_back(line); });
  ASSERT_TRUE(supervisor) << supervisor.error().message();
  ASSERT_TRUE(supervisor->start_monitor() && supervisor->start_agent() && supervisor->start_apps());
  EXPECT_TRUE(turn_until(*supervisor, "apps: got 1 3"));
  ::kill(pid_said_by("monitor: child "), SIGKILL);
  EXPECT_TRUE(turn_until(*supervisor, "agent ended by signal 9"));
  clock_.advance_ms(kRestartFirstMs);
  EXPECT_TRUE(turn_until(*supervisor, "apps: got 1 3", 2));
  EXPECT_THAT(console_, Not(Contains(HasSubstr("apps ended"))));
  supervisor->stop();
}

TEST_F(SupervisorTest, AppsMayAskForARestartOrTheEnd) {
  struct Case {
    const char* said;
    bool restart;
  };
  for (const Case& wanted : {Case{"\\x01", true}, Case{"\\x02", false}}) {
    console_.clear();
    auto supervisor = Supervisor::create(
        folder_,
        {.monitor = script("monitor", "exec sleep 60"),
         .agent = script("agent", "trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done"),
         // What is no word is nothing: others, longer ones.
         .apps = script(
             "apps", std::string("exec python3 -c 'import socket, time\n") +
                         "s = socket.socket(fileno=3)\n"
                         "for word in (b\"\\x00\", b\"\\x03\", b\"\\x04\", b\"\\x01\\x01\", b\"" +
                         wanted.said + "\"):\n  s.send(word)\ntime.sleep(60)'")},
        clock_, [this](std::string_view line) { console_.emplace_back(line); });
    ASSERT_TRUE(supervisor) << supervisor.error().message();
    ASSERT_TRUE(supervisor->start_monitor() && supervisor->start_agent() &&
                supervisor->start_apps());
    EXPECT_TRUE(supervisor->run([] {}));  // returns because of it
    supervisor->stop();
    EXPECT_EQ(supervisor->restart_wanted(), wanted.restart);
    EXPECT_THAT(console_, Contains("agent: bye\n"));
  }
}

TEST_F(SupervisorTest, AppsMayHaveTheClockSetToWhatCanBe) {
  std::vector<UnixMillis> set;
  bool kernel_lets = true;
  clock_.set_wall_ms(1'790'000'000'000);
  auto supervisor = Supervisor::create(
      folder_,
      {.monitor = script("monitor", "exec sleep 60"),
       .agent = script("agent", "exec sleep 60"),
       // 1970, the end of this release's time and a millisecond, and one with a byte too many.
       .apps = script("apps",
                      "exec python3 -c 'import socket, struct, time\n"
                      "s = socket.socket(fileno=3)\n"
                      "for ms in (0, 4102444800001, 1800000000123, 1790000000000):\n"
                      "  s.send(b\"\\x03\" + struct.pack(\"<Q\", ms))\n"
                      "s.send(b\"\\x03\" + struct.pack(\"<Q\", 1800000000123) + b\"x\")\n"
                      "print(\"said\", flush=True)\ntime.sleep(60)'")},
      clock_, [this](std::string_view line) { console_.emplace_back(line); },
      [&](UnixMillis to_ms) {
        if (kernel_lets) set.push_back(to_ms);
        errno = EPERM;
        return std::exchange(kernel_lets, false);
      });
  ASSERT_TRUE(supervisor && supervisor->start_monitor() && supervisor->start_agent() &&
              supervisor->start_apps());
  EXPECT_TRUE(turn_until(*supervisor, "PV-INW-001", 3)) << testing::PrintToString(console_);
  EXPECT_THAT(set, testing::ElementsAre(1'800'000'000'123));
  EXPECT_THAT(console_, Contains("pavise-init: apps have the clock set from "
                                 "2026-09-21T14:13:20.000Z to 2027-01-15T08:00:00.123Z\n"));
  EXPECT_THAT(console_, Contains(HasSubstr("the clock cannot be set from")));
  EXPECT_FALSE(supervisor->restart_wanted());
  supervisor->stop();
}

// Somebody who took the launcher over speaks on the console as its own child, within its limit of
// lines, and not in init's name without end.
TEST_F(SupervisorTest, WordsToInitAreCounted) {
  int set = 0;
  auto supervisor = Supervisor::create(
      folder_,
      {.monitor = script("monitor", "echo child $$; exec sleep 60"),
       .agent = script("agent", "exec sleep 60"),
       // As many bad words as there are good ones; at a sign the same again, then a restart.
       .apps = script("apps",
                      "exec python3 -c 'import socket, struct, time\n"
                      "s = socket.socket(fileno=3)\n"
                      "s.recv(1)\n"
                      "for turn in (1, 2):\n"
                      "  for i in range(6):\n"
                      "    s.send(b\"\\x03\" + struct.pack(\"<Q\", 1800000000000))\n"
                      "    s.send(b\"\\x00\")\n"
                      "  if turn == 1: print(\"all\", flush=True)\n"
                      "  if turn == 1: s.recv(1)\n"
                      "s.send(b\"\\x01\")\ntime.sleep(60)'")},
      clock_, [this](std::string_view line) { console_.emplace_back(line); },
      [&](UnixMillis) { return ++set > 0; });
  ASSERT_TRUE(supervisor && supervisor->start_monitor() && supervisor->start_agent() &&
              supervisor->start_apps());
  const auto bad = [this] {
    return std::ranges::count_if(
        console_, [](const std::string& line) { return line.contains("PV-INW-001"); });
  };
  EXPECT_TRUE(turn_until(*supervisor, "apps: all"));
  for (int i = 0; i < 13; ++i) supervisor->step(0);  // what is still in the socket
  EXPECT_EQ(set + bad(), kInitWordsAtOnce);
  clock_.advance_ms(2 * kInitWordEveryMs + kInitWordEveryMs / 2);
  // The pair starts anew, of which the launcher hears.
  ::kill(pid_said_by("monitor: child "), SIGKILL);
  EXPECT_TRUE(turn_until(*supervisor, "start again in"));
  clock_.advance_ms(kRestartFirstMs);
  EXPECT_TRUE(turn_until(*supervisor, "apps want a restart")) << testing::PrintToString(console_);
  EXPECT_EQ(set + bad(), kInitWordsAtOnce + 2);
  EXPECT_TRUE(supervisor->restart_wanted());
  supervisor->stop();
}

TEST_F(SupervisorTest, AnAppsLauncherThatHangsUpIsNotPolledInALoop) {
  auto supervisor =
      Supervisor::create(folder_,
                         {.monitor = script("monitor", "exec sleep 60"),
                          .agent = script("agent", "exec sleep 60"),
                          .apps = script("apps", "exec 3>&-; echo hung up; exec sleep 60")},
                         clock_, [this](std::string_view line) { console_.emplace_back(line); });
  ASSERT_TRUE(supervisor && supervisor->start_monitor() && supervisor->start_agent() &&
              supervisor->start_apps());
  EXPECT_TRUE(turn_until(*supervisor, "apps: hung up"));
  supervisor->step(1);  // sees it, if it has not
  supervisor->step(1);
  EXPECT_FALSE(supervisor->restart_wanted());
  // With nothing to do, a step takes its time.
  const auto before = std::chrono::steady_clock::now();
  supervisor->step(kTurnMs);
  EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(kTurnMs));
  supervisor->stop();
}

TEST_F(SupervisorTest, MissingControlGroupsAreAnError) {
  std::filesystem::remove(folder_ / "agent/pids.max");
  const auto created =
      Supervisor::create(folder_, {.monitor = script("monitor", ""), .agent = script("agent", "")},
                         clock_, [](std::string_view) {});
  ASSERT_FALSE(created);
  EXPECT_TRUE(created.error().is(kNoBudget));
}

}  // namespace
}  // namespace pavise::device
