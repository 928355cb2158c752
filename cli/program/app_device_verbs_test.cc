// The verbs of `pavise app` that ask a device, against a scripted server.
#include <algorithm>

#include "cli/program/testing/hub_verbs_fixture.h"

namespace pavise::cli {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

const std::string kId = "3fa81c0b" + std::string(56, '0');
constexpr const char* kApps =
    R"({"status":200,"payload":{"apps":[{"name":"blink","version":"1.2.3","state":"running",)"
    R"("restarts":2,"memory_bytes":4194304,"memory_limit_bytes":8388608,"missed_health":0,)"
    R"("last_event":"started"},{"name":"fridge","state":"stopped"}]}})";

class AppDeviceVerbs : public HubVerbs {
 protected:
  AppDeviceVerbs() {
    say_device(true);
    answers["POST /api/v1/hubs/tenant-acme/token"] = answers["POST /api/v1/hubs/plant-1/token"];
    answers[methods_] = {.body = kApps};
  }
  void say_device(bool connected) {
    answers["GET /api/v1/devices/" + kId] = {.body = R"({"id":")" + kId +
                                                     R"(","tenant":"acme","connected":)" +
                                                     (connected ? "true}" : "false}")};
  }
  // The answer to one payload of a method.
  void say(const std::string& method, const std::string& payload, const std::string& answer) {
    answers[methods_ + " " + call(method, payload)] = {.body = answer};
  }
  static std::string call(const std::string& method, const std::string& payload) {
    return R"({"methodName":"pavise.apps.)" + method + R"(","payload":)" + payload +
           R"(,"responseTimeoutInSeconds":10,"connectTimeoutInSeconds":5})";
  }
  static std::string page(int oldest, int newest, const std::string& lines) {
    return R"({"status":200,"payload":{"name":"blink","oldest":)" + std::to_string(oldest) +
           R"(,"newest":)" + std::to_string(newest) + R"(,"lines":[)" + lines + "]}}";
  }
  static std::string line(int sequence) {
    return R"({"sequence":)" + std::to_string(sequence) + R"(,"boot_ms":1500,"text":"l)" +
           std::to_string(sequence) + "\"}";
  }
  Outcome app(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "app");
    return run_line(arguments);
  }
  void refuse(int status, const std::string& body) {
    answers[methods_] = {.status = status, .body = body};
  }

  const std::string methods_ = "POST /twins/" + kId + "/methods";
};

TEST_F(AppDeviceVerbs, ListAsksTheDeviceThroughTheHubOfItsTenant) {
  answers["GET /api/v1/devices?after=3fa81c0a" + std::string(56, 'f') + "&limit=2"] = {
      .body = R"({"devices":[{"id":")" + kId + R"("}]})"};
  const Outcome listed = app({"list", "3fa81c0b"});
  EXPECT_EQ(listed.code, 0) << listed.err;
  EXPECT_EQ(listed.out,
            "APP     VERSION  STATE    RESTARTS  MEMORY   LAST EVENT\n"
            "blink   1.2.3    running  2         4.0 MiB  started\n"
            "fridge  -        stopped  -         -        -\n"
            "2 apps\n");
  EXPECT_EQ(seen.back(), methods_ + " " + call("list", "null"));
  const Outcome as_json = app({"list", kId.c_str(), "-o", "json"});
  EXPECT_TRUE(as_json.out.starts_with(R"({"apps":[{"name":"blink",)")) << as_json.out;
  EXPECT_EQ(app({"list"}).code, 2);
}

TEST_F(AppDeviceVerbs, ActsSayWhatBecameOfTheApp) {
  for (const char* verb : {"start", "stop", "restart"}) {
    say(verb, R"({"name":"blink"})",
        R"({"status":200,"payload":{"name":"blink","state":"ending"}})");
    const Outcome acted = app({verb, kId.c_str(), "blink"});
    EXPECT_EQ(acted.code, 0) << acted.err;
    EXPECT_EQ(acted.out, "blink: ending\n");
    EXPECT_EQ(app({verb, kId.c_str(), "blink", "-o", "json"}).out,
              "{\"name\":\"blink\",\"state\":\"ending\"}\n");
    EXPECT_EQ(app({verb, kId.c_str()}).code, 2);
  }
}

TEST_F(AppDeviceVerbs, StatsOfAllOrOneApp) {
  EXPECT_EQ(app({"stats", kId.c_str()}).out,
            "APP     STATE    MEMORY   LIMIT    USED  RESTARTS  MISSED HEALTH\n"
            "blink   running  4.0 MiB  8.0 MiB  50 %  2         0\n"
            "fridge  stopped  -        -        -     -         -\n");
  EXPECT_EQ(app({"stats", kId.c_str(), "fridge", "-o", "json"}).out,
            "{\"apps\":[{\"name\":\"fridge\",\"state\":\"stopped\"}]}\n");
  const Outcome other = app({"stats", kId.c_str(), "other"});
  EXPECT_EQ(other.code, 3);
  EXPECT_NE(other.err.find("PV-CLI-017: the device has no app of this name (other)\nnext:  See"),
            std::string::npos)
      << other.err;
  const Outcome watched =
      app({"stats", kId.c_str(), "blink", "--watch", "--count", "2", "--interval", "0.1"});
  EXPECT_EQ(watched.code, 0);
  EXPECT_EQ(watched.out.find("APP"), 0U);
  EXPECT_NE(watched.out.find("APP", 1), std::string::npos) << "shown twice";
}

TEST_F(AppDeviceVerbs, LogsGoThroughTheirPages) {
  say("logs", R"({"name":"blink","after":0})", page(4, 6, line(4) + "," + line(5)));
  say("logs", R"({"name":"blink","after":5})", page(4, 6, line(6)));
  const Outcome all = app({"logs", kId.c_str(), "blink"});
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_EQ(all.out, "     4 [     1.500] l4\n     5 [     1.500] l5\n     6 [     1.500] l6\n");
  EXPECT_EQ(all.err, "") << "nobody asked for what is older";
  EXPECT_EQ(app({"logs", kId.c_str(), "blink", "--since", "5", "-o", "json"}).out, line(6) + "\n");
  EXPECT_EQ(app({"logs", kId.c_str(), "blink", "--count", "1"}).out, "     4 [     1.500] l4\n");
  EXPECT_EQ(app({"logs", kId.c_str(), "blink", "--since", "-1"}).code, 2);
}

TEST_F(AppDeviceVerbs, LogsSayWhatWasMissedAndWhenTheDeviceStartedAnew) {
  say("logs", R"({"name":"blink","after":2})", page(9, 9, line(9)));
  const Outcome missed = app({"logs", kId.c_str(), "blink", "--since", "2"});
  EXPECT_EQ(missed.err, "lines 3 to 8 are no longer kept\n");
  EXPECT_EQ(missed.out, "     9 [     1.500] l9\n");

  say("logs", R"({"name":"blink","after":500})", page(1, 1, ""));
  say("logs", R"({"name":"blink","after":0})", page(1, 1, line(1)));
  const Outcome anew = app({"logs", kId.c_str(), "blink", "--since", "500"});
  EXPECT_EQ(anew.err, "the device started anew: its lines count from 1 again\n");
  EXPECT_EQ(anew.out, "     1 [     1.500] l1\n");
  say("logs", R"({"name":"blink","after":500})", page(0, 0, ""));
  EXPECT_EQ(app({"logs", kId.c_str(), "blink", "--since", "500"}).out, "");
}

TEST_F(AppDeviceVerbs, APageThatLeadsNowhereIsTheLast) {
  say("logs", R"({"name":"blink","after":7})", page(1, 9, line(3)));
  EXPECT_EQ(app({"logs", kId.c_str(), "blink", "--since", "7"}).code, 0);
}

TEST_F(AppDeviceVerbs, FollowedLogsEndWithTheCountOrAFailure) {
  say("logs", R"({"name":"blink","after":0})", page(1, 1, line(1)));
  say("logs", R"({"name":"blink","after":1})", page(1, 2, line(2)));
  EXPECT_EQ(app({"logs", kId.c_str(), "blink", "-f", "--count", "2", "--interval", "0.1"}).out,
            "     1 [     1.500] l1\n     2 [     1.500] l2\n");
  refuse(404, R"({"Message":"ErrorCode:DeviceNotOnline;away"})");
  const Outcome lost = app({"logs", kId.c_str(), "blink", "-f", "--interval", "0.1"});
  EXPECT_EQ(lost.out, "     1 [     1.500] l1\n     2 [     1.500] l2\n") << "what came before";
  EXPECT_NE(lost.err.find("PV-CLI-014"), std::string::npos);
}

TEST_F(AppDeviceVerbs, FailuresHaveACauseAndANextStep) {
  refuse(404, R"({"Message":"ErrorCode:DeviceNotOnline;away"})");
  Outcome outcome = app({"list", kId.c_str()});
  EXPECT_EQ(outcome.code, 6);
  EXPECT_NE(outcome.err.find("PV-CLI-014"), std::string::npos)
      << "connected, but it does not listen for methods";
  say_device(false);
  outcome = app({"list", kId.c_str()});
  EXPECT_EQ(outcome.code, 6);
  EXPECT_EQ(outcome.err,
            "error: PV-CLI-013: the device is not connected\n"
            "next:  Switch it on, or wait; see: pavise device show DEVICE.\n");
  refuse(504, R"({"Message":"ErrorCode:GatewayTimeout;too late"})");
  outcome = app({"list", kId.c_str()});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("PV-CLI-015"), std::string::npos);
  refuse(404, R"({"Message":"ErrorCode:DeviceNotFound;there is no such device"})");
  EXPECT_EQ(app({"list", kId.c_str()}).code, 3);
  answers["GET /api/v1/devices/" + kId] = {.body = R"({"tenant":null,"connected":false})"};
  outcome = app({"list", kId.c_str()});
  EXPECT_EQ(outcome.code, 6);
  EXPECT_NE(outcome.err.find("PV-CLI-016"), std::string::npos);
}

TEST_F(AppDeviceVerbs, RefusalsOfTheDeviceTravel) {
  const auto refused = [&](int status, const std::string& code) {
    refuse(200, R"({"status":)" + std::to_string(status) + R"(,"payload":{"error":{"code":")" +
                    code + R"(","message":"why\u001b[2J","next":"do this"}}})");
    return app({"stop", kId.c_str(), "blink"});
  };
  Outcome outcome = refused(404, "PV-AIP-003");
  EXPECT_EQ(outcome.code, 3);
  EXPECT_EQ(outcome.err, "error: PV-AIP-003: why?[2J\nnext:  do this\n");
  EXPECT_EQ(refused(404, "PV-AGT-022").code, 3) << "no apps";
  EXPECT_EQ(refused(409, "PV-HSE-001").code, 6);
  EXPECT_EQ(refused(504, "PV-AGT-023").code, 1);
  outcome = refused(404, "PV-AGT-020");
  EXPECT_EQ(outcome.code, 6);
  EXPECT_NE(outcome.err.find("PV-CLI-014"), std::string::npos) << "an image of before";
  for (const char* bent :
       {R"({"status":500,"payload":null})", R"({"status":500})", "{}", "[]", "no JSON",
        R"({"status":"200","payload":{}})", R"({"status":404,"payload":{"error":5}})"}) {
    refuse(200, bent);
    outcome = app({"stop", kId.c_str(), "blink"});
    EXPECT_EQ(outcome.code, 1) << bent;
    EXPECT_NE(outcome.err.find("PV-CLI-018"), std::string::npos) << bent;
  }
}

// A device attests anew after its apps changed.
TEST_F(AppDeviceVerbs, WhatOnlyReadsIsAskedAgainWhenTheConnectionGoes) {
  int calls = 0;
  script = [&](const std::string& key, const std::string& body) -> std::optional<TestResponse> {
    if (key != methods_ || ++calls > (body.contains("pavise.apps.stop") ? 9 : 2))
      return std::nullopt;
    return TestResponse{
        .status = 404, .body = R"({"Message":"ErrorCode:DeviceConnectionClosedRemotely;it went"})"};
  };
  EXPECT_EQ(app({"list", kId.c_str()}).code, 0);
  EXPECT_EQ(calls, 3);
  calls = 0;
  EXPECT_NE(app({"stop", kId.c_str(), "blink"}).err.find("PV-CLI-015"), std::string::npos);
  EXPECT_EQ(calls, 1) << "it may have done it";
}

// Following lasts longer than the token of a command.
TEST_F(AppDeviceVerbs, AnEndedTokenIsReplaced) {
  say("logs", R"({"name":"blink","after":0})", page(1, 2, line(1)));
  answers[methods_ + " " + call("logs", R"({"name":"blink","after":1})")] = {
      .status = 401, .body = R"({"Message":"ErrorCode:Unauthorized;the token has ended"})"};
  const Outcome outcome = app({"logs", kId.c_str(), "blink"});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_EQ(std::ranges::count_if(
                seen, [](const std::string& s) { return s.contains("tenant-acme/token"); }),
            2);
}

TEST_F(AppDeviceVerbs, WhatCanBeNoNameOfAnAppIsNoneThatTheDeviceHas) {
  for (const char* verb : {"logs", "start", "stop", "restart", "remove", "debug"}) {
    const Outcome outcome = app({verb, kId.c_str(), "Blink"});
    EXPECT_EQ(outcome.code, 3) << verb;
    EXPECT_EQ(outcome.err,
              "error: PV-CLI-017: the device has no app of this name (Blink)\n"
              "next:  See the names: pavise app list DEVICE.\n");
    EXPECT_TRUE(seen.empty()) << verb;
  }
}

}  // namespace
}  // namespace pavise::cli
