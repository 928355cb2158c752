// `pavise app debug` against a scripted device, with a gdb that is a socket.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <csignal>
#include <fstream>
#include <mutex>
#include <thread>

#include "cli/program/testing/hub_verbs_fixture.h"
#include "common/base/bytes.h"
#include "common/base/unique_fd.h"
#include "protocol/dev_grant/dev_grant.h"

namespace pavise::cli {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

const std::string kId = "3fa81c0b" + std::string(56, '0');

std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t from = text.find(begin);
  if (from == std::string::npos) return {};
  return text.substr(from + begin.size(),
                     text.find(end, from + begin.size()) - from - begin.size());
}

// A device that answers "$g#67" with "+$0102#xx", once with a lost answer.
class AppDebugVerb : public HubVerbs {
 protected:
  AppDebugVerb() {
    answers["POST /api/v1/hubs/tenant-acme/token"] = answers["POST /api/v1/hubs/plant-1/token"];
    answers["GET /api/v1/devices/" + kId] = {.body = R"({"id":")" + kId +
                                                     R"(","tenant":"acme","connected":true})"};
    script = [this](const std::string& key, const std::string& body) { return device(key, body); };
  }

  std::optional<TestResponse> device(const std::string& key, const std::string& body) {
    if (!key.ends_with("/methods")) return std::nullopt;
    const std::string method = between(body, "\"methodName\":\"pavise.apps.", "\"");
    if (method == "grant") granted = between(body, "\"grant\":\"", "\"");
    if (method == "grant") return said(R"({"name":"blink","until":1795000000})");
    if (method == "debug") return begin();
    if (method == "debug.exchange") return exchange(body);
    return std::nullopt;
  }
  std::optional<TestResponse> begin() {
    if (refuses)
      return TestResponse{.body = R"({"status":409,"payload":{"error":{"code":"PV-DBG-003",)"
                                  R"("message":"nobody granted it","next":"Make a grant."}}})"};
    return said(R"({"name":"blink","session":3,"until":1795000000})");
  }
  std::optional<TestResponse> exchange(const std::string& body) {
    EXPECT_NE(body.find(R"("name":"blink","session":3)"), std::string::npos) << body;
    if (body.find("\"end\":true") != std::string::npos) {
      ended = true;
      return said(R"({"taken":0,"data":"","over":true})");
    }
    const auto at = std::stoull(between(body, "\"at\":", ","));
    const auto received = std::stoull(between(body, "\"received\":", ","));
    const Bytes data = from_base64(between(body, "\"data\":\"", "\"")).value();
    EXPECT_LE(at, heard.size());
    heard += std::string(as_text(data)).substr(heard.size() - at);
    if (heard.ends_with("#67") && says.empty()) says = "+$0102#xx";
    if (!says.empty() && losing-- > 0)
      return TestResponse{.status = 504, .body = R"({"Message":"ErrorCode:GatewayTimeout;late"})"};
    const bool over = leaves && received == says.size() && !says.empty();
    return said("{\"taken\":" + std::to_string(heard.size()) + ",\"data\":\"" +
                to_base64(as_bytes(says.substr(received))) +
                "\",\"over\":" + (over ? "true}" : "false}"));
  }
  static TestResponse said(const std::string& payload) {
    return {.body = R"({"status":200,"payload":)" + payload + "}"};
  }

  // Runs the verb with -o json; `gdb` gets a connected socket.
  Outcome debug(const std::function<void(int)>& gdb, std::vector<const char*> more = {}) {
    std::vector<const char*> line{"app", "debug", kId.c_str(), "blink", "-o", "json"};
    line.insert(line.end(), more.begin(), more.end());
    Outcome outcome{};
    std::thread other;
    Streams streams{.out =
                        [&](std::string_view text) {
                          outcome.out += text;
                          address = between(std::string(text), "\"address\":\"", "\"");
                          if (!address.empty())
                            other = std::thread([this, &gdb] { connect(address, gdb); });
                        },
                    .err = [&](std::string_view text) { outcome.err += text; },
                    .pause = [](std::chrono::milliseconds) {}};
    outcome.code = run_program(line, streams);
    if (other.joinable()) other.join();
    return outcome;
  }
  static void connect(const std::string& address, const std::function<void(int)>& gdb) {
    const bool is_port = address.starts_with("127.0.0.1:");
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(is_port ? static_cast<std::uint16_t>(std::stoul(address.substr(10))) : 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    address.copy(at.sun_path, sizeof at.sun_path - 1);
    const UniqueFd socket(::socket(is_port ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int failed = is_port
                           ? ::connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof to)
                           : ::connect(socket.get(), reinterpret_cast<sockaddr*>(&at), sizeof at);
    EXPECT_EQ(failed, 0) << address;
    gdb(socket.get());
  }
  static std::string hear(int fd, std::size_t bytes) {
    std::string out(bytes, '?');
    const ssize_t size = ::recv(fd, out.data(), bytes, MSG_WAITALL);
    out.resize(size > 0 ? static_cast<std::size_t>(size) : 0U);
    return out;
  }
  static void ask_registers(int fd) {
    EXPECT_EQ(::send(fd, "$g#67", 5, MSG_NOSIGNAL), 5);
    EXPECT_EQ(hear(fd, 9), "+$0102#xx");
  }

  std::string granted, heard, says, address;
  int losing = 0;
  bool refuses = false, leaves = false, ended = false;
};

TEST_F(AppDebugVerb, RelaysUntilGdbLeaves) {
  const Outcome done = debug(&ask_registers);
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(heard, "$g#67");
  EXPECT_TRUE(ended);
  EXPECT_NE(done.out.find(R"("miDebuggerServerAddress":")" + address), std::string::npos);
  EXPECT_NE(done.out.find(R"("program":"${workspaceFolder}/build/debug/pavise-app")"),
            std::string::npos);
}

TEST_F(AppDebugVerb, NobodyElseOfThisMachineReachesTheApp) {
  std::filesystem::perms folders{};
  const Outcome done = debug([&](int fd) {
    folders = std::filesystem::status(std::filesystem::path(address).parent_path()).permissions();
    ask_registers(fd);
  });
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(folders, std::filesystem::perms::owner_all) << address;
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(address).parent_path()));
}

TEST_F(AppDebugVerb, APortIsWhatIsAskedFor) {
  EXPECT_EQ(debug(&ask_registers, {"--port", "0"}).code, 0);
  EXPECT_TRUE(address.starts_with("127.0.0.1:")) << address;
  EXPECT_EQ(run_line({"app", "debug", kId.c_str(), "blink", "--port", "65536"}).code, 2);
}

TEST_F(AppDebugVerb, ASocketWhosePathIsTooLongIsRefusedBeforeTheAppIsEnded) {
  const std::string longest = folder / std::string(100, 'x');
  std::filesystem::create_directory(longest);
  setenv("TMPDIR", longest.c_str(), 1);
  const Outcome refused = run_line({"app", "debug", kId.c_str(), "blink"});
  unsetenv("TMPDIR");
  EXPECT_NE(refused.err.find("PV-CLI-025"), std::string::npos) << refused.err;
  EXPECT_TRUE(std::filesystem::is_empty(longest));
  EXPECT_FALSE(ended);
}

TEST_F(AppDebugVerb, ALostAnswerLosesNothingAndDoublesNothing) {
  losing = 3;
  const Outcome done = debug(&ask_registers);
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(heard, "$g#67");
}

TEST_F(AppDebugVerb, EndsWithTheDebuggerOfTheApp) {
  leaves = true;
  const Outcome done = debug([](int fd) {
    ask_registers(fd);
    EXPECT_EQ(hear(fd, 1), "") << "its connection ends";
  });
  EXPECT_EQ(done.code, 0) << done.err;
}

TEST_F(AppDebugVerb, AnInterruptEndsTheSession) {
  const Outcome done = debug([](int fd) {
    ask_registers(fd);
    ::raise(SIGINT);
    EXPECT_EQ(hear(fd, 1), "");
  });
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_TRUE(ended);
}

TEST_F(AppDebugVerb, HandsTheGrantOver) {
  const auto key = crypto::P256PrivateKey::generate().value();
  const Bytes grant =
      dev_grant::Grant::sign(
          {.device = *DeviceId::parse(kId),
           .component = *manifest::ComponentId::parse("6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e01"),
           .not_before = 1,
           .not_after = 2},
          key)
          .value()
          .encode();
  const std::string path = folder / "blink.grant";
  std::ofstream(path, std::ios::binary) << as_text(grant);
  EXPECT_EQ(debug(&ask_registers, {"--grant", path.c_str()}).code, 0);
  EXPECT_EQ(granted, to_base64(grant));
  const std::string other = folder / "other";
  std::ofstream(other) << "no grant";
  const Outcome refused = debug(&ask_registers, {"--grant", other.c_str()});
  EXPECT_NE(refused.code, 0);
  EXPECT_NE((refused.out + refused.err).find("PV-DGR-001"), std::string::npos);
}

TEST_F(AppDebugVerb, SaysWhyTheDeviceRefuses) {
  refuses = true;
  const Outcome refused = run_line({"app", "debug", kId.c_str(), "blink"});
  EXPECT_NE(refused.code, 0);
  EXPECT_NE(refused.err.find("PV-DBG-003"), std::string::npos) << refused.err;
  EXPECT_FALSE(ended);
}

TEST_F(AppDebugVerb, ShowsALaunchBlockToPeople) {
  refuses = false;
  leaves = true;
  says = "x";
  const Outcome shown = run_line({"app", "debug", kId.c_str(), "blink", "--program", "/b/app"});
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_NE(shown.out.find("  \"program\": \"/b/app\",\n"), std::string::npos) << shown.out;
  EXPECT_NE(shown.out.find("/gdb' /b/app\n"), std::string::npos);
  EXPECT_NE(shown.out.find("\n}\n"), std::string::npos);
}

}  // namespace
}  // namespace pavise::cli
