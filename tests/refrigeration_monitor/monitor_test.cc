// The program as it is packed, between a pseudo-terminal as the sensor and the agent's side of an
// app's channel. Needs root for a /dev of its own.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "common/base/clock.h"
#include "device/agent/app_channels.h"
#include "samples/refrigeration_monitor/reading.h"

namespace pavise {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr int kPatienceMs = 60'000;
constexpr const char* kPort = "/dev/SENSOR1";
constexpr int kAboveAppNumbers = 10;

std::string line(const std::string& body) {
  return body + '*' + refrigeration_monitor::checksum(body) + '\n';
}

class MonitorTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (::geteuid() != 0) return;
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  }
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root for a /dev of its own";
    char path[] = "/tmp/pavise-fridge-XXXXXX";
    folder_ = ::mkdtemp(path);
    devices_ = UniqueFd(::open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC));
    ASSERT_EQ(::mount("none", "/dev", "tmpfs", 0, "mode=0755"), 0);
    ASSERT_EQ(::mknod("/dev/null", S_IFCHR | 0666U, makedev(1, 3)), 0);
    std::ofstream(kPort) << "";
    plug();
  }
  void TearDown() override {
    if (folder_.empty()) return;
    if (process_ > 0) {
      ::kill(process_, SIGKILL);
      ::waitpid(process_, nullptr, 0);
    }
    unplug();
    EXPECT_EQ(::umount2("/dev", MNT_DETACH), 0);
    fs::remove_all(folder_);
  }

  void plug() {
    sensor_ = UniqueFd(::openat(devices_.get(), "pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(sensor_);
    ASSERT_EQ(::unlockpt(sensor_.get()), 0);
    // No hang-up between the app's opens.
    kept_ = UniqueFd(::ioctl(sensor_.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(kept_);
    const std::string port = "/proc/self/fd/" + std::to_string(kept_.get());
    ASSERT_EQ(::mount(port.c_str(), kPort, nullptr, MS_BIND, nullptr), 0);
  }
  void unplug() {
    kept_.reset();
    sensor_.reset();
    EXPECT_EQ(::umount2(kPort, MNT_DETACH), 0);
  }
  void say(const std::string& bytes) const {
    ASSERT_EQ(::write(sensor_.get(), bytes.data(), bytes.size()),
              static_cast<ssize_t>(bytes.size()));
  }

  // As the launcher does, and waits for its first report: it has its port then.
  void start() {
    std::array<int, 2> health{}, agent{}, log{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, health.data()), 0);
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, agent.data()), 0);
    ASSERT_EQ(::pipe2(log.data(), O_CLOEXEC), 0);
    const UniqueFd health_end(::fcntl(health[1], F_DUPFD_CLOEXEC, kAboveAppNumbers));
    const UniqueFd agent_end(::fcntl(agent[1], F_DUPFD_CLOEXEC, kAboveAppNumbers));
    const UniqueFd log_end(::fcntl(log[1], F_DUPFD_CLOEXEC, kAboveAppNumbers));
    health_ = UniqueFd(health[0]);
    log_ = UniqueFd(log[0]);
    for (const int end : {health[1], agent[1], log[1]}) ::close(end);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, log_end.get(), 1);
    ::posix_spawn_file_actions_adddup2(&actions, log_end.get(), 2);
    ::posix_spawn_file_actions_adddup2(&actions, health_end.get(), 3);
    ::posix_spawn_file_actions_adddup2(&actions, agent_end.get(), 4);
    std::string program = PAVISE_REFRIGERATION_MONITOR;
    std::string home = "HOME=" + folder_.string();
    std::string name = "PAVISE_APP=refrigeration-monitor";
    const std::array<char*, 2> arguments{program.data(), nullptr};
    const std::array<char*, 3> environment{home.data(), name.data(), nullptr};
    ASSERT_EQ(::posix_spawn(&process_, program.c_str(), &actions, nullptr, arguments.data(),
                            environment.data()),
              0);
    ::posix_spawn_file_actions_destroy(&actions);
    channels_.add(kApp, UniqueFd(agent[0]));
    (void)report("periodic");
  }
  void end() {
    ASSERT_EQ(::kill(process_, SIGTERM), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(process_, &status, 0), process_);
    process_ = -1;
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    channels_.remove(kApp);
    events_.clear();
  }

  template <class Event>
  Event next() {
    while (true) {
      for (auto at = events_.begin(); at != events_.end(); ++at) {
        if (!std::holds_alternative<Event>(*at)) continue;
        Event out = std::get<Event>(std::move(*at));
        events_.erase(at);
        return out;
      }
      auto polled = channels_.polled();
      if (polled.empty() || ::poll(polled.data(), polled.size(), kPatienceMs) < 1) {
        ADD_FAILURE() << "nothing came";
        return {};
      }
      for (agent::AppEvent& event : channels_.turn(SystemClock().steady_ms()))
        events_.push_back(std::move(event));
    }
  }
  // The next one of that reason, and says that the hub has it, or not.
  std::string report(const std::string& reason, bool accepted = true) {
    while (!testing::Test::HasFailure()) {
      const auto got = next<agent::AppTelemetry>();
      channels_.finish(got.channel, got.id, accepted, accepted ? "" : "not today");
      if (!got.properties.starts_with("reason=" + reason + "&")) continue;
      EXPECT_EQ(got.content_type, "application/json");
      return got.properties + ' ' + std::string(as_text(got.body));
    }
    return {};
  }
  // "STATUS BODY"
  std::string call(const std::string& method, const std::string& payload) {
    if (!channels_.call(kApp, method, as_bytes(payload))) return "no call";
    const auto answer = next<agent::AppMethodAnswer>();
    return std::to_string(answer.status) + ' ' + std::string(as_text(answer.body));
  }
  // Asks until the status has this text.
  std::string status_with(const std::string& text) {
    std::string got;
    do got = call("status", "null");
    while (!got.contains(text) && !testing::Test::HasFailure());
    return got;
  }
  void wait_for_log(const std::string& text) {
    while (!said_.contains(text)) {
      pollfd polled{log_.get(), POLLIN, 0};
      ASSERT_EQ(::poll(&polled, 1, kPatienceMs), 1) << text << '\n' << said_;
      std::array<char, 512> piece{};
      const ssize_t size = ::read(log_.get(), piece.data(), piece.size());
      ASSERT_GT(size, 0) << text << '\n' << said_;
      said_.append(piece.data(), static_cast<std::size_t>(size));
    }
  }

  static constexpr const char* kApp = "refrigeration-monitor";
  fs::path folder_;
  UniqueFd devices_, sensor_, kept_, health_, log_;
  pid_t process_ = -1;
  agent::AppChannels channels_;
  std::vector<agent::AppEvent> events_;
  std::string said_;
};

TEST_F(MonitorTest, RaisesAnAlarmAndTakesItBack) {
  start();
  std::array<char, 4> word{};
  EXPECT_EQ(::recv(health_.get(), word.data(), word.size(), 0), 1);
  EXPECT_EQ(word[0], 1);  // it is well
  EXPECT_THAT(call("set_limits", R"({"warm_above_c":2,"warm_for_s":1})"),
              AllOf(HasSubstr("200 "), HasSubstr(R"("warm_above_c":2.00,"warm_for_s":1)")));
  say(line("T=4.25 H=61 DOOR=0 "));
  EXPECT_THAT(report("alarm"), AllOf(HasSubstr("alarm=true"), HasSubstr(R"("warm":true)"),
                                     HasSubstr(R"("temperature_c":4.25)")));
  say(line("T=2.00 H=61 DOOR=0 "));
  EXPECT_THAT(report("alarm"), AllOf(HasSubstr("alarm=false"), HasSubstr(R"("warm":false)")));
  wait_for_log("alarms: warm\n");
  wait_for_log("alarms: none\n");
}

TEST_F(MonitorTest, NoiseIsCountedAndTheNextGoodLineIsRead) {
  start();
  std::string noise = line("T=-99.00 H=61 DOOR=0 ");
  for (int i = 0; i < 4096; ++i) noise.push_back(static_cast<char>(i));
  say(noise + '\n' + line("T=4.25 H=61 DOOR=1 "));
  EXPECT_THAT(status_with(R"("good":1)"),
              AllOf(HasSubstr(R"("temperature_c":4.25,"humidity_percent":61,"door_open":true)"),
                    HasSubstr(R"("fresh":true)"), HasSubstr(R"("impossible":1)")));
}

TEST_F(MonitorTest, RefusesWhatIsNoLimit) {
  start();
  for (const char* payload : {"", "null", "{}", R"({"warm_above_c":99})", R"({"other":1})"})
    EXPECT_THAT(call("set_limits", payload), HasSubstr("400 ")) << payload;
  EXPECT_THAT(call("Status", "null"), HasSubstr("404 "));
  EXPECT_THAT(call("status", ""),
              HasSubstr(R"("limits":{"warm_above_c":8.00,"warm_for_s":600,"door_for_s":120,)"));
}

TEST_F(MonitorTest, KeepsWhatItKnewAcrossARestart) {
  start();
  EXPECT_THAT(call("set_limits", R"({"door_for_s":1,"silent_for_s":3600})"), HasSubstr("200 "));
  say(line("T=-18.50 H=40 DOOR=1 "));
  EXPECT_THAT(report("alarm", false), HasSubstr(R"("door":true)"));
  (void)status_with(R"("not_accepted":1)");
  end();
  start();
  EXPECT_THAT(call("status", "null"),
              AllOf(HasSubstr(R"("temperature_c":-18.50,"humidity_percent":40,"door_open":true)"),
                    HasSubstr(R"("fresh":false)"), HasSubstr(R"("door_for_s":1)"),
                    HasSubstr(R"("not_accepted":1)")));
  end();
  std::ofstream(folder_ / "state") << "limits 0\n";
  start();
  wait_for_log("what was kept cannot be read");
  EXPECT_THAT(call("status", "null"), HasSubstr(R"("door_for_s":120)"));
}

TEST_F(MonitorTest, APulledSensorIsAnAlarmUntilItIsBack) {
  start();
  EXPECT_THAT(call("set_limits", R"({"silent_for_s":3600})"), HasSubstr("200 "));
  say(line("T=4.25 H=61 DOOR=0 "));
  (void)status_with(R"("good":1)");
  unplug();
  wait_for_log("SENSOR1: Inappropriate ioctl");  // no longer there
  said_.clear();
  EXPECT_THAT(call("set_limits", R"({"silent_for_s":1})"), HasSubstr("200 "));
  EXPECT_THAT(report("alarm"), AllOf(HasSubstr(R"("sensor":true)"), HasSubstr(R"("fresh":false)")));
  EXPECT_THAT(call("set_limits", R"({"silent_for_s":3600})"), HasSubstr("200 "));
  EXPECT_THAT(report("alarm"), HasSubstr(R"("sensor":false)"));
  plug();
  wait_for_log("SENSOR1: open\n");
  say(line("T=4.25 H=61 DOOR=0 "));
  EXPECT_THAT(status_with(R"("good":2)"), HasSubstr(R"("fresh":true)"));
}

}  // namespace
}  // namespace pavise
