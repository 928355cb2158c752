// Real compartments with a real program in them, which needs root. The control group is of a
// hierarchy without controllers where the machine has its own elsewhere; budgets are tested in the
// virtual device.
#include "device/apps/compartment/compartment.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "common/sandbox/sandbox.h"
#include "device/apps/compartment/app_filter.h"
#include "device/apps/egress/egress_guard.h"
#include "device/apps/egress/testing/network_text.h"

namespace pavise::device {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr uid_t kUser = 54321;

std::string error(int number) {
  return std::to_string(number) + '\n';
}

class CompartmentTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (::geteuid() != 0) return;
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  }

  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to build compartments";
    if (!sandbox::landlock_available()) GTEST_SKIP() << "this kernel has no Landlock";
    char path[] = "/tmp/pavise-compartment-XXXXXX";
    folder_ = ::mkdtemp(path);
    ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
    for (const char* name :
         {"cgroup", "image", "image/dev", "image/proc", "image/tmp", "image/data", "storage"})
      fs::create_directory(folder_ / name);
    fs::copy_file(PAVISE_HOSTILE_APP, folder_ / "image/app");
    std::ofstream(folder_ / "secret") << "of the neighbour";
    std::ofstream(folder_ / "image/readable") << "text";
    ASSERT_EQ(::chown((folder_ / "storage").c_str(), kUser, kUser), 0);
    ASSERT_EQ(::chmod((folder_ / "storage").c_str(), 0700), 0);
    ASSERT_EQ(::mount("none", (folder_ / "cgroup").c_str(), "cgroup2", 0, nullptr), 0);
    group_path_ = folder_ / "cgroup" / ("pavise-test-" + std::to_string(::getpid()));
    fs::create_directory(group_path_);
    // Where the controllers are elsewhere there are no budgets to write.
    budgets_ = fs::exists(group_path_ / "memory.max");
    make_group();
  }
  void TearDown() override {
    if (folder_.empty()) return;
    group_.reset();
    ::rmdir(group_path_.c_str());
    ::umount2((folder_ / "cgroup").c_str(), MNT_DETACH);
    fs::remove_all(folder_);
  }

  void make_group() {
    const std::string name = group_path_.filename();
    if (budgets_) {
      auto group = AppGroup::create(folder_ / "cgroup", name, {});
      ASSERT_TRUE(group) << group.error().message();
      group_.emplace(std::move(*group));
      return;
    }
    auto group = AppGroup::without_controllers(folder_ / "cgroup", name);
    ASSERT_TRUE(group) << group.error().message();
    group_.emplace(std::move(*group));
  }

  CompartmentSpec spec(std::vector<std::string> words) const {
    CompartmentSpec out;
    out.name = "blink";
    out.user = kUser;
    out.root = {.image = folder_ / "image",
                .storage = folder_ / "storage",
                .devices = {},
                .temporary_bytes_max = 2U << 20U};
    out.arguments = {"/app"};
    for (std::string& word : words) out.arguments.push_back(std::move(word));
    out.filter = make_app_filter({}).value();
    return out;
  }
  CompartmentSpec with_certificates(std::vector<std::string> words) const {
    fs::create_directory(folder_ / "image/certificates");
    fs::create_directory(folder_ / "certificates");
    EXPECT_EQ(::chown((folder_ / "certificates").c_str(), kUser, kUser), 0);
    CompartmentSpec out = spec(std::move(words));
    out.root.certificates = folder_ / "certificates";
    return out;
  }
  CompartmentSpec with_network(std::vector<std::string> words) const {
    CompartmentSpec out = spec(std::move(words));
    out.network = true;
    out.filter = make_app_filter({.network = true, .listens = true}).value();
    return out;
  }

  static std::string all_output(const Compartment& app) {
    std::string out;
    std::array<char, 512> piece{};
    pollfd polled{app.output(), POLLIN, 0};
    while (::poll(&polled, 1, 60'000) == 1) {
      const ssize_t size = ::read(app.output(), piece.data(), piece.size());
      if (size <= 0) break;
      out.append(piece.data(), static_cast<std::size_t>(size));
    }
    return out;
  }
  // What it printed; how it ended goes to ending_.
  std::string run_spec(const CompartmentSpec& what) {
    auto app = Compartment::start(what, *group_);
    if (!app) return app.error().message();
    std::string out = all_output(*app);
    const auto ending = app->wait();
    EXPECT_TRUE(ending);
    ending_ = ending ? *ending : Ending{};
    return out;
  }
  std::string run(std::vector<std::string> words) { return run_spec(spec(std::move(words))); }

  fs::path folder_;
  fs::path group_path_;
  bool budgets_ = false;
  std::optional<AppGroup> group_;
  Ending ending_;
};

TEST_F(CompartmentTest, RunsAndSaysHowItEnded) {
  EXPECT_EQ(run({"nothing"}), "0\n");
  EXPECT_FALSE(ending_.by_signal);
  EXPECT_EQ(ending_.code, 0);
  run({"exit", "42"});
  EXPECT_EQ(ending_.code, 42);
  run({"abort"});
  EXPECT_TRUE(ending_.by_signal);
  EXPECT_EQ(ending_.code, SIGABRT);
}

TEST_F(CompartmentTest, IsNobodyAndSeesNobody) {
  const std::string out = run({"facts"});
  EXPECT_THAT(out, StartsWith("pid 2 uid 54321 gid 54321 host blink\n"));
  for (const char* set : {"CapEff:\t0000000000000000", "CapPrm:\t0000000000000000",
                          "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"})
    EXPECT_THAT(out, HasSubstr(set));
  EXPECT_EQ(run({"read", "/proc/1/status"}), error(ENOENT));  // not even its warden
  EXPECT_EQ(run({"read", "/proc/" + std::to_string(::getpid())}), error(ENOENT));
  EXPECT_EQ(run({"read", "/proc/sys/kernel/hostname"}), error(ENOENT));
  EXPECT_EQ(run({"read", "/sys"}), error(ENOENT));
}

TEST_F(CompartmentTest, SeesItsImageAndNothingElse) {
  EXPECT_EQ(run({"read", "/readable"}), "0\n");
  EXPECT_EQ(run({"read", (folder_ / "secret").string()}), error(ENOENT));
  EXPECT_EQ(run({"read", "/.."}), "0\n");
  EXPECT_EQ(run({"read", "/../etc/passwd"}), error(ENOENT));
  EXPECT_EQ(run({"write", "/new"}), error(EROFS));
  EXPECT_EQ(run({"open_writing", "/readable"}), error(EACCES));
  EXPECT_EQ(run({"write", "/dev/new"}), error(EROFS));
  EXPECT_EQ(run({"open_writing", "/proc/self/comm"}), error(EACCES));
}

TEST_F(CompartmentTest, FindsItsResolverIfTheImageHasAPlaceForIt) {
  CompartmentSpec with = spec({"copy", "/etc/resolv.conf", "/data/seen"});
  with.root.resolver = "nameserver 127.0.53.7\n";
  EXPECT_EQ(run_spec(with), error(ENOENT));
  fs::create_directory(folder_ / "image/etc");
  std::ofstream(folder_ / "image/etc/resolv.conf").flush();
  EXPECT_EQ(run_spec(with), "0\n");
  std::ifstream seen(folder_ / "storage/seen");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(seen), {}), with.root.resolver);
  EXPECT_EQ(fs::file_size(folder_ / "image/etc/resolv.conf"), 0U);
  for (const auto& [verb, answer] : {std::pair{"open_writing", EACCES}, {"run", EACCES}}) {
    with.arguments = {"/app", verb, "/etc/resolv.conf"};
    EXPECT_THAT(run_spec(with), HasSubstr(error(answer))) << verb;
  }
  with.arguments = {"/app", "read", "/tmp/resolv.conf"};
  EXPECT_EQ(run_spec(with), error(ENOENT));
  // Without a resolver the file is the image's, and a link leads nowhere else.
  EXPECT_EQ(run({"copy", "/etc/resolv.conf", "/data/seen"}), "0\n");
  EXPECT_EQ(fs::file_size(folder_ / "storage/seen"), 0U);
  fs::remove(folder_ / "image/etc/resolv.conf");
  fs::create_symlink("../readable", folder_ / "image/etc/resolv.conf");
  with.arguments = {"/app", "copy", "/readable", "/data/seen"};
  EXPECT_EQ(run_spec(with), "0\n");
  EXPECT_EQ(fs::file_size(folder_ / "storage/seen"), 4U);
}

TEST_F(CompartmentTest, StorageStays) {
  EXPECT_EQ(run({"write", "/data/kept"}), "0\n");
  EXPECT_TRUE(fs::exists(folder_ / "storage/kept"));
  EXPECT_EQ(run({"read", "/data/kept"}), "0\n");
  CompartmentSpec without = spec({"write", "/data/new"});
  without.root.storage.clear();
  EXPECT_NE(run_spec(without), "0\n");
}

// Beside /data, and not without being granted, whatever the image has there.
TEST_F(CompartmentTest, CertificatesHaveAFolderOfTheirOwn) {
  EXPECT_EQ(run_spec(with_certificates({"write", "/certificates/own"})), "0\n");
  EXPECT_TRUE(fs::exists(folder_ / "certificates/own"));
  EXPECT_EQ(run_spec(with_certificates({"read", "/certificates/own"})), "0\n");
  EXPECT_EQ(run({"read", "/certificates/own"}), error(ENOENT));
  EXPECT_EQ(run({"write", "/certificates/own"}), error(EROFS));
  CompartmentSpec alone = with_certificates({"write", "/data/file"});
  alone.root.storage.clear();
  EXPECT_EQ(run_spec(alone), error(EROFS));
  const CompartmentSpec homeless = with_certificates({"nothing"});
  fs::remove(folder_ / "image/certificates");
  const auto refused = Compartment::start(homeless, *group_);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("PV-CMP-003"));
}

TEST_F(CompartmentTest, TemporaryFilesAreItsOwnAndBounded) {
  EXPECT_EQ(run({"write", "/tmp/new"}), "0\n");
  EXPECT_EQ(run({"read", "/tmp/new"}), error(ENOENT));  // of the start before
  EXPECT_EQ(run({"fill", "/tmp/full"}), "wrote 2097152\n" + error(ENOSPC));
}

TEST_F(CompartmentTest, OnlyCodeOfTheImageRuns) {
  EXPECT_EQ(run({"run", "/app"}), "0\n0\n");
  EXPECT_EQ(run({"copy_and_run", "/tmp/app"}), error(EACCES));
  EXPECT_EQ(run({"copy_and_run", "/data/app"}), error(EACCES));
  CompartmentSpec keeps = with_certificates({"copy_and_run", "/certificates/app"});
  EXPECT_EQ(run_spec(keeps), error(EACCES));
  EXPECT_EQ(run({"executable_memory"}), error(EPERM));
  EXPECT_EQ(run({"call", "wx"}), error(EPERM));
  EXPECT_EQ(run({"call", "memfd"}), error(ENOSYS));
}

TEST_F(CompartmentTest, ForbiddenCallsEndIt) {
  for (const char* call :
       {"ptrace", "attach", "seize", "mount", "unshare", "bpf", "io_uring", "vm_readv",
        "userfaultfd", "keyctl", "perf", "setns", "getfd", "handle", "x32"}) {
    EXPECT_EQ(run({"call", call}), "") << call;
    EXPECT_TRUE(ending_.forbidden_call()) << call;
  }
}

// The walls of an app that is debugged.
TEST_F(CompartmentTest, WhoTracesReachesOnlyItsOwnChildren) {
  const auto with_debugger = [this](std::vector<std::string> words) {
    CompartmentSpec out = spec(std::move(words));
    out.debugger = true;
    out.filter = make_app_filter({.debugger = true}).value();
    return out;
  };
  EXPECT_EQ(run_spec(with_debugger({"trace_child"})), "7\n");
  EXPECT_EQ(run_spec(with_debugger({"call", "ptrace"})), error(EPERM))
      << "its parent is the warden";
  EXPECT_EQ(run_spec(with_debugger({"call", "peek_warden"})), error(ESRCH));
  for (const char* call : {"attach", "seize", "vm_readv", "mount", "bpf"}) {
    EXPECT_EQ(run_spec(with_debugger({"call", call})), "") << call;
    EXPECT_TRUE(ending_.forbidden_call()) << call;
  }
  EXPECT_EQ(run_spec(with_debugger({"open_writing", "/proc/self/mem"})), "0\n");
  EXPECT_EQ(run({"open_writing", "/proc/self/mem"}), error(EACCES)) << "of an app as ever";
  EXPECT_EQ(run_spec(with_debugger({"read", "/proc/1/mem"})), error(ENOENT));
  EXPECT_EQ(run_spec(with_debugger({"open_writing", "/proc/1/mem"})), error(ENOENT));
  EXPECT_EQ(run_spec(with_debugger({"open_writing", "/proc/sys/kernel/hostname"})), error(ENOENT));
  EXPECT_EQ(run_spec(with_debugger({"open_writing", "/readable"})), error(EACCES));
  EXPECT_EQ(run_spec(with_debugger({"write", "/new"})), error(EROFS));
  EXPECT_EQ(run_spec(with_debugger({"copy_and_run", "/tmp/app"})), error(EACCES));
  EXPECT_EQ(run_spec(with_debugger({"kill", std::to_string(::getpid())})), error(ESRCH));
  EXPECT_EQ(run_spec(with_debugger({"call", "inet"})), error(EACCES));
  EXPECT_EQ(run_spec(with_debugger({"call", "setuid"})), error(EPERM));
}

TEST_F(CompartmentTest, AConsoleIsItsInputAndOutput) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const UniqueFd here(ends[0]);
  UniqueFd there(ends[1]);
  CompartmentSpec with = spec({"descriptors"});
  with.console = there.get();
  EXPECT_EQ(run_spec(with), "") << "what it prints goes to the console";
  there.reset();
  std::array<char, 32> text{};
  EXPECT_GT(::recv(here.get(), text.data(), text.size(), 0), 0);
  EXPECT_EQ(std::string(text.data()), "0 1 2 \n0\n");
  EXPECT_EQ(::recv(here.get(), text.data(), text.size(), 0), 0) << "nobody else has it";
}

TEST_F(CompartmentTest, OthersAreRefused) {
  EXPECT_EQ(run({"call", "clone_user"}), error(ENOSYS));
  EXPECT_EQ(run({"call", "clone3"}), error(ENOSYS));
  EXPECT_EQ(run({"call", "shm"}), error(ENOSYS));
  EXPECT_EQ(run({"call", "pkey"}), error(ENOSYS));
  EXPECT_EQ(run({"call", "personality"}), error(EPERM));
  EXPECT_EQ(run({"call", "setuid"}), error(EPERM));
  EXPECT_EQ(run({"call", "mknod"}), error(EPERM));
  EXPECT_EQ(run({"call", "tiocsti"}), error(ENOSYS));
  EXPECT_EQ(run({"call", "tiocsti64"}), error(ENOSYS));
}

TEST_F(CompartmentTest, DevicesAreThoseThatItWasGiven) {
  EXPECT_EQ(run({"open_writing", "/dev/null"}), "0\n");
  EXPECT_EQ(run({"read", "/dev/urandom"}), "0\n");
  EXPECT_EQ(run({"read", "/dev/mem"}), error(ENOENT));
  EXPECT_EQ(run({"read", "/dev/vda"}), error(ENOENT));
  CompartmentSpec with = spec({"open_writing", "/dev/port"});
  with.root.devices = {{.source = "/dev/null", .name = "port"}};
  EXPECT_EQ(run_spec(with), "0\n");
  with.root.devices.front().writable = false;
  EXPECT_EQ(run_spec(with), error(EACCES));
}

// On a real line: tests/e2e/apps_test.py.
TEST_F(CompartmentTest, WhoHasGpioLinesMayAskLinesAndNoChip) {
  CompartmentSpec with = spec({});
  with.filter = make_app_filter({.gpio_lines = true}).value();
  for (const char* request : {"line_set_config", "line_get_values", "line_set_values"}) {
    with.arguments = {"/app", "gpio", request, "0"};
    EXPECT_EQ(run_spec(with), error(ENOTTY)) << request;  // the kernel's word: no line
    EXPECT_EQ(run({"gpio", request, "0"}), error(ENOSYS)) << request;
  }
  for (const char* request : {"chip_info", "chip_line_info", "chip_get_line", "chip_get_line_v1"}) {
    with.arguments = {"/app", "gpio", request, "0"};
    EXPECT_EQ(run_spec(with), error(ENOSYS)) << request;
  }
  with.arguments = {"/app", "call", "tiocsti"};
  EXPECT_EQ(run_spec(with), error(ENOSYS));
}

TEST_F(CompartmentTest, DevicesAreNamedByOneWordAndAreNodes) {
  CompartmentSpec bad = spec({"nothing"});
  for (const char* name : {"", ".", "..", "a/b", "../null"}) {
    bad.root.devices = {{.source = "/dev/null", .name = name}};
    EXPECT_THAT(run_spec(bad), HasSubstr("PV-CMP-004")) << name;
  }
  bad.root.devices = {{.source = folder_ / "secret", .name = "file"}};
  EXPECT_THAT(run_spec(bad), HasSubstr("not a character device"));
}

TEST_F(CompartmentTest, WithoutNetworkThereIsNone) {
  for (const char* family : {"inet", "unix", "netlink", "packet"})
    EXPECT_EQ(run({"call", family}), error(EACCES)) << family;
}

TEST_F(CompartmentTest, WithNetworkTheGuardDecides) {
  auto guard = EgressGuard::attach(group_->folder());
  ASSERT_TRUE(guard) << guard.error().message();
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const UniqueFd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(server.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  ASSERT_EQ(::listen(server.get(), 4), 0);
  socklen_t size = sizeof at;
  ::getsockname(server.get(), reinterpret_cast<sockaddr*>(&at), &size);
  const std::string port = std::to_string(ntohs(at.sin_port));

  EXPECT_EQ(run_spec(with_network({"connect", "127.0.0.1", port})), error(EPERM));
  ASSERT_TRUE(
      guard->pin(network_of("127.0.0.1").address, SOCK_STREAM, ntohs(at.sin_port), std::nullopt));
  EXPECT_EQ(run_spec(with_network({"connect", "127.0.0.1", port})), "0\n");
  EXPECT_EQ(run_spec(with_network({"listen", "0"})), error(EPERM));
  for (const char* family : {"unix", "netlink", "packet"})
    EXPECT_EQ(run_spec(with_network({"call", family})), error(EAFNOSUPPORT)) << family;
}

TEST_F(CompartmentTest, WhoDoesNotListenCannot) {
  CompartmentSpec client = with_network({"listen", "0"});
  client.filter = make_app_filter({.network = true}).value();
  EXPECT_EQ(run_spec(client), error(ENOSYS));
}

TEST_F(CompartmentTest, HasItsDescriptorsAndNoOther) {
  const UniqueFd ours(::open((folder_ / "secret").c_str(), O_RDONLY));  // not even close-on-exec
  ASSERT_TRUE(ours);
  EXPECT_EQ(run({"descriptors"}), "0 1 2 \n0\n");
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
  const UniqueFd here(ends[0]);
  const UniqueFd there(ends[1]);
  CompartmentSpec with = spec({"say_on_three"});
  with.descriptors = {there.get()};
  EXPECT_EQ(run_spec(with), "0\n");
  std::array<char, 8> text{};
  EXPECT_EQ(::recv(here.get(), text.data(), text.size(), MSG_DONTWAIT), 5);
  with.arguments = {"/app", "descriptors"};
  EXPECT_EQ(run_spec(with), "0 1 2 3 \n0\n");
  // A number may be left out, whatever has it outside.
  with.descriptors = {there.get(), kNoDescriptor, kNoDescriptor, there.get()};
  EXPECT_EQ(run_spec(with), "0 1 2 3 6 \n0\n");
}

// What a packet carries is closed by who receives it or drops the socket. That must not take long.
TEST_F(CompartmentTest, NoDescriptorThatIsSlowToCloseLeavesIt) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
  const UniqueFd here(ends[0]);
  const UniqueFd there(ends[1]);
  CompartmentSpec app = spec({"pass_descriptor"});
  app.descriptors = {there.get()};
  EXPECT_EQ(run_spec(app), "0\n");  // one of a pipe may
  // One of a connection whose end waits for its peer is not made.
  const auto sets = [&](int level, int name) {
    return run_spec(with_network({"set_option", std::to_string(level), std::to_string(name)}));
  };
  EXPECT_EQ(sets(SOL_SOCKET, SO_LINGER), error(ENOSYS));
  EXPECT_EQ(sets(SOL_SOCKET, SO_ATTACH_FILTER), error(ENOSYS));
  EXPECT_EQ(sets(IPPROTO_IP, IP_OPTIONS), error(ENOSYS));
  EXPECT_EQ(sets(IPPROTO_IP, IP_ADD_MEMBERSHIP), error(ENOSYS));
  EXPECT_EQ(sets(SOL_SOCKET, SO_KEEPALIVE), "0\n");
  EXPECT_EQ(sets(IPPROTO_TCP, 1), "0\n");  // TCP_NODELAY
}

TEST_F(CompartmentTest, EndsWhenAsked) {
  auto app = Compartment::start(spec({"wait"}), *group_);
  ASSERT_TRUE(app) << app.error().message();
  pollfd polled{app->output(), POLLIN, 0};
  ASSERT_EQ(::poll(&polled, 1, 60'000), 1);
  app->ask_to_end();
  EXPECT_EQ(all_output(*app), "waiting\nasked to end\n");
  const auto ending = app->wait();
  ASSERT_TRUE(ending);
  EXPECT_EQ(ending->code, 7);
}

TEST_F(CompartmentTest, WhoDoesNotListenToRequestsIsKilled) {
  auto app = Compartment::start(spec({"ignore_the_end"}), *group_);
  ASSERT_TRUE(app) << app.error().message();
  pollfd polled{app->output(), POLLIN, 0};
  ASSERT_EQ(::poll(&polled, 1, 60'000), 1);
  app->ask_to_end();
  pollfd end{app->end_descriptor(), POLLIN, 0};
  EXPECT_EQ(::poll(&end, 1, 50), 0);  // still there
  app->kill();
  const auto ending = app->wait();
  ASSERT_TRUE(ending);
  EXPECT_TRUE(ending->by_signal);
  EXPECT_EQ(ending->code, SIGKILL);
}

TEST_F(CompartmentTest, NothingOfItStays) {
  EXPECT_EQ(run({"leave_orphans"}), "0\n");
  std::ifstream processes(group_path_ / "cgroup.procs");
  std::string left;
  EXPECT_FALSE(std::getline(processes, left)) << left;
}

// It tries each wall from its first instruction on, with processes that stay behind and symbolic
// links that it has left, and is ended at any moment.
TEST_F(CompartmentTest, EachStartHasAllWallsWhateverEndedTheOneBefore) {
  const auto guard = EgressGuard::attach(group_->folder());
  ASSERT_TRUE(guard) << guard.error().message();
  const auto descriptors = [] {
    const fs::directory_iterator all("/proc/self/fd");
    return std::distance(fs::begin(all), fs::end(all));
  };
  const auto before = descriptors();
  for (int start = 0; start < 12; ++start) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    const UniqueFd here(ends[0]);
    const UniqueFd there(ends[1]);
    CompartmentSpec racing = with_network({"race", "3"});
    racing.descriptors = {there.get()};
    auto app = Compartment::start(racing, *group_);
    ASSERT_TRUE(app) << app.error().message();
    if (start % 3 == 0) app->kill();
    const std::string said = all_output(*app);
    if (start % 3 == 0)
      EXPECT_THAT(said, Not(HasSubstr("LEAK")));
    else
      EXPECT_EQ(said, "raced with 3\n");
    ASSERT_TRUE(app->wait());
    EXPECT_TRUE(group_->wait_empty(0));
  }
  EXPECT_EQ(descriptors(), before);
}

TEST_F(CompartmentTest, AnAppThatIsLetGoEnds) {
  {
    ASSERT_TRUE(Compartment::start(spec({"ignore_the_end"}), *group_));
  }
  std::ifstream processes(group_path_ / "cgroup.procs");
  std::string left;
  EXPECT_FALSE(std::getline(processes, left)) << left;
}

TEST_F(CompartmentTest, AnAppEndsWithItsLauncher) {
  const auto processes = [this] {
    std::ifstream file(group_path_ / "cgroup.procs");
    std::string first;
    return static_cast<bool>(std::getline(file, first));
  };
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t launcher = ::fork();
  if (launcher == 0) {
    const auto app = Compartment::start(spec({"ignore_the_end"}), *group_);
    const char started = app ? 's' : 'f';
    (void)!::write(ends[1], &started, 1);
    while (true) ::pause();
  }
  char started = 0;
  EXPECT_EQ(::read(ends[0], &started, 1), 1);
  EXPECT_EQ(started, 's');
  EXPECT_TRUE(processes());
  ::kill(launcher, SIGKILL);
  ::waitpid(launcher, nullptr, 0);
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_TRUE(group_->wait_empty(60'000));
}

TEST_F(CompartmentTest, WhatAnEarlierLauncherLeftIsCleared) {
  const std::string name = group_path_.filename();
  auto app = Compartment::start(spec({"ignore_the_end"}), *group_);
  ASSERT_TRUE(app) << app.error().message();
  EXPECT_FALSE(group_->wait_empty(0));
  const Status cleared = AppGroup::clear(group_path_.parent_path(), name);
  EXPECT_TRUE(cleared) << cleared.error().message();
  EXPECT_FALSE(fs::exists(group_path_));
  const auto ending = app->wait();
  ASSERT_TRUE(ending);
  EXPECT_TRUE(ending->by_signal);
  EXPECT_TRUE(AppGroup::clear(group_path_.parent_path(), name));  // nothing there
}

TEST_F(CompartmentTest, ReachesOnlyItsOwnBySignals) {
  EXPECT_EQ(run({"kill", std::to_string(::getpid())}), error(ESRCH));
  run({"call", "kill_warden"});
  EXPECT_FALSE(ending_.by_signal);
  EXPECT_EQ(run({"call", "kill_all"}), error(ESRCH));  // there is nobody else
}

TEST_F(CompartmentTest, WhatItDoesToItsWardenDoesNotSetItFree) {
  run({"call", "limit_warden"});
  EXPECT_TRUE(group_->wait_empty(0));
  run({"exit", "5"});
  EXPECT_EQ(ending_.code, 5) << "the next has another";
}

TEST_F(CompartmentTest, SaysWhyItDidNotStart) {
  CompartmentSpec bad = spec({});
  bad.arguments = {"/missing"};
  EXPECT_THAT(run_spec(bad), HasSubstr("/missing: No such file or directory"));
  bad = spec({});
  bad.root.image = folder_ / "nowhere";
  EXPECT_THAT(run_spec(bad), HasSubstr("nowhere: No such file or directory"));
  bad = spec({});
  fs::remove(folder_ / "image/proc");
  EXPECT_THAT(run_spec(bad), HasSubstr("proc: No such file or directory"));
  std::ifstream processes(group_path_ / "cgroup.procs");
  std::string left;
  EXPECT_FALSE(std::getline(processes, left)) << left;
}

// Landlock lets an app write below /data: through a link that would be anywhere.
TEST_F(CompartmentTest, WhereSomethingIsMountedNoLinkLeads) {
  for (const char* name : {"data", "certificates", "tmp"}) {
    const fs::path path = folder_ / "image" / name;
    fs::remove(path);
    fs::create_symlink(".", path);
    EXPECT_THAT(run({"nothing"}), HasSubstr(std::string(name) + " is no folder"));
    fs::remove(path);
    fs::create_directory(path);
  }
  run({"nothing"});
  EXPECT_EQ(ending_.code, 0);
}

TEST_F(CompartmentTest, TheRestOfTheMachineKeepsItsMounts) {
  run({"nothing"});
  EXPECT_FALSE(fs::exists(folder_ / "image/dev/null"));
  EXPECT_TRUE(fs::exists("/proc/self/status"));
}

}  // namespace
}  // namespace pavise::device
