#include "cloud/hub/transport/metrics.h"

#include <gtest/gtest.h>

#include <numeric>

#include "cloud/hub/session/close_reasons.h"
#include "cloud/hub/transport/testing/hub_fixture.h"

namespace pavise::hub {
namespace {

using testing::test_hub;
using testing::TestClient;

using Activities = std::map<std::string, HubActivity, std::less<>>;

iothub::HubName hub_named(const std::string& name) {
  return *iothub::HubName::parse(name);
}

TEST(HubCountersMap, CountsHubsApartUpToTheirNumber) {
  HubCountersMap map;
  for (std::size_t i = 0; i < kHubsCountedMax; ++i)
    EXPECT_NE(&map.of(hub_named("hub-" + std::to_string(i))), &map.of_none());
  EXPECT_EQ(&map.of(hub_named("one-more")), &map.of_none());
  map.of(hub_named("hub-7")).messages_in.add(3);
  Activities sums;
  map.add_to(sums);
  map.add_to(sums);  // as of a second worker
  EXPECT_EQ(sums.size(), kHubsCountedMax + 1);
  EXPECT_EQ(sums.at("hub-7").messages_in, 6U);
}

TEST(OperationCounters, KeepsTheSlowestOfTheLastMinutes) {
  OperationCounters counters;
  const auto note = [&](std::uint64_t us, UnixMillis at_ms) {
    counters.note(test_hub(), {.device = "d", .name = "reboot", .us = us, .at_ms = at_ms});
  };
  for (std::uint64_t i = 1; i <= OperationCounters::kSlowestMax + 5; ++i) note(i * 100, 1'000);
  Activities sums;
  counters.add_to(sums, 1'000);
  const auto& slowest = sums.at("plant-1").slowest;
  ASSERT_EQ(slowest.size(), OperationCounters::kSlowestMax);
  EXPECT_EQ(slowest.front().us, 1'500U);
  EXPECT_EQ(slowest.back().us, 600U);

  note(50, 1'001 + OperationCounters::kSlowestKeptMs);
  sums.clear();
  counters.add_to(sums, 1'001 + OperationCounters::kSlowestKeptMs);
  ASSERT_EQ(sums.at("plant-1").slowest.size(), 1U) << "the old ones are forgotten";
  EXPECT_EQ(sums.at("plant-1").slowest.front().us, 50U);
}

class HubActivityTest : public testing::HubFixture {};

TEST_F(HubActivityTest, CountsConnectionsMessagesAndRefusalsOfItsHub) {
  start();
  const Device device = make_device('a');
  {
    TestClient client(device.context, hub_->port());
    ASSERT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::accepted);
    ASSERT_TRUE(client.send(mqtt::Publish{.topic = device.events,
                                          .payload = as_bytes("12345"),
                                          .qos = mqtt::QoS::at_least_once,
                                          .packet_id = 1}));
    ASSERT_TRUE(client.receive());
    const HubActivity now = hub_->activity().at("plant-1");
    EXPECT_EQ(now.connections[0], 1U);
    EXPECT_EQ(now.messages_in, 1U);
    EXPECT_EQ(now.bytes_in, 5U);
    ASSERT_TRUE(client.send(mqtt::Disconnect{}));
    ASSERT_TRUE(closed_with(kClientDisconnected));
  }
  TestClient stranger(device.context, hub_->port());
  ASSERT_NE(stranger.connect(std::string(64, 'b')), mqtt::ConnectCode::accepted);
  ASSERT_TRUE(closed_with(kClientIdMismatch));
  const HubActivity then = hub_->activity().at("plant-1");
  EXPECT_EQ(then.connections[0], 0U);
  EXPECT_EQ(then.connects[0], 1U);
  ASSERT_EQ(then.refused.size(), 1U);
  EXPECT_EQ(then.refused.front().info->code, kClientIdMismatch.code);
  ASSERT_EQ(then.closed.size(), 1U);
  EXPECT_EQ(then.closed.front().info->code, kClientDisconnected.code);
  const HubMetrics metrics = hub_->metrics();
  EXPECT_EQ(metrics.durable_us.counts.size(), metrics::kLatencyBoundsUs.size() + 1);
  EXPECT_GT(metrics.received_bytes, 5U);
  EXPECT_GT(metrics.sent_bytes, 5U);
  EXPECT_EQ(metrics.worker_busy_us.size(), 2U);
}

TEST_F(HubActivityTest, CountsMethodsAndTwinRequestsByOutcome) {
  start();
  const Device device = make_device('a');
  TestClient client(device.context, hub_->port());
  ASSERT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::accepted);
  ASSERT_TRUE(subscribe(client, "$iothub/twin/res/#"));
  ASSERT_TRUE(client.send(mqtt::Publish{.topic = "$iothub/twin/GET/?$rid=1"}));
  ASSERT_TRUE(client.receive());
  std::optional<Error> outcome;
  hub_->invoke_method({.identity = device.in_hub, .name = "reboot", .payload_json = {}},
                      [&](Result<MethodReply> reply) { outcome = reply.error(); });
  ASSERT_TRUE(outcome && outcome->is(kDeviceNotListening));
  const HubActivity now = hub_->activity().at("plant-1");
  const OperationCounts& gets = now.operations[static_cast<std::size_t>(Operation::twin_get)];
  EXPECT_EQ(std::accumulate(gets.latency.counts.begin(), gets.latency.counts.end(), 0U), 1U);
  EXPECT_TRUE(gets.failures.empty());
  const OperationCounts& calls = now.operations[static_cast<std::size_t>(Operation::method)];
  ASSERT_EQ(calls.failures.size(), 1U);
  EXPECT_EQ(calls.failures.front().info->code, kDeviceNotListening.code);
  ASSERT_EQ(now.slowest.size(), 2U);
  for (const SlowOperation& each : now.slowest) EXPECT_EQ(each.device, device.id.text());
}

TEST_F(HubActivityTest, AHubHasNothingOfAnEarlierOneOfItsName) {
  start();
  const Device device = make_device('a');
  TestClient client(device.context, hub_->port());
  ASSERT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::accepted);
  const auto act = [&](std::uint16_t packet_id) {
    ASSERT_TRUE(client.send(mqtt::Publish{.topic = device.events,
                                          .payload = as_bytes("12345"),
                                          .qos = mqtt::QoS::at_least_once,
                                          .packet_id = packet_id}));
    ASSERT_TRUE(client.receive());
    hub_->invoke_method({.identity = device.in_hub, .name = "reboot", .payload_json = {}},
                        [](const Result<MethodReply>&) {});
    const iothub::HubName name = test_hub();
    hub_->count_refused_call(&name, kClientIdMismatch);
  };
  act(1);
  act(2);
  const auto method = static_cast<std::size_t>(Operation::method);
  ASSERT_EQ(hub_->activity().at("plant-1").slowest.size(), 2U);

  hub_->count_anew(test_hub());
  const HubActivity none = hub_->activity().at("plant-1");
  EXPECT_EQ(none.connections[0], 1U) << "what is now";
  EXPECT_EQ(none.connects[0], 0U);
  EXPECT_EQ(none.messages_in + none.bytes_in, 0U);
  EXPECT_TRUE(none.slowest.empty()) << "no device's name";
  EXPECT_TRUE(none.calls_refused.empty());
  EXPECT_TRUE(none.operations[method].failures.empty());
  EXPECT_EQ(none.operations[method].latency.sum, 0U);

  act(3);
  const HubActivity own = hub_->activity().at("plant-1");
  EXPECT_EQ(own.messages_in, 1U);
  EXPECT_EQ(own.bytes_in, 5U);
  ASSERT_EQ(own.slowest.size(), 1U);
  ASSERT_EQ(own.calls_refused.size(), 1U);
  EXPECT_EQ(own.calls_refused.front().count, 1U);
  ASSERT_EQ(own.operations[method].failures.size(), 1U);
  EXPECT_EQ(own.operations[method].failures.front().count, 1U);
}

}  // namespace
}  // namespace pavise::hub
