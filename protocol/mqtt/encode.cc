#include "protocol/mqtt/encode.h"

#include "protocol/mqtt/topic.h"

namespace pavise::mqtt {
namespace {

std::uint8_t first_byte(PacketType type, unsigned flags = 0) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(type) << 4U | flags);
}

void put_u8(Bytes& out, unsigned value) {
  out.push_back(static_cast<std::byte>(value));
}
void put_u16(Bytes& out, std::size_t value) {
  put_u8(out, static_cast<unsigned>(value >> 8U));
  put_u8(out, static_cast<unsigned>(value & 0xFFU));
}
void put_sized(Bytes& out, ByteView bytes) {
  put_u16(out, bytes.size());
  append(out, bytes);
}
void put_header(Bytes& out, std::uint8_t first, std::size_t remaining) {
  put_u8(out, first);
  do {
    const bool more = remaining > 127;
    put_u8(out, static_cast<unsigned>(remaining & 127U) | (more ? 128U : 0U));
    remaining >>= 7U;
  } while (remaining > 0);
}

Status check_string(std::string_view text) {
  if (text.size() > kStringSizeMax) return kFieldTooLong;
  if (!is_valid_utf8(text)) return kBadUtf8;
  return {};
}
Status check_topic(std::string_view topic) {
  PAVISE_TRY(check_string(topic));
  if (!is_valid_topic_name(topic)) return kBadTopicName;
  return {};
}
Status check_filter(std::string_view filter) {
  PAVISE_TRY(check_string(filter));
  if (!is_valid_topic_filter(filter)) return kBadTopicFilter;
  return {};
}
Status check_list(std::uint16_t packet_id, std::size_t count) {
  if (packet_id == 0) return kZeroPacketId;
  if (count == 0) return kNoTopics;
  if (count > kTopicsPerPacketMax) return kTooManyTopics;
  return {};
}

Status check_connect(const Connect& p) {
  PAVISE_TRY(check_string(p.client_id));
  if (p.client_id.empty() && !p.clean_session)
    return Error(kBadConnectFlags, "empty client id without clean session");  // [MQTT-3.1.3-7]
  if (p.will) {
    PAVISE_TRY(check_topic(p.will->topic));
    if (p.will->payload.size() > kStringSizeMax) return kFieldTooLong;
  }
  if (p.username) PAVISE_TRY(check_string(*p.username));
  if (p.password && !p.username) return Error(kBadConnectFlags, "password without user name");
  if (p.password && p.password->size() > kStringSizeMax) return kFieldTooLong;
  return {};
}

struct Encoder {
  Bytes& out;

  Status operator()(const Connect& p) const {
    PAVISE_TRY(check_connect(p));
    std::size_t remaining = 10 + 2 + p.client_id.size();
    unsigned flags = p.clean_session ? 2U : 0U;
    if (p.will) {
      remaining += 4 + p.will->topic.size() + p.will->payload.size();
      flags |= 4U | static_cast<unsigned>(p.will->qos) << 3U | (p.will->retain ? 0x20U : 0U);
    }
    if (p.username) {
      remaining += 2 + p.username->size();
      flags |= 0x80U;
    }
    if (p.password) {
      remaining += 2 + p.password->size();
      flags |= 0x40U;
    }
    put_header(out, first_byte(PacketType::connect), remaining);
    put_sized(out, as_bytes("MQTT"));
    put_u8(out, kProtocolLevel311);
    put_u8(out, flags);
    put_u16(out, p.keep_alive_s);
    put_sized(out, as_bytes(p.client_id));
    if (p.will) {
      put_sized(out, as_bytes(p.will->topic));
      put_sized(out, p.will->payload);
    }
    if (p.username) put_sized(out, as_bytes(*p.username));
    if (p.password) put_sized(out, *p.password);
    return {};
  }

  Status operator()(const ConnAck& p) const {
    if (p.code != ConnectCode::accepted && p.session_present) return kBadReturnCode;
    put_header(out, first_byte(PacketType::connack), 2);
    put_u8(out, p.session_present ? 1 : 0);
    put_u8(out, static_cast<unsigned>(p.code));
    return {};
  }

  Status operator()(const Publish& p) const {
    PAVISE_TRY(check_topic(p.topic));
    const bool has_id = p.qos != QoS::at_most_once;
    if (!has_id && p.dup) return kBadQos;
    if (has_id != (p.packet_id != 0)) return kZeroPacketId;
    const std::size_t remaining = 2 + p.topic.size() + (has_id ? 2 : 0) + p.payload.size();
    if (remaining > kRemainingLengthMax) return kFieldTooLong;
    const unsigned flags =
        (p.dup ? 8U : 0U) | static_cast<unsigned>(p.qos) << 1U | (p.retain ? 1U : 0U);
    out.reserve(out.size() + remaining + 5);
    put_header(out, first_byte(PacketType::publish, flags), remaining);
    put_sized(out, as_bytes(p.topic));
    if (has_id) put_u16(out, p.packet_id);
    append(out, p.payload);
    return {};
  }

  Status id_only(PacketType type, std::uint16_t id, unsigned flags = 0) const {
    if (id == 0) return kZeroPacketId;
    put_header(out, first_byte(type, flags), 2);
    put_u16(out, id);
    return {};
  }
  Status operator()(const PubAck& p) const { return id_only(PacketType::puback, p.packet_id); }
  Status operator()(const PubRec& p) const { return id_only(PacketType::pubrec, p.packet_id); }
  Status operator()(const PubRel& p) const { return id_only(PacketType::pubrel, p.packet_id, 2); }
  Status operator()(const PubComp& p) const { return id_only(PacketType::pubcomp, p.packet_id); }
  Status operator()(const UnsubAck& p) const { return id_only(PacketType::unsuback, p.packet_id); }

  Status operator()(const Subscribe& p) const {
    PAVISE_TRY(check_list(p.packet_id, p.topics.size()));
    std::size_t remaining = 2;
    for (const auto& [filter, qos] : p.topics) {
      PAVISE_TRY(check_filter(filter));
      remaining += 3 + filter.size();
    }
    put_header(out, first_byte(PacketType::subscribe, 2), remaining);
    put_u16(out, p.packet_id);
    for (const auto& [filter, qos] : p.topics) {
      put_sized(out, as_bytes(filter));
      put_u8(out, static_cast<unsigned>(qos));
    }
    return {};
  }

  Status operator()(const SubAck& p) const {
    PAVISE_TRY(check_list(p.packet_id, p.codes.size()));
    for (const std::uint8_t code : p.codes)
      if (code > 2 && code != kSubscribeFailure) return kBadReturnCode;
    put_header(out, first_byte(PacketType::suback), 2 + p.codes.size());
    put_u16(out, p.packet_id);
    for (const std::uint8_t code : p.codes) put_u8(out, code);
    return {};
  }

  Status operator()(const Unsubscribe& p) const {
    PAVISE_TRY(check_list(p.packet_id, p.filters.size()));
    std::size_t remaining = 2;
    for (const std::string_view filter : p.filters) {
      PAVISE_TRY(check_filter(filter));
      remaining += 2 + filter.size();
    }
    put_header(out, first_byte(PacketType::unsubscribe, 2), remaining);
    put_u16(out, p.packet_id);
    for (const std::string_view filter : p.filters) put_sized(out, as_bytes(filter));
    return {};
  }

  Status empty(PacketType type) const {
    put_header(out, first_byte(type), 0);
    return {};
  }
  Status operator()(const PingReq&) const { return empty(PacketType::pingreq); }
  Status operator()(const PingResp&) const { return empty(PacketType::pingresp); }
  Status operator()(const Disconnect&) const { return empty(PacketType::disconnect); }
};

}  // namespace

Status encode(const Packet& packet, Bytes& out) {
  return std::visit(Encoder{out}, packet);
}

void encode_puback(std::uint16_t packet_id, Bytes& out) {
  put_header(out, first_byte(PacketType::puback), 2);
  put_u16(out, packet_id);
}

std::size_t publish_size_bytes(std::size_t topic_bytes, std::size_t payload_bytes, QoS qos) {
  const std::size_t remaining =
      2 + topic_bytes + (qos == QoS::at_most_once ? 0U : 2U) + payload_bytes;
  std::size_t header = 2;
  for (std::size_t rest = remaining >> 7U; rest > 0; rest >>= 7U) ++header;
  return header + remaining;
}

}  // namespace pavise::mqtt
