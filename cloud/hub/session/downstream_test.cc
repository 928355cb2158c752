#include <gtest/gtest.h>

#include "cloud/hub/session/testing/session_fixture.h"

namespace pavise::hub {
namespace {

using testing::SessionTest;
using namespace testing::session;

// --- Methods -------------------------------------------------------------------------------------

class DownstreamTest : public SessionTest {
 protected:
  DownstreamTest() { connect(); }
  static iothub::Identity identity() {
    return *iothub::Identity::make(*iothub::HubName::parse("plant-1"), kId);
  }
  void call(std::uint64_t number) { hear(MethodCalled{identity(), number, "reboot", "{}"}); }
  void offer(Token token, std::string lock_token, std::uint32_t delivery_count = 0) {
    hear(MessageOffered{
        token, std::optional(DeviceMessage{std::move(lock_token), 1, 0, delivery_count, "a=1",
                                           to_bytes(as_bytes("hi"))})});
  }
  void offer_nothing(Token token) { hear(MessageOffered{token, std::optional<DeviceMessage>{}}); }
  std::string messages_ = iothub::messages_filter(kId);
  std::string message_line_ = "devices/" + kId + "/messages/devicebound/a=1 hi";
};

TEST_F(DownstreamTest, MethodCallAndAnswer) {
  subscribe(iothub::kMethodFilter);
  call(7);
  EXPECT_EQ(sent(), Lines{"$iothub/methods/POST/reboot/?$rid=7 {}"});
  publish("$iothub/methods/res/202/?$rid=7", R"({"done":true})");
  ASSERT_EQ(port_.method_answers.size(), 1U);
  EXPECT_EQ(port_.method_answers[0].first, 7U);
  EXPECT_EQ(port_.method_answers[0].second->status, 202);
  EXPECT_EQ(port_.method_answers[0].second->payload_json, R"({"done":true})");
  publish("$iothub/methods/res/200/?$rid=7", "twice");
  EXPECT_EQ(port_.method_answers.size(), 1U);
  EXPECT_EQ(closed_code(), "open");
}

TEST_F(DownstreamTest, AnswersToCallsOfOthersAreIgnored) {
  subscribe(iothub::kMethodFilter);
  call(7);
  for (const std::string_view rid : {"8", "-7", "7x", "", "99999999999999999999"}) {
    const std::string topic = "$iothub/methods/res/200/?$rid=" + std::string(rid);
    if (rid.empty()) continue;
    publish(topic, "{}");
  }
  EXPECT_TRUE(port_.method_answers.empty());
  EXPECT_EQ(closed_code(), "open");
}

TEST_F(DownstreamTest, AnEmptyAnswerIsNull) {
  subscribe(iothub::kMethodFilter);
  call(7);
  publish("$iothub/methods/res/200/?$rid=7", "");
  EXPECT_EQ(port_.method_answers[0].second->payload_json, "null");
}

TEST_F(DownstreamTest, WithoutSubscriptionTheCallIsRefused) {
  out_.clear();
  call(7);
  EXPECT_TRUE(sent().empty());
  ASSERT_EQ(port_.method_answers.size(), 1U);
  EXPECT_TRUE(port_.method_answers[0].second.error().is(kDeviceNotListening));
}

TEST_F(DownstreamTest, RemembersALimitedNumberOfCalls) {
  subscribe(iothub::kMethodFilter);
  for (std::uint64_t number = 1; number <= kMethodCallsMax + 1; ++number) call(number);
  publish("$iothub/methods/res/200/?$rid=1", "{}");
  EXPECT_TRUE(port_.method_answers.empty()) << "the oldest has timed out long ago";
  publish("$iothub/methods/res/200/?$rid=2", "{}");
  EXPECT_EQ(port_.method_answers.size(), 1U);
}

// --- Messages to the device ----------------------------------------------------------------------

TEST_F(DownstreamTest, PubackCompletesAMessage) {
  subscribe(messages_);
  ASSERT_EQ(port_.asked_messages.size(), 1U);
  offer(port_.asked_messages[0], "lock-1");
  EXPECT_EQ(sent(), Lines{message_line_});
  EXPECT_TRUE(port_.settled.empty()) << "not before the device has it";
  feed(mqtt::PubAck{2});
  EXPECT_TRUE(port_.settled.empty()) << "another packet's";
  feed(mqtt::PubAck{1});
  EXPECT_EQ(port_.settled,
            (std::vector<testing::RecordingPort::Settled>{{"lock-1", Settlement::complete}}));
}

TEST_F(DownstreamTest, AtQoS0AMessageIsCompleteWhenSent) {
  feed(mqtt::Subscribe{1, {{messages_, mqtt::QoS::at_most_once}}});
  out_.clear();
  offer(port_.asked_messages[0], "lock-1");
  EXPECT_EQ(sent(), Lines{message_line_});
  EXPECT_EQ(port_.settled,
            (std::vector<testing::RecordingPort::Settled>{{"lock-1", Settlement::complete}}));
}

TEST_F(DownstreamTest, PropertiesLongerThanATopicCostTheMessageOnly) {
  subscribe(messages_);
  const auto offer_with = [&](std::size_t size, std::string lock) {
    const Token token = port_.asked_messages.back();
    hear(MessageOffered{token, std::optional(DeviceMessage{std::move(lock), 1, 0, 0,
                                                           std::string(size, 'a'), Bytes{}})});
  };
  const std::size_t room = 65'535 - iothub::message_topic(iothub::identity_root(kId), "").size();
  offer_with(room + 1, "long");
  EXPECT_EQ(sent(), Lines{});
  EXPECT_EQ(port_.settled,
            (std::vector<testing::RecordingPort::Settled>{{"long", Settlement::reject}}));
  offer_with(room, "fits");
  EXPECT_EQ(sent().size(), 1U);
  EXPECT_EQ(port_.settled.size(), 1U);
  EXPECT_EQ(closed_code(), "open");
}

TEST_F(DownstreamTest, MessagesWaitWhileTheClientDoesNotRead) {
  subscribe(messages_);
  session_->set_output_blocked(true, out_);
  offer(port_.asked_messages[0], "lock-1");
  EXPECT_EQ(port_.asked_messages.size(), 1U) << "the next one has to wait";
  session_->set_output_blocked(false, out_);
  EXPECT_EQ(port_.asked_messages.size(), 2U);
}

TEST_F(DownstreamTest, AStoreThatWasTooBusyIsAskedAgain) {
  subscribe(messages_);
  constexpr ErrorInfo kBusy{"PV-TST-001", Retry::later, "busy", "wait"};
  hear(MessageOffered{port_.asked_messages[0], Error(kBusy)});
  EXPECT_EQ(port_.asked_messages.size(), 1U);
  EXPECT_EQ(session_->deadline_ms(), now_.steady_ms + kAskAgainMs);
  pass(kAskAgainMs);
  ASSERT_EQ(port_.asked_messages.size(), 2U);
  constexpr ErrorInfo kGone{"PV-TST-002", Retry::never, "gone", "none"};
  hear(MessageOffered{port_.asked_messages[1], Error(kGone)});
  pass(kAskAgainMs);
  EXPECT_EQ(port_.asked_messages.size(), 2U);
}

TEST_F(DownstreamTest, AsksOneAtATimeAndAgainWhenOneWaits) {
  subscribe(messages_);
  offer_nothing(port_.asked_messages[0]);
  EXPECT_EQ(port_.asked_messages.size(), 1U) << "no polling";
  hear(MessageWaiting{identity()});
  hear(MessageWaiting{identity()});
  EXPECT_EQ(port_.asked_messages.size(), 2U);
}

TEST_F(DownstreamTest, StopsAskingAtTheInFlightLimit) {
  subscribe(messages_);
  for (std::size_t i = 0; i < kMessagesInFlightMax; ++i) {
    ASSERT_EQ(port_.asked_messages.size(), i + 1);
    offer(port_.asked_messages[i], "lock-" + std::to_string(i));
  }
  hear(MessageWaiting{identity()});
  EXPECT_EQ(port_.asked_messages.size(), kMessagesInFlightMax);
  feed(mqtt::PubAck{1});
  EXPECT_EQ(port_.asked_messages.size(), kMessagesInFlightMax + 1);
}

TEST_F(DownstreamTest, AMessageThatArrivesAfterUnsubscribeGoesBack) {
  subscribe(messages_);
  feed(mqtt::Unsubscribe{2, {messages_}});
  out_.clear();
  offer(port_.asked_messages[0], "lock-1");
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(port_.settled,
            (std::vector<testing::RecordingPort::Settled>{{"lock-1", Settlement::abandon}}));
}

TEST_F(DownstreamTest, APersistentSessionGetsItsMessagesWithoutSubscribingAgain) {
  restart();
  connect(false);
  subscribe(messages_);
  restart();
  port_.asked_messages.clear();
  connect(false);
  EXPECT_EQ(sent(), Lines{"CONNACK 0 present"});
  ASSERT_EQ(port_.asked_messages.size(), 1U);
  offer(port_.asked_messages[0], "lock-1", 1);
  EXPECT_EQ(sent(), Lines{message_line_});
  feed(mqtt::PubAck{1});
  EXPECT_EQ(port_.settled.size(), 1U) << "the granted quality of service was kept, too";
}

TEST_F(DownstreamTest, ALostChannelEndsTheSession) {
  hear(ChannelLost{identity(), Error(kSuperseded)});
  EXPECT_EQ(closed_code(), kSuperseded.code);
}

}  // namespace
}  // namespace pavise::hub
