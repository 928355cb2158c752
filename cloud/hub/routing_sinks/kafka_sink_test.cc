// Against the brokers that librdkafka itself plays, over sockets.
#include "cloud/hub/routing_sinks/kafka_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <map>
#include <mutex>

#include "cloud/hub/routing/errors.h"
#include "common/net/testing/loopback.h"

namespace pavise::hub::routing {
namespace {

using net::testing::LoopbackServer;
using net::testing::TestCa;
using ::testing::HasSubstr;

constexpr const char* kTopic = "plant.telemetry";
constexpr net::Millis kPatience{30'000};
constexpr std::int16_t kProduce = 0;  // the kind of request

struct Stored {
  std::string key;
  std::string value;
  std::map<std::string, std::string> headers;
};

// Three brokers with a topic of one partition.
class Brokers {
 public:
  Brokers()
      : handle_(rd_kafka_new(RD_KAFKA_PRODUCER, nullptr, nullptr, 0)),
        cluster_(rd_kafka_mock_cluster_new(handle_, 3)) {
    rd_kafka_mock_topic_create(cluster_, kTopic, 1, 3);
  }
  ~Brokers() {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(handle_);
  }
  Brokers(const Brokers&) = delete;
  Brokers& operator=(const Brokers&) = delete;

  std::string address() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
  void answer_next(std::vector<rd_kafka_resp_err_t> errors) {
    rd_kafka_mock_push_request_errors_array(cluster_, kProduce, errors.size(), errors.data());
  }
  void fall(bool down) {
    for (const std::int32_t broker : {1, 2, 3}) {
      if (down)
        rd_kafka_mock_broker_set_down(cluster_, broker);
      else
        rd_kafka_mock_broker_set_up(cluster_, broker);
    }
  }
  // What a consumer finds, until this many came.
  std::vector<Stored> read(std::size_t count) const;

 private:
  rd_kafka_t* handle_;
  rd_kafka_mock_cluster_t* cluster_;
};

std::vector<Stored> Brokers::read(std::size_t count) const {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", address().c_str(), nullptr, 0);
  rd_kafka_conf_set(conf, "group.id", "test", nullptr, 0);
  rd_kafka_t* consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0);
  rd_kafka_topic_partition_list_t* all = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(all, kTopic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
  rd_kafka_assign(consumer, all);
  rd_kafka_topic_partition_list_destroy(all);
  std::vector<Stored> out;
  const auto until = net::Deadline::after(kPatience);
  while (out.size() < count && !until.passed()) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer, 100);
    if (message == nullptr) continue;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      Stored stored{{static_cast<const char*>(message->key), message->key_len},
                    {static_cast<const char*>(message->payload), message->len},
                    {}};
      rd_kafka_headers_t* headers = nullptr;
      rd_kafka_message_headers(message, &headers);
      const char* name = nullptr;
      const void* value = nullptr;
      std::size_t size = 0;
      for (std::size_t i = 0;
           headers != nullptr && rd_kafka_header_get_all(headers, i, &name, &value, &size) == 0;
           ++i)
        stored.headers[name] = std::string(static_cast<const char*>(value), size);
      out.push_back(std::move(stored));
    }
    rd_kafka_message_destroy(message);
  }
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
  return out;
}

std::vector<Message> messages(std::size_t count, std::size_t first = 0) {
  std::vector<Message> out(count);
  for (std::size_t i = 0; i < count; ++i) {
    out[i].offset = first + i;
    out[i].time_ms = 1'700'000'000'000;
    out[i].hub = "plant-1";
    out[i].device = "d1";
    out[i].system = {{"content-type", "text/plain"}};
    out[i].application = {{"severity", "2"}};
    out[i].body = to_bytes(as_bytes("body " + std::to_string(first + i)));
    out[i].routes = {"all"};
  }
  return out;
}

store::RoutingEndpointRecord endpoint(std::string address) {
  return {.name = "log",
          .kind = store::EndpointKind::kafka,
          .address = std::move(address),
          .topic = kTopic,
          .tls = false};
}

TEST(Kafka, ATopicHasWhatWasDelivered) {
  const Brokers brokers;
  const auto sink = *make_kafka_sink(endpoint(brokers.address()), kPatience);
  const Outcome outcome = sink->deliver(messages(100));
  EXPECT_EQ(outcome.delivered, 100U);
  EXPECT_FALSE(outcome.error);
  const auto stored = brokers.read(100);
  ASSERT_EQ(stored.size(), 100U);
  for (std::size_t i = 0; i < stored.size(); ++i)
    EXPECT_EQ(stored[i].value, "body " + std::to_string(i)) << "in their order";
  EXPECT_EQ(stored[0].key, "d1");
  EXPECT_EQ(stored[0].headers.at("iothub-id"), "plant-1/0");
  EXPECT_EQ(stored[0].headers.at("iothub-route"), "all");
  EXPECT_EQ(stored[0].headers.at("iothub-content-type"), "text/plain");
  EXPECT_EQ(stored[0].headers.at("iothub-app-severity"), "2");
}

TEST(Kafka, WhatABrokerLostIsSentAgainAndStoredOnce) {
  Brokers brokers;
  const auto sink = *make_kafka_sink(endpoint(brokers.address()), kPatience);
  brokers.answer_next({RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR__TRANSPORT});
  EXPECT_EQ(sink->deliver(messages(5)).delivered, 5U);
  EXPECT_EQ(sink->deliver(messages(1, 5)).delivered, 1U);
  const auto stored = brokers.read(6);
  ASSERT_EQ(stored.size(), 6U);
  for (std::size_t i = 0; i < stored.size(); ++i)
    EXPECT_EQ(stored[i].value, "body " + std::to_string(i));
}

TEST(Kafka, BrokersThatAreGoneAreWaitedForOnlySoLong) {
  Brokers brokers;
  brokers.fall(true);
  const auto sink = *make_kafka_sink(endpoint(brokers.address()), net::Millis(1'500));
  const Outcome gone = sink->deliver(messages(2));
  EXPECT_EQ(gone.delivered, 0U);
  EXPECT_TRUE(gone.error->is(kKafkaSaid));
  EXPECT_FALSE(gone.refused) << "they may come back";
  brokers.fall(false);
  const auto until = net::Deadline::after(kPatience);
  std::size_t delivered = 0;
  while (delivered != 2 && !until.passed()) delivered = sink->deliver(messages(2)).delivered;
  EXPECT_EQ(delivered, 2U) << "the same sink goes on";
}

TEST(Kafka, AMessageThatIsTooLargeIsRefused) {
  const Brokers brokers;
  auto batch = messages(3);
  batch[1].body = Bytes(1'100'000, std::byte{'x'});
  const auto sink = *make_kafka_sink(endpoint(brokers.address()), kPatience);
  const Outcome outcome = sink->deliver(batch);
  EXPECT_EQ(outcome.delivered, 1U);
  EXPECT_TRUE(outcome.refused);
  EXPECT_TRUE(outcome.error->is(kKafkaRefused));
}

TEST(Kafka, OnlyBrokersThatAreTrustedGetAnything) {
  const TestCa ca;
  const TestCa stranger("Stranger");
  std::mutex mutex;
  std::size_t heard = 0;
  const auto listen = [&](SSL* ssl) {
    char buffer[4096];
    for (int size = 0; (size = SSL_read(ssl, buffer, sizeof buffer)) > 0;) {
      const std::lock_guard lock(mutex);
      heard += static_cast<std::size_t>(size);
    }
  };
  LoopbackServer server({.identity = ca.issue()}, listen);
  LoopbackServer misnamed({.identity = ca.issue({.subject_alt_name = "DNS:other.example"})},
                          listen);
  const auto said = [&](const TestCa& trusted, const LoopbackServer& broker) {
    auto record = endpoint("localhost:" + std::to_string(broker.port()));
    record.tls = true;
    // The second of two: all that are given count.
    record.ca_pem = TestCa("Unused").pem() + trusted.pem();
    const Outcome outcome = (*make_kafka_sink(record, net::Millis(2'000)))->deliver(messages(1));
    EXPECT_EQ(outcome.delivered, 0U);
    const std::lock_guard lock(mutex);
    return std::pair(heard, outcome.error->message());
  };
  // Each in as many tries as a slow machine needs.
  const auto until_said = [&](const TestCa& trusted, const LoopbackServer& broker) {
    const auto until = net::Deadline::after(kPatience);
    for (;;) {
      const auto now = said(trusted, broker);
      if (now.second.find("certificate") != std::string::npos || until.passed()) return now;
    }
  };
  EXPECT_THAT(until_said(stranger, server).second, HasSubstr("certificate")) << "says why";
  EXPECT_THAT(until_said(ca, misnamed).second, HasSubstr("certificate"));
  EXPECT_EQ(said(stranger, server).first, 0U);
  const auto until = net::Deadline::after(kPatience);
  std::size_t first_request = 0;
  while (first_request == 0 && !until.passed()) first_request = said(ca, server).first;
  EXPECT_GT(first_request, 0U) << "one that is trusted hears it";
}

TEST(Kafka, SettingsThatCannotBe) {
  auto record = endpoint("a:1");
  record.tls = true;
  record.ca_pem = "no certificate";
  const auto made = make_kafka_sink(record);
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().is(kKafkaSettings)) << made.error().message();
  EXPECT_TRUE(make_kafka_sink(endpoint("nothing")).error().is(kBadAddress));
}

}  // namespace
}  // namespace pavise::hub::routing
