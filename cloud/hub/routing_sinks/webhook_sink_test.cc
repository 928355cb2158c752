#include "cloud/hub/routing_sinks/webhook_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <mutex>

#include "cloud/hub/routing/errors.h"
#include "cloud/hub/routing_sinks/authorities.h"
#include "common/net/testing/loopback.h"

namespace pavise::hub::routing {
namespace {

namespace json = boost::json;
using net::testing::http_handler;
using net::testing::LoopbackServer;
using net::testing::TestCa;
using net::testing::TestRequest;
using net::testing::TestResponse;
using ::testing::HasSubstr;

std::vector<Message> messages(std::size_t count) {
  std::vector<Message> out(count);
  for (std::size_t i = 0; i < count; ++i) {
    out[i].offset = i;
    out[i].hub = "plant-1";
    out[i].device = "d1";
    out[i].body = to_bytes(as_bytes("body " + std::to_string(i)));
    out[i].routes = {"all"};
  }
  return out;
}

constexpr WebhookTimes kPatient{net::Millis(30'000), net::Millis(30'000)};

class Webhook : public ::testing::Test {
 protected:
  store::RoutingEndpointRecord endpoint(std::uint16_t port, const TestCa& trusted) const {
    return {.name = "hook",
            .address = "https://127.0.0.1:" + std::to_string(port) + "/in?key=1",
            .secret = "Bearer S3CRET",
            .ca_pem = trusted.pem()};
  }
  std::unique_ptr<Sink> sink(std::uint16_t port, const WebhookTimes& times = kPatient) const {
    return *make_webhook_sink(endpoint(port, ca_), times);
  }
  // A server that answers each request in turn.
  LoopbackServer::Handler answering(std::vector<TestResponse> answers) {
    return http_handler([this, answers = std::move(answers)](const TestRequest& request, SSL*) {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      return answers.at(std::min(requests_.size(), answers.size()) - 1);
    });
  }

  TestCa ca_;
  std::mutex mutex_;
  std::vector<TestRequest> requests_;
};

TEST_F(Webhook, ABatchIsOnePost) {
  LoopbackServer server({.identity = ca_.issue()}, answering({{.status = 204, .body = ""}}));
  const auto sink = this->sink(server.port());
  const auto batch = messages(3);
  const Outcome outcome = sink->deliver(batch);
  EXPECT_EQ(outcome.delivered, 3U);
  EXPECT_FALSE(outcome.error);
  ASSERT_EQ(requests_.size(), 1U);
  EXPECT_EQ(requests_[0].method, "POST");
  EXPECT_EQ(requests_[0].target, "/in?key=1");
  EXPECT_EQ(requests_[0].headers.at("content-type"), "application/json");
  EXPECT_EQ(requests_[0].headers.at("authorization"), "Bearer S3CRET");
  EXPECT_EQ(requests_[0].body, json_batch(batch));
  EXPECT_EQ(json::parse(requests_[0].body).as_array().size(), 3U);
}

TEST_F(Webhook, AConnectionIsKeptAndMadeAgainWhenItEnded) {
  LoopbackServer server({.identity = ca_.issue()}, answering({{}, {.close = true}, {}, {}}));
  const auto sink = this->sink(server.port());
  for (int i = 0; i < 4; ++i) EXPECT_EQ(sink->deliver(messages(1)).delivered, 1U) << i;
  EXPECT_EQ(requests_.size(), 4U);
}

TEST_F(Webhook, WhatAStatusSays) {
  for (const int status : {200, 201, 202, 204, 299})
    EXPECT_EQ(webhook_outcome(status, 7).delivered, 7U) << status;
  for (const int status : {400, 413, 415, 422}) {
    const Outcome outcome = webhook_outcome(status, 7);
    EXPECT_TRUE(outcome.refused) << status;
    EXPECT_TRUE(outcome.error->is(kRefusedByEndpoint)) << status;
  }
  for (const int status : {301, 302, 307, 308, 401, 403, 404, 408, 410, 429, 500, 502, 503, 599}) {
    const Outcome outcome = webhook_outcome(status, 7);
    EXPECT_FALSE(outcome.refused) << status;
    EXPECT_TRUE(outcome.error->is(kEndpointFailed)) << status;
    EXPECT_EQ(outcome.delivered, 0U) << status;
  }
}

TEST_F(Webhook, ARedirectIsNotFollowed) {
  LoopbackServer other({.identity = ca_.issue()}, answering({{}}));
  LoopbackServer server({.identity = ca_.issue()},
                        answering({{.status = 307,
                                    .more_headers = "Location: https://127.0.0.1:" +
                                                    std::to_string(other.port()) + "/\r\n"}}));
  const Outcome outcome = sink(server.port())->deliver(messages(1));
  EXPECT_EQ(outcome.delivered, 0U);
  EXPECT_THAT(outcome.error->detail(), HasSubstr("307"));
  EXPECT_EQ(requests_.size(), 1U) << "and the secret went nowhere else";
}

TEST_F(Webhook, OnlyWhoIsTrustedGetsAnything) {
  const TestCa stranger("Stranger");
  LoopbackServer server({.identity = ca_.issue()}, answering({{}}));
  const auto wrong_ca = *make_webhook_sink(endpoint(server.port(), stranger), kPatient);
  EXPECT_TRUE(wrong_ca->deliver(messages(1)).error->is(net::kNotTrusted));
  LoopbackServer misnamed({.identity = ca_.issue({.subject_alt_name = "DNS:other.example"})},
                          answering({{}}));
  EXPECT_TRUE(sink(misnamed.port())->deliver(messages(1)).error->is(net::kNameMismatch));
  EXPECT_TRUE(requests_.empty());
}

TEST_F(Webhook, WhoDoesNotAnswerIsNotWaitedForLong) {
  LoopbackServer silent({.identity = ca_.issue()}, [](SSL* ssl) {
    char buffer[4096];
    while (SSL_read(ssl, buffer, sizeof buffer) > 0) {
    }
  });
  const auto sink =
      this->sink(silent.port(), {.connect = kPatient.connect, .answer = net::Millis(50)});
  EXPECT_TRUE(sink->deliver(messages(1)).error->is(net::kTimedOut));
}

TEST_F(Webhook, AnAnswerWithoutEndIsNotReadToItsEnd) {
  const std::string most(kWebhookLimits.body_bytes_max, 'x');
  LoopbackServer server({.identity = ca_.issue()},
                        answering({{.body = most}, {.body = most + "x"}}));
  const auto sink = this->sink(server.port());
  EXPECT_EQ(sink->deliver(messages(1)).delivered, 1U);
  EXPECT_TRUE(sink->deliver(messages(1)).error->is(net::kResponseTooLarge));
}

TEST_F(Webhook, NobodyThere) {
  std::uint16_t port = 0;
  {
    LoopbackServer server({.identity = ca_.issue()}, answering({{}}));
    port = server.port();
  }
  const Outcome outcome = sink(port)->deliver(messages(1));
  EXPECT_TRUE(outcome.error->is(net::kRefused));
  EXPECT_FALSE(outcome.refused) << "it may come back";
  EXPECT_EQ(outcome.error->message().find("S3CRET"), std::string::npos);
}

TEST(Authorities, OfTheEndpointElseOfTheSystem) {
  EXPECT_EQ(*authorities_of({.ca_pem = "mine"}, "/none"), "mine");
  EXPECT_TRUE(authorities_of({}, "/none").error().is(kNoAuthorities));
  EXPECT_TRUE(authorities_of({}, "/dev/null").error().is(kNoAuthorities));
  EXPECT_TRUE(authorities_of({}, "/dev/zero").error().is(kNoAuthorities)) << "too much";
}

}  // namespace
}  // namespace pavise::hub::routing
