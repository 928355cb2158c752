#include "cloud/hub/session/session.h"

#include <gtest/gtest.h>

#include "cloud/hub/session/testing/session_fixture.h"
#include "cloud/hub/session/twin_status.h"
#include "protocol/twin/twin.h"

namespace pavise::hub {
namespace {

using testing::SessionTest;
using namespace testing::session;

// --- CONNECT -------------------------------------------------------------------------------------

TEST_F(SessionTest, AcceptsTheDeviceOfTheCertificate) {
  connect();
  EXPECT_EQ(sent(), Lines{"CONNACK 0"});
  EXPECT_TRUE(session_->established());
  EXPECT_EQ(port_.attached, 1);
  EXPECT_EQ(port_.hosts, std::vector<std::string>{kHost});
  EXPECT_EQ(port_.tokens, std::vector<std::string>{""}) << "its certificate speaks for it";
}

TEST_F(SessionTest, RefusedConnects) {
  const std::string other(DeviceId::kLength, 'e');
  const std::string good = username();
  const std::string other_name = username(kHost, other);
  const std::string module_name = username(kHost, kId + "/mod");
  const std::string no_version = kHost + "/" + kId + "/?a=b";
  const std::tuple<mqtt::Connect, std::string_view, std::string_view> rows[] = {
      {{.client_id = other, .username = good}, "CONNACK 5", kClientIdMismatch.code},
      {{.client_id = kId, .username = other_name}, "CONNACK 5", kClientIdMismatch.code},
      {{.client_id = other, .username = other_name}, "CONNACK 5", kDeviceBarred.code},
      {{.client_id = kId, .username = module_name}, "CONNACK 5", kClientIdMismatch.code},
      {{.client_id = "", .username = good}, "CONNACK 2", kClientIdMismatch.code},
      {{.client_id = kId, .username = no_version}, "CONNACK 4", iothub::kNoApiVersion.code},
      {{.client_id = kId}, "CONNACK 4", iothub::kBadUsername.code},
      {{.client_id = kId, .will = mqtt::Will{.topic = "a"}, .username = good},
       "CONNACK 5",
       kWillNotAllowed.code},
  };
  for (const auto& [packet, answer, code] : rows) {
    restart();
    feed(packet);
    EXPECT_EQ(sent(), Lines{std::string(answer)}) << code;
    EXPECT_EQ(closed_code(), code);
    EXPECT_FALSE(session_->established());
  }
  EXPECT_EQ(port_.attached, 0);
  EXPECT_TRUE(port_.records.empty()) << "a refused client leaves no will";
}

TEST_F(SessionTest, MQTT_3_1_2_2_OtherProtocolLevelsGetCode1) {
  const Bytes v5 = *from_hex("100d00044d51545405020000000000");
  session_->on_bytes(v5, now_, out_);
  EXPECT_EQ(sent(), Lines{"CONNACK 1"});
  EXPECT_EQ(closed_code(), kBadProtocolLevel.code);
}

TEST_F(SessionTest, TheTokenTravelsInThePassword) {
  const std::string name = username();
  feed(mqtt::Connect{
      .client_id = kId, .username = name, .password = as_bytes("SharedAccessSignature sr=x")});
  EXPECT_EQ(sent(), Lines{"CONNACK 0"});
  EXPECT_EQ(port_.tokens, std::vector<std::string>{"SharedAccessSignature sr=x"});
}

TEST_F(SessionTest, AModuleSpeaksForItselfOnly) {
  const std::string id = kId + "/mod";
  const std::string name = username(kHost, id);
  feed(mqtt::Connect{.client_id = id, .username = name});
  EXPECT_EQ(sent(), Lines{"CONNACK 0"});
  publish("devices/" + kId + "/modules/mod/messages/events/%24.on=out/", "x", 1);
  ASSERT_EQ(port_.records.size(), 1U);
  EXPECT_EQ(port_.records[0].device, kId);
  EXPECT_EQ(RecordOrigin::parse(port_.records[0].origin).module_id, "mod");
  publish(kEvents, "as its device", 2);
  EXPECT_EQ(closed_code(), kTopicNotAllowed.code);
  EXPECT_EQ(port_.records.size(), 1U);
}

TEST_F(SessionTest, MQTT_3_1_0_1_FirstPacketMustBeConnect) {
  feed(mqtt::PingReq{});
  EXPECT_EQ(closed_code(), kFirstPacketNotConnect.code);
  EXPECT_TRUE(sent().empty());
}

TEST_F(SessionTest, MQTT_3_1_0_2_SecondConnectIsAViolation) {
  connect();
  connect();
  EXPECT_EQ(closed_code(), kSecondConnect.code);
}

TEST_F(SessionTest, ConnectPacketSizeLimit) {
  const std::string name = username();
  const auto connect_of = [&](std::size_t will_size) {
    static Bytes payload;
    payload.assign(will_size, std::byte{1});
    Bytes wire;
    EXPECT_TRUE(mqtt::encode(
        mqtt::Connect{.client_id = kId, .will = mqtt::Will{kEvents, payload}, .username = name},
        wire));
    return wire;
  };
  const std::size_t overhead = connect_of(1000).size() - 1000;
  session_->on_bytes(connect_of(kConnectPacketMax - overhead), now_, out_);
  EXPECT_EQ(sent(), Lines{"CONNACK 0"});
  restart();
  session_->on_bytes(connect_of(kConnectPacketMax - overhead + 1), now_, out_);
  EXPECT_EQ(closed_code(), mqtt::kPacketTooLarge.code);
}

// --- Telemetry -----------------------------------------------------------------------------------

TEST_F(SessionTest, PubackOnlyAfterTheRecordIsDurable) {
  connect();
  out_.clear();
  publish(kEvents + "a=1&%24.mid=x", "hello", 7);
  publish(kEvents, "world", 8);
  ASSERT_EQ(port_.records.size(), 2U);
  EXPECT_EQ(port_.records[0].tenant, "acme");
  EXPECT_EQ(port_.records[0].hub, "plant-1");
  EXPECT_EQ(RecordOrigin::parse(port_.records[0].origin).auth_method, "attested");
  EXPECT_EQ(RecordOrigin::parse(port_.records[0].origin).generation_id, "7");
  EXPECT_EQ(port_.records[0].device, kId);
  EXPECT_EQ(port_.records[0].properties, "a=1&%24.mid=x");
  EXPECT_EQ(port_.records[0].payload, "hello");
  EXPECT_EQ(port_.records[0].time_ms, kStartWallMs);
  EXPECT_TRUE(sent().empty()) << "not durable yet";
  session_->on_durable(1, out_);
  EXPECT_EQ(sent(), Lines{"PUBACK 7"});
  session_->on_durable(1, out_);
  EXPECT_TRUE(sent().empty());
  session_->on_durable(2, out_);
  EXPECT_EQ(sent(), Lines{"PUBACK 8"});
}

TEST_F(SessionTest, QoS0IsStoredWithoutAnswer) {
  connect();
  out_.clear();
  publish(kEvents, "hello");
  EXPECT_EQ(port_.records.size(), 1U);
  session_->on_durable(1, out_);
  EXPECT_TRUE(sent().empty());
}

TEST_F(SessionTest, ALostRecordEndsTheSessionWithoutPuback) {
  connect();
  out_.clear();
  publish(kEvents, "zero");
  publish(kEvents, "one", 7);
  session_->on_not_stored(0, 1, out_);
  EXPECT_EQ(closed_code(), "open") << "QoS 0 promises nothing";
  session_->on_not_stored(2, 9, out_);
  EXPECT_EQ(closed_code(), "open") << "not its own";
  session_->on_not_stored(1, 2, out_);
  EXPECT_EQ(closed_code(), kNotStored.code);
  session_->on_durable(9, out_);
  EXPECT_TRUE(sent().empty());
}

TEST_F(SessionTest, ALogThatRefusesEndsTheSession) {
  connect();
  port_.refuse_with = Error(kLogBusy);
  publish(kEvents, "x", 7);
  EXPECT_EQ(closed_code(), kLogBusy.code);
}

TEST_F(SessionTest, RetainBecomesAProperty) {
  connect();
  feed(mqtt::Publish{.topic = kEvents, .retain = true});
  const std::string with_bag = kEvents + "a=1";
  feed(mqtt::Publish{.topic = with_bag, .retain = true});
  EXPECT_EQ(port_.records[0].properties, "mqtt-retain=true");
  EXPECT_EQ(port_.records[1].properties, "a=1&mqtt-retain=true");
}

TEST_F(SessionTest, ForbiddenPublishes) {
  const std::string other = "devices/" + std::string(64, 'e') + "/messages/events/";
  const std::string module_topic = "devices/" + kId + "/modules/m/messages/events/";
  const std::string bad_bag = kEvents + "%zz=1";
  const std::pair<std::string, std::string_view> rows[] = {
      {other, kTopicNotAllowed.code},
      {module_topic, kTopicNotAllowed.code},
      {"any/topic", iothub::kUnknownTopic.code},
      {"devices/" + kId + "/messages/devicebound/", iothub::kUnknownTopic.code},
      {bad_bag, iothub::kBadEscape.code},
      {"$iothub/twin/GET/", iothub::kBadRequestId.code},
  };
  for (const auto& [topic, code] : rows) {
    restart();
    connect();
    publish(topic, "x");
    EXPECT_EQ(closed_code(), code) << topic;
  }
  EXPECT_TRUE(port_.records.empty());
}

TEST_F(SessionTest, QoS2PublishCloses) {
  connect();
  feed(mqtt::Publish{.topic = kEvents, .qos = mqtt::QoS::exactly_once, .packet_id = 1});
  EXPECT_EQ(closed_code(), kQos2.code);
}

TEST_F(SessionTest, TelemetryPayloadLimit) {
  const std::string payload(mqtt::kTelemetryPayloadMax + 1, 'x');
  connect();
  publish(kEvents, std::string_view(payload).substr(1), 1);
  EXPECT_EQ(closed_code(), "open");
  publish(kEvents, payload, 2);
  EXPECT_EQ(closed_code(), kMessageTooLarge.code);
}

TEST_F(SessionTest, InputPausesAtTheMessageLimit) {
  connect();
  for (std::size_t i = 1; i < kUnackedMessagesMax; ++i)
    publish(kEvents, "", static_cast<std::uint16_t>(i));
  EXPECT_TRUE(session_->wants_input());
  publish(kEvents, "");
  EXPECT_FALSE(session_->wants_input());
  session_->on_durable(1, out_);
  EXPECT_TRUE(session_->wants_input());
  session_->on_durable(kUnackedMessagesMax, out_);
  EXPECT_EQ(sent().size(), kUnackedMessagesMax);  // the CONNACK and all but the QoS 0 one
}

TEST_F(SessionTest, InputPausesAtTheByteLimit) {
  connect();
  const std::string payload(kUnackedBytesMax / 4, 'x');
  for (std::uint16_t id = 1; id <= 3; ++id) publish(kEvents, payload, id);
  EXPECT_TRUE(session_->wants_input());
  publish(kEvents, payload, 4);
  EXPECT_FALSE(session_->wants_input());
  session_->on_durable(1, out_);
  EXPECT_TRUE(session_->wants_input());
}

TEST_F(SessionTest, PacketsOfServersAndOfQoS2AreRefused) {
  const mqtt::Packet rows[] = {mqtt::ConnAck{},  mqtt::PubRec{1},      mqtt::PubRel{1},
                               mqtt::PubComp{1}, mqtt::SubAck{1, {0}}, mqtt::UnsubAck{1},
                               mqtt::PingResp{}};
  for (const auto& packet : rows) {
    restart();
    connect();
    feed(packet);
    EXPECT_EQ(closed_code(), kUnexpectedPacket.code) << packet.index();
  }
}

TEST_F(SessionTest, MalformedPacketsClose) {
  connect();
  session_->on_bytes(*from_hex("f000"), now_, out_);
  EXPECT_EQ(closed_code(), mqtt::kUnknownPacketType.code);
}

// --- Subscriptions -------------------------------------------------------------------------------

TEST_F(SessionTest, OnlyDocumentedFiltersAreGranted) {
  connect();
  out_.clear();
  const std::string own = iothub::messages_filter(kId);
  const std::string other = iothub::messages_filter(std::string(64, 'e'));
  feed(mqtt::Subscribe{5,
                       {{own, mqtt::QoS::exactly_once},
                        {other, mqtt::QoS::at_most_once},
                        {"#", mqtt::QoS::at_most_once},
                        {iothub::kMethodFilter, mqtt::QoS::at_most_once}}});
  EXPECT_EQ(sent(), Lines{"SUBACK 1 128 128 0"}) << "QoS 2 is granted as 1";
}

TEST_F(SessionTest, PersistentSubscriptionsSurviveReconnects) {
  connect(false);
  EXPECT_EQ(sent(), Lines{"CONNACK 0"});
  subscribe(iothub::kDesiredPatchFilter);
  restart();
  connect(false);
  EXPECT_EQ(sent(), Lines{"CONNACK 0 present"});
  desired_changed(4, R"({"a":1,"$version":4})");
  EXPECT_EQ(sent(),
            Lines{R"($iothub/twin/PATCH/properties/desired/?$version=4 {"a":1,"$version":4})"});
  restart();
  connect(true);  // discards [MQTT-3.1.2-6]
  EXPECT_EQ(sent(), Lines{"CONNACK 0"});
  desired_changed(5, "{}");
  EXPECT_TRUE(sent().empty());
  restart();
  connect(false);
  EXPECT_EQ(sent(), Lines{"CONNACK 0"});
}

TEST_F(SessionTest, UnsubscribeEndsNotifications) {
  connect(false);
  subscribe(iothub::kDesiredPatchFilter);
  feed(mqtt::Unsubscribe{9, {iothub::kDesiredPatchFilter, "unknown"}});
  EXPECT_EQ(sent(), Lines{"UNSUBACK 9"});
  desired_changed(4, "{}");
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(port_.stored.begin()->second, 0);
}

TEST_F(SessionTest, AChannelIsOpenWhileItsFilterIsSubscribed) {
  connect();
  const Channels always =
      static_cast<Channels>(Channel::telemetry) | static_cast<Channels>(Channel::twin);
  EXPECT_EQ(port_.channels[kId], always);
  subscribe(iothub::kMethodFilter);
  EXPECT_EQ(port_.channels[kId], always | static_cast<Channels>(Channel::methods));
  const std::string messages = iothub::messages_filter(kId);
  subscribe(messages);
  EXPECT_EQ(port_.channels[kId], kAllChannels);
  feed(mqtt::Unsubscribe{9, {iothub::kMethodFilter, messages}});
  EXPECT_EQ(port_.channels[kId], always);
}

// --- Twin ----------------------------------------------------------------------------------------

TEST_F(SessionTest, TwinGetAndReportedPatch) {
  connect();
  subscribe(iothub::kTwinResponseFilter);
  publish("$iothub/twin/GET/?$rid=abc%2F1", " ");
  publish(kReported + "2&$version=5", R"({"x":1})", 3);
  EXPECT_EQ(sent(), Lines{"PUBACK 3"});
  ASSERT_EQ(port_.twins.size(), 2U);
  EXPECT_EQ(port_.twins[0].first.kind, TwinRequest::Kind::get);
  EXPECT_EQ(port_.twins[1].first.kind, TwinRequest::Kind::merge_reported);
  EXPECT_EQ(port_.twins[1].first.patch_json, R"({"x":1})");
  EXPECT_EQ(port_.twins[1].first.if_version, 5U);
  EXPECT_EQ(port_.twin_of[1], kId);
  hear(TwinAnswered{port_.twins[1].second, TwinReply{{}, 6}});
  hear(TwinAnswered{port_.twins[0].second, TwinReply{"{\"desired\":{}}", 0}});
  hear(TwinAnswered{port_.twins[0].second, TwinReply{"twice", 0}});
  EXPECT_EQ(sent(), (Lines{"$iothub/twin/res/204/?$rid=2&$version=6 ",
                           "$iothub/twin/res/200/?$rid=abc%2F1 {\"desired\":{}}"}));
}

TEST_F(SessionTest, TwinErrorsAreJsonBodies) {
  connect();
  subscribe(iothub::kTwinResponseFilter);
  publish(kReported + "1", "[");
  hear(TwinAnswered{port_.twins[0].second, Error(twin::kBadJson)});
  const auto lines = sent();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_TRUE(lines[0].starts_with(
      R"($iothub/twin/res/400/?$rid=1 {"errorCode":400006,"message":"PV-TWD-001)"))
      << lines[0];
}

TEST_F(SessionTest, TwinStatusTable) {
  EXPECT_EQ(twin_status(twin::kVersionMismatch).status, 412);
  EXPECT_EQ(twin_status(twin::kSectionTooLarge).status, 413);
  EXPECT_EQ(twin_status(twin::kBadKey).status, 400);
  EXPECT_EQ(twin_status(kNotStored).status, 503);
  EXPECT_EQ(twin_status(twin::kCorruptTwin).status, 500);
}

TEST_F(SessionTest, TwinRequestLimit) {
  connect();
  subscribe(iothub::kTwinResponseFilter);
  for (std::size_t i = 0; i < kTwinRequestsMax; ++i) publish("$iothub/twin/GET/?$rid=1", "");
  EXPECT_TRUE(sent().empty());
  publish("$iothub/twin/GET/?$rid=2", "");
  EXPECT_TRUE(sent()[0].starts_with("$iothub/twin/res/429/?$rid=2 {\"errorCode\":429001"));
  EXPECT_EQ(port_.twins.size(), kTwinRequestsMax);
  hear(TwinAnswered{port_.twins[0].second, TwinReply{}});
  publish("$iothub/twin/GET/?$rid=3", "");
  EXPECT_EQ(port_.twins.size(), kTwinRequestsMax + 1);
}

TEST_F(SessionTest, TwinPatchSizeLimit) {
  connect();
  subscribe(iothub::kTwinResponseFilter);
  publish(kReported + "1", std::string(twin::kPatchTextMax, ' '));
  EXPECT_EQ(port_.twins.size(), 1U);
  publish(kReported + "2", std::string(twin::kPatchTextMax + 1, ' '));
  EXPECT_EQ(port_.twins.size(), 1U);
  EXPECT_TRUE(sent()[0].starts_with("$iothub/twin/res/413/?$rid=2"));
}

TEST_F(SessionTest, WithoutSubscriptionNoTwinAnswer) {
  connect();
  out_.clear();
  publish("$iothub/twin/GET/?$rid=1", "");
  hear(TwinAnswered{port_.twins[0].second, TwinReply{"{}", 0}});
  desired_changed(2, "{}");
  EXPECT_TRUE(sent().empty());
}

// --- Time ----------------------------------------------------------------------------------------

TEST_F(SessionTest, ConnectTimeout) {
  pass(kConnectTimeoutMs - 1);
  EXPECT_EQ(closed_code(), "open");
  EXPECT_EQ(session_->deadline_ms(), 1'000 + kConnectTimeoutMs);
  pass(1);
  EXPECT_EQ(closed_code(), kConnectTimeout.code);
}

TEST_F(SessionTest, MQTT_3_1_2_24_OneAndAHalfKeepAlives) {
  connect(true, 60);
  pass(89'999);
  EXPECT_EQ(closed_code(), "open");
  feed(mqtt::PingReq{});
  EXPECT_EQ(sent().back(), "PINGRESP");
  pass(89'999);
  EXPECT_EQ(closed_code(), "open");
  pass(1);
  EXPECT_EQ(closed_code(), kKeepAliveTimeout.code);
}

TEST_F(SessionTest, PartsOfAPacketDoNotCountAsLife) {
  connect(true, 60);
  const Bytes start = *from_hex("30ff01");
  session_->on_bytes(start, now_, out_);
  for (int i = 0; i < 9; ++i) {
    pass(9'999);
    session_->on_bytes(as_bytes("x"), now_, out_);
  }
  pass(9);
  EXPECT_EQ(closed_code(), kKeepAliveTimeout.code);
}

TEST_F(SessionTest, KeepAliveIsCapped) {
  for (const std::uint16_t asked : {std::uint16_t{0}, std::uint16_t{65'535}}) {
    restart();
    connect(true, asked);
    pass(kKeepAliveMaxMs - 1);
    EXPECT_EQ(closed_code(), "open");
    pass(1);
    EXPECT_EQ(closed_code(), kKeepAliveTimeout.code);
    now_ = {1'000, kStartWallMs};
  }
}

TEST_F(SessionTest, EndsWithTheCertificate) {
  connect(true, 0);
  now_.wall_ms = kExpiresMs - 5;
  feed(mqtt::PingReq{});
  EXPECT_EQ(session_->deadline_ms(), now_.steady_ms + 5);
  pass(4);
  EXPECT_EQ(closed_code(), "open");
  pass(1);
  EXPECT_EQ(closed_code(), kCertificateEnded.code);
}

TEST_F(SessionTest, EndsWithTheToken) {
  port_.members.at(kId).method = AuthMethod::sas;
  connect(true, 0);
  now_.wall_ms = kExpiresMs;
  pass(0);
  EXPECT_EQ(closed_code(), kTokenEnded.code);
}

// --- End -----------------------------------------------------------------------------------------

class WillTest : public SessionTest {
 protected:
  void connect_with_will() {
    const std::string name = username();
    const std::string topic = kEvents + "a=1";
    feed(mqtt::Connect{
        .client_id = kId, .will = mqtt::Will{topic, as_bytes("gone")}, .username = name});
    out_.clear();
  }
};

TEST_F(WillTest, MQTT_3_1_2_8_PublishedWhenTheConnectionBreaks) {
  connect_with_will();
  session_->close(kPeerClosed, out_);
  ASSERT_EQ(port_.records.size(), 1U);
  EXPECT_EQ(port_.records[0].properties, "a=1&iothub-MessageType=Will");
  EXPECT_EQ(port_.records[0].payload, "gone");
  session_->close(kKeepAliveTimeout, out_);
  EXPECT_EQ(port_.records.size(), 1U) << "once";
  EXPECT_EQ(closed_code(), kPeerClosed.code) << "the first reason stays";
}

TEST_F(WillTest, MQTT_3_1_2_10_DroppedAfterDisconnect) {
  connect_with_will();
  feed(mqtt::Disconnect{});
  EXPECT_EQ(closed_code(), kClientDisconnected.code);
  EXPECT_TRUE(port_.records.empty());
}

TEST_F(WillTest, PublishedAfterAProtocolError) {
  connect_with_will();
  session_->on_bytes(*from_hex("00"), now_, out_);
  session_->on_bytes(*from_hex("00"), now_, out_);
  EXPECT_EQ(closed_code(), mqtt::kUnknownPacketType.code);
  EXPECT_EQ(port_.records.size(), 1U);
}

TEST_F(SessionTest, NothingIsHandledAfterTheEnd) {
  connect();
  feed(mqtt::Disconnect{});
  out_.clear();
  publish(kEvents, "x", 1);
  session_->on_durable(9, out_);
  desired_changed(1, "{}");
  pass(10'000'000);
  EXPECT_EQ(closed_code(), kClientDisconnected.code);
  EXPECT_TRUE(sent().empty());
  EXPECT_TRUE(port_.records.empty());
}

}  // namespace
}  // namespace pavise::hub
