// The real program: started, killed, restarted, confined.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "cloud/security/signer/client/signer_client.h"
#include "cloud/security/signer/process/options.h"
#include "cloud/security/signer/process/sandbox.h"
#include "common/base/unique_fd.h"
#include "common/crypto/crypto.h"

namespace pavise::security::signer {
namespace {

namespace fs = std::filesystem;

TEST(SignerOptions, Rows) {
  const auto parse = [](std::vector<const char*> arguments) {
    return parse_options(arguments, 1000);
  };
  const auto good = parse({"--keys", "/k", "--socket", "/s"});
  ASSERT_TRUE(good);
  EXPECT_EQ(good->allow_uid, 1000U);
  EXPECT_FALSE(good->without_landlock);
  EXPECT_EQ(parse({"--keys", "/k", "--socket", "/s", "--allow-uid", "7"})->allow_uid, 7U);
  EXPECT_TRUE(parse({"--keys", "/k", "--socket", "/s", "--without-landlock"})->without_landlock);
  for (const auto& bad : std::vector<std::vector<const char*>>{
           {},
           {"--keys", "/k"},
           {"--socket", "/s"},
           {"--keys"},
           {"--other", "x"},
           {"--keys", "/k", "--socket", "/s", "--allow-uid", "7x"}})
    EXPECT_TRUE(parse(bad).error().is(kSignerUsage));
}

class SignerProcess : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "signerXXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    client_ = make_signer_client({.socket_path = folder_ / "socket", .timeout_ms = 10'000});
  }
  void TearDown() override {
    end(SIGTERM);
    fs::remove_all(folder_);
  }
  // Returns when the program says that it is ready, or has ended.
  void start(std::vector<std::string> more = {}) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    log_ = UniqueFd(ends[0]);
    const UniqueFd write_end(ends[1]);
    std::vector<std::string> words{SIGNER_PROGRAM, "--keys", folder_ / "keys", "--socket",
                                   folder_ / "socket"};
    words.insert(words.end(), more.begin(), more.end());
    if (sandbox::landlock_abi() == 0) words.emplace_back("--without-landlock");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_ = fork();
    ASSERT_GE(pid_, 0);
    if (pid_ == 0) {
      ::dup2(write_end.get(), STDERR_FILENO);
      // Looking for leaks takes powers that the program has given up.
      ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
      ::execv(argv[0], argv.data());
      _exit(127);
    }
    said_.clear();
  }
  void wait_ready() {
    char buffer[512];
    while (said_.find("ready\n") == std::string::npos) {
      const ssize_t n = ::read(log_.get(), buffer, sizeof(buffer));
      if (n <= 0) break;
      said_.append(buffer, static_cast<std::size_t>(n));
    }
  }
  int end(int signal) {
    if (pid_ <= 0) return 0;
    ::kill(pid_, signal);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }
  LeafRequest leaf(const TenantId& tenant) const {
    LeafRequest request{.tenant = tenant,
                        .device = *DeviceId::parse(std::string(64, 'a')),
                        .public_xy = {},
                        .not_before = SystemClock().now_s(),
                        .not_after = 0,
                        .serial = {}};
    request.not_after = request.not_before + 3600;
    const auto point = crypto::P256PrivateKey::generate()->public_key().point();
    std::copy(point.begin() + 1, point.end(), request.public_xy.begin());
    request.serial.fill(std::byte{0x42});
    return request;
  }

  fs::path folder_;
  std::unique_ptr<Signer> client_;
  pid_t pid_ = -1;
  UniqueFd log_;
  std::string said_;
};

TEST_F(SignerProcess, ServesAndEndsWhenAsked) {
  start();
  wait_ready();
  const TenantId acme = *TenantId::parse("acme");
  const auto ca = client_->create_tenant_ca(acme);
  ASSERT_TRUE(ca) << ca.error().message() << said_;
  EXPECT_TRUE(client_->sign_leaf(leaf(acme)));
  EXPECT_TRUE(client_->make_server_certificate({{"localhost"}, {}, leaf(acme).public_xy}));
  const int status = end(SIGTERM);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST_F(SignerProcess, KilledInTheMiddleItComesBackWhole) {
  for (int round = 0; round < 12; ++round) {
    start();
    wait_ready();
    std::thread asking([&] {
      for (int i = 0; i < 200; ++i)
        if (!client_->create_tenant_ca(
                *TenantId::parse("t" + std::to_string(round) + "-" + std::to_string(i))))
          return;
    });
    // Killed at a random moment of its work: after the n-th audit line.
    char buffer[64];
    for (int i = 0; i <= round * 3; ++i)
      if (::read(log_.get(), buffer, sizeof(buffer)) <= 0) break;
    end(SIGKILL);
    asking.join();
  }
  start();
  wait_ready();
  const auto all = client_->list();
  ASSERT_TRUE(all) << said_;
  EXPECT_FALSE(all->empty());
  for (const TenantAuthority& authority : *all)
    EXPECT_TRUE(client_->sign_leaf(leaf(authority.tenant))) << authority.tenant.text();
}

TEST_F(SignerProcess, ServesOnlyTheUserItWasTold) {
  start({"--allow-uid", std::to_string(::geteuid() + 1)});
  wait_ready();
  EXPECT_TRUE(client_->list().error().is(kSignerUnreachable));
}

TEST_F(SignerProcess, ASecondOneOnTheSameKeysRefusesToStart) {
  start();
  wait_ready();
  const pid_t first = pid_;
  start();
  wait_ready();
  EXPECT_THAT(said_, testing::HasSubstr("PV-SGN-005"));
  EXPECT_NE(end(SIGTERM), 0);
  pid_ = first;
}

// ---- the sandbox: each forbidden act ends the process or is refused

class SignerSandbox : public SignerProcess {
 protected:
  // Exit code of `act` under the signer's policy, or -signal.
  int confined(const std::function<int()>& act) {
    fs::create_directory(folder_ / "keys");
    const pid_t child = fork();
    if (child == 0) {
      const bool without = sandbox::landlock_abi() == 0;
      if (!sandbox::apply(signer_sandbox(folder_ / "keys", without))) _exit(99);
      _exit(act());
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }
};

TEST_F(SignerSandbox, MayUseItsKeyDirectory) {
  const std::string file = folder_ / "keys" / "x.partial";
  EXPECT_EQ(confined([&] {
              const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT, 0600);
              return fd >= 0 && ::fsync(fd) == 0 ? 0 : errno;
            }),
            0);
}

TEST_F(SignerSandbox, ReachesNoOtherFile) {
  if (sandbox::landlock_abi() == 0) GTEST_SKIP() << "this kernel has no Landlock";
  const std::string other = folder_ / "other";
  EXPECT_EQ(confined([] { return ::open("/etc/passwd", O_RDONLY) < 0 ? errno : 0; }), EACCES);
  EXPECT_EQ(
      confined([&] { return ::open(other.c_str(), O_WRONLY | O_CREAT, 0600) < 0 ? errno : 0; }),
      EACCES);
}

TEST_F(SignerSandbox, OpensNoSocketAndStartsNoProgram) {
  EXPECT_EQ(confined([] { return ::socket(AF_INET, SOCK_STREAM, 0) < 0; }), -SIGSYS);
  EXPECT_EQ(confined([] { return ::socket(AF_UNIX, SOCK_STREAM, 0) < 0; }), -SIGSYS);
  EXPECT_EQ(confined([] {
              char* const none[] = {nullptr};
              return ::execve("/bin/true", none, none);
            }),
            -SIGSYS);
  EXPECT_EQ(confined([] { return static_cast<int>(fork()); }), -SIGSYS);
}

}  // namespace
}  // namespace pavise::security::signer
