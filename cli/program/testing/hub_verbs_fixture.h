// Whole command lines against a scripted server that is management API and hub at once.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <map>

#include "cli/program/program.h"
#include "common/net/testing/loopback.h"

namespace pavise::cli::testing {

using net::testing::LoopbackServer;
using net::testing::TestCa;
using net::testing::TestRequest;
using net::testing::TestResponse;
using Seen = std::vector<std::string>;

inline constexpr const char* kDevice =
    R"({"deviceId":"thermo","status":"enabled","etag":"AA==","authentication":{"type":"sas",)"
    R"("symmetricKey":{"primaryKey":"cDE=","secondaryKey":"czI="}}})";
inline constexpr const char* kPolicies =
    R"({"policies":[{"name":"iothubowner","rights":[],"primary_key":"b3c=","secondary_key":"bzI="},)"
    R"({"name":"service","rights":[],"primary_key":"c3Y=","secondary_key":"czI="}]})";

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

class HubVerbs : public ::testing::Test {
 protected:
  HubVerbs()
      : server({.identity = ca.issue()},
               net::testing::http_handler(
                   [this](const TestRequest& request, SSL*) { return answer(request); })) {
    std::string pattern = ::testing::TempDir() + "pavise-cli-hub-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    setenv("PAVISE_CONTEXT", (folder / "contexts.json").c_str(), 1);
    Contexts contexts;
    contexts.current = "test";
    contexts.all["test"] = {"https://127.0.0.1:" + std::to_string(server.port()), ca.pem(),
                            "pavise_t"};
    EXPECT_TRUE(save_contexts(context_path(), contexts));
    say_token(server.port());
    answers["GET /api/v1/hubs/plant-1"] = {
        .body = R"({"name":"plant-1","host_name":"plant-1.localhost","settings":{}})"};
    answers["GET /api/v1/hubs/plant-1/policies"] = {.body = kPolicies};
    answers["GET /devices/thermo"] = {.body = kDevice};
  }
  ~HubVerbs() override {
    unsetenv("PAVISE_CONTEXT");
    std::filesystem::remove_all(folder);
  }

  void say_token(int https_port) {
    answers["POST /api/v1/hubs/plant-1/token"] = {
        .status = 201,
        .body = R"({"token":"SharedAccessSignature x","policy":"iothubowner",)"
                R"("host_name":"plant-1.localhost","ports":{"mqtt":1,"https":)" +
                std::to_string(https_port) + "}}"};
  }
  TestResponse answer(const TestRequest& request) {
    constexpr std::string_view kVersion = "api-version=2021-04-12";
    std::string key = request.method + " " + request.target;
    const bool managing = request.target.starts_with("/api/v1/");
    EXPECT_EQ(request.headers.at("authorization"),
              managing ? "Bearer pavise_t" : "SharedAccessSignature x");
    if (!managing) {
      EXPECT_EQ(request.headers.at("host"), "plant-1.localhost");
      EXPECT_TRUE(key.ends_with(kVersion)) << key;
      key.resize(key.size() - kVersion.size() - 1);
    }
    if (key != "POST /api/v1/hubs/plant-1/token") {
      seen.push_back(key + (request.body.empty() ? "" : " " + request.body));
      for (const auto& [name, value] : request.headers)
        if (name == "if-match" || name.starts_with("iothub-") || name.starts_with("x-ms-"))
          seen.back().append(" ").append(name).append("=").append(value);
    }
    if (script)
      if (auto said = script(key, request.body)) return *std::move(said);
    if (const auto from = request.headers.find("x-ms-continuation"); from != request.headers.end())
      key += " from " + from->second;
    for (const std::string& said : {key + " " + request.body, key})
      if (const auto found = answers.find(said); found != answers.end()) return found->second;
    if (managing)
      return {.status = 404,
              .body = R"({"error":{"code":"PV-HST-010","message":"there is no such hub"}})"};
    return {.status = 404,
            .body = R"({"Message":"ErrorCode:DeviceNotFound;there is no such device",)"
                    R"("ExceptionMessage":"Tracking ID:AB-TimeStamp:T"})"};
  }
  Outcome run(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "hub");
    return run_line(arguments);
  }
  Outcome run_line(const std::vector<const char*>& arguments) {
    Outcome outcome;
    Streams streams{.out = [&](std::string_view text) { outcome.out += text; },
                    .err = [&](std::string_view text) { outcome.err += text; },
                    .pause = [&](std::chrono::milliseconds time) { paused += time; }};
    seen.clear();
    outcome.code = run_program(arguments, streams);
    return outcome;
  }

  TestCa ca;
  std::map<std::string, TestResponse> answers;
  // Asked first, by method, target and body; on the server's thread.
  std::function<std::optional<TestResponse>(const std::string&, const std::string&)> script;
  std::chrono::milliseconds paused{};  // of all command lines
  Seen seen;
  LoopbackServer server;
  std::filesystem::path folder;
};

}  // namespace pavise::cli::testing
