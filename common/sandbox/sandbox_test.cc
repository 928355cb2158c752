// Every test forks: a sandbox cannot be taken off again.
#include "common/sandbox/sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

namespace pavise::sandbox {
namespace {

constexpr int kApplyFailed = 99;

// Runs `act` in a child under the policy. Returns its wait status.
int run(const SandboxPolicy& policy, const std::function<int()>& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (const Status status = apply(policy); !status) {
      const std::string text = status.error().message() + "\n";
      (void)!::write(STDERR_FILENO, text.data(), text.size());
      ::_exit(kApplyFailed);
    }
    ::_exit(act());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

::testing::AssertionResult exits_with(int status, int code) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == code) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "wait status " << status;
}
::testing::AssertionResult killed_by_filter(int status) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "wait status " << status;
}

int errno_of_open(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  return fd < 0 ? errno : 0;
}

class SandboxTest : public ::testing::Test {
 protected:
  SandboxTest() {
    char path[] = "/tmp/pavise-sandbox-XXXXXX";
    directory_ = ::mkdtemp(path);
    std::filesystem::permissions(directory_, std::filesystem::perms::all);
    std::filesystem::create_directory(directory_ / "inside");
    std::filesystem::permissions(directory_ / "inside", std::filesystem::perms::all);
    std::ofstream(directory_ / "inside/file") << "in";
    std::ofstream(directory_ / "outside") << "out";
  }
  ~SandboxTest() override { std::filesystem::remove_all(directory_); }
  std::string path(const char* name) const { return directory_ / name; }

  std::filesystem::path directory_;
  const SandboxPolicy bare_{.name = "bare"};
};

TEST_F(SandboxTest, OrdinaryWorkGoesOn) {
  EXPECT_TRUE(exits_with(run(bare_,
                             [] {
                               const std::string big(1U << 20U, 'x');  // allocates
                               return big.size() == 1U << 20U ? 7 : 1;
                             }),
                         7));
}

TEST_F(SandboxTest, ForbiddenActsKill) {
  EXPECT_TRUE(killed_by_filter(run(bare_, [] { return ::socket(AF_INET, SOCK_STREAM, 0); })));
  EXPECT_TRUE(killed_by_filter(run(bare_, [] { return ::socket(AF_UNIX, SOCK_STREAM, 0); })));
  EXPECT_TRUE(killed_by_filter(run(bare_, [] { return errno_of_open("/etc/passwd", O_RDONLY); })));
  EXPECT_TRUE(killed_by_filter(
      run(bare_, [] { return ::execl("/bin/true", "true", static_cast<char*>(nullptr)); })));
  EXPECT_TRUE(killed_by_filter(
      run(bare_, [] { return static_cast<int>(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); })));
  EXPECT_TRUE(killed_by_filter(run(bare_, [] {
    if (::fork() == 0) ::_exit(0);
    return 0;
  })));
  EXPECT_TRUE(killed_by_filter(run(bare_, [] { return ::kill(::getppid(), 0); })));
  EXPECT_TRUE(killed_by_filter(run(bare_, [] {
    return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
           MAP_FAILED;
  })));
  EXPECT_TRUE(killed_by_filter(
      run(bare_, [] { return static_cast<int>(::syscall(SYS_io_uring_setup, 1, nullptr)); })));
}

TEST_F(SandboxTest, PathsOutsideTheRulesAreUnreachable) {
  SandboxPolicy policy{.name = "reader"};
  policy.groups = {SyscallGroup::read_files};
  policy.paths = {{.path = path("inside")}};
  EXPECT_TRUE(
      exits_with(run(policy, [&] { return errno_of_open(path("inside/file"), O_RDONLY); }), 0));
  EXPECT_TRUE(
      exits_with(run(policy, [&] { return errno_of_open(path("outside"), O_RDONLY); }), EACCES));
  EXPECT_TRUE(
      exits_with(run(policy, [&] { return errno_of_open("/etc/passwd", O_RDONLY); }), EACCES));
  EXPECT_TRUE(
      killed_by_filter(run(policy, [&] { return errno_of_open(path("inside/file"), O_RDWR); })));
}

TEST_F(SandboxTest, WritingStaysBelowItsPath) {
  SandboxPolicy policy{.name = "writer"};
  policy.groups = {SyscallGroup::write_files};
  policy.paths = {{.path = path("inside"), .access = PathAccess::read_write}};
  EXPECT_TRUE(exits_with(
      run(policy, [&] { return errno_of_open(path("inside/new"), O_CREAT | O_WRONLY); }), 0));
  EXPECT_TRUE(exits_with(
      run(policy, [&] { return errno_of_open(path("elsewhere"), O_CREAT | O_WRONLY); }), EACCES));
}

TEST_F(SandboxTest, AReadRuleDoesNotAllowWriting) {
  SandboxPolicy policy{.name = "reader"};
  policy.groups = {SyscallGroup::write_files};
  policy.paths = {{.path = path("inside"), .access = PathAccess::read}};
  EXPECT_TRUE(exits_with(run(policy, [&] { return errno_of_open(path("inside/file"), O_WRONLY); }),
                         EACCES));
}

TEST_F(SandboxTest, AMissingPathFailsUnlessAllowed) {
  SandboxPolicy policy{.name = "missing"};
  policy.paths = {{.path = path("nowhere")}};
  EXPECT_TRUE(exits_with(run(policy, [] { return 0; }), kApplyFailed));
  policy.paths.front().may_be_missing = true;
  EXPECT_TRUE(exits_with(run(policy, [] { return 0; }), 0));
}

TEST_F(SandboxTest, TheNetworkGroupOpensInternetSocketsOnly) {
  SandboxPolicy policy{.name = "client"};
  policy.groups = {SyscallGroup::tcp_client};
  EXPECT_TRUE(exits_with(
      run(policy, [] { return ::socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : errno; }), 0));
  EXPECT_TRUE(
      exits_with(run(policy, [] { return ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? 0 : errno; }),
                 EAFNOSUPPORT));
  EXPECT_TRUE(
      exits_with(run(policy, [] { return ::socket(AF_NETLINK, SOCK_RAW, 0) >= 0 ? 0 : errno; }),
                 EAFNOSUPPORT));
  EXPECT_TRUE(killed_by_filter(run(policy, [] { return ::listen(3, 1); })));
}

TEST_F(SandboxTest, ConnectPortsAreEnforcedWhereTheKernelCan) {
  if (landlock_abi() < 4) GTEST_SKIP() << "Landlock ABI " << landlock_abi();
  SandboxPolicy policy{.name = "client"};
  policy.groups = {SyscallGroup::tcp_client};
  policy.connect_ports = {1};
  const auto connect_to = [](std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  };
  EXPECT_TRUE(exits_with(run(policy, [&] { return connect_to(1); }), ECONNREFUSED));
  EXPECT_TRUE(exits_with(run(policy, [&] { return connect_to(2); }), EACCES));
}

TEST_F(SandboxTest, RefusedSyscallsAnswerInsteadOfKilling) {
  SandboxPolicy policy{.name = "soft"};
  policy.refused_syscalls = {"ptrace"};
  EXPECT_TRUE(exits_with(
      run(policy, [] { return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : errno; }),
      EPERM));
}

TEST_F(SandboxTest, AnUnknownSyscallNameFailsClosed) {
  SandboxPolicy policy{.name = "typo"};
  policy.extra_syscalls = {"no_such_call"};
  EXPECT_TRUE(exits_with(run(policy, [] { return 0; }), kApplyFailed));
}

TEST_F(SandboxTest, LimitsForbidCoresAndManyFiles) {
  SandboxPolicy policy{.name = "limits"};
  policy.limits.open_files = 8;
  EXPECT_TRUE(exits_with(run(policy,
                             [] {
                               rlimit core{};
                               if (::getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0)
                                 return 1;
                               int last = 0;
                               for (int i = 0; i < 8; ++i) last = ::dup(0);
                               return last < 0 && errno == EMFILE ? 0 : 2;
                             }),
                         0));
}

TEST_F(SandboxTest, UserAndCapabilitiesAreGivenUp) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to change the user";
  SandboxPolicy policy{.name = "user"};
  policy.run_as = RunAs{.uid = 10, .gid = 10};
  policy.extra_syscalls = {"capget", "setresuid"};
  EXPECT_TRUE(exits_with(run(policy,
                             [] {
                               if (::geteuid() != 10 || ::getegid() != 10) return 1;
                               if (::setresuid(0, 0, 0) == 0) return 2;
                               __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
                               __user_cap_data_struct sets[2]{};
                               if (::syscall(SYS_capget, &header, sets) != 0) return 3;
                               return sets[0].permitted == 0 && sets[1].permitted == 0 ? 0 : 4;
                             }),
                         0));
}

TEST_F(SandboxTest, RootWithoutCapabilitiesIsNobodyInParticular) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  SandboxPolicy policy{.name = "root"};
  policy.extra_syscalls = {"sethostname"};
  EXPECT_TRUE(
      exits_with(run(policy, [] { return ::sethostname("x", 1) == 0 ? 0 : errno; }), EPERM));
}

}  // namespace
}  // namespace pavise::sandbox
