#include "device/agent/methods.h"

#include <gtest/gtest.h>

#include "device/agent/errors.h"
#include "device/agent/testing/fake_apps.h"
#include "protocol/json/json_view.h"

namespace pavise::agent {
namespace {

class MethodsTest : public ::testing::Test {
 protected:
  MethodAnswer call(std::string_view name, std::string_view payload = {}) {
    MethodAnswer made = answer_method(name, payload, apps);
    EXPECT_TRUE(json::JsonView::parse(made.body)) << made.body;
    return made;
  }
  // "status code"
  std::string refused(std::string_view name, std::string_view payload = {}) {
    const MethodAnswer made = call(name, payload);
    const auto error = json::JsonView::parse(made.body)->member("error");
    if (!error) return "accepted";
    EXPECT_FALSE(error->member("message")->string()->empty());
    EXPECT_FALSE(error->member("next")->string()->empty());
    return std::to_string(made.status) + " " + *error->member("code")->string();
  }
  testing::FakeApps apps;
};

TEST_F(MethodsTest, List) {
  for (const std::string_view payload : {"", "null", "{}", " { } "}) {
    const MethodAnswer made = call("pavise.apps.list", payload);
    EXPECT_EQ(made.status, 200);
    EXPECT_EQ(made.body,
              R"({"apps":[{"name":"blink","component_id":"1a1a1a1a-1a1a-1a1a-1a1a-1a1a1a1a1a1a",)"
              R"("version":"1.2.3","state":"running","restarts":2,"memory_bytes":4096,)"
              R"("memory_limit_bytes":8192,"missed_health":1,"last_event":"it said \"hi\"",)"
              R"("policy_digest":")" +
                  to_hex(testing::FakeApps::blink().policy_digest) +
                  R"(","source":"image","content_digest":")" + std::string(64, '0') + R"("}]})");
  }
  apps.apps[0].memory_bytes = 0;
  EXPECT_EQ(call("pavise.apps.list").body.find("memory_bytes"), std::string::npos)
      << "what is not known is left out";
  apps.apps.clear();
  EXPECT_EQ(call("pavise.apps.list").body, R"({"apps":[]})");
}

TEST_F(MethodsTest, Deploying) {
  EXPECT_EQ(call("pavise.apps.receive", R"({"size":70000,"offset":65536,"data":"AAEC"})").body,
            R"({"received":65539})");
  EXPECT_EQ(
      call("pavise.apps.install", R"({"size":70000,"sha256":")" + std::string(64, 'a') + R"("})")
          .body,
      R"({"name":"blink","version":"1.2.4","state":"running"})");
  apps.installed.replaced = "1.2.3";
  EXPECT_EQ(
      call("pavise.apps.install", R"({"sha256":")" + std::string(64, 'B') + R"(","size":1})").body,
      R"({"name":"blink","version":"1.2.4","state":"running","replaced":"1.2.3"})");
  EXPECT_EQ(call("pavise.apps.remove", R"({"name":"blink"})").body,
            R"({"name":"blink","state":"removed"})");
  apps.left = apps_ipc::AppSource::image;
  EXPECT_EQ(call("pavise.apps.remove", R"({"name":"blink"})").body,
            R"({"name":"blink","state":"image"})");
  EXPECT_EQ(apps.called,
            (std::vector<std::string>{"receive 3 at 65536 of 70000", "install 70000 aaaa",
                                      "install 1 bbbb", "remove blink", "remove blink"}));
}

TEST_F(MethodsTest, BentDeploymentsAreRefused) {
  const std::string digest(64, 'a');
  for (const std::string& bad :
       {std::string(R"({"size":1,"offset":0})"), std::string(R"({"size":1,"data":"AA=="})"),
        std::string(R"({"offset":0,"data":"AA=="})"),
        std::string(R"({"size":1,"offset":0,"data":""})"),
        std::string(R"({"size":1,"offset":0,"data":"A"})"),
        std::string(R"({"size":1,"offset":0,"data":7})"),
        std::string(R"({"size":-1,"offset":0,"data":"AA=="})"),
        std::string(R"({"size":1,"offset":0.5,"data":"AA=="})"),
        std::string(R"({"size":1,"offset":0,"data":"AA==","name":"a"})")})
    EXPECT_EQ(refused("pavise.apps.receive", bad), "400 PV-AGT-021") << bad;
  for (const std::string& bad : {std::string(R"({"size":1})"), R"({"sha256":")" + digest + R"("})",
                                 R"({"size":1,"sha256":")" + digest + R"(0"})",
                                 R"({"size":1,"sha256":")" + digest.substr(2) + R"("})",
                                 R"({"size":1,"sha256":")" + digest.substr(1) + R"(g"})"})
    EXPECT_EQ(refused("pavise.apps.install", bad), "400 PV-AGT-021") << bad;
  EXPECT_EQ(refused("pavise.apps.remove", "{}"), "400 PV-AGT-021");
  EXPECT_TRUE(apps.called.empty());
}

TEST_F(MethodsTest, APartHasALimit) {
  const auto part = [](std::size_t bytes) {
    return R"({"size":99999,"offset":0,"data":")" + to_base64(Bytes(bytes)) + R"("})";
  };
  EXPECT_EQ(call("pavise.apps.receive", part(apps_ipc::kPartBytesMax)).status, 200);
  EXPECT_EQ(refused("pavise.apps.receive", part(apps_ipc::kPartBytesMax + 1)), "400 PV-AGT-021");
  EXPECT_EQ(
      refused("pavise.apps.receive", std::string(kPartRequestBytesMax - 2, ' ') + R"({})" + " "),
      "400 PV-AGT-021");
}

TEST_F(MethodsTest, Debugging) {
  EXPECT_EQ(call("pavise.apps.grant", R"({"grant":"q80="})").body,
            R"({"name":"blink","until":1795000000})");
  EXPECT_EQ(call("pavise.apps.debug", R"({"name":"blink"})").body,
            R"({"name":"blink","session":3,"until":1795000000})");
  EXPECT_EQ(call("pavise.apps.debug.exchange",
                 R"({"name":"blink","session":3,"at":7,"data":"JD8=","received":9,"end":false})")
                .body,
            R"({"taken":9,"data":"KyRPSyM5YQ==","over":false})");
  call("pavise.apps.debug.exchange",
       R"({"name":"blink","session":3,"at":9,"data":"","received":16,"end":true})");
  EXPECT_EQ(apps.called,
            (std::vector<std::string>{"grant abcd", "debug blink", "exchange blink 3 7 243f 9",
                                      "exchange blink 3 9  16 end"}));
}

TEST_F(MethodsTest, WhatIsNoPayloadOfDebuggingIsRefused) {
  const std::string longest = to_base64(Bytes(apps_ipc::kGrantBytesMax));
  EXPECT_EQ(refused("pavise.apps.grant", R"({"grant":")" + longest + "\"}"), "accepted");
  const std::string longer = to_base64(Bytes(apps_ipc::kGrantBytesMax + 1));
  for (const std::string& payload :
       {std::string(), std::string("{}"), std::string(R"({"grant":""})"),
        std::string(R"({"grant":"q80"})"), std::string(R"({"grant":7})"),
        std::string(R"({"grant":"q80=","name":"blink"})"),
        std::string(R"({"grant":"q80=","grant":"q80="})"), R"({"grant":")" + longer + "\"}"})
    EXPECT_EQ(refused("pavise.apps.grant", payload), "400 PV-AGT-021") << payload;
  EXPECT_EQ(refused("pavise.apps.debug", R"({"name":"../blink"})"), "400 PV-AGT-021");
  const auto exchange = [](const std::string& session, const std::string& at,
                           const std::string& data, const std::string& received,
                           const std::string& end) {
    return R"({"name":"blink","session":)" + session + R"(,"at":)" + at + R"(,"data":")" + data +
           R"(","received":)" + received + R"(,"end":)" + end + "}";
  };
  const std::string most = to_base64(Bytes(apps_ipc::kDebugInBytesMax));
  EXPECT_EQ(refused("pavise.apps.debug.exchange",
                    exchange("1", "9223372036854775807", most, "0", "false")),
            "accepted");
  const std::string more = to_base64(Bytes(apps_ipc::kDebugInBytesMax + 1));
  for (const std::string& payload :
       {exchange("-1", "0", "", "0", "false"), exchange("1", "-1", "", "0", "false"),
        exchange("1", "1.5", "", "0", "false"), exchange("1", "0", "?", "0", "false"),
        exchange("1", "0", more, "0", "false"), exchange("1", "0", "", "null", "false"),
        exchange("1", "0", "", "0", "1"), std::string(R"({"name":"blink"})"), std::string("[]"),
        std::string("null")})
    EXPECT_EQ(refused("pavise.apps.debug.exchange", payload), "400 PV-AGT-021") << payload;
}

TEST_F(MethodsTest, StartStopRestartAndLogs) {
  EXPECT_EQ(call("pavise.apps.start", R"({"name":"blink"})").body,
            R"({"name":"blink","state":"starting"})");
  EXPECT_EQ(call("pavise.apps.stop", R"({"name":"blink"})").body,
            R"({"name":"blink","state":"ending"})");
  EXPECT_EQ(call("pavise.apps.restart", R"({"name":"bl\u0069nk"})").body,
            R"({"name":"blink","state":"killing"})");
  EXPECT_EQ(call("pavise.apps.logs", R"({"name":"blink"})").body,
            R"({"name":"blink","oldest":2,"newest":9,"lines":[{"sequence":8,"boot_ms":1500,)"
            R"("text":"a\\b"},{"sequence":9,"boot_ms":1600,"text":""}]})");
  EXPECT_EQ(call("pavise.apps.logs", R"({"after":9223372036854775807,"name":"b"})").status, 200);
  EXPECT_EQ(apps.called, (std::vector<std::string>{"start blink", "stop blink", "restart blink",
                                                   "logs blink 0", "logs b 9223372036854775807"}));
}

TEST_F(MethodsTest, UnknownMethodsSaySo) {
  for (const std::string_view name :
       {"", "reboot", "pavise.apps.", "pavise.apps", "pavise.apps.lists", "pavise.apps.list ",
        "Pavise.apps.list", "pavise.apps.list.start", "\x1b[2J"})
    EXPECT_EQ(refused(name), "404 PV-AGT-020") << name;
  EXPECT_TRUE(apps.called.empty());
}

TEST_F(MethodsTest, BentPayloadsReachNoApp) {
  const std::string long_name = R"({"name":")" + std::string(33, 'a') + "\"}";
  const std::string padded =
      R"({"name":"blink"})" + std::string(kMethodRequestBytesMax - 16 + 1, ' ');
  for (const std::string_view payload :
       std::initializer_list<std::string_view>{"",
                                               "null",
                                               "{}",
                                               "[]",
                                               "5",
                                               "\"blink\"",
                                               "{",
                                               R"({"name":5})",
                                               R"({"name":null})",
                                               R"({"name":""})",
                                               R"({"name":"Blink"})",
                                               R"({"name":"../init"})",
                                               R"({"name":"a\u0000b"})",
                                               R"({"name":"\ud800"})",
                                               R"({"Name":"blink"})",
                                               R"({"name":"blink","name":"other"})",
                                               R"({"name":"blink","after":1})",
                                               R"({"name":"blink"} x)",
                                               long_name,
                                               padded,
                                               "\xff",
                                               std::string_view("\0", 1)})
    EXPECT_EQ(refused("pavise.apps.stop", payload), "400 PV-AGT-021") << payload;
  for (const std::string_view payload :
       {R"({"name":"blink","after":-1})", R"({"name":"blink","after":1.5})",
        R"({"name":"blink","after":"1"})", R"({"name":"blink","after":9223372036854775808})",
        R"({"name":"blink","after":1,"after":2})", R"({"after":1})"})
    EXPECT_EQ(refused("pavise.apps.logs", payload), "400 PV-AGT-021") << payload;
  EXPECT_EQ(refused("pavise.apps.list", R"({"name":"blink"})"), "400 PV-AGT-021");
  EXPECT_EQ(refused("pavise.apps.list", std::string(40'000, '[')), "400 PV-AGT-021");
  EXPECT_TRUE(apps.called.empty());
  EXPECT_EQ(call("pavise.apps.stop", std::string_view(padded).substr(0, padded.size() - 1)).status,
            200);
}

TEST_F(MethodsTest, EachFailureOfTheLauncherHasItsStatus) {
  const struct {
    const ErrorInfo* error;
    const char* expected;
  } rows[] = {{&kNoApps, "404 PV-AGT-022"},
              {&kLauncherSilent, "504 PV-AGT-023"},
              {&kLauncherGone, "503 PV-AGT-024"},
              {&kLauncherAnswer, "502 PV-AGT-025"}};
  for (const auto& row : rows) {
    apps.fails = Error(*row.error);
    EXPECT_EQ(refused("pavise.apps.list"), row.expected);
    EXPECT_EQ(refused("pavise.apps.start", R"({"name":"blink"})"), row.expected);
    EXPECT_EQ(refused("pavise.apps.logs", R"({"name":"blink"})"), row.expected);
  }
}

TEST_F(MethodsTest, RefusalsOfTheLauncherTravel) {
  apps.refuses = apps_ipc::Refusal{"PV-AIP-003", "no \"such\" app", "See the names."};
  EXPECT_EQ(refused("pavise.apps.stop", R"({"name":"other"})"), "404 PV-AIP-003");
  EXPECT_EQ(
      call("pavise.apps.stop", R"({"name":"other"})").body,
      R"({"error":{"code":"PV-AIP-003","message":"no \"such\" app","next":"See the names."}})");
  apps.refuses->code = "PV-HSE-004";
  EXPECT_EQ(refused("pavise.apps.start", R"({"name":"blink"})"), "409 PV-HSE-004");
}

// A hub hands on at most 128 KiB.
TEST_F(MethodsTest, TheLargestAnswersFit) {
  constexpr std::size_t kAnswerMax = 128UL * 1024;
  constexpr std::size_t kLines = apps_ipc::kPageBytesMax / apps_ipc::kLineCostBytes;
  for (const std::size_t text : {std::size_t{0}, std::size_t{10}, apps_ipc::kLineBytesMax}) {
    apps.page = {.oldest = 1, .newest = UINT64_MAX, .lines = {}};
    const std::size_t lines = apps_ipc::kPageBytesMax / (apps_ipc::kLineCostBytes + text);
    EXPECT_LE(lines, kLines);
    for (std::size_t i = lines; i > 0; --i)
      apps.page.lines.push_back({UINT64_MAX - i, UINT64_MAX, std::string(text, '"')});
    EXPECT_LE(call("pavise.apps.logs", R"({"name":"blink"})").body.size(), kAnswerMax) << text;
  }
  apps_ipc::AppStatus largest = testing::FakeApps::blink();
  largest.name = std::string(manifest::kNameLengthMax, 'a');
  largest.version = std::string(apps_ipc::kVersionBytesMax, '"');
  largest.restarts = largest.memory_bytes = largest.memory_limit_bytes = UINT64_MAX;
  largest.missed_health = UINT64_MAX;
  largest.last_event = std::string(apps_ipc::kEventBytesMax, '"');
  apps.apps.assign(apps_ipc::kAppsMax, largest);
  EXPECT_LE(call("pavise.apps.list").body.size(), kAnswerMax);
}

TEST_F(MethodsTest, BusyIsARefusalWithANextStep) {
  const MethodAnswer busy = method_refused_as_busy();
  EXPECT_EQ(busy.status, 429);
  EXPECT_NE(busy.body.find("PV-AGT-026"), std::string::npos);
}

}  // namespace
}  // namespace pavise::agent
