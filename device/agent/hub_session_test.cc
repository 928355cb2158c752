#include "device/agent/hub_session.h"

#include <gtest/gtest.h>

#include "protocol/iothub/topics.h"
#include "protocol/iothub/username.h"
#include "protocol/mqtt/encode.h"

namespace pavise::agent {
namespace {

// The packets in the session's output, as short texts.
std::vector<std::string> sent(HubSession& session) {
  const Bytes bytes = session.take_output();
  mqtt::PacketStream stream;
  stream.feed(bytes);
  std::vector<std::string> out;
  while (true) {
    const auto packet = stream.next();
    EXPECT_TRUE(packet) << packet.error().message();
    if (!packet || !*packet) return out;
    if (const auto* p = std::get_if<mqtt::Connect>(&**packet)) {
      out.push_back("CONNECT " + std::string(p->client_id) + " " + std::string(*p->username) +
                    (p->clean_session ? " clean" : "") + " " + std::to_string(p->keep_alive_s));
    } else if (const auto* s = std::get_if<mqtt::Subscribe>(&**packet)) {
      out.push_back("SUBSCRIBE " + std::to_string(s->packet_id));
      for (const auto& topic : s->topics) out.back() += " " + std::string(topic.filter);
    } else if (const auto* m = std::get_if<mqtt::Publish>(&**packet)) {
      out.push_back("PUBLISH " + std::to_string(m->packet_id) + " " + std::string(m->topic) + " " +
                    std::string(as_text(m->payload)));
    } else if (std::holds_alternative<mqtt::PingReq>(**packet)) {
      out.push_back("PINGREQ");
    } else {
      out.push_back("other");
    }
  }
}

Bytes wire(std::initializer_list<mqtt::Packet> packets) {
  Bytes out;
  for (const auto& packet : packets) EXPECT_TRUE(mqtt::encode(packet, out));
  return out;
}

class HubSessionTest : public ::testing::Test {
 protected:
  HubSessionOptions options() {
    return {.device_id = "dev1", .hub_host = "hub.test", .agent_version = "0.1"};
  }
  void connect() {
    sent(session);
    ASSERT_TRUE(session.feed(wire({mqtt::ConnAck{}}), 0));
    ASSERT_TRUE(session.feed(wire({mqtt::SubAck{.packet_id = 1, .codes = {0, 0, 0}}}), 0));
    sent(session);
    session.take_events();
  }
  Status answer(const std::string& topic, std::string_view body, std::int64_t now_ms = 0) {
    return session.feed(wire({mqtt::Publish{.topic = topic, .payload = as_bytes(body)}}), now_ms);
  }

  TelemetryQueue queue;
  AppOutbox outbox;
  HubSession session{options(), queue, outbox, 0};
};

using Texts = std::vector<std::string>;

TEST_F(HubSessionTest, ConnectsSubscribesAndAsksForTheTwin) {
  EXPECT_EQ(sent(session),
            Texts{"CONNECT dev1 hub.test/dev1/?api-version=2021-04-12&DeviceClientType="
                  "pavise-agent%2F0.1 clean 60"});
  queue.push("{}");
  ASSERT_TRUE(session.on_time(0));
  EXPECT_TRUE(sent(session).empty()) << "nothing before the CONNACK";
  ASSERT_TRUE(session.feed(wire({mqtt::ConnAck{}}), 0));
  const Texts after_connack = sent(session);
  ASSERT_EQ(after_connack.size(), 2U);
  EXPECT_EQ(after_connack[0],
            "SUBSCRIBE 1 $iothub/twin/res/# $iothub/twin/PATCH/properties/desired/# "
            "$iothub/methods/POST/#");
  EXPECT_EQ(after_connack[1],
            "PUBLISH 2 devices/dev1/messages/events/%24.ct=application%2Fjson&%24.ce=utf-8 {}");
  session.report(R"({"a":1})");
  ASSERT_TRUE(session.on_time(0));
  EXPECT_TRUE(sent(session).empty()) << "no report before the SUBACK";
  ASSERT_TRUE(session.feed(wire({mqtt::SubAck{.packet_id = 1, .codes = {0, 0, 0}}}), 0));
  EXPECT_EQ(sent(session), (Texts{"PUBLISH 0 $iothub/twin/GET/?$rid=1 ",
                                  R"(PUBLISH 0 $iothub/twin/PATCH/properties/reported/?$rid=2 )"
                                  R"({"a":1})"}));
}

TEST_F(HubSessionTest, EveryConnackCodeHasItsClass) {
  const struct {
    mqtt::ConnectCode code;
    const ErrorInfo* expected;
  } rows[] = {{mqtt::ConnectCode::unacceptable_protocol_version, &kHubRefusedConnect},
              {mqtt::ConnectCode::identifier_rejected, &kHubRefusedConnect},
              {mqtt::ConnectCode::server_unavailable, &kHubUnavailable},
              {mqtt::ConnectCode::bad_user_name_or_password, &kHubNotAuthorized},
              {mqtt::ConnectCode::not_authorized, &kHubNotAuthorized}};
  for (const auto& row : rows) {
    HubSession fresh(options(), queue, outbox, 0);
    auto fed = fresh.feed(wire({mqtt::ConnAck{.code = row.code}}), 0);
    ASSERT_FALSE(fed);
    EXPECT_TRUE(fed.error().is(*row.expected));
    EXPECT_FALSE(fresh.connected());
  }
}

TEST_F(HubSessionTest, TwinAndPatchesBecomeEvents) {
  connect();
  ASSERT_TRUE(answer("$iothub/twin/res/200/?$rid=1",
                     R"({"desired":{"telemetry_interval_s":5,"$version":3},"reported":{}})"));
  ASSERT_TRUE(answer("$iothub/twin/PATCH/properties/desired/?$version=4", R"({"$version":4})"));
  const auto events = session.take_events();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(std::get<TwinReceived>(events[0]).desired,
            R"({"telemetry_interval_s":5,"$version":3})");
  EXPECT_EQ(std::get<DesiredChanged>(events[1]).patch, R"({"$version":4})");
}

TEST_F(HubSessionTest, MethodsBecomeEventsAndAreAnswered) {
  connect();
  ASSERT_TRUE(answer("$iothub/methods/POST/pavise.apps.list/?$rid=a%2Fb", R"({"x":1})"));
  ASSERT_TRUE(answer("$iothub/methods/POST/a%2Fb/?$rid=2", ""));
  const auto events = session.take_events();
  ASSERT_EQ(events.size(), 2U);
  const auto& first = std::get<MethodCalled>(events[0]);
  EXPECT_EQ(first.name, "pavise.apps.list");
  EXPECT_EQ(first.payload, R"({"x":1})");
  EXPECT_EQ(std::get<MethodCalled>(events[1]).name, "a/b");
  EXPECT_EQ(std::get<MethodCalled>(events[1]).payload, "");
  session.answer_method(first.request_id, 404, "{}");
  EXPECT_EQ(sent(session), Texts{"PUBLISH 0 $iothub/methods/res/404/?$rid=a%2Fb {}"});
}

// As large as a hub lets them be: refused by the method, not by the end of the connection.
TEST_F(HubSessionTest, TheLargestMethodPayloadDoesNotEndTheSession) {
  connect();
  ASSERT_TRUE(answer("$iothub/methods/POST/" + std::string(128, 'a') +
                         "/?$rid=" + std::string(iothub::kRequestIdSizeMax, '1'),
                     std::string(128UL * 1024, ' ')));
  EXPECT_EQ(std::get<MethodCalled>(session.take_events().at(0)).payload.size(), 128UL * 1024);
}

TEST_F(HubSessionTest, OneReportAtATime) {
  connect();
  session.report("{\"a\":1}");
  session.report("{\"b\":2}");
  ASSERT_TRUE(session.on_time(0));
  EXPECT_EQ(sent(session).size(), 1U);
  ASSERT_TRUE(answer("$iothub/twin/res/204/?$rid=2&$version=8", ""));
  EXPECT_EQ(sent(session),
            Texts{R"(PUBLISH 0 $iothub/twin/PATCH/properties/reported/?$rid=3 {"b":2})"});
  EXPECT_EQ(std::get<ReportAnswered>(session.take_events().at(0)).status, 204);
}

TEST_F(HubSessionTest, PendingReportsAreBounded) {
  connect();
  for (std::size_t i = 0; i < kPendingReportsMax + 5; ++i) session.report(std::to_string(i));
  ASSERT_TRUE(session.on_time(0));
  std::string last;
  std::size_t count = 0;
  for (Texts texts = sent(session); !texts.empty(); texts = sent(session)) {
    ++count;
    last = texts.at(0).substr(texts.at(0).rfind(' ') + 1);
    ASSERT_TRUE(answer("$iothub/twin/res/204/?$rid=" + std::to_string(count + 1), ""));
  }
  EXPECT_EQ(count, kPendingReportsMax);
  EXPECT_EQ(last, std::to_string(kPendingReportsMax + 4));  // the newest one is kept
}

TEST_F(HubSessionTest, AcknowledgementsFreeTheQueue) {
  connect();
  queue.push("1");
  queue.push("2");
  ASSERT_TRUE(session.on_time(0));
  EXPECT_EQ(sent(session).size(), 2U);
  ASSERT_TRUE(session.feed(wire({mqtt::PubAck{.packet_id = 3}}), 0));
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<TelemetryAcknowledged>(session.take_events().at(0)));

  HubSession next(options(), queue, outbox, 100);  // reconnected: the other one goes again
  sent(next);
  ASSERT_TRUE(next.feed(wire({mqtt::ConnAck{}}), 100));
  EXPECT_EQ(sent(next).size(), 2U);
}

TEST_F(HubSessionTest, PacketIdsWrapAndSkipWhatIsInFlight) {
  connect();
  queue.push("stays");
  ASSERT_TRUE(session.on_time(0));
  sent(session);  // id 2
  for (int i = 0; i < 70'000; ++i) {
    queue.push("x");
    ASSERT_TRUE(session.on_time(0));
    const Texts texts = sent(session);
    ASSERT_EQ(texts.size(), 1U);
    const auto id = static_cast<std::uint16_t>(std::stoi(texts[0].substr(8)));
    ASSERT_GT(id, 2);
    ASSERT_TRUE(session.feed(wire({mqtt::PubAck{.packet_id = id}}), 0));
  }
  EXPECT_EQ(queue.size(), 1U);
}

TEST_F(HubSessionTest, PingsAtHalfTheKeepAliveAndNoticesSilence) {
  connect();
  ASSERT_TRUE(answer("$iothub/twin/res/200/?$rid=1", R"({"desired":{},"reported":{}})"));
  EXPECT_EQ(session.next_wake_ms(), 30'000);
  ASSERT_TRUE(session.on_time(29'999));
  EXPECT_TRUE(sent(session).empty());
  ASSERT_TRUE(session.on_time(30'000));
  EXPECT_EQ(sent(session), Texts{"PINGREQ"});
  ASSERT_TRUE(session.on_time(59'999));
  ASSERT_TRUE(session.feed(wire({mqtt::PingResp{}}), 59'999));
  ASSERT_TRUE(session.on_time(60'000));
  EXPECT_EQ(sent(session), Texts{"PINGREQ"});
  auto silent = session.on_time(90'000);
  ASSERT_FALSE(silent);
  EXPECT_TRUE(silent.error().is(kHubSilent));
}

TEST_F(HubSessionTest, EveryMissingAnswerIsNoticedInTime) {
  const auto silent_at = [](HubSession& waiting, std::int64_t at) {
    return waiting.on_time(at - 1).has_value() && !waiting.on_time(at).has_value();
  };
  EXPECT_TRUE(silent_at(session, 30'000)) << "CONNACK";

  TelemetryQueue none;
  HubSession no_suback(options(), none, outbox, 0);
  ASSERT_TRUE(no_suback.feed(wire({mqtt::ConnAck{}}), 5'000));
  EXPECT_TRUE(silent_at(no_suback, 35'000)) << "SUBACK";

  HubSession no_twin(options(), none, outbox, 0);
  ASSERT_TRUE(no_twin.feed(
      wire({mqtt::ConnAck{}, mqtt::SubAck{.packet_id = 1, .codes = {0, 0, 0}}}), 6'000));
  EXPECT_TRUE(silent_at(no_twin, 36'000)) << "twin";

  TelemetryQueue one;
  one.push("x");
  HubSession no_puback(options(), one, outbox, 0);
  ASSERT_TRUE(no_puback.feed(wire({mqtt::ConnAck{}}), 1'000));
  ASSERT_TRUE(no_puback.feed(wire({mqtt::SubAck{.packet_id = 1, .codes = {0, 0, 0}}}), 2'000));
  EXPECT_EQ(no_puback.next_wake_ms(), 31'000);
  EXPECT_TRUE(silent_at(no_puback, 31'000)) << "PUBACK";
}

TEST_F(HubSessionTest, RefusesWhatAHubMayNotSend) {
  const struct {
    const char* name;
    bool connected;
    Bytes bytes;
  } rows[] = {
      {"anything before CONNACK", false, wire({mqtt::PingResp{}})},
      {"second CONNACK", true, wire({mqtt::ConnAck{}})},
      {"SUBACK twice", true, wire({mqtt::SubAck{.packet_id = 1, .codes = {0, 0, 0}}})},
      {"PUBACK of nothing", true, wire({mqtt::PubAck{.packet_id = 9}})},
      {"CONNECT", true, wire({mqtt::Connect{.client_id = "x"}})},
      {"PUBREC", true, wire({mqtt::PubRec{.packet_id = 2}})},
      {"QoS 1", true,
       wire({mqtt::Publish{.topic = "$iothub/twin/res/200/?$rid=1",
                           .qos = mqtt::QoS::at_least_once,
                           .packet_id = 5}})},
      {"foreign topic", true, wire({mqtt::Publish{.topic = "devices/x"}})},
      {"method without a name", true,
       wire({mqtt::Publish{.topic = "$iothub/methods/POST//?$rid=1"}})},
      {"method without a request id", true,
       wire({mqtt::Publish{.topic = "$iothub/methods/POST/a/"}})},
      {"method with a bent escape", true,
       wire({mqtt::Publish{.topic = "$iothub/methods/POST/%zz/?$rid=1"}})},
      {"method at QoS 1", true,
       wire({mqtt::Publish{.topic = "$iothub/methods/POST/a/?$rid=1",
                           .qos = mqtt::QoS::at_least_once,
                           .packet_id = 5}})},
      {"SUBACK of another number", true, wire({mqtt::SubAck{.packet_id = 1, .codes = {0, 0}}})},
      {"twin is no JSON", true, wire({mqtt::Publish{.topic = "$iothub/twin/res/200/?$rid=1"}})},
      {"patch is an array", true,
       wire({mqtt::Publish{.topic = "$iothub/twin/PATCH/properties/desired/?$version=1",
                           .payload = as_bytes("[]")}})},
      {"garbage", true, Bytes(6, std::byte{0xff})},
  };
  for (const auto& row : rows) {
    TelemetryQueue empty;
    HubSession fresh(options(), empty, outbox, 0);
    if (row.connected)
      ASSERT_TRUE(
          fresh.feed(wire({mqtt::ConnAck{}, mqtt::SubAck{.packet_id = 1, .codes = {0, 0, 0}}}), 0));
    auto fed = fresh.feed(row.bytes, 0);
    ASSERT_FALSE(fed) << row.name;
    EXPECT_TRUE(fed.error().is(kHubProtocol)) << row.name;
  }
}

TEST_F(HubSessionTest, RefusedSubscriptionEndsTheSession) {
  ASSERT_TRUE(session.feed(wire({mqtt::ConnAck{}}), 0));
  EXPECT_FALSE(session.feed(
      wire({mqtt::SubAck{.packet_id = 1, .codes = {0, 0, mqtt::kSubscribeFailure}}}), 0));
}

TEST_F(HubSessionTest, InboundPacketsAreBounded) {
  connect();
  const std::string topic = "$iothub/twin/res/429/?$rid=99";  // nobody waits for it
  const std::size_t head = 4 + 2 + topic.size();
  const std::string fits(kInboundPacketMax - head, ' ');
  EXPECT_TRUE(answer(topic, fits));
  EXPECT_FALSE(answer(topic, fits + " "));
}

TEST_F(HubSessionTest, ATwinThatCannotBeReadNowIsNoError) {
  connect();
  EXPECT_TRUE(answer("$iothub/twin/res/503/?$rid=1", ""));
  EXPECT_TRUE(session.take_events().empty());
}

TEST_F(HubSessionTest, MessagesOfAppsGoBesideTheDevicesOwn) {
  connect();
  queue.push("own");
  ASSERT_TRUE(outbox.push({.id = {4, 9},
                           .app = "fridge",
                           .properties = "pavise-app=fridge",
                           .body = to_bytes(as_bytes("cold"))}));
  ASSERT_TRUE(session.on_time(0));
  const std::vector<std::string> packets = sent(session);
  ASSERT_EQ(packets.size(), 2U);
  EXPECT_EQ(packets[1], "PUBLISH 3 devices/dev1/messages/events/pavise-app=fridge cold");
  ASSERT_TRUE(session.feed(wire({mqtt::PubAck{.packet_id = 3}}), 0));
  const auto events = session.take_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(std::get<AppTelemetryAcknowledged>(events[0]).message, (AppMessageId{4, 9}));
  EXPECT_EQ(outbox.size(), 0U);
  EXPECT_EQ(queue.size(), 1U);
  // A second time it is for nothing.
  EXPECT_FALSE(session.feed(wire({mqtt::PubAck{.packet_id = 3}}), 0));
}

TEST_F(HubSessionTest, AHubThatKeepsSilentAboutAnAppsMessageIsSilent) {
  connect();
  ASSERT_TRUE(outbox.push({.id = {1, 1}, .app = "a", .properties = {}, .body = Bytes(1)}));
  ASSERT_TRUE(session.feed(wire({mqtt::Publish{.topic = iothub::twin_response_topic(200, "1"),
                                               .payload = as_bytes(R"({"desired":{}})")}}),
                           1'000));
  EXPECT_EQ(session.next_wake_ms(), 31'000);
  EXPECT_TRUE(session.on_time(30'999));
  const Status silent = session.on_time(31'000);
  ASSERT_FALSE(silent);
  EXPECT_TRUE(silent.error().is(kHubSilent));
}

}  // namespace
}  // namespace pavise::agent
