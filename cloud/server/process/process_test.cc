// The real programs: first start, restarts, kill at any moment, signals, hostile clients.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "cloud/server/bootstrap/state_layout.h"
#include "cloud/server/process/sandbox.h"
#include "cloud/server/process/testing/running_server.h"

namespace pavise::server {
namespace {

using ::testing::HasSubstr;
using testing::RunningServer;

testing::Programs programs() {
  return {PAVISE_SERVER_PROGRAM, PAVISE_SIGNER_PROGRAM};
}

std::string tenant_body(int number) {
  return R"({"id":"tenant-)" + std::to_string(number) + "\"}";
}

TEST(ServerProcess, ShowsTheTokenAtTheFirstStartOnly) {
  RunningServer server(programs());
  ASSERT_TRUE(server.start()) << server.log();
  ASSERT_THAT(server.output, HasSubstr("token"));
  ASSERT_FALSE(server.token.empty());
  EXPECT_EQ(server.call("GET", "/status").status, 200);
  const int status = server.end(SIGTERM);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_NE(::access((server.folder + "/state/ports.json").c_str(), F_OK), 0)
      << "who looks for ports.json must not find those of a stopped server";
  ASSERT_TRUE(server.start());
  EXPECT_EQ(server.output, "");
  EXPECT_EQ(server.call("GET", "/status").status, 200) << "the first token is still good";
  EXPECT_THAT(server.log(), ::testing::Not(HasSubstr(server.token)));
  EXPECT_EQ(server.end(SIGINT), 0);
  EXPECT_THAT(server.log(), HasSubstr("--new-admin-token")) << "should nobody have seen it";
}

TEST(ServerProcess, MakesAnotherAdministratorsTokenOnRequest) {
  RunningServer server(programs());
  ASSERT_TRUE(server.start());
  server.end(SIGTERM);
  const std::string first = std::exchange(server.token, "");
  ASSERT_TRUE(server.start({"--new-admin-token"}));
  EXPECT_NE(server.token, first);
  EXPECT_EQ(server.call("GET", "/status").status, 200);
}

TEST(ServerProcess, KeepsItsFilesToItself) {
  RunningServer server(programs());
  ASSERT_TRUE(server.start());
  for (const char* name : {"data", "data/tls.pem", "data/registry.db", "data/hub.db", "lock",
                           "signer.sock", "signer"}) {
    struct stat info{};
    ASSERT_EQ(::stat((server.folder + "/state/" + name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 0077U, 0U) << name;
  }
}

TEST(ServerProcess, RefusesASecondOneOnItsState) {
  RunningServer server(programs());
  ASSERT_TRUE(server.start());
  std::string text;
  EXPECT_EQ(server.exit_code_of_second(&text), 1);
  EXPECT_THAT(text, HasSubstr("PV-SRV-005"));
  EXPECT_EQ(server.call("GET", "/status").status, 200);
}

// Every answer that a client has seen must hold after kill -9 of the server at any moment.
TEST(ServerProcess, KeepsWhatItAcknowledgedWhenKilled) {
  RunningServer server(programs());
  int acknowledged = 0;
  for (int round = 0; round < 4; ++round) {
    ASSERT_TRUE(server.start()) << server.log();
    std::thread killer([&] {
      ::poll(nullptr, 0, 30 + 45 * round);
      ::kill(server.pid, SIGKILL);
    });
    while (server.call("POST", "/tenants", tenant_body(acknowledged)).status == 201) ++acknowledged;
    killer.join();
    server.end(SIGKILL);
    ASSERT_TRUE(server.start());
    const auto listed = server.call("GET", "/tenants");
    ASSERT_EQ(listed.status, 200);
    const auto known = listed.json.at("tenants").as_array().size();
    // At most the one whose answer was lost is there besides.
    EXPECT_GE(known, static_cast<std::size_t>(acknowledged));
    EXPECT_LE(known, static_cast<std::size_t>(acknowledged) + 1);
    acknowledged = static_cast<int>(known);
    server.end(SIGKILL);
  }
  EXPECT_GT(acknowledged, 0);
}

TEST(ServerProcess, RestartsTheSigner) {
  RunningServer server(programs());
  ASSERT_TRUE(server.start());
  for (int round = 0; round < 2; ++round) {
    const pid_t signer = server.signer_pid();
    ASSERT_GT(signer, 0);
    ASSERT_EQ(::kill(signer, SIGKILL), 0);
    int status = 0;
    for (int i = 0; i < 100 && status != 201; ++i) {
      status = server.call("POST", "/tenants", tenant_body(round)).status;
      if (status != 201) ::poll(nullptr, 0, 50);
    }
    EXPECT_EQ(status, 201);
  }
}

TEST(ServerProcess, TakesTheSignerWithIt) {
  RunningServer server(programs());
  ASSERT_TRUE(server.start());
  const pid_t signer = server.signer_pid();
  ASSERT_GT(signer, 0);
  server.end(SIGKILL);
  for (int i = 0; i < 600 && server.signer_pid() != 0; ++i) ::poll(nullptr, 0, 10);
  EXPECT_EQ(server.signer_pid(), 0);
}

TEST(ServerProcess, SaysWhatIsMissing) {
  testing::Programs without_signer = programs();
  without_signer.signer = "/nonexistent/pavise-signer";
  RunningServer server(without_signer);
  EXPECT_FALSE(server.start());
  EXPECT_THAT(server.log(), HasSubstr("PV-SRV-003"));
}

// Both at once, on both listeners, while a third party works on undisturbed.
TEST(ServerProcess, OutlivesHostileClients) {
  RunningServer server(programs());
  ASSERT_TRUE(server.start());
  const int stalled = testing::connect_tcp(server.device_port);
  auto slow = server.connect(server.device_port);
  ASSERT_TRUE(slow);
  slow->send("POST /device/v1/evidence HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx");
  auto device = server.connect(server.device_port);
  ASSERT_TRUE(device);
  const auto refused = device->request("POST", "/device/v1/challenge", {}, "\xa0",
                                       "Content-Type: application/cbor\r\n");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 200);
  EXPECT_THAT(refused->body, HasSubstr("PV-CBR-"));
  EXPECT_EQ(device->request("POST", "/device/v1/evidence", {}, "x")->status, 415);
  EXPECT_EQ(device->request("GET", "/device/v1/evidence")->status, 405);
  EXPECT_EQ(device->request("GET", "/api/v1/status", server.token)->status, 404)
      << "the management API is not on the device listener";
  const auto oversized =
      device->request("POST", "/device/v1/evidence", {}, std::string(128 * 1024 + 1, 'x'),
                      "Content-Type: application/cbor\r\n");
  ASSERT_TRUE(oversized);
  EXPECT_EQ(oversized->status, 413);
  EXPECT_EQ(server.call("GET", "/status").status, 200);
  ::close(stalled);
}

// ---- sandbox: the forbidden act ends the process

// A state directory with one file of the server's and one key of the signer's; the process stands
// in it.
class ServerSandbox : public ::testing::Test {
 protected:
  ServerSandbox() {
    std::string pattern = ::testing::TempDir() + "pavise-state-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    EXPECT_TRUE(prepare_state(folder_));
    std::filesystem::create_directory(signer_keys_directory(folder_));
    std::ofstream(data_directory(folder_) + "/registry.db") << "rows";
    std::ofstream(signer_keys_directory(folder_) + "/acme.root.key") << "key";
    EXPECT_EQ(::chdir(folder_.c_str()), 0);
  }
  ~ServerSandbox() override {
    EXPECT_EQ(::chdir("/"), 0);
    std::filesystem::remove_all(folder_);
  }
  int status_of(int (*act)(), Outbound outbound = Outbound::none) const;
  std::string folder_;
};

int ServerSandbox::status_of(int (*act)(), Outbound outbound) const {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!sandbox::apply(server_sandbox(folder_, PortUse::unprivileged, outbound))) ::_exit(99);
    ::_exit(act());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

TEST_F(ServerSandbox, ForbidsProgramsAndLetsFilesBeWritten) {
  const int exec_status = status_of([] {
    ::execl("/bin/true", "true", nullptr);
    return 0;
  });
  EXPECT_TRUE(WIFSIGNALED(exec_status) && WTERMSIG(exec_status) == SIGSYS) << exec_status;
  const int fork_status = status_of([] { return ::fork() == 0 ? 0 : 1; });
  EXPECT_TRUE(WIFSIGNALED(fork_status) && WTERMSIG(fork_status) == SIGSYS) << fork_status;
  const int raw_status = status_of([] { return ::socket(AF_PACKET, SOCK_RAW, 0) < 0 ? 0 : 1; });
  EXPECT_EQ(raw_status, 0) << "refused, not fatal";
  const int ptrace_status = status_of([] { return ::setuid(0) == 0 ? 1 : 0; });
  EXPECT_TRUE(WIFSIGNALED(ptrace_status)) << ptrace_status;
}

TEST_F(ServerSandbox, ConnectsToOthersOnlyForMessageRouting) {
  const auto connect = [] {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in nobody{};
    nobody.sin_family = AF_INET;
    nobody.sin_port = htons(1);
    nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::connect(fd, reinterpret_cast<sockaddr*>(&nobody), sizeof nobody) == 0 ? 0 : errno;
  };
  const int with = status_of(connect, Outbound::anywhere);
  EXPECT_TRUE(WIFEXITED(with) && WEXITSTATUS(with) == ECONNREFUSED) << with;
  if (sandbox::landlock_abi() < 4) GTEST_SKIP() << "Landlock ABI " << sandbox::landlock_abi();
  const int without = status_of(connect);
  EXPECT_TRUE(WIFEXITED(without) && WEXITSTATUS(without) == EACCES) << without;
}

TEST_F(ServerSandbox, KeepsOneCapabilityAndOnlyForLowPorts) {
  EXPECT_TRUE(server_sandbox("/s").capabilities_kept.empty());
  EXPECT_EQ(server_sandbox("/s", PortUse::below_1024).capabilities_kept,
            std::vector<int>{CAP_NET_BIND_SERVICE});
  ServerOptions options;
  EXPECT_EQ(port_use(options), PortUse::unprivileged) << "the usual ports";
  options.hub_https_port = 443;
  EXPECT_EQ(port_use(options), ::geteuid() == 0 ? PortUse::below_1024 : PortUse::unprivileged);
  options.hub_https_port = 1024;
  EXPECT_EQ(port_use(options), PortUse::unprivileged);
}

// Same user, same state directory: only the sandbox stands between a server that was taken over and
// the keys of the authorities.
TEST_F(ServerSandbox, EndsBeforeTheSignersKeys) {
  const std::string keys = signer_keys_directory("/s") + "/";
  for (const sandbox::PathRule& rule :
       server_sandbox("/s", PortUse::unprivileged, Outbound::anywhere).paths)
    EXPECT_FALSE(keys.starts_with(rule.path + "/")) << rule.path;
  if (!sandbox::landlock_available()) return;
  EXPECT_EQ(status_of([] { return ::open("signer/acme.root.key", O_RDONLY) < 0 ? 0 : 1; }), 0);
  EXPECT_EQ(status_of([] { return ::open("signer/acme.root.key", O_WRONLY) < 0 ? 0 : 1; }), 0);
  EXPECT_EQ(status_of([] { return ::open("signer", O_RDONLY | O_DIRECTORY) < 0 ? 0 : 1; }), 0);
  EXPECT_EQ(status_of([] { return ::unlink("signer/acme.root.key") < 0 ? 0 : 1; }), 0);
  EXPECT_EQ(status_of([] { return ::rename("signer/acme.root.key", "data/x") < 0 ? 0 : 1; }), 0);
}

TEST_F(ServerSandbox, ConfinesPathsWhereTheKernelCan) {
  if (!sandbox::landlock_available()) GTEST_SKIP() << "this kernel has no Landlock";
  const int status = status_of([] {
    return ::open("data/registry.db", O_RDWR) >= 0 && ::open("/etc/passwd", O_RDONLY) < 0 ? 0 : 1;
  });
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace pavise::server
