// Every row forks: a sandbox cannot be taken off again.
#include "device/agent/sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <thread>

#include "common/net/testing/loopback.h"
#include "device/agent/app_traffic.h"
#include "device/agent/certificate.h"
#include "device/agent/launcher_channel.h"
#include "device/agent/network.h"
#include "device/agent/system_info.h"
#include "device/agent/testing/app_starter.h"
#include "device/agent/testing/fake_device.h"

namespace pavise::agent {
namespace {

class AgentSandbox : public ::testing::Test {
 protected:
  AgentSandbox() {
    std::string pattern = ::testing::TempDir() + "pavise-sandbox-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    folder = pattern;
  }
  ~AgentSandbox() override { std::filesystem::remove_all(folder); }

  // Wait status of a child that does `act` inside.
  int in_sandbox(const std::function<int()>& act) {
    const pid_t child = fork();
    if (child == 0) {
      if (!sandbox::apply(sandbox_policy(folder))) _exit(99);
      _exit(act());
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return status;
  }
  std::filesystem::path folder;
};

class Silent final : public LogSink {
 public:
  void line(std::string_view) override {}
};

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PAVISE_UNDER_SANITIZER
#endif
#endif

TEST_F(AgentSandbox, EverythingTheAgentDoesWorksInside) {
#ifdef PAVISE_UNDER_SANITIZER
  GTEST_SKIP() << "sanitizers make system calls of their own (pipe2)";
#endif
  const net::testing::TestCa ca;
  net::testing::LoopbackServer server(
      {.identity = ca.issue()},
      net::testing::http_handler([](const net::testing::TestRequest&, SSL*) {
        return net::testing::TestResponse{.content_type = "application/cbor", .body = "x"};
      }));
  testing::FakeMonitor monitor;
  const CertificateOwner owner = *owner_of(*monitor.identity());
  const auto accepted = monitor.accepted();
  const auto certificate = read_certificate(accepted, evidence::encode_response(accepted), owner);
  ASSERT_TRUE(certificate);
  DeviceConfig config;
  config.service_host = "127.0.0.1";
  config.service_name = "127.0.0.1";
  config.service_port = server.port();
  load_tls_library();
  auto launcher = ipc::make_pair();
  ASSERT_TRUE(launcher);
  ASSERT_TRUE(launcher->second.send(apps_ipc::encode(apps_ipc::AppList{})));
  Silent log;
  LauncherChannel apps(std::move(launcher->first), log, 1);
  testing::AppStarter starter;
  AppTraffic traffic(starter.agents_end(), log);
  const testing::StartedApp fridge = starter.start("fridge");
  ASSERT_TRUE(fridge.send(testing::app_telemetry(1, "", "", "x")));
  const int status = in_sandbox([&] {
    FileCertificateStore store(folder, owner);
    if (!store.save(*certificate)) return 1;
    auto loaded = store.load();
    if (!loaded || !*loaded) return 2;
    store.erase();
    const SystemInfo info = LinuxSystemProbe().read();
    if (!info.uptime_s || !info.agent_pss_kib || info.boot_id.empty()) return 3;
    HttpsAttestDialer dialer(config, ca.pem());
    auto channel = dialer.open(SystemClock().now_s());
    if (!channel) return 4;
    auto answer = (*channel)->post("/device/v1/challenge", Bytes(3));
    if (!answer || !(*channel)->exporter("EXPORTER-x")) return 5;
    if (!apps.list()) return 6;
    if (apps.list()) return 7;  // waits and gives up
    auto polled = traffic.polled();
    if (poll(polled.data(), polled.size(), 0) != 1) return 8;
    traffic.turn(0);
    if (traffic.polled().size() != 2 || traffic.outbox().size() != 1) return 9;
    return 0;
  });
  EXPECT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(AgentSandbox, ForbiddenActsFail) {
  const std::string outside = folder.string() + "-outside";
  struct Row {
    const char* name;
    std::function<int()> act;  // 0: it succeeded
  };
  const Row rows[] = {
      {"exec", [] { return execl("/bin/true", "true", static_cast<char*>(nullptr)); }},
      {"fork", [] { return fork() < 0 ? 1 : 0; }},
      {"write outside of the data folder",
       [&] { return open(outside.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0; }},
      {"read another file", [] { return open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0; }},
      {"read a device", [] { return open("/dev/tpmrm0", O_RDWR | O_CLOEXEC) < 0; }},
      {"list the root", [] { return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0; }},
      {"write to /proc", [] { return open("/proc/self/comm", O_WRONLY | O_CLOEXEC) < 0; }},
      {"local socket", [] { return socket(AF_UNIX, SOCK_STREAM, 0) < 0; }},
      {"raw socket", [] { return socket(AF_PACKET, SOCK_RAW, 0) < 0; }},
      {"listen",
       [] {
         const int fd = socket(AF_INET, SOCK_STREAM, 0);
         return fd < 0 || listen(fd, 1) != 0;
       }},
      {"executable memory",
       [] {
         return mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                     -1, 0) == MAP_FAILED;
       }},
      {"signal to another process", [] { return kill(getppid(), 0) != 0; }},
      {"trace", [] { return ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0; }},
  };
  for (const Row& row : rows) {
    const int status = in_sandbox([&] { return row.act() == 0 ? 0 : 1; });
    const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
    const bool refused = WIFEXITED(status) && WEXITSTATUS(status) == 1;
    EXPECT_TRUE(killed || refused) << row.name << ": wait status " << status;
  }
  EXPECT_FALSE(std::filesystem::exists(outside));
}

}  // namespace
}  // namespace pavise::agent
