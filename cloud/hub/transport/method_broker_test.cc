#include "cloud/hub/transport/method_broker.h"

#include <gtest/gtest.h>

#include "cloud/hub/session/close_reasons.h"

namespace pavise::hub {
namespace {

class ManualClock final : public Clock {
 public:
  UnixMillis now_ms() const override { return steady; }
  std::int64_t steady_ms() const override { return steady; }
  std::int64_t steady = 1'000;
};

const iothub::Identity kDevice = *iothub::Identity::make(*iothub::HubName::parse("plant-1"), "dev");
constexpr ConnectionRef kHere{0, 1, 1};
constexpr ConnectionRef kElsewhere{0, 2, 1};

class MethodBrokerTest : public ::testing::Test {
 protected:
  void listen(ConnectionRef connection = kHere) {
    table_.attach(kDevice, connection, kAllChannels, {});
    broker_.on_listening(kDevice, connection);
  }
  void invoke(std::int64_t connect_ms = 0, std::int64_t response_ms = 100) {
    broker_.invoke(
        {kDevice, "reboot", "{}", connect_ms, response_ms}, [this](Result<MethodReply> reply) {
          outcomes_.push_back(reply ? reply->payload_json : std::string(reply.error().code()));
        });
  }

  ManualClock clock_;
  ConnectionTable table_;
  std::vector<std::pair<ConnectionRef, MethodCalled>> sent_;
  MethodBroker broker_{clock_, table_, [this](ConnectionRef to, MethodCalled event) {
                         sent_.emplace_back(to, std::move(event));
                       }};
  std::vector<std::string> outcomes_;
};

using Outcomes = std::vector<std::string>;

TEST_F(MethodBrokerTest, CallAndAnswer) {
  listen();
  invoke();
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_[0].first, kHere);
  EXPECT_EQ(sent_[0].second.name, "reboot");
  broker_.answer(sent_[0].second.call, kHere, MethodReply{200, "1"});
  broker_.answer(sent_[0].second.call, kHere, MethodReply{200, "2"});
  EXPECT_EQ(outcomes_, Outcomes{"1"}) << "once";
  EXPECT_EQ(broker_.expire(), INT64_MAX);
}

TEST_F(MethodBrokerTest, OnlyTheCalledConnectionAnswers) {
  listen();
  invoke();
  broker_.answer(sent_[0].second.call, kElsewhere, MethodReply{200, "forged"});
  EXPECT_TRUE(outcomes_.empty());
  broker_.answer(sent_[0].second.call + 1, kHere, MethodReply{200, "unknown"});
  EXPECT_TRUE(outcomes_.empty());
}

TEST_F(MethodBrokerTest, AnAbsentDeviceIsNotWaitedForUnlessAsked) {
  invoke();
  EXPECT_EQ(outcomes_, Outcomes{std::string(kDeviceNotListening.code)});
  invoke(50);
  EXPECT_EQ(outcomes_.size(), 1U);
  listen();
  ASSERT_EQ(sent_.size(), 1U);
  broker_.answer(sent_[0].second.call, kHere, MethodReply{200, "late but here"});
  EXPECT_EQ(outcomes_.back(), "late but here");
}

TEST_F(MethodBrokerTest, BothTimeoutsEnd) {
  invoke(50);
  EXPECT_EQ(broker_.expire(), 1'050);
  clock_.steady = 1'049;
  EXPECT_EQ(broker_.expire(), 1'050);
  clock_.steady = 1'050;
  EXPECT_EQ(broker_.expire(), INT64_MAX);
  EXPECT_EQ(outcomes_, Outcomes{std::string(kDeviceNotListening.code)});
  invoke(50);
  clock_.steady = 1'060;
  listen();  // the response time begins now
  EXPECT_EQ(broker_.expire(), 1'160);
  clock_.steady = 1'160;
  broker_.expire();
  EXPECT_EQ(outcomes_.back(), kMethodTimedOut.code);
  broker_.answer(sent_[0].second.call, kHere, MethodReply{200, "too late"});
  EXPECT_EQ(outcomes_.size(), 2U);
}

TEST_F(MethodBrokerTest, TimeoutsAreCapped) {
  listen();
  invoke(0, INT64_MAX);
  EXPECT_EQ(broker_.expire(), 1'000 + kMethodTimeoutMaxMs);
}

TEST_F(MethodBrokerTest, AConnectionThatEndsEndsItsCalls) {
  listen();
  invoke();
  broker_.on_connection_ended(kElsewhere);
  EXPECT_TRUE(outcomes_.empty());
  broker_.on_connection_ended(kHere);
  EXPECT_EQ(outcomes_, Outcomes{std::string(kDeviceWentAway.code)});
}

TEST_F(MethodBrokerTest, ADeviceThatLeavesItsConnectionEndsItsOwnCalls) {
  listen();
  invoke();
  const auto other = *iothub::Identity::make(kDevice.hub(), "another");
  broker_.on_connection_ended(kHere, &other);
  EXPECT_TRUE(outcomes_.empty());
  broker_.on_connection_ended(kHere, &kDevice);
  EXPECT_EQ(outcomes_, Outcomes{std::string(kDeviceWentAway.code)});
}

TEST_F(MethodBrokerTest, PayloadLimitBothWays) {
  listen();
  const auto call_with = [this](std::size_t size) {
    broker_.invoke({kDevice, "m", std::string(size, 'x')},
                   [this](const Result<MethodReply>& reply) {
                     outcomes_.push_back(reply ? "good" : std::string(reply.error().code()));
                   });
  };
  call_with(kMethodPayloadMax + 1);
  EXPECT_EQ(outcomes_, Outcomes{std::string(kMethodPayloadTooLarge.code)});
  call_with(kMethodPayloadMax);
  call_with(kMethodPayloadMax);
  ASSERT_EQ(sent_.size(), 2U);
  broker_.answer(sent_[0].second.call, kHere,
                 MethodReply{200, std::string(kMethodPayloadMax, 'y')});
  EXPECT_EQ(outcomes_.back(), "good");
  broker_.answer(sent_[1].second.call, kHere,
                 MethodReply{200, std::string(kMethodPayloadMax + 1, 'y')});
  EXPECT_EQ(outcomes_.back(), kMethodPayloadTooLarge.code);
}

TEST_F(MethodBrokerTest, NumberOfCallsUnderWay) {
  listen();
  for (std::size_t i = 0; i < kMethodCallsUnderWayMax; ++i) invoke();
  EXPECT_TRUE(outcomes_.empty());
  invoke();
  EXPECT_EQ(outcomes_, Outcomes{std::string(kTooManyMethodCalls.code)});
  broker_.end_all(Error(kHubStopped));
  EXPECT_EQ(outcomes_.size(), kMethodCallsUnderWayMax + 1);
  EXPECT_EQ(outcomes_.back(), kHubStopped.code);
  invoke();
  EXPECT_EQ(outcomes_.size(), kMethodCallsUnderWayMax + 2) << "and refuses later ones";
}

TEST_F(MethodBrokerTest, AnEarlierDeadlineWakesItsKeeper) {
  int woken = 0;
  MethodBroker broker(clock_, table_, [](ConnectionRef, const MethodCalled&) {}, [&] { ++woken; });
  const auto invoke = [&](std::int64_t connect_ms, std::int64_t response_ms) {
    broker.invoke({kDevice, "m", {}, connect_ms, response_ms}, [](const Result<MethodReply>&) {});
  };
  invoke(500, 10);
  EXPECT_EQ(woken, 1);
  invoke(900, 10);
  EXPECT_EQ(woken, 1);
  table_.attach(kDevice, kHere, kAllChannels, {});
  broker.on_listening(kDevice, kHere);
  EXPECT_EQ(woken, 2) << "the response time is shorter";
}

}  // namespace
}  // namespace pavise::hub
