// gdb, a relay of counted bytes, and gdbserver behind an app's walls: real programs, which needs
// root, Debian's gdb and gdbserver.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "common/sandbox/sandbox.h"
#include "device/apps/compartment/compartment.h"
#include "device/apps/debugging/debug_stream.h"
#include "device/apps/policy/app_policy.h"

namespace pavise::device {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr uid_t kUser = 54322;
constexpr const char* kGdb = "/usr/bin/gdb";
constexpr const char* kGdbserver = "/usr/bin/gdbserver";

std::string output_of(const std::string& command) {
  FILE* const pipe = ::popen(command.c_str(), "re");
  std::string out;
  std::array<char, 512> piece{};
  while (const std::size_t size = std::fread(piece.data(), 1, piece.size(), pipe))
    out.append(piece.data(), size);
  ::pclose(pipe);
  return out;
}

// As `pavise app build --debug` does.
void add_debugger(const fs::path& image) {
  fs::create_directories(image / ".debug/lib");
  fs::copy_file(kGdbserver, image / ".debug/gdbserver");
  std::istringstream lines(output_of(std::string("ldd ") + kGdbserver));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t from = line.find('/');
    if (from == std::string::npos) continue;
    const fs::path file = line.substr(from, line.find(" (") - from);
    const bool is_loader = line.find("=>") == std::string::npos;
    fs::copy_file(file,
                  is_loader ? image / ".debug/loader" : image / ".debug/lib" / file.filename());
  }
}

manifest::Manifest smallest() {
  std::ifstream in("protocol/manifest/testdata/good/smallest.json", std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return manifest::Manifest::parse(as_bytes(out.str())).value();
}

// What launcher, agent, hub and CLI do between them: each exchange twice, as if every other answer
// were lost.
void relay(int gdb, DebugStream& stream) {
  Bytes unsent;
  std::uint64_t put = 0;
  std::uint64_t received = 0;
  bool over = false;
  while (!over) {
    pollfd polled{gdb, POLLIN, 0};
    std::array<std::byte, 2048> piece;
    if (::poll(&polled, 1, 2) > 0) {
      const ssize_t size = ::recv(gdb, piece.data(), piece.size(), MSG_DONTWAIT);
      if (size <= 0) return;
      append(unsent, ByteView(piece).first(static_cast<std::size_t>(size)));
    }
    const std::uint64_t before = put;
    for (int time = 0; time < 2; ++time) {
      put = stream.put(before, unsent).value();
      EXPECT_TRUE(stream.get(received));
    }
    unsent.erase(unsent.begin(), unsent.begin() + static_cast<std::ptrdiff_t>(put - before));
    const ByteView data = stream.get(received).value();
    over = stream.is_over();
    received += data.size();
    if (::send(gdb, data.data(), data.size(), MSG_NOSIGNAL) < 0) return;
  }
}

class DebuggerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (::geteuid() != 0) return;
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  }
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to build compartments";
    if (!sandbox::landlock_available()) GTEST_SKIP() << "this kernel has no Landlock";
    if (!fs::exists(kGdb) || !fs::exists(kGdbserver))
      GTEST_SKIP() << "needs Debian's gdb and gdbserver";
    char path[] = "/tmp/pavise-debugger-XXXXXX";
    folder_ = ::mkdtemp(path);
    ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
    for (const char* name :
         {"cgroup", "image", "image/dev", "image/proc", "image/tmp", "image/data"})
      fs::create_directory(folder_ / name);
    fs::copy_file(PAVISE_DEBUGGEE, folder_ / "image/a");
    add_debugger(folder_ / "image");
    ASSERT_EQ(::mount("none", (folder_ / "cgroup").c_str(), "cgroup2", 0, nullptr), 0);
    auto group = AppGroup::without_controllers(folder_ / "cgroup",
                                               "pavise-debug-" + std::to_string(::getpid()));
    ASSERT_TRUE(group) << group.error().message();
    group_.emplace(std::move(*group));
  }
  void TearDown() override {
    if (folder_.empty()) return;
    if (group_) (void)group_->remove().has_value();
    ::umount2((folder_ / "cgroup").c_str(), MNT_DETACH);
    fs::remove_all(folder_);
  }

  CompartmentSpec spec(int console, int channel) const {
    const AppPolicy policy =
        make_debug_policy(smallest(), make_app_policy(smallest(), {}).value()).value();
    CompartmentSpec out;
    out.name = "a";
    out.user = kUser;
    out.root = {
        .image = folder_ / "image", .storage = {}, .devices = {}, .temporary_bytes_max = 1U << 20U};
    out.arguments = policy.arguments;
    out.filter = policy.filter;
    out.debugger = policy.debugger;
    out.console = console;
    out.descriptors = {channel};
    return out;
  }

  // What gdb printed; what the app did is in output_ and ending_.
  std::string debug(const std::string& target, const std::vector<std::string>& commands) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    DebugStream stream{UniqueFd(ends[0])};
    UniqueFd console(ends[1]);
    std::array<int, 2> channel{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel.data()), 0);
    channel_ = UniqueFd(channel[0]);
    const UniqueFd its_channel(channel[1]);
    auto app = Compartment::start(spec(console.get(), its_channel.get()), *group_);
    if (!app) return app.error().message();
    console.reset();
    sockaddr_un at{.sun_family = AF_UNIX, .sun_path = {}};
    const std::string socket_path = folder_ / "gdb";
    socket_path.copy(at.sun_path, sizeof at.sun_path - 1);
    const UniqueFd server(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(server.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    EXPECT_EQ(::listen(server.get(), 1), 0);
    std::thread between([&] {
      const UniqueFd gdb(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
      relay(gdb.get(), stream);
    });
    std::string line = std::string(kGdb) + " -batch -nx -ex 'set debuginfod enabled off' " +
                       "-ex 'target " + target + " " + socket_path + "'";
    for (const std::string& command : commands) line += " -ex '" + command + "'";
    std::string said = output_of(line + " " + std::string(PAVISE_DEBUGGEE) + " 2>&1 </dev/null");
    between.join();
    app->ask_to_end();  // one that nobody talks to waits for ever
    pollfd end{app->end_descriptor(), POLLIN, 0};
    if (::poll(&end, 1, 60'000) != 1) app->kill();
    const auto ending = app->wait();
    EXPECT_TRUE(ending);
    ending_ = ending ? *ending : Ending{};
    std::array<char, 4096> text{};
    const ssize_t size = ::read(app->output(), text.data(), text.size());
    output_.assign(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0U);
    ::unlink(socket_path.c_str());
    return said;
  }

  fs::path folder_;
  std::optional<AppGroup> group_;
  std::string output_;
  Ending ending_;
  UniqueFd channel_;  // to descriptor 3 of the app
};

TEST_F(DebuggerTest, GdbStopsItLooksIntoItAndLetsItGo) {
  const std::string said = debug("remote", {"break say", "continue", "print value", "print answer",
                                            "set var value=43", "info threads", "continue"});
  EXPECT_THAT(said, HasSubstr("$1 = 42"));
  EXPECT_THAT(said, HasSubstr("$2 = 42"));
  EXPECT_THAT(said, HasSubstr("exited with code 05"));
  EXPECT_THAT(output_, HasSubstr("answer 43\n")) << "what the app prints stays the app's output";
  char word = 0;
  EXPECT_EQ(::recv(channel_.get(), &word, 1, MSG_DONTWAIT), 1);
  EXPECT_EQ(word, 1) << "it has its descriptors";
}

TEST_F(DebuggerTest, GdbCannotTakeHoldOfTheWarden) {
  const std::string said = debug("extended-remote", {"attach 1"});
  EXPECT_TRUE(ending_.forbidden_call()) << said << output_;
}

}  // namespace
}  // namespace pavise::device
