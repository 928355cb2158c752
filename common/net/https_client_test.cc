#include "common/net/https_client.h"

#include <gtest/gtest.h>

#include <atomic>

#include "common/net/testing/loopback.h"

namespace pavise::net {
namespace {

using testing::http_handler;
using testing::LoopbackServer;
using testing::TestCa;
using testing::TestRequest;
using testing::TestResponse;

constexpr Millis kWait{5000};

TEST(HttpsClient, SendsSeveralRequestsOnOneConnection) {
  const TestCa ca;
  std::atomic<int> connections = 0;
  const auto answer = http_handler([](const TestRequest& request, SSL*) {
    return TestResponse{.status = 200,
                        .body = request.method + " " + request.target + " " +
                                request.headers.at("host") + " " + request.body};
  });
  LoopbackServer server({.identity = ca.issue()}, [&](SSL* ssl) {
    ++connections;
    answer(ssl);
  });
  TlsOptions options;
  options.trust_anchors_pem = ca.pem();
  options.server_name = "localhost";
  auto client = HttpsClient::connect("127.0.0.1", server.port(), options);
  ASSERT_TRUE(client) << client.error().message();
  const std::string host = "localhost:" + std::to_string(server.port());
  auto first = client->send({.target = "/a?b=c"}, kWait);
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(as_text(first->body), "GET /a?b=c " + host + " ");
  auto second = client->send({.method = "POST", .body = to_bytes(as_bytes("data"))}, kWait);
  ASSERT_TRUE(second);
  EXPECT_EQ(as_text(second->body), "POST / " + host + " data");
  EXPECT_TRUE(client->usable());
  EXPECT_EQ(connections, 1);
}

TEST(HttpsClient, KnowsWhenTheConnectionIsOver) {
  const TestCa ca;
  LoopbackServer server({.identity = ca.issue()}, http_handler([](const TestRequest&, SSL*) {
                          return TestResponse{.status = 503, .body = "{}", .close = true};
                        }));
  TlsOptions options;
  options.trust_anchors_pem = ca.pem();
  auto client = HttpsClient::connect("127.0.0.1", server.port(), options);
  ASSERT_TRUE(client);
  auto response = client->send({}, kWait);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 503);
  EXPECT_FALSE(client->usable());
  EXPECT_FALSE(client->send({}, kWait));
}

TEST(HttpsClient, TellsAStaleConnectionFromAnUnansweredRequest) {
  const TestCa ca;
  int count = 0;
  LoopbackServer server({.identity = ca.issue()}, [&](SSL* ssl) {
    char buffer[4096];
    std::size_t size = 0;
    const std::string answer = "HTTP/1.1 204 N\r\n\r\n";
    if (count++ == 0) return;  // closes before any answer
    SSL_read_ex(ssl, buffer, sizeof buffer, &size);
    SSL_write_ex(ssl, answer.data(), answer.size(), &size);
  });
  TlsOptions options;
  options.trust_anchors_pem = ca.pem();
  auto fresh = HttpsClient::connect("127.0.0.1", server.port(), options);
  ASSERT_TRUE(fresh);
  EXPECT_FALSE(fresh->send({}, kWait));
  EXPECT_FALSE(fresh->went_stale());  // it may have been acted upon

  auto reused = HttpsClient::connect("127.0.0.1", server.port(), options);
  ASSERT_TRUE(reused);
  ASSERT_TRUE(reused->send({}, kWait));
  EXPECT_FALSE(reused->send({}, kWait));
  EXPECT_TRUE(reused->went_stale());
}

TEST(HttpsClient, StopsAtLimitsAndGarbage) {
  const TestCa ca;
  const struct {
    std::string answer;
    const ErrorInfo* expected;
  } rows[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n01234567890", &kResponseTooLarge},
      {"SSH-2.0-OpenSSH\r\n", &kBadResponse},
      {"HTTP/1.1 204 N\r\n\r\nmore", &kBadResponse},
      {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n0123", &kClosed},
  };
  for (const auto& row : rows) {
    LoopbackServer server({.identity = ca.issue()}, [&](SSL* ssl) {
      char buffer[4096];
      std::size_t size = 0;
      SSL_read_ex(ssl, buffer, sizeof buffer, &size);
      SSL_write_ex(ssl, row.answer.data(), row.answer.size(), &size);
    });
    TlsOptions options;
    options.trust_anchors_pem = ca.pem();
    auto client = HttpsClient::connect("127.0.0.1", server.port(), options, {.body_bytes_max = 10});
    ASSERT_TRUE(client);
    auto response = client->send({}, kWait);
    ASSERT_FALSE(response) << row.answer;
    EXPECT_TRUE(response.error().is(*row.expected)) << response.error().message();
    EXPECT_FALSE(client->usable());
  }
}

TEST(HttpsClient, RequestsCannotBeSplit) {
  EXPECT_TRUE(serialize_request({}, "h"));
  const HttpRequest rows[] = {
      {.method = "GET /x HTTP/1.1\r\nA:"},
      {.target = "/a b"},
      {.target = "/a\r\nX: y"},
      {.target = "relative"},
      {.target = ""},
      {.headers = {{"a", "b\r\nc: d"}}},
      {.headers = {{"a b", "c"}}},
      {.headers = {{"a", std::string("\0", 1)}}},
  };
  for (const HttpRequest& request : rows) {
    auto wire = serialize_request(request, "h");
    ASSERT_FALSE(wire);
    EXPECT_TRUE(wire.error().is(kBadRequest));
  }
  EXPECT_FALSE(serialize_request({}, "h\r\n"));
}

TEST(HttpsClient, SerializesExactly) {
  auto wire = serialize_request({.method = "POST",
                                 .target = "/x",
                                 .headers = {{"Authorization", "Bearer t"}},
                                 .body = to_bytes(as_bytes("{}"))},
                                "example:1");
  ASSERT_TRUE(wire);
  EXPECT_EQ(as_text(*wire),
            "POST /x HTTP/1.1\r\nHost: example:1\r\nAuthorization: Bearer t\r\nContent-Length: "
            "2\r\n\r\n{}");
}

}  // namespace
}  // namespace pavise::net
