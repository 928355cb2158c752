// The sample as its package says it, in a real compartment behind the real guard, in a network of
// its own: needs root. Machine and control room are addresses of one interface.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "common/sandbox/sandbox.h"
#include "device/apps/compartment/compartment.h"
#include "device/apps/egress/egress_guard.h"
#include "device/apps/egress/testing/network_text.h"
#include "device/apps/policy/app_policy.h"
#include "protocol/manifest/manifest.h"
#include "samples/modbus_guardian/testing/bytes.h"

namespace pavise::device {
namespace {

namespace fs = std::filesystem;
using modbus_guardian::hex;
using modbus_guardian::text;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uid_t kUser = 54321;
constexpr int kPatienceMs = 60'000;
constexpr const char* kMachine = "192.0.2.10";  // as in the sample's manifest
constexpr const char* kNeighbour = "192.0.2.11";
constexpr const char* kClient = "198.51.100.7";
constexpr std::uint16_t kModbus = 502, kListens = 1502;
constexpr std::string_view kReadInput = "00 07 00 00 00 06 01 04 00 00 00 01";

std::string whole(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

sockaddr_in place(const char* address, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  ::inet_pton(AF_INET, address, &out.sin_addr);
  return out;
}

UniqueFd bound(const char* address, std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  PAVISE_CHECK(fd.valid());
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in at = place(address, port);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  return fd;
}

UniqueFd listening(const char* address, std::uint16_t port) {
  UniqueFd fd = bound(address, port);
  EXPECT_EQ(::listen(fd.get(), 4), 0);
  return fd;
}

bool readable(int fd, int patience_ms = kPatienceMs) {
  pollfd polled{fd, POLLIN, 0};
  return ::poll(&polled, 1, patience_ms) == 1;
}

std::string received(int fd, std::size_t size) {
  modbus_guardian::Bytes out;
  std::array<std::uint8_t, 512> bytes{};
  while (out.size() < size && readable(fd)) {
    const ssize_t got = ::recv(fd, bytes.data(), std::min(bytes.size(), size - out.size()), 0);
    if (got <= 0) break;
    out.insert(out.end(), bytes.begin(), bytes.begin() + got);
  }
  return text(out);
}

void send(int fd, std::string_view bytes) {
  const auto out = hex(bytes);
  ASSERT_EQ(::send(fd, out.data(), out.size(), MSG_NOSIGNAL), static_cast<ssize_t>(out.size()));
}

void bring_up_network() {
  const UniqueFd control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  ASSERT_EQ(::ioctl(control.get(), SIOCSIFFLAGS, &request), 0) << std::strerror(errno);
  int number = 0;
  for (const char* address : {kMachine, kNeighbour, kClient}) {
    const std::string alias = "lo:" + std::to_string(++number);
    std::strncpy(request.ifr_name, alias.c_str(), IFNAMSIZ - 1);
    const sockaddr_in to = place(address, 0);
    std::memcpy(&request.ifr_addr, &to, sizeof to);
    ASSERT_EQ(::ioctl(control.get(), SIOCSIFADDR, &request), 0) << std::strerror(errno);
  }
}

class GuardianBehindWalls : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (::geteuid() != 0) return;
    ASSERT_EQ(::unshare(CLONE_NEWNS | CLONE_NEWNET), 0) << std::strerror(errno);
    ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    bring_up_network();
  }

  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to build compartments";
    if (!sandbox::landlock_available()) GTEST_SKIP() << "this kernel has no Landlock";
    char path[] = "/tmp/pavise-guardian-XXXXXX";
    folder_ = ::mkdtemp(path);
    ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
    for (const char* name : {"cgroup", "image", "image/app", "image/dev", "image/proc", "image/tmp",
                             "image/data", "storage"})
      fs::create_directory(folder_ / name);
    ASSERT_EQ(::chown((folder_ / "storage").c_str(), kUser, kUser), 0);
    put(PAVISE_MODBUS_GUARDIAN, "app/modbus-guardian");
    put("samples/modbus_guardian/root/app/rules", "app/rules");
    make_policy();
    make_group();
  }
  void TearDown() override {
    if (folder_.empty()) return;
    app_.reset();
    guard_.reset();
    group_.reset();
    ::rmdir((folder_ / "cgroup" / name_).c_str());
    ::umount2((folder_ / "cgroup").c_str(), MNT_DETACH);
    fs::remove_all(folder_);
  }

  void put(const fs::path& file, const char* where) {
    fs::copy_file(file, folder_ / "image" / where, fs::copy_options::overwrite_existing);
  }
  void make_policy() {
    const std::string manifest = whole("samples/modbus_guardian/app_manifest.json");
    const auto parsed = manifest::Manifest::parse(as_bytes(manifest));
    ASSERT_TRUE(parsed) << parsed.error().message();
    auto policy = make_app_policy(*parsed, {});
    ASSERT_TRUE(policy) << policy.error().message();
    policy_.emplace(*std::move(policy));
  }
  // Budgets are tested in the virtual device; here is the group for the guard.
  void make_group() {
    ASSERT_EQ(::mount("none", (folder_ / "cgroup").c_str(), "cgroup2", 0, nullptr), 0);
    fs::create_directory(folder_ / "cgroup" / name_);
    auto group = AppGroup::without_controllers(folder_ / "cgroup", name_);
    ASSERT_TRUE(group) << group.error().message();
    group_.emplace(*std::move(group));
    auto guard = EgressGuard::attach(group_->folder());
    ASSERT_TRUE(guard) << guard.error().message();
    guard_.emplace(*std::move(guard));
    for (const Peers& peers : policy_->peers) ASSERT_TRUE(guard_->allow(peers));
    for (const ListeningPort& port : policy_->ports) ASSERT_TRUE(guard_->allow(port));
  }

  void start(const std::vector<std::string>& words = {}) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    channel_ = UniqueFd(ends[0]);
    const UniqueFd theirs(ends[1]);
    CompartmentSpec spec;
    spec.name = "modbus-guardian";
    spec.user = kUser;
    spec.root = {.image = folder_ / "image",
                 .storage = folder_ / "storage",
                 .devices = {},
                 .temporary_bytes_max = kTemporaryBytes};
    spec.arguments = policy_->arguments;
    spec.arguments.insert(spec.arguments.end(), words.begin(), words.end());
    spec.environment = {"PAVISE_APP=modbus-guardian"};
    spec.network = policy_->network;
    spec.open_files_max = policy_->budget.open_files_max;
    spec.filter = policy_->filter;
    spec.descriptors = {theirs.get()};
    app_.reset();
    auto app = Compartment::start(spec, *group_);
    ASSERT_TRUE(app) << app.error().message();
    app_.emplace(*std::move(app));
  }
  // What it printed up to here.
  std::string output_with(std::string_view what) {
    std::string out;
    std::array<char, 512> piece{};
    while (out.find(what) == std::string::npos && readable(app_->output())) {
      const ssize_t size = ::read(app_->output(), piece.data(), piece.size());
      if (size <= 0) break;
      out.append(piece.data(), static_cast<std::size_t>(size));
    }
    return out;
  }
  void start_guardian() {
    start();
    ASSERT_THAT(output_with("listens on port 1502"), HasSubstr("listens on port 1502"));
  }
  // What a hostile program in its place gets: an error's number, 0 for success.
  std::string hostile(const std::vector<std::string>& words) {
    start(words);
    return output_with("\n");
  }
  static UniqueFd connection_from(const char* address) {
    UniqueFd fd = bound(address, 0);
    const sockaddr_in to = place("127.0.0.1", kListens);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    return fd;
  }

  fs::path folder_;
  const std::string name_ = "pavise-test-" + std::to_string(::getpid());
  std::optional<AppPolicy> policy_;
  std::optional<AppGroup> group_;
  std::optional<EgressGuard> guard_;
  std::optional<Compartment> app_;
  UniqueFd channel_;
};

TEST_F(GuardianBehindWalls, GuardsTheMachine) {
  const UniqueFd machine = listening(kMachine, kModbus);
  start_guardian();
  ASSERT_TRUE(readable(machine.get()));
  const UniqueFd guardian(::accept4(machine.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const UniqueFd client = connection_from(kClient);
  send(client.get(), kReadInput);
  EXPECT_EQ(received(guardian.get(), 12), "00 01 00 00 00 06 01 04 00 00 00 01");
  send(guardian.get(), "00 01 00 00 00 05 01 04 02 12 34");
  EXPECT_EQ(received(client.get(), 11), "00 07 00 00 00 05 01 04 02 12 34");
  send(client.get(), "00 08 00 00 00 06 01 06 00 64 00 01");
  EXPECT_EQ(received(client.get(), 9), "00 08 00 00 00 03 01 86 01");
  EXPECT_FALSE(readable(guardian.get(), 0));
  EXPECT_THAT(whole(folder_ / "storage/record"),
              HasSubstr(" 198.51.100.7: refused function 6, no grant: unit 1, writes holding 100"));

  std::array<std::uint8_t, 4> well{};
  ASSERT_TRUE(readable(channel_.get()));
  EXPECT_EQ(::recv(channel_.get(), well.data(), well.size(), MSG_TRUNC), 1);
  EXPECT_EQ(well[0], 1);
  EXPECT_THAT(guard_->take_refused(), IsEmpty());
  app_->ask_to_end();
  const auto ending = app_->wait();
  ASSERT_TRUE(ending);
  EXPECT_FALSE(ending->by_signal);
  EXPECT_EQ(ending->code, 0);
}

TEST_F(GuardianBehindWalls, TheMachineIsNoClient) {
  start_guardian();
  const UniqueFd machine = connection_from(kMachine);
  EXPECT_EQ(received(machine.get(), 1), "");
}

// The manifest that the owner signed decides, not what the app believes.
TEST_F(GuardianBehindWalls, RulesOfAnotherMachineReachNothing) {
  const UniqueFd neighbour = listening(kNeighbour, kModbus);
  std::string rules = whole("samples/modbus_guardian/root/app/rules");
  rules.replace(rules.find("192.0.2.10:502"), 14, "192.0.2.11:502");
  std::ofstream(folder_ / "image/app/rules") << rules;
  start_guardian();
  const UniqueFd client = connection_from(kClient);
  send(client.get(), kReadInput);
  EXPECT_EQ(received(client.get(), 9), "00 07 00 00 00 03 01 84 0b");
  EXPECT_FALSE(readable(neighbour.get(), 0));
  const auto refused = guard_->take_refused();
  ASSERT_FALSE(refused.empty());
  EXPECT_EQ(refused[0].address, network_of(kNeighbour).address);
  EXPECT_EQ(refused[0].port, kModbus);
}

// Whoever takes the guardian over has its walls around himself.
TEST_F(GuardianBehindWalls, ReachesNothingButTheMachine) {
  put(PAVISE_HOSTILE_APP, "app/modbus-guardian");
  const UniqueFd machine = listening(kMachine, kModbus);
  const UniqueFd web = listening(kMachine, 80);
  const UniqueFd neighbour = listening(kNeighbour, kModbus);
  const UniqueFd client = listening(kClient, kModbus);
  const std::string refused = std::to_string(EPERM) + '\n';
  EXPECT_EQ(hostile({"connect", kMachine, "502"}), "0\n");
  EXPECT_EQ(hostile({"connect", kMachine, "80"}), refused);
  EXPECT_EQ(hostile({"connect", kNeighbour, "502"}), refused);
  EXPECT_EQ(hostile({"connect", kClient, "502"}), refused);
  EXPECT_EQ(hostile({"connect", "127.0.0.1", "502"}), refused);
  EXPECT_EQ(hostile({"listen", "1503"}), refused);
}

}  // namespace
}  // namespace pavise::device
