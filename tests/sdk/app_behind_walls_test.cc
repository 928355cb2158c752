// The SDK where apps use it: behind the real walls, with the agent's side of the hub channel on the
// other end. Needs root.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <set>

#include "common/base/clock.h"
#include "common/ipc/descriptors.h"
#include "common/sandbox/sandbox.h"
#include "device/agent/app_channels.h"
#include "device/apps/compartment/app_filter.h"
#include "device/apps/compartment/compartment.h"
#include "device/apps/egress/egress_guard.h"
#include "device/apps/egress/testing/network_text.h"
#include "device/apps/house/hub_channel.h"
#include "device/apps/policy/app_policy.h"
#include "device/apps/words/requests.h"

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
    ASSERT_EQ(::unshare(CLONE_NEWNS | CLONE_NEWNET), 0);
    ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    // A loopback of our own, whose port 53 is free.
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq loopback{};
    std::strcpy(loopback.ifr_name, "lo");
    loopback.ifr_flags = IFF_UP;
    ASSERT_EQ(::ioctl(socket.get(), SIOCSIFFLAGS, &loopback), 0);
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
    ::umount2((folder_ / "storage").c_str(), MNT_DETACH);  // unless nothing is mounted
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

  // Reads the log until `text` is in it, or the log ends; the agent lives meanwhile.
  void wait_for(Compartment& app, const std::string& text) {
    while (!log_.contains(text)) {
      std::vector<pollfd> polled{{app.output(), POLLIN, 0},
                                 {name_server_.get(), POLLIN, 0}};  // -1: not waited for
      for (const pollfd& channel : channels_.polled()) polled.push_back(channel);
      ASSERT_GE(::poll(polled.data(), polled.size(), kPatienceMs), 1) << text << '\n' << log_;
      (void)take_turn();
      if (polled[1].revents != 0) answer_name();
      if (polled[0].revents == 0) continue;
      std::array<char, 512> piece{};
      const ssize_t size = ::read(app.output(), piece.data(), piece.size());
      ASSERT_GT(size, 0) << text << '\n' << log_;
      log_.append(piece.data(), static_cast<std::size_t>(size));
    }
  }
  // One question; every name is the loopback, by IPv4.
  void answer_name() const {
    constexpr std::size_t kHeaderBytes = 12;
    std::array<char, 512> question{};
    sockaddr_in from{};
    socklen_t from_size = sizeof from;
    const ssize_t size = ::recvfrom(name_server_.get(), question.data(), question.size(), 0,
                                    reinterpret_cast<sockaddr*>(&from), &from_size);
    ASSERT_GT(size, static_cast<ssize_t>(kHeaderBytes));
    const std::string text(question.data(), static_cast<std::size_t>(size));
    const std::size_t end = text.find('\0', kHeaderBytes) + 5;  // type and class
    const bool v4 = text.at(end - 3) == 1;
    std::string answer = text.substr(0, 2) + std::string("\x81\x80\0\x01\0", 5) +
                         (v4 ? '\x01' : '\0') + std::string(4, '\0') +
                         text.substr(kHeaderBytes, end - kHeaderBytes);
    if (v4) answer += std::string("\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\0\0\x01", 16);
    ASSERT_GT(::sendto(name_server_.get(), answer.data(), answer.size(), 0,
                       reinterpret_cast<sockaddr*>(&from), from_size),
              0);
  }
  // Of the loopback; its port.
  static std::uint16_t bind_to(const UniqueFd& socket, std::uint16_t port) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(port);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
    return ntohs(at.sin_port);
  }
  bool take_turn() {
    for (agent::AppEvent& event : channels_.turn(SystemClock().steady_ms()))
      events_.push_back(std::move(event));
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
  UniqueFd name_server_;
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
                              "info: mutable file: done\n"
                              "info: large: done\n"));
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

// What the launcher knows of an app, without its start.
class Installed final : public Asker {
 public:
  Installed(std::string name, char number, AppGrants may)
      : name_(std::move(name)), component_(id_of(number)), may_(std::move(may)) {
    auto made = WordChannel::make();
    EXPECT_TRUE(made);
    words_ = std::move(made->ours);
    descriptor = std::move(made->theirs);
  }
  static manifest::ComponentId id_of(char number) {
    return *manifest::ComponentId::parse("6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e0" +
                                         std::string(1, number));
  }
  const std::string& name() const override { return name_; }
  const manifest::ComponentId& component() const override { return component_; }
  const AppGrants& grants() const override { return may_; }
  bool running() const override { return true; }
  WordChannel& words() override { return words_; }
  RequestState& requests() override { return state_; }
  void tell(const std::string& /*what*/) override {}

  UniqueFd descriptor;

 private:
  std::string name_;
  manifest::ComponentId component_;
  AppGrants may_;
  WordChannel words_;
  RequestState state_;
};

class FixedTime final : public Timekeeper {
 public:
  UnixMillis clock_ms() const override { return 1; }
  Answer set(UnixMillis to_ms) override {
    return {to_ms == 2 ? app_wire::Outcome::done : app_wire::Outcome::implausible, 0};
  }
};

TEST_F(AppBehindWalls, AnAppTalksToTheLauncherAndToAnother) {
  Installed probe("probe", '1',
                  {.peers = {Installed::id_of('2')},
                   .system_events = true,
                   .update_deferral = true,
                   .system_time = true});
  Installed meter("meter", '2', {.peers = {Installed::id_of('1')}});
  FixedTime time;
  Requests requests(
      {.find = [&](std::string_view name) -> Asker* { return name == "meter" ? &meter : nullptr; },
       .installed = [](const auto&) { return true; },
       .power = [](app_wire::PowerAction) { return Status(); },
       .set_profile = [](app_wire::PowerAction) { return app_wire::Outcome::done; },
       .time = time});
  Requests::announce_update(probe, "1.1.0", 0);
  CompartmentSpec talker = spec();
  talker.arguments = {"/app", "peers"};
  talker.descriptors = {probe.descriptor.get()};
  auto app = Compartment::start(talker, *group_);
  ASSERT_TRUE(app) << app.error().message();
  wait_for(*app, "clock: done\n");
  for (std::size_t served = 0; served < 6;) {
    pollfd polled{probe.words().polled(0), POLLIN, 0};
    ASSERT_EQ(::poll(&polled, 1, kPatienceMs), 1);
    for (const auto& word : probe.words().read(0)) {
      requests.take(probe, word, 0);
      ++served;
    }
  }
  auto connection = ipc::receive_with_descriptors(meter.descriptor.get());
  ASSERT_TRUE(connection && connection->descriptors.size() == 2);
  std::array<char, 16> message{};
  wait_for(*app, "info: send: done\n");
  wait_for(*app, "info: clock: done\ninfo: in 0 ms\n");  // the last of its requests
  EXPECT_EQ(::read(connection->descriptors[0].get(), message.data(), message.size()), 5);
  ASSERT_EQ(::write(connection->descriptors[1].get(), "21.5", 4), 4);
  wait_for(*app, "info: heard 21.5\ninfo: send: done\n");
  EXPECT_EQ(::read(connection->descriptors[0].get(), message.data(), message.size()), 4);
  requests.ended(meter);
  connection->descriptors.clear();
  wait_for(*app, "closed meter\n");
  // It says that it is well in between, when its time has come.
  constexpr std::string_view kWell = "info: well: done\n";
  std::string said = log_;
  for (std::size_t at = 0; (at = said.find(kWell)) != std::string::npos;)
    said.erase(at, kWell.size());
  EXPECT_THAT(said, HasSubstr("info: event 4 1.1.0\ninfo: connected to meter\n"));
  EXPECT_THAT(said, HasSubstr("info: stranger: EACCES\ninfo: restart: EACCES\ninfo: in 0 ms\n"
                              "info: defer: done\ninfo: in 5000 ms\n"
                              "info: profile: EACCES\ninfo: in 0 ms\n"
                              "info: clock: done\ninfo: in 0 ms\n"));
  EXPECT_THAT(said, HasSubstr("info: send to who is gone: EPIPE\n"));
  Requests::announce_end(probe, app_wire::Cause::app_stops, 1000);
  wait_for(*app, "info: event 1 \n");
  app->ask_to_end();
  wait_for(*app, "asked to end\n");
  const auto ending = app->wait();
  ASSERT_TRUE(ending);
  EXPECT_EQ(ending->code, 0);
}

TEST_F(AppBehindWalls, AnAppOutlivesItsAgent) {
  HubChannel hub("probe");
  auto apps_end = hub.open();
  ASSERT_TRUE(apps_end);
  const Introduce introduce = [this](const std::string& packet, int end) -> Status {
    if (packet == "probe")
      channels_.add(packet, UniqueFd(::dup(end)));
    else
      channels_.take_over("probe", UniqueFd(::dup(end)));
    return {};
  };
  CompartmentSpec with = spec();
  with.descriptors = {launcher_.theirs.get(), apps_end->get()};
  auto app = Compartment::start(with, *group_);
  ASSERT_TRUE(app) << app.error().message();
  apps_end->reset();
  ASSERT_TRUE(hub.introduce(introduce));
  wait_for(*app, "offline\n");
  channels_.set_online(true);
  EXPECT_EQ(std::get<agent::AppTelemetry>(next_event()).id, 1U);
  wait_for(*app, "telemetry: done\n");

  channels_ = {};  // it ends with what it knew
  log_.clear();
  ASSERT_TRUE(hub.introduce(introduce));
  wait_for(*app, "result 1 0 PV-AGT-040");
  channels_.set_online(true);
  const auto telemetry = std::get<agent::AppTelemetry>(next_event());
  EXPECT_EQ(telemetry.id, 2U);
  channels_.finish(telemetry.channel, telemetry.id, true, "");
  wait_for(*app, "result 2 1 \n");
  ASSERT_TRUE(channels_.call("probe", "ping", as_bytes("[2]")));
  EXPECT_EQ(as_text(std::get<agent::AppMethodAnswer>(next_event()).body), "[2]");
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
                              "info: mutable file: EROFS\ninfo: large: EROFS\n"
                              "info: uart: ENOENT\ninfo: gpio: ENOENT\ninfo: i2c: ENOENT\n"
                              "info: connect: EPERM\ninfo: listen: EPERM\ninfo: hub: ENOTCONN\n"
                              "info: well: ENOTCONN\n"));
}

// With a quota as the data partition has them, where the kernel has it for memory, else full as a
// disk.
TEST_F(AppBehindWalls, AFullStorageIsToldAndKeepsWhatItHas) {
  const fs::path storage = folder_ / "storage";
  if (::mount("none", storage.c_str(), "tmpfs", 0, "usrquota,usrquota_block_hardlimit=65536") != 0)
    ASSERT_EQ(::mount("none", storage.c_str(), "tmpfs", 0, "size=65536"), 0);
  ASSERT_EQ(::chown(storage.c_str(), kUser, kUser), 0);
  std::set<std::string> left;
  {
    auto app = Compartment::start(spec(), *group_);
    ASSERT_TRUE(app) << app.error().message();
    wait_for(*app, "large: ");
    for (const auto& entry : fs::directory_iterator(storage)) left.insert(entry.path().filename());
  }
  EXPECT_THAT(log_, HasSubstr("info: read: done\ninfo: mutable file: done\ninfo: large: ENOSPC\n"));
  EXPECT_EQ(left, (std::set<std::string>{"file", "mutable_file"}));
}

// The store has what the launcher's quota gives it: room for all that it may hold, and for
// replacing one of them when nothing is left.
TEST_F(AppBehindWalls, CertificatesStayAndHaveTheirOwnRoom) {
  const fs::path certificates = folder_ / "certificates";
  fs::create_directory(certificates);
  fs::create_directory(folder_ / "image/certificates");
  const std::string quota = std::to_string(kCertificateStoreBytes);
  if (::mount("none", certificates.c_str(), "tmpfs", 0,
              ("usrquota,usrquota_block_hardlimit=" + quota).c_str()) != 0)
    ASSERT_EQ(::mount("none", certificates.c_str(), "tmpfs", 0, ("size=" + quota).c_str()), 0);
  ASSERT_EQ(::chown(certificates.c_str(), kUser, kUser), 0);
  CompartmentSpec keeper = spec();
  keeper.arguments = {"/app", "certificates"};
  keeper.root.storage.clear();
  keeper.root.certificates = certificates;
  keeper.environment.emplace_back("PAVISE_CERTIFICATES=/certificates");
  for (const bool again : {false, true}) {
    log_.clear();
    auto app = Compartment::start(keeper, *group_);
    ASSERT_TRUE(app) << app.error().message();
    wait_for(*app, "certificates: over\n");
    if (again) {
      EXPECT_THAT(log_, HasSubstr("info: has ca-1 ca-10 "));
      EXPECT_THAT(log_, HasSubstr("key third\n"));
      continue;
    }
    EXPECT_THAT(log_, HasSubstr("info: has, room for 16\ninfo: own: ENOENT\n"
                                "info: install: done\ninfo: root: done\ninfo: next: done\n"
                                "info: load: done\ninfo: own: emailAddress="));
    EXPECT_THAT(log_, HasSubstr("key first\ninfo: move: done\ninfo: load: done\ninfo: own: "));
    EXPECT_THAT(log_, HasSubstr("key second\ninfo: has own plant-ca, room for 14\n"
                                "info: other kind: EEXIST\ninfo: no certificate: EBADMSG\n"
                                "info: delete: done\ninfo: has own, room for 15\n"
                                "info: ca-15: ENOSPC\ninfo: delete: done\ninfo: fill: ENOSPC\n"
                                "info: above the quota: ENOSPC\ninfo: replace: done\n"
                                "info: load: done\n"));
    EXPECT_THAT(log_, HasSubstr("key third\n"));
    EXPECT_THAT(log_, HasSubstr("info: storage: EROFS\n"));
  }
  ::umount2(certificates.c_str(), MNT_DETACH);
}

TEST_F(AppBehindWalls, WithoutTheGrantThereIsNoStoreOfCertificates) {
  CompartmentSpec other = spec();
  other.arguments = {"/app", "certificates"};
  auto app = Compartment::start(other, *group_);
  ASSERT_TRUE(app) << app.error().message();
  wait_for(*app, "certificates: over\n");
  EXPECT_THAT(log_, HasSubstr("info: list: EACCES\ninfo: own: EACCES\ninfo: install: EACCES\n"
                              "info: root: EACCES\ninfo: next: EACCES\n"));
  EXPECT_THAT(log_, HasSubstr("info: fill: ENOENT\n"));
  EXPECT_THAT(log_, HasSubstr("info: storage: done\n"));
}

// The image has no resolv.conf: a static program asks the loopback, where a device has its
// resolver.
TEST_F(AppBehindWalls, NamesAreResolvedByTheLoopback) {
  auto guard = EgressGuard::attach(group_->folder());
  ASSERT_TRUE(guard) << guard.error().message();
  name_server_ = UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(bind_to(name_server_, 53), 53);
  const UniqueFd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const std::uint16_t port = bind_to(server, 0);
  ASSERT_EQ(::listen(server.get(), 1), 0);
  const AddressBytes loopback = network_of("127.0.0.1").address;
  ASSERT_TRUE(guard->pin(loopback, SOCK_DGRAM, 53, std::nullopt));
  ASSERT_TRUE(guard->pin(loopback, SOCK_STREAM, port, std::nullopt));
  CompartmentSpec client = spec();
  client.network = true;
  client.filter = make_app_filter({.network = true, .device_nodes = true}).value();
  client.arguments = {"/app", "plc.example", std::to_string(port)};
  auto app = Compartment::start(client, *group_);
  ASSERT_TRUE(app) << app.error().message();
  wait_for(*app, "listen: ");
  EXPECT_THAT(log_, HasSubstr("info: connect: done\ninfo: listen: EPERM\n"));
}

}  // namespace
}  // namespace pavise::device
