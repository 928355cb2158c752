#include "cli/api/api_client.h"

#include <gtest/gtest.h>

#include <atomic>

#include "common/net/testing/loopback.h"

namespace pavise::cli {
namespace {

using net::testing::LoopbackServer;
using net::testing::TestCa;
using net::testing::TestRequest;
using net::testing::TestResponse;

TEST(ApiClient, SendsTokenAndBodyAndReadsTheAnswer) {
  const TestCa ca;
  LoopbackServer server(
      {.identity = ca.issue()}, net::testing::http_handler([](const TestRequest& request, SSL*) {
        return TestResponse{.status = 201,
                            .body = request.method + " " + request.target + " " +
                                    request.headers.at("authorization") + " " +
                                    request.headers.at("content-type") + " " + request.body};
      }));
  const Context context{"https://127.0.0.1:" + std::to_string(server.port()), ca.pem(), "pavise_x"};
  auto client = ApiClient::create(context, net::Millis(5000));
  ASSERT_TRUE(client);
  auto reply = client->call("POST", "/tenants", "{}");
  ASSERT_TRUE(reply) << reply.error().message();
  EXPECT_EQ(reply->status, 201);
  EXPECT_TRUE(reply->good());
  EXPECT_EQ(reply->body, "POST /api/v1/tenants Bearer pavise_x application/json {}");
}

TEST(ApiClient, ReconnectsWhenTheServerHadClosed) {
  const TestCa ca;
  std::atomic<int> connections = 0;
  const auto one_answer = net::testing::http_handler([](const TestRequest& request, SSL*) {
    return TestResponse{.body = "{}", .close = request.target == "/api/v1/close"};
  });
  LoopbackServer server({.identity = ca.issue()}, [&](SSL* ssl) {
    ++connections;
    one_answer(ssl);
  });
  const Context context{"https://127.0.0.1:" + std::to_string(server.port()), ca.pem(), "t"};
  auto client = ApiClient::create(context, net::Millis(5000));
  ASSERT_TRUE(client);
  EXPECT_TRUE(client->call("GET", "/close"));
  EXPECT_TRUE(client->call("GET", "/status"));
  EXPECT_TRUE(client->call("GET", "/status"));
  EXPECT_EQ(connections, 2);
}

TEST(ApiClient, NamesWhatIsWrongWithTheContext) {
  EXPECT_TRUE(ApiClient::create({"ftp://x", "", ""}, {}).error().is(net::kBadUrl));
  EXPECT_TRUE(
      ApiClient::create({"https://x", "/does/not/exist", ""}, {}).error().is(kFileUnreadable));
}

TEST(ApiError, IsReadFromTheBodyOrMadeUpFromTheStatus) {
  const ApiError full =
      read_api_error({403, R"({"error":{"code":"PV-API-003","message":"m","detail":"d","next":"n",)"
                           R"("retry":"never","tracking_id":"5f"}})"});
  EXPECT_EQ(full.code, "PV-API-003");
  EXPECT_EQ(full.detail, "d");
  EXPECT_EQ(full.tracking_id, "5f");
  for (const char* body : {"", "<html>", "[]", R"({"error":5})", R"({"other":{}})"}) {
    const ApiError made_up = read_api_error({502, body});
    EXPECT_EQ(made_up.code, "");
    EXPECT_NE(made_up.message.find("502"), std::string::npos);
  }
}

TEST(Query, IsEncoded) {
  EXPECT_EQ(with_query("/devices", {}), "/devices");
  EXPECT_EQ(with_query("/devices", {{"a", ""}, {"b", "x&y=z /"}, {"c", "1"}}),
            "/devices?b=x%26y%3Dz%20%2F&c=1");
}

}  // namespace
}  // namespace pavise::cli
