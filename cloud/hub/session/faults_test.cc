// Faults that an MQTT client asks for (reference I).
#include "cloud/hub/session/testing/session_fixture.h"

namespace pavise::hub::testing {
namespace {

class MqttFaults : public SessionTest {
 protected:
  void SetUp() override { allow(true); }
  void allow(bool on) {
    port_.members.at(kId).may_ask_for_faults = on;
    restart();
    connect();
    out_.clear();
  }
  static std::string topic(std::string_view type, std::string_view more = {}) {
    return kEvents + "AzIoTHub_FaultOperationType=" + std::string(type) + std::string(more);
  }
  static constexpr std::string_view kIn2s =
      "&AzIoTHub_FaultOperationCloseReason=boom&AzIoTHub_FaultOperationDelayInSecs=2";
};

TEST_F(MqttFaults, AreOrdinaryTelemetryWhereTheHubIsNotSetToThem) {
  allow(false);
  publish(topic("KillTcp"), "x", 7);
  publish(topic("NoSuchThing"), "x", 8);
  session_->on_durable(2, out_);
  pass(10'000);
  EXPECT_EQ(sent(), (Lines{"PUBACK 7", "PUBACK 8"}));
  EXPECT_EQ(closed_code(), "open");
  EXPECT_EQ(port_.records.size(), 2U);
}

TEST_F(MqttFaults, StrikeAfterTheDelayWhenTheMessageIsAcknowledged) {
  for (const auto& [type, code] :
       {std::pair<std::string, std::string_view>{"KillTcp", "PV-FLT-004"},
        {"ShutDownMqtt", "PV-FLT-005"}}) {
    allow(true);
    port_.records.clear();
    publish(topic(type, kIn2s), "x", 7);
    session_->on_durable(1, out_);
    EXPECT_EQ(sent(), Lines{"PUBACK 7"}) << "else its client would send it again, for ever";
    EXPECT_EQ(session_->deadline_ms(), now_.steady_ms + 2'000);
    pass(1'999);
    EXPECT_EQ(closed_code(), "open");
    pass(1);
    EXPECT_EQ(closed_code(), "open") << "what was sent last still has to arrive";
    pass(kFaultRestMs);
    EXPECT_EQ(closed_code(), code);
    EXPECT_NE(session_->closed()->detail().find("boom"), std::string::npos);
  }
}

TEST_F(MqttFaults, WaitForTheDisk) {
  publish(topic("KillTcp"), "x", 7);
  for (int i = 0; i < 5; ++i) {
    pass(kFaultRestMs);
    EXPECT_GT(session_->deadline_ms(), now_.steady_ms);
  }
  EXPECT_EQ(closed_code(), "open");
  session_->on_durable(1, out_);
  pass(kFaultRestMs);
  pass(kFaultRestMs);
  EXPECT_EQ(closed_code(), "PV-FLT-004");
}

TEST_F(MqttFaults, RefuseTelemetryForTheirDuration) {
  const std::pair<const char*, std::string_view> kinds[] = {{"InvokeThrottling", "PV-FLT-007"},
                                                            {"InvokeMaxMessageQuota", "PV-FLT-008"},
                                                            {"InvokeAuthError", "PV-FLT-009"}};
  for (const auto& [type, code] : kinds) {
    constexpr std::string_view kTimes =
        "&AzIoTHub_FaultOperationDelayInSecs=1&AzIoTHub_FaultOperationDurationInSecs=5";
    allow(true);
    publish(topic(type, kTimes), "x", 7);
    publish(kEvents, "before", 8);
    EXPECT_EQ(closed_code(), "open");
    pass(6'000);
    publish(kEvents, "after", 9);
    EXPECT_EQ(closed_code(), "open");

    allow(true);
    publish(topic(type, kTimes), "x", 7);
    pass(5'999);
    publish(kEvents, "during", 8);
    EXPECT_EQ(closed_code(), code);
  }
}

TEST_F(MqttFaults, UnknownOnesAreRefused) {
  const std::pair<std::string, std::string_view> wrong[] = {
      {topic("NoSuchThing"), "PV-FLT-001"},
      {topic("KillTcp", "&AzIoTHub_FaultOperationDelayInSecs=301"), "PV-FLT-002"},
      {topic("KillAmqpD2CLink"), "PV-FLT-003"}};
  for (const auto& [name, code] : wrong) {
    allow(true);
    port_.records.clear();
    publish(name, "x", 7);
    EXPECT_EQ(closed_code(), code);
    EXPECT_TRUE(port_.records.empty());
  }
}

}  // namespace
}  // namespace pavise::hub::testing
