#include <gtest/gtest.h>

#include <string>

#include "protocol/mqtt/decode.h"
#include "protocol/mqtt/encode.h"
#include "protocol/mqtt/topic.h"

namespace pavise::mqtt {
namespace {

// Decodes one whole packet given in hex.
Result<Packet> decode_hex(std::string_view hex) {
  const auto wire = from_hex(hex);
  PAVISE_CHECK(wire);
  static Bytes kept;  // packets borrow the bytes
  kept = *wire;
  PAVISE_TRY_ASSIGN(const auto header, parse_fixed_header(kept));
  PAVISE_CHECK(header);
  PAVISE_CHECK(header->header_size + header->remaining_bytes == kept.size());
  return decode(header->first_byte, ByteView(kept).subspan(header->header_size));
}

struct BadRow {
  std::string_view rule;
  std::string_view hex;
  const ErrorInfo& error;
};

void expect_refused(std::span<const BadRow> rows) {
  for (const auto& row : rows) {
    const auto packet = decode_hex(row.hex);
    ASSERT_FALSE(packet) << row.rule << " " << row.hex;
    EXPECT_EQ(packet.error().code(), row.error.code) << row.rule << " " << row.hex;
  }
}

TEST(Decode, RefusesBadFixedHeaders) {
  const BadRow rows[] = {
      {"table 2.1: type 0", "0000", kUnknownPacketType},
      {"table 2.1: type 15", "f000", kUnknownPacketType},
      {"[MQTT-2.2.2-2] CONNECT flags", "1100", kBadFixedHeaderFlags},
      {"[MQTT-2.2.2-2] CONNACK flags", "21020000", kBadFixedHeaderFlags},
      {"[MQTT-2.2.2-2] PUBACK flags", "42020001", kBadFixedHeaderFlags},
      {"[MQTT-2.2.2-2] PUBREC flags", "52020001", kBadFixedHeaderFlags},
      {"[MQTT-3.6.1-1] PUBREL flags", "60020001", kBadFixedHeaderFlags},
      {"[MQTT-2.2.2-2] PUBCOMP flags", "72020001", kBadFixedHeaderFlags},
      {"[MQTT-3.8.1-1] SUBSCRIBE flags",
       "80060001000161"
       "00",
       kBadFixedHeaderFlags},
      {"[MQTT-2.2.2-2] SUBACK flags", "9203000100", kBadFixedHeaderFlags},
      {"[MQTT-3.10.1-1] UNSUBSCRIBE flags", "a0050001000161", kBadFixedHeaderFlags},
      {"[MQTT-2.2.2-2] UNSUBACK flags", "b2020001", kBadFixedHeaderFlags},
      {"[MQTT-2.2.2-2] PINGREQ flags", "c100", kBadFixedHeaderFlags},
      {"[MQTT-2.2.2-2] PINGRESP flags", "d100", kBadFixedHeaderFlags},
      {"[MQTT-3.14.1-1] DISCONNECT flags", "e100", kBadFixedHeaderFlags},
  };
  expect_refused(rows);
}

// A CONNECT with the given flags byte and payload in hex, keep-alive 60 s.
std::string connect_hex(std::string_view flags, std::string_view payload) {
  std::string body = "00044d51545404";
  body.append(flags).append("003c").append(payload);
  const std::size_t size = body.size() / 2;
  const std::byte length[] = {static_cast<std::byte>(size)};
  return "10" + to_hex(length) + body;
}

TEST(Decode, RefusesBadConnects) {
  const std::string reserved = connect_hex("03", "000161");
  const std::string will_qos = connect_hex("0a", "000161");
  const std::string will_retain = connect_hex("22", "000161");
  const std::string will_qos3 = connect_hex("1e",
                                            "000161000174"
                                            "0000");
  const std::string password = connect_hex("42", "000161000170");
  const std::string no_will = connect_hex("06", "000161");
  const std::string no_user = connect_hex("82", "000161");
  const std::string trailing = connect_hex("02", "00016100");
  const std::string bad_utf8 = connect_hex("02", "0001ff");
  const std::string nul = connect_hex("02", "000100");
  const std::string will_wild = connect_hex("06",
                                            "000161"
                                            "000123"
                                            "0000");
  const BadRow rows[] = {
      {"[MQTT-3.1.2-1] name",
       "100c00044d51545504020000"
       "0000",
       kBadProtocolName},
      {"[MQTT-3.1.2-3] reserved bit", reserved, kBadConnectFlags},
      {"[MQTT-3.1.2-13] will QoS without will", will_qos, kBadConnectFlags},
      {"[MQTT-3.1.2-15] will retain without will", will_retain, kBadConnectFlags},
      {"[MQTT-3.1.2-14] will QoS 3", will_qos3, kBadQos},
      {"[MQTT-3.1.2-22] password without user", password, kBadConnectFlags},
      {"[MQTT-3.1.2-9] will fields missing", no_will, kTruncatedField},
      {"[MQTT-3.1.2-19] user name missing", no_user, kTruncatedField},
      {"payload longer than its fields", trailing, kTrailingBytes},
      {"[MQTT-3.1.3-4] client id not UTF-8", bad_utf8, kBadUtf8},
      {"[MQTT-1.5.3-2] client id with U+0000", nul, kBadUtf8},
      {"[MQTT-3.1.3-10] will topic with wildcard", will_wild, kBadTopicName},
      {"no body", "1000", kTruncatedField},
      {"no level", "100600044d515454", kTruncatedField},
      {"no flags", "100700044d51545404", kTruncatedField},
      {"no keep-alive", "100800044d5154540402", kTruncatedField},
  };
  expect_refused(rows);
}

TEST(Decode, MQTT_3_1_2_2_OtherProtocolLevelsAreReportedNotParsed) {
  const auto v5 = decode_hex("100d00044d51545405020000000000");
  ASSERT_TRUE(v5);
  EXPECT_EQ(std::get<Connect>(*v5).protocol_level, 5);
  const auto v31 = decode_hex(
      "100e00064d514973647003020000"
      "0000");
  ASSERT_TRUE(v31);
  EXPECT_EQ(std::get<Connect>(*v31).protocol_level, 3);
}

TEST(Decode, RefusesBadPublishes) {
  const BadRow rows[] = {
      {"[MQTT-3.3.1-4] QoS 3",
       "3605000161"
       "0001",
       kBadQos},
      {"[MQTT-3.3.1-2] DUP with QoS 0", "3803000161", kBadQos},
      {"[MQTT-3.3.2-2] wildcard #", "3003000123", kBadTopicName},
      {"[MQTT-3.3.2-2] wildcard +", "300300012b", kBadTopicName},
      {"[MQTT-4.7.3-1] empty topic", "30020000", kBadTopicName},
      {"[MQTT-3.3.2-1] topic not UTF-8", "30030001c0", kBadUtf8},
      {"[MQTT-2.3.1-1] packet id 0", "32050001610000", kZeroPacketId},
      {"packet id missing", "3203000161", kTruncatedField},
      {"topic longer than packet", "3003000261", kTruncatedField},
      {"no topic", "300100", kTruncatedField},
  };
  expect_refused(rows);
}

TEST(Decode, RefusesBadAcknowledgements) {
  const BadRow rows[] = {
      {"[MQTT-2.3.1-1] PUBACK id 0", "40020000", kZeroPacketId},
      {"PUBACK short", "400101", kTruncatedField},
      {"PUBACK long", "4003000100", kTrailingBytes},
      {"PUBREC short", "5000", kTruncatedField},
      {"PUBREL long", "6203000100", kTrailingBytes},
      {"PUBCOMP id 0", "70020000", kZeroPacketId},
      {"UNSUBACK short", "b000", kTruncatedField},
      {"CONNACK reserved flag", "20020200", kBadReturnCode},
      {"CONNACK code 6", "20020006", kBadReturnCode},
      {"[MQTT-3.2.2-4] session present with error", "20020105", kBadReturnCode},
      {"CONNACK short", "200100", kTruncatedField},
      {"CONNACK long", "2003000000", kTrailingBytes},
      {"PINGREQ with body", "c00100", kTrailingBytes},
      {"PINGRESP with body", "d00100", kTrailingBytes},
      {"DISCONNECT with body", "e00100", kTrailingBytes},
  };
  expect_refused(rows);
}

TEST(Decode, RefusesBadSubscriptions) {
  const BadRow rows[] = {
      {"[MQTT-3.8.3-3] no filter", "82020001", kNoTopics},
      {"[MQTT-3.8.3-4] QoS 3",
       "82060001000161"
       "03",
       kBadQos},
      {"[MQTT-3-8.3-4] reserved bits",
       "82060001000161"
       "80",
       kBadQos},
      {"[MQTT-4.7.3-1] empty filter", "82050001000000", kBadTopicFilter},
      {"[MQTT-4.7.1-2] # not last",
       "82080001000323"
       "2f6100",
       kBadTopicFilter},
      {"[MQTT-3.8.3-1] not UTF-8",
       "8206000100"
       "01ff00",
       kBadUtf8},
      {"QoS missing", "82050001000161", kTruncatedField},
      {"[MQTT-2.3.1-1] id 0",
       "82060000000161"
       "00",
       kZeroPacketId},
      {"[MQTT-3.10.3-2] UNSUBSCRIBE without filter", "a2020001", kNoTopics},
      {"UNSUBSCRIBE filter cut", "a2050001000261", kTruncatedField},
      {"[MQTT-3.10.3-1] UNSUBSCRIBE not UTF-8", "a20500010001ff", kBadUtf8},
      {"[MQTT-3.9.3-2] SUBACK code 3", "9003000103", kBadReturnCode},
      {"[MQTT-3.9.3-2] SUBACK code 0x81", "9003000181", kBadReturnCode},
      {"SUBACK without code", "90020001", kNoTopics},
  };
  expect_refused(rows);
}

TEST(Decode, TopicCountLimit) {
  for (const std::size_t count : {kTopicsPerPacketMax, kTopicsPerPacketMax + 1}) {
    ByteWriter subscribe;
    ByteWriter unsubscribe;
    ByteWriter suback;
    subscribe.be<std::uint16_t>(1);
    unsubscribe.be<std::uint16_t>(1);
    suback.be<std::uint16_t>(1);
    for (std::size_t i = 0; i < count; ++i) {
      subscribe.sized<std::uint16_t>(as_bytes("a")).be<std::uint8_t>(0);
      unsubscribe.sized<std::uint16_t>(as_bytes("a"));
      suback.be<std::uint8_t>(0);
    }
    const bool allowed = count <= kTopicsPerPacketMax;
    EXPECT_EQ(decode(0x82, subscribe.bytes()).has_value(), allowed);
    EXPECT_EQ(decode(0xa2, unsubscribe.bytes()).has_value(), allowed);
    EXPECT_EQ(decode(0x90, suback.bytes()).has_value(), allowed);
    Bytes out;
    const std::vector<TopicRequest> topics(count, TopicRequest{"a", QoS::at_most_once});
    EXPECT_EQ(encode(Subscribe{1, topics}, out).has_value(), allowed);
  }
}

// Encodes, checks the hex where one is given, decodes again.
Packet round_trip(const Packet& packet, std::string_view hex = {}) {
  static Bytes out;
  out.clear();
  const Status status = encode(packet, out);
  PAVISE_CHECK(status.has_value());
  if (!hex.empty()) {
    EXPECT_EQ(to_hex(out), hex);
  }
  auto back = decode_hex(to_hex(out));
  PAVISE_CHECK(back.has_value());
  EXPECT_EQ(back->index(), packet.index());
  return *std::move(back);
}

TEST(Codec, RoundTripsConnect) {
  const Connect in{.clean_session = false,
                   .keep_alive_s = 230,
                   .client_id = "device-1",
                   .will = Will{"will/topic", as_bytes("gone"), QoS::at_least_once, true},
                   .username = "host/device-1/?api-version=2021-04-12",
                   .password = as_bytes("secret")};
  const Packet packet = round_trip(in);
  const auto& out = std::get<Connect>(packet);
  EXPECT_FALSE(out.clean_session);
  EXPECT_EQ(out.keep_alive_s, 230);
  EXPECT_EQ(out.client_id, in.client_id);
  ASSERT_TRUE(out.will);
  EXPECT_EQ(out.will->topic, "will/topic");
  EXPECT_EQ(as_text(out.will->payload), "gone");
  EXPECT_EQ(out.will->qos, QoS::at_least_once);
  EXPECT_TRUE(out.will->retain);
  EXPECT_EQ(out.username, in.username);
  ASSERT_TRUE(out.password);
  EXPECT_EQ(as_text(*out.password), "secret");
}

// Figures of section 3: byte for byte.
TEST(Codec, KnownEncodings) {
  round_trip(Connect{.keep_alive_s = 10, .client_id = "a"},
             "100d00044d51545404"
             "02000a000161");
  round_trip(ConnAck{true, ConnectCode::accepted}, "20020100");
  round_trip(ConnAck{false, ConnectCode::not_authorized}, "20020005");
  round_trip(Publish{.topic = "a/b", .qos = QoS::at_least_once, .packet_id = 10},
             "32070003612f62000a");
  round_trip(Publish{.topic = "a", .payload = as_bytes("x"), .retain = true},
             "31040001"
             "6178");
  round_trip(PubAck{258}, "40020102");
  round_trip(PubRec{1}, "50020001");
  round_trip(PubRel{1}, "62020001");
  round_trip(PubComp{1}, "70020001");
  round_trip(Subscribe{10, {{"a/b", QoS::at_least_once}, {"c/d", QoS::exactly_once}}},
             "820e000a0003612f62010003632f6402");
  round_trip(SubAck{10, {0, 2, kSubscribeFailure}}, "9005000a000280");
  round_trip(Unsubscribe{10, {"a/b", "c/d"}}, "a20c000a0003612f620003632f64");
  round_trip(UnsubAck{10}, "b002000a");
  round_trip(PingReq{}, "c000");
  round_trip(PingResp{}, "d000");
  round_trip(Disconnect{}, "e000");
  Bytes puback;
  encode_puback(258, puback);
  EXPECT_EQ(to_hex(puback), "40020102");
}

TEST(Codec, PublishSizeIsExact) {
  for (const std::size_t payload : {0UL, 120UL, 125UL, 126UL, 16'380UL, 16'384UL, 262'144UL}) {
    for (const QoS qos : {QoS::at_most_once, QoS::at_least_once}) {
      const Bytes body(payload);
      const std::uint16_t id = qos == QoS::at_most_once ? 0 : 1;
      Bytes out;
      ASSERT_TRUE(encode(Publish{.topic = "t", .payload = body, .qos = qos, .packet_id = id}, out));
      EXPECT_EQ(out.size(), publish_size_bytes(1, payload, qos));
    }
  }
}

TEST(Encode, RefusesWhatDecodeWouldRefuse) {
  const std::string long_text(kStringSizeMax + 1, 'a');
  const std::pair<Packet, const ErrorInfo*> rows[] = {
      {Connect{.client_id = long_text}, &kFieldTooLong},
      {Connect{.clean_session = false}, &kBadConnectFlags},
      {Connect{.client_id = "a", .password = as_bytes("p")}, &kBadConnectFlags},
      {Connect{.client_id = "a", .will = Will{.topic = "#"}}, &kBadTopicName},
      {Connect{.client_id = "\xff"}, &kBadUtf8},
      {ConnAck{true, ConnectCode::not_authorized}, &kBadReturnCode},
      {Publish{.topic = ""}, &kBadTopicName},
      {Publish{.topic = "a", .dup = true}, &kBadQos},
      {Publish{.topic = "a", .qos = QoS::at_least_once}, &kZeroPacketId},
      {Publish{.topic = "a", .packet_id = 1}, &kZeroPacketId},
      {PubAck{0}, &kZeroPacketId},
      {Subscribe{1, {}}, &kNoTopics},
      {Subscribe{1, {{"a#", QoS::at_most_once}}}, &kBadTopicFilter},
      {SubAck{1, {7}}, &kBadReturnCode},
      {Unsubscribe{1, {""}}, &kBadTopicFilter},
      {Unsubscribe{0, {"a"}}, &kZeroPacketId},
  };
  for (const auto& [packet, error] : rows) {
    Bytes out = to_bytes(as_bytes("kept"));
    const Status status = encode(packet, out);
    ASSERT_FALSE(status) << error->code;
    EXPECT_EQ(status.error().code(), error->code);
    EXPECT_EQ(as_text(out), "kept");
  }
}

TEST(Encode, LongestStringIsAllowed) {
  const std::string text(kStringSizeMax, 'a');
  Bytes out;
  EXPECT_TRUE(encode(Connect{.client_id = text}, out));
}

}  // namespace
}  // namespace pavise::mqtt
