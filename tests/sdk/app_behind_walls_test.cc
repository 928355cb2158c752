// The SDK where apps use it: behind the real walls, with the agent's side of the hub channel on the
// other end. Needs root.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "common/sandbox/sandbox.h"
#include "device/agent/app_channels.h"
#include "device/apps/compartment/app_filter.h"
#include "device/apps/compartment/compartment.h"
#include "device/apps/egress/egress_guard.h"

namespace pavise::device {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr uid_t kUser = 54322;
constexpr int kPatienceMs = 60'000;

struct Pair {
  Pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    ours = UniqueFd(ends[0]);
    theirs = UniqueFd(ends[1]);
  }
  UniqueFd ours, theirs;
};

class AppBehindWalls : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (::geteuid() != 0) return;
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  }
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to build compartments";
    if (!sandbox::landlock_available()) GTEST_SKIP() << "this kernel has no Landlock";
    char path[] = "/tmp/pavise-sdk-walls-XXXXXX";
    folder_ = ::mkdtemp(path);
    ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
    for (const char* name :
         {"cgroup", "image", "image/dev", "image/proc", "image/tmp", "image/data", "storage"})
      fs::create_directory(folder_ / name);
    fs::copy_file(PAVISE_SDK_PROBE, folder_ / "image/app");
    ASSERT_EQ(::chown((folder_ / "storage").c_str(), kUser, kUser), 0);
    ASSERT_EQ(::mount("none", (folder_ / "cgroup").c_str(), "cgroup2", 0, nullptr), 0);
    const std::string name = "pavise-sdk-test-" + std::to_string(::getpid());
    group_path_ = folder_ / "cgroup" / name;
    fs::create_directory(group_path_);
    auto group = fs::exists(group_path_ / "memory.max")
                     ? AppGroup::create(folder_ / "cgroup", name, {})
                     : AppGroup::without_controllers(folder_ / "cgroup", name);
    ASSERT_TRUE(group) << group.error().message();
    group_.emplace(std::move(*group));
  }
  void TearDown() override {
    if (folder_.empty()) return;
    group_.reset();
    ::rmdir(group_path_.c_str());
    ::umount2((folder_ / "cgroup").c_str(), MNT_DETACH);
    fs::remove_all(folder_);
  }

  CompartmentSpec spec() const {
    CompartmentSpec out;
    out.name = "probe";
    out.user = kUser;
    out.root = {.image = folder_ / "image",
                .storage = folder_ / "storage",
                .devices = {{.source = "/dev/null", .name = "METER"}},
                .temporary_bytes_max = 1U << 20U};
    out.arguments = {"/app"};
    out.environment = {"HOME=/data", "TMPDIR=/tmp", "PAVISE_APP=probe", "PAVISE_VERSION=1.2.3"};
    out.filter = make_app_filter({.device_nodes = true}).value();
    out.descriptors = {launcher_.theirs.get(), agent_.theirs.get()};
    return out;
  }

  // Reads the log until `text` is in it, or the log ends.
  void wait_for(Compartment& app, const std::string& text) {
    while (!log_.contains(text)) {
      pollfd polled{app.output(), POLLIN, 0};
      ASSERT_EQ(::poll(&polled, 1, kPatienceMs), 1) << text << '\n' << log_;
      std::array<char, 512> piece{};
      const ssize_t size = ::read(app.output(), piece.data(), piece.size());
      ASSERT_GT(size, 0) << text << '\n' << log_;
      log_.append(piece.data(), static_cast<std::size_t>(size));
    }
  }
  bool take_turn() {
    for (agent::AppEvent& event : channels_.turn()) events_.push_back(std::move(event));
    return !events_.empty();
  }
  agent::AppEvent next_event() {
    while (!take_turn()) {
      auto polled = channels_.polled();
      if (polled.empty() || ::poll(polled.data(), polled.size(), kPatienceMs) < 1) {
        ADD_FAILURE() << log_;
        return {};
      }
    }
    agent::AppEvent out = std::move(events_.front());
    events_.erase(events_.begin());
    return out;
  }

  fs::path folder_, group_path_;
  std::optional<AppGroup> group_;
  Pair launcher_, agent_;
  agent::AppChannels channels_;
  std::vector<agent::AppEvent> events_;
  std::string log_;
};

TEST_F(AppBehindWalls, EachPartOfTheSdkWorks) {
  auto app = Compartment::start(spec(), *group_);
  ASSERT_TRUE(app) << app.error().message();
  wait_for(*app, "hub: done\n");
  EXPECT_THAT(log_, HasSubstr("info: probe 1.2.3\n"
                              "info: replace: done\n"
                              "info: read: done\n"
                              "info: mutable file: done\n"));
  EXPECT_TRUE(fs::exists(folder_ / "storage/file"));
  EXPECT_THAT(log_, HasSubstr("info: uart: ENOTTY\n"));  // granted, but no port
  EXPECT_THAT(log_, HasSubstr("info: connect: EACCES\ninfo: listen: EACCES\n"));  // no network
  wait_for(*app, "well: done\n");
  std::array<char, 4> word{};
  EXPECT_EQ(::recv(launcher_.ours.get(), word.data(), word.size(), 0), 1);
  EXPECT_EQ(word[0], 1);

  channels_.add("probe", std::move(agent_.ours));
  wait_for(*app, "offline\n");
  channels_.set_online(true);
  const auto telemetry = std::get<agent::AppTelemetry>(next_event());
  EXPECT_EQ(telemetry.content_type, "text/plain");
  EXPECT_EQ(telemetry.properties, "unit=%C2%B0%20C%26&app=probe");
  EXPECT_EQ(as_text(telemetry.body), "21");
  channels_.finish(telemetry.channel, telemetry.id, false, "not today");
  wait_for(*app, "result 1 0 not today\n");
  const auto call = channels_.call("probe", "ping", as_bytes("[1]"));
  ASSERT_TRUE(call);
  const auto answer = std::get<agent::AppMethodAnswer>(next_event());
  EXPECT_EQ(answer.id, call->second);
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(as_text(answer.body), "[1]");

  app->ask_to_end();
  wait_for(*app, "asked to end\n");
  const auto ending = app->wait();
  ASSERT_TRUE(ending);
  EXPECT_FALSE(ending->by_signal);
  EXPECT_EQ(ending->code, 0);
}

TEST_F(AppBehindWalls, WhatIsNotGrantedIsSaidSo) {
  auto guard = EgressGuard::attach(group_->folder());
  ASSERT_TRUE(guard) << guard.error().message();
  CompartmentSpec bare = spec();
  bare.root.storage.clear();
  bare.root.devices.clear();
  bare.network = true;
  bare.filter = make_app_filter({.network = true, .listens = true}).value();
  bare.descriptors = {};
  auto app = Compartment::start(bare, *group_);
  ASSERT_TRUE(app) << app.error().message();
  wait_for(*app, "well: ");
  EXPECT_THAT(log_, HasSubstr("info: replace: EROFS\ninfo: read: ENOENT\n"
                              "info: mutable file: EROFS\n"
                              "info: uart: ENOENT\n"
                              "info: connect: EPERM\ninfo: listen: EPERM\ninfo: hub: ENOTCONN\n"
                              "info: well: ENOTCONN\n"));
}

}  // namespace
}  // namespace pavise::device
