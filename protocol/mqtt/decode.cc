#include "protocol/mqtt/decode.h"

#include "protocol/mqtt/topic.h"

namespace pavise::mqtt {
namespace {

constexpr std::uint8_t kWillFlag = 0x04;
constexpr std::uint8_t kWillRetain = 0x20;
constexpr std::uint8_t kPasswordFlag = 0x40;
constexpr std::uint8_t kUsernameFlag = 0x80;

Result<ByteView> read_binary(ByteReader& in) {
  const auto bytes = in.sized<std::uint16_t>(kStringSizeMax);
  if (!bytes) return kTruncatedField;
  return *bytes;
}

Result<std::string_view> read_string(ByteReader& in) {
  PAVISE_TRY_ASSIGN(const ByteView bytes, read_binary(in));
  const std::string_view text = as_text(bytes);
  if (!is_valid_utf8(text)) return kBadUtf8;  // [MQTT-1.5.3-1], [MQTT-1.5.3-2]
  return text;
}

Result<std::uint16_t> read_packet_id(ByteReader& in) {
  const auto id = in.be<std::uint16_t>();
  if (!id) return kTruncatedField;
  if (*id == 0) return kZeroPacketId;  // [MQTT-2.3.1-1]
  return *id;
}

Status expect_end(const ByteReader& in) {
  if (!in.at_end()) return kTrailingBytes;
  return {};
}

// The rules of section 3.1.2 about the bits of the connect flags byte.
Status check_connect_flags(std::uint8_t flags) {
  if ((flags & 0x01U) != 0) return Error(kBadConnectFlags, "reserved bit");  // [MQTT-3.1.2-3]
  const unsigned will_qos = flags >> 3U & 3U;
  if ((flags & kWillFlag) == 0) {
    if (will_qos != 0) return Error(kBadConnectFlags, "will QoS without will");  // [MQTT-3.1.2-13]
    if ((flags & kWillRetain) != 0)
      return Error(kBadConnectFlags, "will retain without will");  // [MQTT-3.1.2-15]
  }
  if (will_qos == 3) return kBadQos;  // [MQTT-3.1.2-14]
  if ((flags & kUsernameFlag) == 0 && (flags & kPasswordFlag) != 0)
    return Error(kBadConnectFlags, "password without user name");  // [MQTT-3.1.2-22]
  return {};
}

Result<Will> read_will(ByteReader& in, std::uint8_t flags) {
  Will will;
  PAVISE_TRY_ASSIGN(will.topic, read_string(in));
  if (!is_valid_topic_name(will.topic)) return kBadTopicName;
  PAVISE_TRY_ASSIGN(will.payload, read_binary(in));
  will.qos = static_cast<QoS>(flags >> 3U & 3U);
  will.retain = (flags & kWillRetain) != 0;
  return will;
}

Result<Packet> decode_connect(ByteView body) {
  ByteReader in(body);
  Connect out;
  PAVISE_TRY_ASSIGN(const std::string_view name, read_string(in));
  // "MQIsdp" is the name in MQTT 3.1; its client may be told the level it should speak.
  if (name == "MQIsdp") {
    out.protocol_level = 3;
    return Packet(out);
  }
  if (name != "MQTT") return kBadProtocolName;  // [MQTT-3.1.2-1]
  const auto level = in.be<std::uint8_t>();
  if (!level) return kTruncatedField;
  out.protocol_level = *level;
  if (*level != kProtocolLevel311) return Packet(out);
  const auto flags = in.be<std::uint8_t>();
  const auto keep_alive = in.be<std::uint16_t>();
  if (!flags || !keep_alive) return kTruncatedField;
  PAVISE_TRY(check_connect_flags(*flags));
  out.clean_session = (*flags & 0x02U) != 0;
  out.keep_alive_s = *keep_alive;
  PAVISE_TRY_ASSIGN(out.client_id, read_string(in));
  if ((*flags & kWillFlag) != 0) {
    PAVISE_TRY_ASSIGN(out.will, read_will(in, *flags));
  }
  if ((*flags & kUsernameFlag) != 0) {
    PAVISE_TRY_ASSIGN(out.username, read_string(in));
  }
  if ((*flags & kPasswordFlag) != 0) {
    PAVISE_TRY_ASSIGN(out.password, read_binary(in));
  }
  PAVISE_TRY(expect_end(in));
  return Packet(out);
}

Result<Packet> decode_connack(ByteView body) {
  ByteReader in(body);
  const auto flags = in.be<std::uint8_t>();
  const auto code = in.be<std::uint8_t>();
  if (!flags || !code) return kTruncatedField;
  PAVISE_TRY(expect_end(in));
  if (*flags > 1 || *code > 5) return kBadReturnCode;
  if (*code != 0 && *flags != 0) return kBadReturnCode;  // [MQTT-3.2.2-4]
  return Packet(ConnAck{*flags == 1, static_cast<ConnectCode>(*code)});
}

Result<Packet> decode_publish(std::uint8_t first_byte, ByteView body) {
  ByteReader in(body);
  Publish out;
  out.dup = (first_byte & 0x08U) != 0;
  out.retain = (first_byte & 0x01U) != 0;
  out.qos = static_cast<QoS>(first_byte >> 1U & 3U);
  if (static_cast<unsigned>(out.qos) == 3) return kBadQos;      // [MQTT-3.3.1-4]
  if (out.dup && out.qos == QoS::at_most_once) return kBadQos;  // [MQTT-3.3.1-2]
  PAVISE_TRY_ASSIGN(out.topic, read_string(in));                // [MQTT-3.3.2-1]
  if (!is_valid_topic_name(out.topic)) return kBadTopicName;    // [MQTT-3.3.2-2]
  if (out.qos != QoS::at_most_once) {
    PAVISE_TRY_ASSIGN(out.packet_id, read_packet_id(in));
  }
  out.payload = in.rest();
  return Packet(out);
}

template <class T>
Result<Packet> decode_id_only(ByteView body) {
  ByteReader in(body);
  PAVISE_TRY_ASSIGN(const std::uint16_t id, read_packet_id(in));
  PAVISE_TRY(expect_end(in));
  return Packet(T{id});
}

template <class T>
Result<Packet> decode_empty(ByteView body) {
  if (!body.empty()) return kTrailingBytes;
  return Packet(T{});
}

Result<std::string_view> read_filter(ByteReader& in) {
  PAVISE_TRY_ASSIGN(const std::string_view filter, read_string(in));  // [MQTT-3.8.3-1]
  if (!is_valid_topic_filter(filter)) return kBadTopicFilter;
  return filter;
}

Result<Packet> decode_subscribe(ByteView body) {
  ByteReader in(body);
  Subscribe out;
  PAVISE_TRY_ASSIGN(out.packet_id, read_packet_id(in));
  while (!in.at_end()) {
    if (out.topics.size() == kTopicsPerPacketMax) return kTooManyTopics;
    PAVISE_TRY_ASSIGN(const std::string_view filter, read_filter(in));
    const auto qos = in.be<std::uint8_t>();
    if (!qos) return kTruncatedField;
    if (*qos > 2) return kBadQos;  // [MQTT-3.8.3-4]
    out.topics.push_back({filter, static_cast<QoS>(*qos)});
  }
  if (out.topics.empty()) return kNoTopics;  // [MQTT-3.8.3-3]
  return Packet(std::move(out));
}

Result<Packet> decode_suback(ByteView body) {
  ByteReader in(body);
  SubAck out;
  PAVISE_TRY_ASSIGN(out.packet_id, read_packet_id(in));
  if (in.remaining() > kTopicsPerPacketMax) return kTooManyTopics;
  while (!in.at_end()) {
    const std::uint8_t code = *in.be<std::uint8_t>();
    if (code > 2 && code != kSubscribeFailure) return kBadReturnCode;  // [MQTT-3.9.3-2]
    out.codes.push_back(code);
  }
  if (out.codes.empty()) return kNoTopics;
  return Packet(std::move(out));
}

Result<Packet> decode_unsubscribe(ByteView body) {
  ByteReader in(body);
  Unsubscribe out;
  PAVISE_TRY_ASSIGN(out.packet_id, read_packet_id(in));
  while (!in.at_end()) {
    if (out.filters.size() == kTopicsPerPacketMax) return kTooManyTopics;
    PAVISE_TRY_ASSIGN(const std::string_view filter, read_filter(in));  // [MQTT-3.10.3-1]
    out.filters.push_back(filter);
  }
  if (out.filters.empty()) return kNoTopics;  // [MQTT-3.10.3-2]
  return Packet(std::move(out));
}

// Table 2.2 of section 2.2.2 [MQTT-2.2.2-1]; PUBLISH flags are checked by decode_publish.
bool flags_allowed(PacketType type, unsigned flags) {
  switch (type) {
    case PacketType::publish:
      return true;
    case PacketType::pubrel:
    case PacketType::subscribe:
    case PacketType::unsubscribe:
      return flags == 2;  // [MQTT-3.6.1-1], [MQTT-3.8.1-1], [MQTT-3.10.1-1]
    default:
      return flags == 0;
  }
}

}  // namespace

Result<std::optional<FixedHeader>> parse_fixed_header(ByteView bytes) {
  constexpr std::size_t kLengthBytesMax = 4;
  FixedHeader out;
  std::size_t shift = 0;
  for (std::size_t i = 1; i < bytes.size(); ++i, shift += 7) {
    if (i > kLengthBytesMax) return kBadRemainingLength;
    const auto byte = std::to_integer<std::size_t>(bytes[i]);
    out.remaining_bytes |= (byte & 0x7FU) << shift;
    if (byte < 0x80) {
      out.first_byte = std::to_integer<std::uint8_t>(bytes[0]);
      out.header_size = i + 1;
      return std::optional(out);
    }
    if (i == kLengthBytesMax) return kBadRemainingLength;
  }
  return std::optional<FixedHeader>{};
}

Result<Packet> decode(std::uint8_t first_byte, ByteView body) {
  const unsigned raw_type = first_byte >> 4U;
  if (raw_type == 0 || raw_type == 15) return kUnknownPacketType;
  const auto type = static_cast<PacketType>(raw_type);
  if (!flags_allowed(type, first_byte & 15U)) return kBadFixedHeaderFlags;  // [MQTT-2.2.2-2]
  switch (type) {
    case PacketType::connect:
      return decode_connect(body);
    case PacketType::connack:
      return decode_connack(body);
    case PacketType::publish:
      return decode_publish(first_byte, body);
    case PacketType::puback:
      return decode_id_only<PubAck>(body);
    case PacketType::pubrec:
      return decode_id_only<PubRec>(body);
    case PacketType::pubrel:
      return decode_id_only<PubRel>(body);
    case PacketType::pubcomp:
      return decode_id_only<PubComp>(body);
    case PacketType::subscribe:
      return decode_subscribe(body);
    case PacketType::suback:
      return decode_suback(body);
    case PacketType::unsubscribe:
      return decode_unsubscribe(body);
    case PacketType::unsuback:
      return decode_id_only<UnsubAck>(body);
    case PacketType::pingreq:
      return decode_empty<PingReq>(body);
    case PacketType::pingresp:
      return decode_empty<PingResp>(body);
    case PacketType::disconnect:
      return decode_empty<Disconnect>(body);
  }
  return kUnknownPacketType;
}

}  // namespace pavise::mqtt
