#include "cli/api/hub_client.h"

#include <gtest/gtest.h>

#include "common/net/testing/loopback.h"

namespace pavise::cli {
namespace {

using net::testing::LoopbackServer;
using net::testing::TestCa;
using net::testing::TestRequest;
using net::testing::TestResponse;

TEST(HubClient, NamesTheHubToTheMachineOfTheManagementApi) {
  const TestCa ca;
  TestRequest seen;
  const LoopbackServer server({.identity = ca.issue()},
                              net::testing::http_handler([&](const TestRequest& request, SSL*) {
                                seen = request;
                                return TestResponse{.body = "[]"};
                              }));
  auto client = HubClient::create(
      {"https://127.0.0.1:1", ca.pem(), "pavise_t"},
      {.host_name = "plant-1.localhost", .https_port = server.port(), .token = "SharedAccess x"},
      net::Millis(5000));
  ASSERT_TRUE(client);
  const auto reply = client->call("GET", "/devices?top=3", {}, {{"If-Match", "*"}});
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->body, "[]");
  EXPECT_EQ(seen.target, "/devices?top=3&api-version=2021-04-12");
  EXPECT_EQ(seen.headers.at("host"), "plant-1.localhost");
  EXPECT_EQ(seen.headers.at("authorization"), "SharedAccess x") << "not the management token";
  EXPECT_EQ(seen.headers.at("if-match"), "*");
  ASSERT_TRUE(client->call("GET", "/devices/a"));
  EXPECT_EQ(seen.target, "/devices/a?api-version=2021-04-12");
}

TEST(HubClient, ReadsErrorsOfTheHub) {
  const ApiError error = read_hub_error(
      {404, R"({"Message":"ErrorCode:DeviceNotFound;there is no such device",)"
            R"("ExceptionMessage":"Tracking ID:AB12-TimeStamp:2026-11-25T00:00:00Z"})"});
  EXPECT_EQ(error.code, "DeviceNotFound");
  EXPECT_EQ(error.message, "there is no such device");
  EXPECT_EQ(error.tracking_id, "AB12");
  for (const char* body : {"", "x", "[]", "{}", R"({"Message":"ErrorCode:X"})"}) {
    const ApiError other = read_hub_error({503, body});
    EXPECT_EQ(other.code, "");
    EXPECT_NE(other.message.find("503"), std::string::npos);
  }
}

}  // namespace
}  // namespace pavise::cli
