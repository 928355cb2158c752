// Faults that devices ask for over AMQP (reference I).
#include "cloud/hub/amqp/testing/session_fixture.h"

namespace pavise::hub::testing {
namespace {

using amqp::Value;

const std::string kDev = "/devices/dev";
const std::string kEvents = kDev + "/messages/events";

class AmqpFaults : public AmqpSessionTest {
 protected:
  void SetUp() override {
    hub_.allow_faults = true;
    be_device();
    events_ = &send_link(kEvents);
  }
  static amqp::Message asking(std::string_view type, int delay_s = 0, int duration_s = 0) {
    amqp::Message out = data("x");
    out.application_properties = {
        {Value("AzIoTHub_FaultOperationType"), Value(type)},
        {Value("AzIoTHub_FaultOperationCloseReason"), Value("boom")},
        {Value("AzIoTHub_FaultOperationDelayInSecs"), Value(std::int32_t{delay_s})},
        {Value("AzIoTHub_FaultOperationDurationInSecs"), Value(std::int32_t{duration_s})}};
    return out;
  }
  // Sends, acknowledges, and lets the time pass that is asked for.
  void ask(std::string_view type) {
    const auto id = send(*events_, asking(type, 2));
    durable(hub_.records.size());
    EXPECT_EQ(events_->outcomes.at(id), "accepted");
    pass(1'999);
    EXPECT_EQ(closed(), "open");
    EXPECT_FALSE(events_->detached);
    pass(1);
    pass(kFaultRestMs);
  }
  ClientLink* events_ = nullptr;
};

TEST_F(AmqpFaults, AreOrdinaryTelemetryWhereTheHubIsNotSetToThem) {
  hub_.allow_faults = false;
  be_device("other");
  ClientLink& link = send_link("/devices/other/messages/events");
  const auto id = send(link, asking("KillTcp"));
  durable(hub_.records.size());
  pass(10'000);
  pass(10'000);
  EXPECT_EQ(link.outcomes.at(id), "accepted");
  EXPECT_EQ(closed(), "open");
}

TEST_F(AmqpFaults, EndTheConnection) {
  ask("KillAmqpConnection");
  EXPECT_EQ(closed(), "PV-FLT-005");
  ASSERT_TRUE(client_.closed());
  EXPECT_EQ(client_.closed()->condition, "amqp:link:detach-forced");
}

TEST_F(AmqpFaults, EndTheConnectionInOrder) {
  ask("ShutDownAmqp");
  EXPECT_EQ(closed(), "PV-FLT-005");
  EXPECT_TRUE(client_.ended());
  EXPECT_FALSE(client_.closed()) << "without an error";
}

TEST_F(AmqpFaults, CutTcpWithoutAWord) {
  ask("KillTcp");
  EXPECT_EQ(closed(), "PV-FLT-004");
  EXPECT_FALSE(client_.ended());
}

// As the C client, which sends every message in a batch and asks with the batch's properties.
TEST_F(AmqpFaults, AreFoundInABatch) {
  Bytes inner;
  data("x").encode(inner);
  amqp::Message batch;
  batch.application_properties = {{Value("AzIoTHub_FaultOperationType"), Value("KillTcp")},
                                  {Value("AzIoTHub_FaultOperationCloseReason"), Value("boom")},
                                  {Value("AzIoTHub_FaultOperationDelayInSecs"), Value("1")}};
  batch.body = amqp::Message::Data{std::move(inner)};
  const auto id = send(*events_, batch, amqp::kBatchFormat);
  durable(hub_.records.size());
  EXPECT_EQ(events_->outcomes.at(id), "accepted");
  pass(1'000);
  pass(kFaultRestMs);
  EXPECT_EQ(closed(), "PV-FLT-004");
}

TEST_F(AmqpFaults, EndTheSession) {
  ClientLink& messages = receive_link(kDev + "/messages/devicebound");
  ask("KillAmqpSession");
  EXPECT_EQ(closed(), "open");
  EXPECT_EQ(client_.sessions_ended(), 1U);
  EXPECT_EQ(hub_.channels["dev"], 0);
  (void)messages;
  client_.end();
  exchange();
  EXPECT_EQ(closed(), "open");
  // A new session serves again.
  client_.begin();
  events_ = &send_link(kEvents);
  const auto id = send(*events_, data("again"));
  durable(hub_.records.size());
  EXPECT_EQ(events_->outcomes.at(id), "accepted");
}

TEST_F(AmqpFaults, EndOneLink) {
  ClientLink& messages = receive_link(kDev + "/messages/devicebound");
  ClientLink& calls = receive_link(kDev + "/methods/devicebound");
  ClientLink& answers = send_link(kDev + "/methods/devicebound");
  ClientLink& twin_out = send_link(kDev + "/twin");
  ClientLink& twin_in = receive_link(kDev + "/twin");
  const std::pair<const char*, ClientLink*> kinds[] = {
      {"KillAmqpC2DLink", &messages},       {"KillAmqpMethodReqLink", &calls},
      {"KillAmqpMethodRespLink", &answers}, {"KillAmqpTwinLinkReq", &twin_out},
      {"KillAmqpTwinLinkResp", &twin_in},   {"KillAmqpCBSLinkReq", cbs_out_},
      {"KillAmqpCBSLinkResp", cbs_in_},     {"KillAmqpD2CLink", events_}};
  for (const auto& [type, link] : kinds) {
    EXPECT_FALSE(link->detached) << type;
    ask(type);
    EXPECT_TRUE(link->detached) << type;
    ASSERT_TRUE(link->failure) << type;
    EXPECT_EQ(link->failure->condition, "amqp:link:detach-forced") << type;
    EXPECT_EQ(at(link->failure->info, "com.microsoft:error-code"), "400029") << type;
    EXPECT_EQ(closed(), "open") << type;
  }
}

TEST_F(AmqpFaults, HurtTheDeviceThatAskedAndNoOther) {
  be_device("other");
  ClientLink& others = send_link("/devices/other/messages/events");
  ask("KillAmqpD2CLink");
  EXPECT_TRUE(events_->detached);
  EXPECT_FALSE(others.detached);

  events_ = &send_link(kEvents);
  send(*events_, asking("InvokeThrottling", 0, 10));
  const auto own = send(*events_, data("x"));
  const auto other = send(others, data("x"));
  durable(hub_.records.size());
  EXPECT_EQ(events_->outcomes.at(own), "rejected com.microsoft:device-container-throttled");
  EXPECT_EQ(others.outcomes.at(other), "accepted");
}

TEST_F(AmqpFaults, RefuseTelemetryForTheirDuration) {
  const std::pair<const char*, const char*> kinds[] = {
      {"InvokeThrottling", "rejected com.microsoft:device-container-throttled"},
      {"InvokeMaxMessageQuota", "rejected com.microsoft:quota-exceeded"},
      {"InvokeAuthError", "rejected amqp:unauthorized-access"}};
  for (const auto& [type, outcome] : kinds) {
    const auto first = send(*events_, asking(type, 1, 5));
    const auto before = send(*events_, data("before"));
    pass(1'000);
    const auto during = send(*events_, data("during"));
    pass(5'000);
    const auto after = send(*events_, data("after"));
    durable(hub_.records.size());
    EXPECT_EQ(events_->outcomes.at(first), "accepted") << type;
    EXPECT_EQ(events_->outcomes.at(before), "accepted") << type;
    EXPECT_EQ(events_->outcomes.at(during), outcome) << type;
    EXPECT_EQ(events_->outcomes.at(after), "accepted") << type;
    EXPECT_EQ(closed(), "open");
  }
}

// As Azure's own suite for Node sends what it leaves undefined.
TEST_F(AmqpFaults, ATimeWithoutAValueIsNone) {
  amqp::Message fault = asking("KillAmqpConnection");
  fault.application_properties.back().value = Value();
  const auto id = send(*events_, fault);
  durable(hub_.records.size());
  EXPECT_EQ(events_->outcomes.at(id), "accepted");
  pass(1);
  pass(kFaultRestMs);
  EXPECT_EQ(closed(), "PV-FLT-005");
}

TEST_F(AmqpFaults, UnknownOnesAreRefused) {
  for (const amqp::Message& wrong :
       {asking("NoSuchThing"), asking("KillTcp", 301), asking("KillTcp", -1),
        asking("InvokeThrottling", 0, 301), asking("ShutDownMqtt")}) {
    const auto id = send(*events_, wrong);
    EXPECT_EQ(events_->outcomes.at(id), "rejected com.microsoft:argument-error");
  }
  EXPECT_TRUE(hub_.records.empty());
  EXPECT_EQ(closed(), "open");
}

}  // namespace
}  // namespace pavise::hub::testing
