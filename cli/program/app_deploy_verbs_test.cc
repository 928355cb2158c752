// deploy, remove and run against a device that keeps what it is sent.
#include <boost/json.hpp>
#include <fstream>

#include "cli/app/owner_key.h"
#include "cli/app/testing/elf_files.h"
#include "cli/program/app_deploy.h"
#include "cli/program/testing/hub_verbs_fixture.h"
#include "common/crypto/crypto.h"

namespace pavise::cli {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
namespace json = boost::json;

const std::string kId = "3fa81c0b" + std::string(56, '0');

class AppDeployVerbs : public HubVerbs {
 protected:
  AppDeployVerbs() {
    answers["POST /api/v1/hubs/tenant-acme/token"] = answers["POST /api/v1/hubs/plant-1/token"];
    answers["GET /api/v1/devices/" + kId] = {.body = R"({"id":")" + kId +
                                                     R"(","tenant":"acme","connected":true})"};
    Contexts contexts = *load_contexts(context_path());
    Context& context = contexts.all["test"];
    context.devices["sim0"] = kId;
    context.app_key = folder / "owner.pem";
    context.app_tenant = "acme";
    EXPECT_TRUE(save_contexts(context_path(), contexts));
    EXPECT_TRUE(app::create_owner_key(folder / "owner.pem"));
    std::filesystem::create_directories(folder / "blink/root/app");
    write("blink/app_manifest.json", manifest("1.2.3"));
    write("blink/root/app/blink", app::testing::elf_file());
    // More than one part.
    write("blink/root/store", std::string(3 * kPackagePartBytes / 2, 'x'));
    std::filesystem::permissions(folder / "blink/root/app/blink",
                                 std::filesystem::perms::owner_all);
    script = [this](const std::string& key, const std::string& body) {
      return key == "POST /twins/" + kId + "/methods" ? std::optional(called(body)) : std::nullopt;
    };
  }

  static std::string manifest(const std::string& version) {
    return R"({"schema_version":1,"name":"blink","component_id":)"
           R"("6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e01","version":")" +
           version +
           R"(","entry_point":"/app/blink",)"
           R"("budgets":{"memory_kib":1024,"cpu_percent":10,"processes":2}})";
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder / name, std::ios::binary) << text;
  }
  Outcome app(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "app");
    return run_line(arguments);
  }
  std::string package() {
    EXPECT_EQ(app({"build", (folder / "blink").c_str()}).code, 0);
    return folder / "blink/blink.pvimage";
  }
  static TestResponse said(int status, const json::value& payload) {
    return {.body = json::serialize(json::object{{"status", status}, {"payload", payload}})};
  }
  static TestResponse refused(const std::string& code) {
    return said(
        409, json::object{
                 {"error", json::object{{"code", code}, {"message", "why"}, {"next", "do this"}}}});
  }

  // What the agent does with a call.
  TestResponse called(const std::string& body) {
    const json::value call = json::parse(body);
    const std::string method(call.at("methodName").as_string());
    methods.push_back(method.substr(method.rfind('.') + 1));
    if (!lost.empty() && lost.front().first == methods.back()) {
      TestResponse out = lost.front().second;
      lost.erase(lost.begin());
      if (methods.back() == "install") (void)install(call.at("payload"));
      if (methods.back() == "receive" && takes_lost_parts) (void)receive(call.at("payload"));
      return out;
    }
    const json::value& payload = call.at("payload");
    if (methods.back() == "receive") return receive(payload);
    if (methods.back() == "install") return install(payload);
    if (methods.back() == "remove")
      return said(200, json::object{{"name", payload.at("name")}, {"state", removed_state}});
    if (methods.back() == "logs") return log_page(payload);
    return list();
  }
  TestResponse receive(const json::value& payload) {
    const auto offset = payload.at("offset").to_number<std::size_t>();
    const auto bytes = from_base64(payload.at("data").as_string());
    EXPECT_TRUE(bytes && !bytes->empty() && bytes->size() <= kPackagePartBytes);
    if (offset == 0) received.clear();
    if (offset != received.size()) return refused("PV-DEP-001");
    append(received, *bytes);
    EXPECT_LE(received.size(), payload.at("size").to_number<std::size_t>());
    return said(200, json::object{{"received", received.size()}});
  }
  TestResponse install(const json::value& payload) {
    EXPECT_EQ(payload.at("size").to_number<std::size_t>(), received.size());
    EXPECT_EQ(payload.at("sha256").as_string(), to_hex(crypto::sha256(received)));
    if (!install_refusal.empty()) return refused(install_refusal);
    const auto read = image::Package::read_unverified(received, received.size());
    EXPECT_TRUE(read);
    json::object answer{
        {"name", "blink"}, {"version", read->header().version.text()}, {"state", states.front()}};
    if (!version.empty()) answer["replaced"] = version;
    version = read->header().version.text();
    digest = to_hex(read->header().root_hash);
    lines.push_back("start of " + version);
    return said(200, answer);
  }
  TestResponse list() {
    json::array apps;
    if (!version.empty()) {
      if (states.size() > 1) states.erase(states.begin());
      apps.push_back(json::object{{"name", "blink"},
                                  {"component_id", "6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e01"},
                                  {"version", version},
                                  {"state", states.front()},
                                  {"source", "deployed"},
                                  {"content_digest", digest},
                                  {"last_event", "ended with 3"}});
    }
    return said(200, json::object{{"apps", std::move(apps)}});
  }
  TestResponse log_page(const json::value& payload) {
    json::array page;
    const auto after = payload.at("after").to_number<std::uint64_t>();
    for (std::size_t i = 0; i < lines.size(); ++i)
      if (i + 1 > after)
        page.push_back(json::object{{"sequence", i + 1}, {"boot_ms", 1500}, {"text", lines[i]}});
    return said(200, json::object{{"name", "blink"},
                                  {"oldest", lines.empty() ? 0 : 1},
                                  {"newest", lines.size()},
                                  {"lines", std::move(page)}});
  }

  Bytes received;
  std::string version, digest, install_refusal, removed_state = "removed";
  std::vector<std::string> states{"running"};  // one after the other, as they are asked for
  std::vector<std::string> lines;
  std::vector<std::string> methods;
  std::vector<std::pair<std::string, TestResponse>> lost;  // calls that get another answer
  bool takes_lost_parts = false;
};

TEST_F(AppDeployVerbs, DeploySendsPartsAndInstalls) {
  const std::string file = package();
  methods.clear();
  const Outcome first = app({"deploy", "sim0", file.c_str()});
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(first.out, "blink 1.2.3: running\n");
  EXPECT_EQ(first.err, "");
  EXPECT_EQ(received.size(), std::filesystem::file_size(file));
  EXPECT_EQ(methods, (std::vector<std::string>{"receive", "receive", "install"}));
  write("blink/app_manifest.json", manifest("1.3.0"));
  EXPECT_EQ(app({"deploy", "sim0", package().c_str()}).out,
            "blink 1.3.0: running (before: 1.2.3)\n");
  const json::value answer = json::parse(app({"deploy", "sim0", file.c_str(), "-o", "json"}).out);
  EXPECT_EQ(answer.at("replaced").as_string(), "1.3.0");
  EXPECT_EQ(app({"deploy", "sim0"}).code, 2);
}

TEST_F(AppDeployVerbs, WhatADeviceWouldRefuseIsNotSent) {
  const std::string file = package();
  methods.clear();
  EXPECT_EQ(app({"deploy", "sim0", (folder / "absent").c_str()}).code, 1);
  write("text", "no package");
  Outcome outcome = app({"deploy", "sim0", (folder / "text").c_str()});
  EXPECT_EQ(outcome.code, 6);
  EXPECT_NE(outcome.err.find("PV-IMG-001"), std::string::npos) << outcome.err;
  EXPECT_EQ(app({"build", (folder / "blink").c_str(), "--tenant", "other"}).code, 0);
  outcome = app({"deploy", "sim0", file.c_str()});
  EXPECT_EQ(outcome.code, 6);
  EXPECT_EQ(outcome.err,
            "error: PV-CLI-021: the package is for another owner than the device has (it is for "
            "other, the device is of acme)\n"
            "next:  Build it with --tenant and the name of the device's owner.\n");
  std::filesystem::resize_file(package(), std::filesystem::file_size(file) - 1);
  EXPECT_NE(app({"deploy", "sim0", file.c_str()}).err.find("PV-IMG-004"), std::string::npos);
  {
    std::fstream content(package(), std::ios::in | std::ios::out | std::ios::binary);
    content.seekp(-1, std::ios::end);
    content.put('y');
  }
  EXPECT_NE(app({"deploy", "sim0", file.c_str()}).err.find("PV-IMG-009"), std::string::npos);
  EXPECT_TRUE(methods.empty());
}

TEST_F(AppDeployVerbs, RefusalsOfTheDeviceTravel) {
  install_refusal = "PV-IMG-005";
  const Outcome outcome = app({"deploy", "sim0", package().c_str()});
  EXPECT_EQ(outcome.code, 6);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "error: PV-IMG-005: why\nnext:  do this\n");
}

TEST_F(AppDeployVerbs, ALostPartBeginsAnew) {
  const std::string file = package();
  methods.clear();
  lost = {{"receive", refused("PV-DEP-001")},
          {"receive", {.status = 504, .body = R"({"Message":"ErrorCode:GatewayTimeout;late"})"}}};
  const Outcome outcome = app({"deploy", "sim0", file.c_str()});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "a part was lost on its way: sending blink again\n")
      << "once; the other part was sent alone again";
  EXPECT_EQ(methods,
            (std::vector<std::string>{"receive", "receive", "receive", "receive", "install"}));
  lost = {{"install", refused("PV-DEP-002")}};
  EXPECT_EQ(app({"deploy", "sim0", file.c_str()}).code, 0) << "somebody else sent something";
  lost.assign(3, {"receive", refused("PV-DEP-001")});
  EXPECT_NE(app({"deploy", "sim0", file.c_str()}).err.find("PV-DEP-001"), std::string::npos)
      << "not for ever";
  lost = {{"receive", said(200, json::object{{"received", 5}})}};
  EXPECT_NE(app({"deploy", "sim0", file.c_str()}).err.find("PV-CLI-018"), std::string::npos);
}

TEST_F(AppDeployVerbs, APartWhoseAnswerWasLostIsNotSentForNothing) {
  const std::string file = package();
  methods.clear();
  takes_lost_parts = true;
  lost = {{"receive", said(200, json::object{{"received", kPackagePartBytes}})},
          {"receive", {.status = 504, .body = R"({"Message":"ErrorCode:GatewayTimeout;late"})"}}};
  const Outcome outcome = app({"deploy", "sim0", file.c_str()});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(methods, (std::vector<std::string>{"receive", "receive", "receive", "install"}));
}

TEST_F(AppDeployVerbs, ALostAnswerOfTheInstallationIsLookedFor) {
  const std::string file = package();
  const TestResponse gone{
      .status = 404, .body = R"({"Message":"ErrorCode:DeviceConnectionClosedRemotely;it went"})"};
  lost = {{"install", gone}};
  const Outcome found = app({"deploy", "sim0", file.c_str()});
  EXPECT_EQ(found.code, 0) << found.err;
  EXPECT_EQ(found.out, "blink 1.2.3: running\n");
  install_refusal = "PV-IMG-005";
  write("blink/app_manifest.json", manifest("1.3.0"));
  lost = {{"install", gone}};
  const Outcome not_there = app({"deploy", "sim0", package().c_str()});
  EXPECT_EQ(not_there.code, 1);
  EXPECT_NE(not_there.err.find("PV-CLI-015"), std::string::npos) << not_there.err;
  EXPECT_EQ(paused, std::chrono::seconds(20));
}

TEST_F(AppDeployVerbs, RemoveSaysWhatIsBack) {
  const Outcome removed = app({"remove", "sim0", "blink"});
  EXPECT_EQ(removed.code, 0) << removed.err;
  EXPECT_EQ(removed.out, "blink: removed with its storage\n");
  removed_state = "image";
  EXPECT_EQ(app({"remove", "sim0", "blink"}).out,
            "blink: removed with its storage; the version of the device's image is back\n");
  EXPECT_EQ(app({"remove", "sim0", "blink", "-o", "json"}).out,
            "{\"name\":\"blink\",\"state\":\"image\"}\n");
  EXPECT_EQ(app({"remove", "sim0"}).code, 2);
}

TEST_F(AppDeployVerbs, RunBuildsDeploysAndFollows) {
  lines = {"of before"};
  states = {"starting", "starting", "running"};
  const Outcome outcome = app({"run", (folder / "blink").c_str(), "--on", "sim0", "--count", "1"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "     2 [     1.500] start of 1.2.3\n");
  EXPECT_NE(outcome.err.find("blink 1.2.3 runs, "), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find(" s after the command (program 0.0"), std::string::npos)
      << outcome.err;
  const Outcome once =
      app({"run", (folder / "blink").c_str(), "--on", "sim0", "--once", "-o", "json"});
  EXPECT_EQ(once.code, 0) << once.err;
  const json::value answer = json::parse(once.out);
  EXPECT_EQ(answer.at("state").as_string(), "running");
  EXPECT_TRUE(answer.at("milliseconds").at("upload").is_int64());
  EXPECT_EQ(app({"run", (folder / "blink").c_str()}).code, 2) << "on which device";
}

TEST_F(AppDeployVerbs, RunSaysWhyItDoesNotRun) {
  states = {"starting", "waiting"};
  const Outcome outcome = app({"run", (folder / "blink").c_str(), "--on", "sim0"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out, "     1 [     1.500] start of 1.2.3\n") << "what it wrote";
  EXPECT_NE(outcome.err.find("PV-CLI-022: the app does not stay up (ended with 3)"),
            std::string::npos)
      << outcome.err;
  states = {"starting"};
  EXPECT_NE(app({"run", (folder / "blink").c_str(), "--on", "sim0"}).err.find("PV-CLI-022"),
            std::string::npos)
      << "it never says that it is well";
}

// The device's log is what is printed, so an edit can be made when a line of it is.
TEST_F(AppDeployVerbs, WatchBringsEachEdit) {
  int edits = 0;
  Outcome outcome;
  Streams streams{.out =
                      [&](std::string_view text) {
                        outcome.out += text;
                        const std::string to[] = {"no JSON", manifest("1.3.0"), manifest("1.4.0")};
                        if (edits < 1) write("blink/app_manifest.json", to[edits++]);
                      },
                  .err =
                      [&](std::string_view text) {
                        outcome.err += text;
                        if (edits == 1 && text.contains("PV-MAN")) {
                          ++edits;
                          write("blink/app_manifest.json", manifest("1.3.0"));
                        }
                      },
                  .pause = [](std::chrono::milliseconds) {}};
  const std::string of = folder / "blink";
  outcome.code = run_program(
      std::vector<const char*>{"app", "run", of.c_str(), "--on", "sim0", "--watch", "--count", "2"},
      streams);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out,
            "     1 [     1.500] start of 1.2.3\n     2 [     1.500] start of 1.3.0\n");
  EXPECT_NE(outcome.err.find("watching " + of), std::string::npos);
  EXPECT_NE(outcome.err.find("the version before stays; the next edit is tried\n"),
            std::string::npos)
      << outcome.err;
  EXPECT_NE(outcome.err.find("blink 1.3.0 runs, "), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find(" s after the edit ("), std::string::npos) << outcome.err;
}

TEST_F(AppDeployVerbs, WatchBringsWhatDidNotStayUpAgainThoughNothingChanged) {
  states = {"waiting", "waiting", "running"};
  Outcome outcome;
  bool edited = false;
  const std::string same = manifest("1.2.3");
  Streams streams{.out = [&](std::string_view text) { outcome.out += text; },
                  .err =
                      [&](std::string_view text) {
                        outcome.err += text;
                        if (!std::exchange(edited, edited || outcome.err.contains("watching")))
                          if (edited) write("blink/app_manifest.json", same);
                      },
                  .pause = [](std::chrono::milliseconds) {}};
  const std::string of = folder / "blink";
  outcome.code = run_program(
      std::vector<const char*>{"app", "run", of.c_str(), "--on", "sim0", "--watch", "--count", "2"},
      streams);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("PV-CLI-022"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("blink 1.2.3 runs, "), std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.err.find("nothing of the package has changed"), std::string::npos);
  EXPECT_EQ(std::ranges::count(methods, "install"), 2);
}

TEST_F(AppDeployVerbs, AFolderIsNoPackage) {
  const Outcome outcome = app({"deploy", "sim0", (folder / "blink").c_str()});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("PV-CLI-024: the package is a folder (" + (folder / "blink").string()),
            std::string::npos)
      << outcome.err;
  EXPECT_NE(outcome.err.find("pavise app run FOLDER --on DEVICE"), std::string::npos);
}

// The device is away for a while after it was brought: each look fails in the same way.
TEST_F(AppDeployVerbs, WatchSaysOnceThatTheDeviceIsAway) {
  const TestResponse gone{.status = 404, .body = R"({"Message":"ErrorCode:DeviceNotOnline;away"})"};
  lost.assign(1, {"logs", said(200, json::object{{"newest", 0}, {"lines", json::array()}})});
  lost.insert(lost.end(), 5, {"logs", gone});
  answers["GET /api/v1/devices/" + kId].body =
      R"({"id":")" + kId + R"(","tenant":"acme","connected":false})";
  const Outcome outcome =
      app({"run", (folder / "blink").c_str(), "--on", "sim0", "--watch", "--count", "1"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const std::size_t first = outcome.err.find("PV-CLI-013");
  ASSERT_NE(first, std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.err.find("PV-CLI-013", first + 1), std::string::npos) << outcome.err;
  EXPECT_TRUE(outcome.err.ends_with("its log is shown again when that is over\nit answers again\n"))
      << outcome.err;
  EXPECT_TRUE(lost.empty());
  EXPECT_EQ(outcome.out, "     1 [     1.500] start of 1.2.3\n");
}

TEST_F(AppDeployVerbs, NamesOfTheContextWorkWhereverADeviceIsNamed) {
  EXPECT_EQ(app({"list", "sim0"}).code, 0);
  const Outcome other = app({"list", "sim1"});
  EXPECT_EQ(other.code, 2);
  EXPECT_NE(other.err.find("PV-CLI-020: the context has no device of this name (sim1)"),
            std::string::npos)
      << other.err;
  EXPECT_EQ(run_line({"device", "show", "sim0"}).code, 0);
  EXPECT_EQ(seen.back(), "GET /api/v1/devices/" + kId);
  script = nullptr;
  answers["POST /twins/" + kId + "/methods"] = {.body = R"({"status":200,"payload":1})"};
  EXPECT_EQ(
      run({"invoke-device-method", "-n", "tenant-acme", "-d", "sim0", "--mn", "blink.ping"}).code,
      0);
  // In a hub of people's own a device may have any name.
  (void)run({"device-identity", "show", "-n", "plant-1", "-d", "sim0"});
  EXPECT_EQ(seen.back(), "GET /devices/sim0");
}

}  // namespace
}  // namespace pavise::cli
