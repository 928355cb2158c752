// What reaches a device from the service's side: twin changes, method calls, messages.
#include <gtest/gtest.h>

#include <future>

#include "cloud/hub/transport/testing/hub_fixture.h"

namespace pavise::hub {
namespace {

using testing::TestClient;

class DownstreamHubTest : public testing::HubFixture {
 protected:
  void SetUp() override {
    start();
    device_.emplace(make_device('a'));
  }
  std::unique_ptr<TestClient> connected(bool clean = true) {
    auto client = std::make_unique<TestClient>(device_->context, hub_->port());
    EXPECT_EQ(client->connect(device_->id.text(), clean), mqtt::ConnectCode::accepted);
    return client;
  }
  std::future<Result<MethodReply>> invoke(std::int64_t connect_timeout_ms = 0,
                                          std::int64_t response_timeout_ms = 30'000) {
    auto promise = std::make_shared<std::promise<Result<MethodReply>>>();
    auto reply = promise->get_future();
    hub_->invoke_method(
        {device_->in_hub, "reboot", "{}", connect_timeout_ms, response_timeout_ms},
        [promise](Result<MethodReply> answer) { promise->set_value(std::move(answer)); });
    return reply;
  }
  // Takes a method call and answers it.
  void serve_one_call(TestClient& client) {
    const auto packet = client.receive();
    ASSERT_TRUE(packet && std::holds_alternative<mqtt::Publish>(*packet));
    const std::string topic(std::get<mqtt::Publish>(*packet).topic);
    const std::string answer = "$iothub/methods/res/200/" + topic.substr(topic.find("?$rid="));
    ASSERT_TRUE(client.send(mqtt::Publish{.topic = answer, .payload = as_bytes(R"("done")")}));
  }
  std::optional<Device> device_;
};

TEST_F(DownstreamHubTest, TwinRoundTripAndDesiredNotification) {
  const auto client = connected();
  ASSERT_TRUE(subscribe(*client, iothub::kTwinResponseFilter));
  ASSERT_TRUE(subscribe(*client, iothub::kDesiredPatchFilter));
  const std::string patch = iothub::reported_patch_topic("1");
  ASSERT_TRUE(client->send(mqtt::Publish{.topic = patch, .payload = as_bytes(R"({"up":1})")}));
  EXPECT_EQ(publish_text(*client), "$iothub/twin/res/204/?$rid=1&$version=2 ");
  EXPECT_EQ(merge_desired(*device_, R"({"interval":5})"), 2U);
  EXPECT_EQ(publish_text(*client),
            "$iothub/twin/PATCH/properties/desired/?$version=2 {\"interval\":5,\"$version\":2}");
  const std::string get = iothub::twin_get_topic("2");
  ASSERT_TRUE(client->send(mqtt::Publish{.topic = get}));
  EXPECT_EQ(publish_text(*client),
            "$iothub/twin/res/200/?$rid=2 " + data_.twin_json(device_->in_hub));
  data_.set_full(true);
  ASSERT_TRUE(client->send(mqtt::Publish{.topic = patch, .payload = as_bytes(R"({"up":2})")}));
  EXPECT_TRUE(
      publish_text(*client).starts_with("$iothub/twin/res/503/?$rid=1 {\"errorCode\":503001"));
}

TEST_F(DownstreamHubTest, AnAttestedDeviceGetsItsEntry) {
  const auto client = connected();
  EXPECT_EQ(data_.ensured(), std::vector{device_->in_hub});
}

TEST_F(DownstreamHubTest, MethodCallAndAnswer) {
  EXPECT_TRUE(invoke().get().error().is(kDeviceNotListening)) << "not connected";
  const auto client = connected();
  EXPECT_TRUE(invoke().get().error().is(kDeviceNotListening)) << "not subscribed";
  ASSERT_TRUE(subscribe(*client, iothub::kMethodFilter));
  auto reply = invoke();
  serve_one_call(*client);
  const auto answer = reply.get();
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->payload_json, R"("done")");
}

TEST_F(DownstreamHubTest, ACallMayWaitForItsDevice) {
  auto reply = invoke(30'000);
  const auto client = connected();
  ASSERT_TRUE(subscribe(*client, iothub::kMethodFilter));
  serve_one_call(*client);
  EXPECT_TRUE(reply.get());
}

TEST_F(DownstreamHubTest, CallsEndByTimeAndWithTheConnection) {
  EXPECT_TRUE(invoke(1).get().error().is(kDeviceNotListening));
  auto client = connected();
  ASSERT_TRUE(subscribe(*client, iothub::kMethodFilter));
  EXPECT_TRUE(invoke(0, 1).get().error().is(kMethodTimedOut));
  auto reply = invoke();
  client.reset();
  EXPECT_TRUE(reply.get().error().is(kDeviceWentAway));
  client = connected();
  ASSERT_TRUE(subscribe(*client, iothub::kMethodFilter));
  auto last = invoke();
  hub_->stop();
  EXPECT_FALSE(last.get());
  EXPECT_TRUE(invoke().get().error().is(kHubStopped));
}

TEST_F(DownstreamHubTest, MessagesAreDeliveredOnceAndKeptUntilAcknowledged) {
  data_.enqueue(device_->in_hub, "one");
  data_.enqueue(device_->in_hub, "two");
  const std::string filter = iothub::messages_filter(device_->id.text());
  const std::string topic = "devices/" + device_->id.text() + "/messages/devicebound/%24.mid=1 ";
  const auto subscribe_at_least_once = [&](TestClient& client) {
    ASSERT_TRUE(client.send(mqtt::Subscribe{1, {{filter, mqtt::QoS::at_least_once}}}));
    ASSERT_TRUE(client.receive());
  };
  {
    const auto client = connected(false);
    subscribe_at_least_once(*client);
    EXPECT_EQ(publish_text(*client), topic + "one");
    EXPECT_EQ(publish_text(*client), topic + "two");
    ASSERT_TRUE(client->send(mqtt::PubAck{1}));
    ASSERT_TRUE(client->send(mqtt::PingReq{}));
    ASSERT_TRUE(client->receive());  // so the PUBACK was handled
  }
  ASSERT_TRUE(closed_with(kPeerClosed));
  while (data_.waiting(device_->in_hub) != 1) std::this_thread::yield();
  // The persistent session gets the other one again, without subscribing.
  const auto client = connected(false);
  EXPECT_EQ(publish_text(*client), topic + "two");
  ASSERT_TRUE(client->send(mqtt::PubAck{1}));
  while (data_.waiting(device_->in_hub) != 0) std::this_thread::yield();
  data_.enqueue(device_->in_hub, "three");
  hub_->message_waiting(device_->in_hub);
  EXPECT_EQ(publish_text(*client), topic + "three");
}

// The official Python client subscribes once in its life.
TEST_F(DownstreamHubTest, APersistentSessionOutlivesTheServer) {
  {
    const auto client = connected(false);
    ASSERT_TRUE(subscribe(*client, iothub::kDesiredPatchFilter));
  }
  ASSERT_TRUE(closed_with(kPeerClosed));
  EXPECT_EQ(data_.keepings(), 1U);
  for (int restarts = 0; restarts < 2; ++restarts) {
    hub_.reset();
    log_.reset();
    start();
    const auto client = connected(false);
    merge_desired(*device_, R"({"a":1})");
    EXPECT_TRUE(publish_text(*client).starts_with("$iothub/twin/PATCH/properties/desired/"));
  }
  EXPECT_EQ(data_.keepings(), 1U) << "nothing has changed";
  hub_.reset();
  log_.reset();
  start();
  ASSERT_TRUE(connected(true));  // ends it
  EXPECT_EQ(data_.keepings(), 2U);
}

TEST_F(DownstreamHubTest, ForgetEndsThePersistentSession) {
  {
    const auto client = connected(false);
    ASSERT_TRUE(subscribe(*client, iothub::kDesiredPatchFilter));
  }
  ASSERT_TRUE(closed_with(kPeerClosed));
  hub_->forget(device_->in_hub);
  const auto client = connected(false);
  merge_desired(*device_, R"({"a":1})");
  ASSERT_TRUE(client->send(mqtt::PingReq{}));
  const auto packet = client->receive();
  EXPECT_TRUE(packet && std::holds_alternative<mqtt::PingResp>(*packet)) << "no notification";
}

}  // namespace
}  // namespace pavise::hub
