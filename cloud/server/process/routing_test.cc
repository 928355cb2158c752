// Message routing with the real program: a webhook gets what the hub acknowledged, whatever dies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>

#include <boost/json.hpp>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <set>

#include "cloud/hub/routing_sinks/testing/nats_server.h"
#include "cloud/server/process/testing/running_server.h"
#include "common/net/https_client.h"
#include "common/net/testing/loopback.h"

namespace pavise::server {
namespace {

namespace json = boost::json;
using net::testing::LoopbackServer;
using net::testing::TestCa;
using net::testing::TestRequest;
using net::testing::TestResponse;
using testing::RunningServer;

// What a webhook was given, in the order of arrival.
class Hook {
 public:
  Hook()
      : server_({.identity = ca_.issue()},
                net::testing::http_handler(
                    [this](const TestRequest& request, SSL*) { return take(request); })) {}

  std::string url() const { return "https://127.0.0.1:" + std::to_string(server_.port()) + "/in"; }
  std::string ca_pem() const { return ca_.pem(); }
  void say(int status) {
    const std::lock_guard lock(mutex_);
    status_ = status;
  }
  // Until all of these arrived, in a minute at most; those that did not.
  std::set<std::string> wait_for(std::set<std::string> expected) {
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, std::chrono::seconds(60), [&] {
      std::erase_if(expected, [&](const std::string& each) { return bodies_.contains(each); });
      return expected.empty();
    });
    return expected;
  }
  bool wait_for_requests(int count) {
    std::unique_lock lock(mutex_);
    return arrived_.wait_for(lock, std::chrono::seconds(60), [&] { return requests_ >= count; });
  }
  int requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  json::object last() {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  std::set<std::string> authorizations() {
    const std::lock_guard lock(mutex_);
    return authorizations_;
  }

 private:
  TestResponse take(const TestRequest& request) {
    const std::lock_guard lock(mutex_);
    ++requests_;
    arrived_.notify_all();
    authorizations_.insert(request.headers.at("authorization"));
    if (status_ != 200) return {.status = status_};
    for (const json::value& item : json::parse(request.body).as_array()) {
      last_ = item.as_object();
      bodies_.insert(json::serialize(item.at("body")));
    }
    return {};
  }

  TestCa ca_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  int status_ = 200;
  int requests_ = 0;
  json::object last_;
  std::set<std::string> bodies_;
  std::set<std::string> authorizations_;
  LoopbackServer server_;
};

class MessageRouting : public ::testing::Test {
 protected:
  void start() {
    ASSERT_TRUE(server_.start({"--hub-https-port", "0", "--message-routing"})) << server_.log();
    device_.reset();
  }
  void call(std::string_view method, std::string_view path, const json::object& body) {
    const auto reply = server_.call(method, path, json::serialize(body));
    ASSERT_EQ(reply.status, 201) << path << json::serialize(reply.json);
  }
  void make_hub() {
    call("POST", "/tenants", {{"id", "acme"}});
    call("POST", "/hubs", {{"tenant", "acme"}, {"name", "plant-1"}});
    call("POST", "/hubs/plant-1/endpoints",
         {{"name", "hook"},
          {"type", "webhook"},
          {"address", hook_.url()},
          {"secret", "Bearer S3CRET"},
          {"ca", hook_.ca_pem()}});
    call("POST", "/hubs/plant-1/routes",
         {{"name", "hot"}, {"endpoint", "hook"}, {"condition", "$body.t > 30"}});
    ASSERT_EQ(hub_call("PUT", "/devices/d1", R"({"deviceId":"d1"})"), 200);
  }
  // A call of the hub's own REST interface; the status, 0: no answer.
  int hub_call(const std::string& method, const std::string& path, const std::string& body) {
    if (!device_) {
      const auto token = server_.call("POST", "/hubs/plant-1/token", R"({"policy":"iothubowner"})");
      if (token.status != 201) return 0;
      token_ = token.json.at("token").as_string();
      const auto port = static_cast<std::uint16_t>(token.json.at("ports").at("https").as_int64());
      auto connected =
          net::HttpsClient::connect("127.0.0.1", port, {.trust_anchors_pem = server_.ca_pem()});
      if (!connected) return 0;
      device_.emplace(*std::move(connected));
    }
    const auto response = device_->send({.method = method,
                                         .target = path + "?api-version=2021-04-12",
                                         .headers = {{"Authorization", token_},
                                                     {"Content-Type", "application/json"},
                                                     {"iothub-contenttype", "application/json"},
                                                     {"iothub-contentencoding", "utf-8"}},
                                         .body = to_bytes(as_bytes(body)),
                                         .host = "plant-1.hub.test"},
                                        net::Millis(30'000));
    if (!response) device_.reset();
    return response ? response->status : 0;
  }
  bool send(const std::string& body) {
    return hub_call("POST", "/devices/d1/messages/events", body) == 204;
  }
  json::object endpoint() { return server_.call("GET", "/hubs/plant-1/endpoints/hook").json; }

  Hook hook_;
  RunningServer server_{{PAVISE_SERVER_PROGRAM, PAVISE_SIGNER_PROGRAM}};
  std::string token_;
  std::optional<net::HttpsClient> device_;
};

std::string hot(int number) {
  return R"({"t":31,"n":)" + std::to_string(number) + "}";
}

TEST_F(MessageRouting, BringsWhatTheConditionTakesToAWebhook) {
  start();
  make_hub();
  ASSERT_TRUE(send(R"({"t":29})"));
  ASSERT_TRUE(send(hot(1)));
  EXPECT_TRUE(hook_.wait_for({hot(1)}).empty()) << server_.log();
  const json::object item = hook_.last();
  EXPECT_EQ(item.at("routes"), json::array{"hot"});
  EXPECT_EQ(item.at("systemProperties").at("iothub-connection-device-id"), "d1");
  EXPECT_EQ(item.at("systemProperties").at("content-type"), "application/json");
  EXPECT_EQ(hook_.authorizations(), std::set<std::string>{"Bearer S3CRET"});
  call("POST", "/hubs/plant-1/routes",
       {{"name", "floor"}, {"endpoint", "hook"}, {"condition", "$twin.tags.floor = 3"}});
  ASSERT_TRUE(send(R"({"t":1,"n":1})"));
  ASSERT_EQ(hub_call("PATCH", "/twins/d1", R"({"tags":{"floor":3}})"), 200);
  ASSERT_TRUE(send(R"({"t":1,"n":2})"));
  EXPECT_TRUE(hook_.wait_for({R"({"t":1,"n":2})"}).empty()) << server_.log();
  // The built-in endpoint keeps everything.
  const auto events = server_.call("GET", "/hubs/plant-1/telemetry");
  EXPECT_EQ(events.json.at("items").as_array().size(), 4U);
  EXPECT_EQ(server_.end(SIGTERM), 0);
  EXPECT_EQ(server_.log().find("S3CRET"), std::string::npos);
}

TEST_F(MessageRouting, NothingAcknowledgedIsLostWhenTheServerIsKilled) {
  start();
  make_hub();
  std::set<std::string> acknowledged;
  int number = 0;
  for (int round = 0; round < 3; ++round) {
    const int before = hook_.requests();
    for (int i = 0; i < 30; ++i) {
      const std::string body = hot(number++);
      if (send(body)) acknowledged.insert(body);
    }
    // In the middle of the deliveries: some are done, some are not.
    ASSERT_TRUE(hook_.wait_for_requests(before + 1));
    server_.end(SIGKILL);
    start();
  }
  EXPECT_EQ(acknowledged.size(), 90U);
  EXPECT_TRUE(hook_.wait_for(acknowledged).empty()) << server_.log();
}

TEST_F(MessageRouting, WhatWaitsForADeadEndpointComesAfterARestart) {
  start();
  make_hub();
  hook_.say(503);
  std::set<std::string> acknowledged;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(send(hot(i)));
    acknowledged.insert(hot(i));
  }
  ASSERT_TRUE(hook_.wait_for_requests(1));
  server_.end(SIGKILL);
  hook_.say(200);
  start();
  EXPECT_TRUE(hook_.wait_for(acknowledged).empty()) << server_.log();
  server_.end(SIGTERM);
  start();
  EXPECT_EQ(endpoint().at("delivered"), 5);
  EXPECT_EQ(endpoint().at("dead_letters"), 0);
}

// librdkafka and our NATS client do nothing that the sandbox of the real program forbids.
TEST_F(MessageRouting, BringsMessagesToNatsAndKafkaFromItsSandbox) {
  rd_kafka_t* kafka = rd_kafka_new(RD_KAFKA_PRODUCER, nullptr, nullptr, 0);
  rd_kafka_mock_cluster_t* brokers = rd_kafka_mock_cluster_new(kafka, 1);
  rd_kafka_mock_topic_create(brokers, "telemetry", 1, 1);
  hub::routing::testing::NatsServer nats("");
  hub::routing::testing::Requester admin(nats, {}, nullptr);
  ASSERT_FALSE(
      admin
          .ask("$JS.API.STREAM.CREATE.T", R"({"name":"T","subjects":["plant.>"],"storage":"file"})")
          .contains("error"));
  start();
  make_hub();
  call("POST", "/hubs/plant-1/endpoints",
       {{"name", "bus"},
        {"type", "nats"},
        {"address", "localhost:" + std::to_string(nats.port())},
        {"topic", "plant.telemetry"},
        {"tls", false}});
  call("POST", "/hubs/plant-1/endpoints",
       {{"name", "log"},
        {"type", "kafka"},
        {"address", rd_kafka_mock_cluster_bootstraps(brokers)},
        {"topic", "telemetry"},
        {"tls", false}});
  for (const char* name : {"bus", "log"})
    call("POST", "/hubs/plant-1/routes", {{"name", name}, {"endpoint", name}});
  ASSERT_TRUE(send(hot(1)));
  for (const std::string name : {"bus", "log"}) {
    const auto delivered = [&] {
      return server_.call("GET", "/hubs/plant-1/endpoints/" + name).json.at("delivered").as_int64();
    };
    for (int i = 0; i < 600 && delivered() == 0; ++i) ::poll(nullptr, 0, 100);
    EXPECT_EQ(delivered(), 1) << name << server_.log();
  }
  EXPECT_EQ(admin.ask("$JS.API.STREAM.INFO.T", "{}").at("state").at("messages").as_int64(), 1);
  EXPECT_EQ(server_.end(SIGTERM), 0);
  rd_kafka_mock_cluster_destroy(brokers);
  rd_kafka_destroy(kafka);
}

TEST_F(MessageRouting, IsOffUnlessTheServerWasToldTo) {
  ASSERT_TRUE(server_.start());
  call("POST", "/tenants", {{"id", "acme"}});
  call("POST", "/hubs", {{"tenant", "acme"}, {"name", "plant-1"}});
  const auto refused =
      server_.call("POST", "/hubs/plant-1/endpoints",
                   R"({"name":"hook","type":"webhook","address":"https://127.0.0.1:1/"})");
  EXPECT_EQ(refused.status, 409);
}

}  // namespace
}  // namespace pavise::server
