// What devices and modules do: telemetry, messages, methods, twins.
#include "cloud/hub/amqp/mapping.h"
#include "cloud/hub/amqp/testing/session_fixture.h"
#include "cloud/hub/session/close_reasons.h"

namespace pavise::hub::testing {
namespace {

using amqp::Outcome;
using amqp::Symbol;
using amqp::Value;

const std::string kDev = "/devices/dev";
const std::string kEvents = kDev + "/messages/events";
const std::string kLock = "01234567-89ab-cdef-0123-456789abcdef";

constexpr Channels operator""_channels(unsigned long long bits) {
  return static_cast<Channels>(bits);
}

Bytes encoded(const amqp::Message& message) {
  Bytes out;
  message.encode(out);
  return out;
}

class AmqpDeviceTest : public AmqpSessionTest {
 protected:
  void SetUp() override { be_device(); }

  amqp::Message twin_request(std::string_view operation, std::string_view resource,
                             std::string_view id, std::string_view body = " ") {
    amqp::Message out = data(body);
    out.properties.correlation_id = Value(id);
    out.annotations = {{Value(Symbol{"operation"}), Value(operation)}};
    if (!resource.empty()) out.annotations.push_back({Value(Symbol{"resource"}), Value(resource)});
    return out;
  }
  std::optional<DeviceMessage> offer(std::string_view payload, const std::string& lock = kLock) {
    return DeviceMessage{
        .lock_token = lock,
        .sequence_number = 7,
        .enqueued_ms = kStartWallMs,
        .delivery_count = 1,
        .properties = "%24.mid=m1&%24.to=%2Fdevices%2Fdev%2Fmessages%2FdeviceBound&k=v",
        .payload = to_bytes(as_bytes(payload))};
  }
};

// --- Telemetry -----------------------------------------------------------------------------------

TEST_F(AmqpDeviceTest, TelemetryIsAcceptedOnceItIsDurable) {
  ClientLink& link = send_link(kEvents);
  EXPECT_EQ(hub_.channels["dev"], 1_channels);
  amqp::Message message = data("{\"t\":1}");
  message.properties.message_id = Value(*amqp::uuid_from(kLock));
  message.properties.content_type = "application/json";
  message.properties.to = kEvents;
  message.application_properties = {{Value("k"), Value("v w")},
                                    {Value("n"), Value(std::int32_t{-3})},
                                    {Value("null"), Value()},
                                    {Value("iothub-outputname"), Value("out")}};
  message.annotations = {{Value(Symbol{"dt-subject"}), Value("thermo")}};
  const auto first = send(link, message);
  const auto second = send(link, data("2"));
  ASSERT_EQ(hub_.records.size(), 2U);
  EXPECT_EQ(hub_.records[0].device, "dev");
  EXPECT_EQ(hub_.records[0].hub, kHubName);
  EXPECT_EQ(hub_.records[0].payload, "{\"t\":1}");
  EXPECT_EQ(hub_.records[0].properties,
            "%24.mid=" + kLock +
                "&%24.to=%2Fdevices%2Fdev%2Fmessages%2Fevents&%24.ct=application%2Fjson"
                "&%24.sub=thermo&k=v%20w&n=-3&null&%24.on=out");
  EXPECT_EQ(RecordOrigin::parse(hub_.records[0].origin).auth_method, "sas");
  EXPECT_EQ(RecordOrigin::parse(hub_.records[0].origin).generation_id, "7");
  EXPECT_TRUE(link.outcomes.empty());
  durable(1);
  EXPECT_EQ(link.outcomes.at(first), "accepted");
  EXPECT_FALSE(link.outcomes.contains(second));
  durable(2);
  EXPECT_EQ(link.outcomes.at(second), "accepted");
}

TEST_F(AmqpDeviceTest, CreditComesBackWithTheDisk) {
  ClientLink& link = send_link(kEvents);
  EXPECT_EQ(link.credit, AmqpLimits::kTelemetryCredit);
  send(link, data("1"));
  EXPECT_EQ(link.credit, AmqpLimits::kTelemetryCredit - 1);
  durable(1);
  EXPECT_EQ(link.credit, AmqpLimits::kTelemetryCredit);
}

TEST_F(AmqpDeviceTest, ABatchIsUnpackedAndAcceptedAsOne) {
  ClientLink& link = send_link(kEvents);
  amqp::Message first = data("1");
  first.application_properties = {{Value("k"), Value("v")}};
  amqp::Message outer;
  outer.body = amqp::Message::Data{encoded(first), encoded(data("2"))};
  const auto id = send(link, outer, amqp::kBatchFormat);
  ASSERT_EQ(hub_.records.size(), 2U);
  EXPECT_EQ(hub_.records[0].payload, "1");
  EXPECT_EQ(hub_.records[0].properties, "k=v");
  EXPECT_EQ(hub_.records[1].payload, "2");
  durable(1);
  EXPECT_TRUE(link.outcomes.empty());
  durable(2);
  EXPECT_EQ(link.outcomes.at(id), "accepted");
}

TEST_F(AmqpDeviceTest, ABatchWithABadMessageStoresNothing) {
  ClientLink& link = send_link(kEvents);
  amqp::Message outer;
  outer.body = amqp::Message::Data{encoded(data("1")), Bytes{std::byte{0xff}}};
  const auto id = send(link, outer, amqp::kBatchFormat);
  EXPECT_TRUE(hub_.records.empty());
  EXPECT_EQ(link.outcomes.at(id), "rejected com.microsoft:argument-error");
}

TEST_F(AmqpDeviceTest, SizesAreBounded) {
  ClientLink& link = send_link(kEvents);
  send(link, data(std::string(kTelemetrySizeMax, 'x')));
  EXPECT_EQ(hub_.records.size(), 1U);
  const auto id = send(link, data(std::string(kTelemetrySizeMax + 1, 'x')));
  EXPECT_EQ(hub_.records.size(), 1U);
  EXPECT_EQ(link.outcomes.at(id), "rejected amqp:link:message-size-exceeded");
  EXPECT_EQ(at(link.reject_infos.back(), "com.microsoft:error-code"), "413001");
  EXPECT_FALSE(link.detached);
}

TEST_F(AmqpDeviceTest, WhatIsNotATelemetryMessageIsRejected) {
  ClientLink& link = send_link(kEvents);
  amqp::Message list;
  list.body = Value(amqp::List{});
  amqp::Message nested = data("x");
  nested.application_properties = {{Value("k"), Value(amqp::Map{})}};
  amqp::Message numbered = data("x");
  numbered.application_properties = {{Value(std::int32_t{1}), Value("v")}};
  for (const amqp::Message& message : {list, nested, numbered}) {
    const auto id = send(link, message);
    EXPECT_EQ(link.outcomes.at(id), "rejected com.microsoft:argument-error");
  }
  EXPECT_TRUE(hub_.records.empty());
  EXPECT_EQ(link.credit, AmqpLimits::kTelemetryCredit);
}

TEST_F(AmqpDeviceTest, ReadingPausesAtTheLimitOfUnackedMessages) {
  ClientLink& link = send_link(kEvents);
  be_device("b");
  ClientLink& second = send_link("/devices/b/messages/events");
  be_device("c");
  ClientLink& third = send_link("/devices/c/messages/events");
  std::size_t sent = 0;
  for (ClientLink* each : {&link, &second, &third})
    while (each->credit > 0 && sent < AmqpLimits::kUnackedMax) {
      client_.send(*each, data("x"));
      ++sent;
    }
  client_.send(third, data("one more"));
  const Bytes wire = client_.take();
  session_.on_bytes(wire, now_, out_);
  EXPECT_EQ(hub_.records.size(), AmqpLimits::kUnackedMax);
  EXPECT_FALSE(session_.wants_input());
  durable(1);
  EXPECT_EQ(hub_.records.size(), AmqpLimits::kUnackedMax + 1);
  EXPECT_FALSE(session_.wants_input());
  durable(AmqpLimits::kUnackedMax + 1);
  EXPECT_TRUE(session_.wants_input());
}

TEST_F(AmqpDeviceTest, ReadingPausesAtTheLimitOfUnackedBytes) {
  ClientLink& link = send_link(kEvents);
  const std::string large(200'000, 'x');
  for (int i = 0; i < 5; ++i) send(link, data(large));
  EXPECT_TRUE(session_.wants_input());
  send(link, data(large));
  EXPECT_FALSE(session_.wants_input());
  durable(1);
  EXPECT_TRUE(session_.wants_input());
}

TEST_F(AmqpDeviceTest, LostRecordsAreReleased) {
  ClientLink& link = send_link(kEvents);
  const auto first = send(link, data("1"));
  const auto second = send(link, data("2"));
  session_.on_not_stored(1, 2, out_);
  exchange();
  EXPECT_FALSE(link.outcomes.contains(first));
  EXPECT_EQ(link.outcomes.at(second), "released");
  durable(2);
  EXPECT_EQ(link.outcomes.at(first), "accepted");
  EXPECT_EQ(link.credit, AmqpLimits::kTelemetryCredit);
}

TEST_F(AmqpDeviceTest, ALogThatRefusesEndsTheConnection) {
  ClientLink& link = send_link(kEvents);
  hub_.refuse_append = kNotStored;
  send(link, data("1"));
  EXPECT_EQ(closed(), kNotStored.code);
  EXPECT_TRUE(client_.ended());
}

TEST_F(AmqpDeviceTest, ManyDevicesShareOneConnection) {
  be_device("b");
  ClientLink& a = send_link(kEvents);
  client_.begin();  // as java does: a session for each
  ClientLink& b = send_link("/devices/b/messages/events");
  send(a, data("of a"));
  send(b, data("of b"));
  ASSERT_EQ(hub_.records.size(), 2U);
  EXPECT_EQ(hub_.records[0].device, "dev");
  EXPECT_EQ(hub_.records[1].device, "b");
  SessionEvent lost = ChannelLost{identity("b"), Error(kDeviceBarred)};
  hear(lost);
  ASSERT_TRUE(b.failure);
  EXPECT_EQ(at(b.failure->info, "com.microsoft:error-code"), "403012");
  EXPECT_FALSE(a.detached);
}

TEST_F(AmqpDeviceTest, AGatewaySpeaksByAPolicy) {
  ASSERT_EQ(put_token(kHost, "policy:device"), 200);
  EXPECT_TRUE(send_link("/devices/any/messages/events").attached);
  EXPECT_FALSE(send_link("/messages/devicebound").attached);
}

// --- The same identity twice ---------------------------------------------------------------------

TEST_F(AmqpDeviceTest, ANewerLinkOfAnAddressStealsTheOlder) {
  ClientLink& older = send_link(kEvents);
  ClientLink& newer = send_link(kEvents);
  EXPECT_EQ(older.failure->condition, "amqp:link:stolen");
  EXPECT_EQ(at(older.failure->info, "com.microsoft:error-code"), "409002");
  EXPECT_TRUE(newer.attached && !newer.detached);
  send(newer, data("x"));
  EXPECT_EQ(hub_.records.size(), 1U);
  EXPECT_EQ(hub_.channels["dev"], 1_channels);
}

TEST_F(AmqpDeviceTest, ANewerConnectionStealsAllLinks) {
  ClientLink& events = send_link(kEvents);
  ClientLink& messages = receive_link(kDev + "/messages/devicebound");
  hear(ChannelLost{identity("dev"), Error(kSuperseded)});
  EXPECT_EQ(events.failure->condition, "amqp:link:stolen");
  EXPECT_EQ(messages.failure->condition, "amqp:link:stolen");
  EXPECT_EQ(closed(), "open");
  hear(ChannelLost{identity("dev"), Error(kSuperseded)});  // again: no matter
}

// --- Messages to the device ----------------------------------------------------------------------

TEST_F(AmqpDeviceTest, MessagesComeWithAnnotationsAndEndByOutcome) {
  struct Case {
    Outcome outcome;
    Settlement settlement;
  };
  const Case cases[] = {{Outcome::accepted, Settlement::complete},
                        {Outcome::rejected, Settlement::reject},
                        {Outcome::released, Settlement::abandon},
                        {Outcome::modified, Settlement::abandon}};
  ClientLink& link = receive_link(kDev + "/messages/devicebound");
  EXPECT_EQ(hub_.channels["dev"], 2_channels);
  for (const Case& c : cases) {
    ASSERT_FALSE(hub_.asked.empty());
    hear(MessageOffered{hub_.asked.back().second, offer("hello")});
    ASSERT_EQ(link.received.size(), 1U);
    const auto received = link.received.front();
    link.received.clear();
    EXPECT_EQ(text(received), "hello");
    EXPECT_EQ(to_hex(received.tag), "0123456789abcdef0123456789abcdef");
    EXPECT_FALSE(received.settled);
    const amqp::Message& message = received.message;
    EXPECT_EQ(message.properties.message_id, Value("m1"));
    EXPECT_EQ(message.properties.to, "/devices/dev/messages/deviceBound");
    EXPECT_EQ(at(message.application_properties, "k"), "v");
    EXPECT_EQ(at(message.annotations, "x-opt-lock-token"), kLock);
    EXPECT_EQ(at(message.annotations, "x-opt-sequence-number"), "7");
    EXPECT_EQ(at(message.annotations, "iothub-enqueuedtime"), std::to_string(kStartWallMs));
    EXPECT_EQ(at(message.annotations, "iothub-deliverycount"), "1");
    hub_.settled.clear();
    client_.answer(link, received, c.outcome);
    exchange();
    EXPECT_EQ(hub_.settled, (std::vector<FakeHub::Settled>{{"dev", kLock, c.settlement}}));
    // Asked again by then.
    EXPECT_EQ(hub_.asked.back().first, "dev");
  }
}

TEST_F(AmqpDeviceTest, WithoutCreditNothingIsAskedFor) {
  ClientLink& link = receive_link(kDev + "/messages/devicebound", 0);
  EXPECT_TRUE(hub_.asked.empty());
  hear(MessageWaiting{identity("dev")});
  EXPECT_TRUE(hub_.asked.empty());
  client_.flow(link, 1);
  exchange();
  ASSERT_EQ(hub_.asked.size(), 1U);
  hear(MessageOffered{hub_.asked[0].second, offer("1")});
  EXPECT_EQ(link.received.size(), 1U);
  EXPECT_EQ(hub_.asked.size(), 1U);  // the credit is used up
}

TEST_F(AmqpDeviceTest, WaitsForAMessageAndGivesDrainedCreditBack) {
  ClientLink& link = receive_link(kDev + "/messages/devicebound");
  hear(MessageOffered{hub_.asked[0].second, std::optional<DeviceMessage>()});
  EXPECT_EQ(hub_.asked.size(), 1U);
  hear(MessageWaiting{identity("dev")});
  EXPECT_EQ(hub_.asked.size(), 2U);
  client_.flow(link, 10, true);
  exchange();
  hear(MessageOffered{hub_.asked[1].second, std::optional<DeviceMessage>()});
  EXPECT_TRUE(link.drained);
}

TEST_F(AmqpDeviceTest, MessagesUnderWayAreBounded) {
  ClientLink& link = receive_link(kDev + "/messages/devicebound", 1000);
  for (std::size_t i = 0; i < AmqpLimits::kLocksMax; ++i) {
    std::string lock = kLock;
    lock[0] = static_cast<char>('a' + i % 6);
    lock[1] = static_cast<char>('a' + i / 6);
    ASSERT_EQ(hub_.asked.size(), i + 1);
    hear(MessageOffered{hub_.asked.back().second, offer("x", lock)});
  }
  EXPECT_EQ(link.received.size(), AmqpLimits::kLocksMax);
  EXPECT_EQ(hub_.asked.size(), AmqpLimits::kLocksMax);
  client_.answer(link, link.received[0], Outcome::accepted);
  exchange();
  EXPECT_EQ(hub_.asked.size(), AmqpLimits::kLocksMax + 1);
}

TEST_F(AmqpDeviceTest, WhatALinkLeavesUnsettledIsThereForTheNext) {
  ClientLink& link = receive_link(kDev + "/messages/devicebound");
  hear(MessageOffered{hub_.asked[0].second, offer("x")});
  client_.detach(link);
  exchange();
  EXPECT_EQ(hub_.settled, (std::vector<FakeHub::Settled>{{"dev", kLock, Settlement::abandon}}));
  EXPECT_EQ(hub_.channels["dev"], 0);
}

// --- Methods -------------------------------------------------------------------------------------

TEST_F(AmqpDeviceTest, MethodsAreCalledAndAnswered) {
  ClientLink& answers = send_link(kDev + "/methods/devicebound");
  EXPECT_EQ(hub_.channels["dev"], 0);  // it does not listen yet
  ClientLink& calls = receive_link(kDev + "/methods/devicebound");
  EXPECT_EQ(hub_.channels["dev"], 4_channels);
  hear(MethodCalled{identity("dev"), 77, "reboot", "{\"in\":5}"});
  ASSERT_EQ(calls.received.size(), 1U);
  const amqp::Message call = calls.received[0].message;
  EXPECT_EQ(at(call.application_properties, "IoThub-methodname"), "reboot");
  EXPECT_EQ(text(calls.received[0]), "{\"in\":5}");
  ASSERT_NE(call.properties.correlation_id.as<amqp::Uuid>(), nullptr);  // c wants a uuid
  amqp::Message answer = data("{\"ok\":true}");
  // node sends the id as a string.
  answer.properties.correlation_id =
      Value(amqp::to_string(*call.properties.correlation_id.as<amqp::Uuid>()));
  answer.application_properties = {{Value("IoThub-status"), Value(std::int32_t{201})}};
  const auto id = send(answers, answer);
  EXPECT_EQ(answers.outcomes.at(id), "accepted");
  ASSERT_EQ(hub_.method_answers.size(), 1U);
  EXPECT_EQ(hub_.method_answers[0].first, 77U);
  EXPECT_EQ(hub_.method_answers[0].second->status, 201);
  EXPECT_EQ(hub_.method_answers[0].second->payload_json, "{\"ok\":true}");
  send(answers, answer);  // a second answer is none
  EXPECT_EQ(hub_.method_answers.size(), 1U);
}

TEST_F(AmqpDeviceTest, AnswersOfOtherDevicesAreIgnored) {
  be_device("b");
  ClientLink& answers_b = send_link("/devices/b/methods/devicebound");
  ClientLink& calls = receive_link(kDev + "/methods/devicebound");
  hear(MethodCalled{identity("dev"), 1, "m", ""});
  amqp::Message answer = data("");
  answer.properties.correlation_id = calls.received.at(0).message.properties.correlation_id;
  answer.application_properties = {{Value("IoThub-status"), Value(std::int32_t{200})}};
  send(answers_b, answer);
  EXPECT_TRUE(hub_.method_answers.empty());
  ClientLink& answers = send_link(kDev + "/methods/devicebound");
  send(answers, answer);
  EXPECT_EQ(hub_.method_answers.at(0).second->payload_json, "null");
}

TEST_F(AmqpDeviceTest, AnAnswerWithoutAStatusIsAnError) {
  ClientLink& calls = receive_link(kDev + "/methods/devicebound");
  ClientLink& answers = send_link(kDev + "/methods/devicebound");
  hear(MethodCalled{identity("dev"), 1, "m", ""});
  amqp::Message answer = data("x");
  answer.properties.correlation_id = calls.received.at(0).message.properties.correlation_id;
  send(answers, answer);
  EXPECT_EQ(hub_.method_answers.at(0).second.error().code(), kBadRequest.code);
}

TEST_F(AmqpDeviceTest, ACallToWhoDoesNotListenIsAnsweredAtOnce) {
  hear(MethodCalled{identity("dev"), 9, "m", ""});
  EXPECT_EQ(hub_.method_answers.at(0).second.error().code(), kDeviceNotListening.code);
}

// --- Twin ----------------------------------------------------------------------------------------

TEST_F(AmqpDeviceTest, TheTwinIsReadAndReported) {
  ClientLink& requests = send_link(kDev + "/twin");
  ClientLink& answers = receive_link(kDev + "/twin");
  EXPECT_EQ(hub_.channels["dev"], 8_channels);
  send(requests, twin_request("GET", "", "c1"));  // a body of one space: node
  ASSERT_EQ(hub_.twins.size(), 1U);
  EXPECT_EQ(hub_.twins[0].first.kind, TwinRequest::Kind::get);
  hear(TwinAnswered{hub_.twins[0].second, TwinReply{"{\"desired\":{}}", 0}});
  ASSERT_EQ(answers.received.size(), 1U);
  EXPECT_EQ(answers.received[0].message.properties.correlation_id, Value("c1"));
  EXPECT_EQ(at(answers.received[0].message.annotations, "status"), "200");
  EXPECT_EQ(text(answers.received[0]), "{\"desired\":{}}");

  amqp::Message patch = twin_request("PATCH", "/properties/reported", "c2", "{\"a\":1}");
  patch.annotations.push_back({Value(Symbol{"version"}), Value(std::int64_t{4})});
  send(requests, patch);
  ASSERT_EQ(hub_.twins.size(), 2U);
  EXPECT_EQ(hub_.twins[1].first.patch_json, "{\"a\":1}");
  EXPECT_EQ(hub_.twins[1].first.if_version, 4U);
  hear(TwinAnswered{hub_.twins[1].second, TwinReply{"", 5}});
  ASSERT_EQ(answers.received.size(), 2U);
  EXPECT_EQ(at(answers.received[1].message.annotations, "status"), "200");
  EXPECT_EQ(at(answers.received[1].message.annotations, "version"), "5");
  EXPECT_EQ(answers.received[1].message.properties.correlation_id, Value("c2"));
}

TEST_F(AmqpDeviceTest, ANullVersionIsNone) {
  ClientLink& requests = send_link(kDev + "/twin");
  amqp::Message patch = twin_request("PATCH", "/properties/reported", "c", "{}");
  patch.annotations.push_back({Value(Symbol{"version"}), Value()});
  send(requests, patch);
  EXPECT_EQ(hub_.twins.at(0).first.if_version, std::nullopt);
}

TEST_F(AmqpDeviceTest, DesiredChangesComeAfterPutAndEndWithDelete) {
  ClientLink& requests = send_link(kDev + "/twin");
  ClientLink& answers = receive_link(kDev + "/twin");
  const auto change = [&] {
    hear(DesiredChanged{identity("dev"), 3, std::make_shared<const std::string>("{\"x\":1}")});
  };
  change();
  EXPECT_TRUE(answers.received.empty());
  send(requests, twin_request("PUT", "/notifications/twin/properties/desired", "c1"));
  ASSERT_EQ(answers.received.size(), 1U);
  EXPECT_EQ(at(answers.received[0].message.annotations, "status"), "200");
  change();
  ASSERT_EQ(answers.received.size(), 2U);
  const amqp::Message& pushed = answers.received[1].message;
  EXPECT_TRUE(pushed.properties.correlation_id.is_null());
  EXPECT_EQ(at(pushed.annotations, "resource"), "/properties/desired");
  EXPECT_EQ(at(pushed.annotations, "version"), "3");
  EXPECT_EQ(as_text(pushed.data()), "{\"x\":1}");
  send(requests, twin_request("DELETE", "/notifications/twin/properties/desired", "c2"));
  change();
  EXPECT_EQ(answers.received.size(), 3U);
}

TEST_F(AmqpDeviceTest, TwinErrorsCarryTheirBody) {
  ClientLink& requests = send_link(kDev + "/twin");
  ClientLink& answers = receive_link(kDev + "/twin");
  const amqp::Message bad[] = {
      twin_request("POST", "", "c"), twin_request("PATCH", "/properties/desired", "c"),
      twin_request("PUT", "/other", "c"),
      twin_request("PATCH", "/properties/reported", "c", std::string(200'000, 'x'))};
  for (const amqp::Message& request : bad) {
    answers.received.clear();
    send(requests, request);
    ASSERT_EQ(answers.received.size(), 1U);
    EXPECT_TRUE(at(answers.received[0].message.annotations, "status").starts_with("4"));
    EXPECT_NE(text(answers.received[0]).find("errorCode"), std::string::npos);
  }
  EXPECT_TRUE(hub_.twins.empty());
  answers.received.clear();
  send(requests, twin_request("GET", "", "c"));
  hear(TwinAnswered{hub_.twins.at(0).second, Error(kNotStored)});
  EXPECT_TRUE(at(answers.received.at(0).message.annotations, "status").starts_with("5"));
}

TEST_F(AmqpDeviceTest, TwinRequestsAreBounded) {
  ClientLink& requests = send_link(kDev + "/twin");
  ClientLink& answers = receive_link(kDev + "/twin");
  for (std::size_t i = 0; i < AmqpLimits::kTwinRequestsMax; ++i)
    send(requests, twin_request("GET", "", "c"));
  EXPECT_EQ(hub_.twins.size(), AmqpLimits::kTwinRequestsMax);
  EXPECT_TRUE(answers.received.empty());
  send(requests, twin_request("GET", "", "c"));
  EXPECT_EQ(hub_.twins.size(), AmqpLimits::kTwinRequestsMax);
  EXPECT_EQ(at(answers.received.at(0).message.annotations, "status"), "429");
  hear(TwinAnswered{hub_.twins[0].second, TwinReply{"{}", 0}});
  send(requests, twin_request("GET", "", "c"));
  EXPECT_EQ(hub_.twins.size(), AmqpLimits::kTwinRequestsMax + 1);
}

// --- Modules -------------------------------------------------------------------------------------

TEST_F(AmqpSessionTest, ModulesUseTheirOwnForms) {
  open();
  ASSERT_EQ(put_token(std::string(kHost) + "/devices/dev/modules/mod", "good:dev/mod"), 200);
  const std::string prefix = "/devices/dev/modules/mod";
  ClientLink& events = send_link(prefix + "/messages/events");
  ClientLink& inputs = receive_link(prefix + "/messages/events");  // node
  ClientLink& requests = send_link(prefix + "/twin");
  EXPECT_TRUE(events.attached && inputs.attached && requests.attached);
  send(events, data("x"));
  ASSERT_EQ(hub_.records.size(), 1U);
  EXPECT_EQ(hub_.records[0].device, "dev");
  EXPECT_EQ(RecordOrigin::parse(hub_.records[0].origin).module_id, "mod");
  EXPECT_EQ(hub_.channels["dev/mod"], 9_channels);
  hear(ChannelLost{identity("dev", "mod"), Error(kSuperseded)});
  EXPECT_TRUE(events.detached && inputs.detached && requests.detached);
}

// --- Wires ---------------------------------------------------------------------------------------

TEST_F(AmqpSessionTest, EverythingWorksByteByByte) {
  client_.header(amqp::ProtocolId::sasl);
  client_.sasl_init("MSSBCBS", {});
  client_.header(amqp::ProtocolId::amqp);
  client_.open(kHost);
  ClientLink& cbs_out = client_.sender("a", {.address = "$cbs"});
  ClientLink& cbs_in =
      client_.receiver("b", {.address = "$cbs", .other_address = "cbs", .credit = 5});
  exchange(1);
  client_.send(cbs_out, put_token_request(std::string(kHost) + "/devices/dev", "good:dev"));
  exchange(1);
  ASSERT_EQ(cbs_in.received.size(), 1U);
  ClientLink& link = client_.sender("c", {.address = kEvents});
  exchange(1);
  const auto id = client_.send(link, data("slow"));
  exchange(1);
  durable(1);
  EXPECT_EQ(link.outcomes.at(id), "accepted");
  EXPECT_EQ(hub_.records.at(0).payload, "slow");
}

}  // namespace
}  // namespace pavise::hub::testing
