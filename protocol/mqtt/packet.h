// The fourteen control packets of MQTT 3.1.1 (OASIS standard, 2014-10-29) as plain values.
//
// Strings and payloads are views: a decoded packet borrows the bytes it was decoded from and is
// valid as long as they are; a packet to encode borrows the caller's bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/bytes.h"

namespace pavise::mqtt {

inline constexpr std::uint8_t kProtocolLevel311 = 4;
// Topics in one SUBSCRIBE, SUBACK or UNSUBSCRIBE. The standard sets no limit; official IoT SDKs
// send one to three.
inline constexpr std::size_t kTopicsPerPacketMax = 64;
// Largest remaining length that four bytes can say (section 2.2.3).
inline constexpr std::size_t kRemainingLengthMax = 268'435'455;

enum class PacketType : std::uint8_t {
  connect = 1,
  connack = 2,
  publish = 3,
  puback = 4,
  pubrec = 5,
  pubrel = 6,
  pubcomp = 7,
  subscribe = 8,
  suback = 9,
  unsubscribe = 10,
  unsuback = 11,
  pingreq = 12,
  pingresp = 13,
  disconnect = 14,
};

enum class QoS : std::uint8_t { at_most_once = 0, at_least_once = 1, exactly_once = 2 };

// Table 3.1 of section 3.2.2.3.
enum class ConnectCode : std::uint8_t {
  accepted = 0,
  unacceptable_protocol_version = 1,
  identifier_rejected = 2,
  server_unavailable = 3,
  bad_user_name_or_password = 4,
  not_authorized = 5,
};

// Return code of one refused filter in a SUBACK (section 3.9.3).
inline constexpr std::uint8_t kSubscribeFailure = 0x80;

struct Will {
  std::string_view topic = {};
  ByteView payload = {};
  QoS qos = QoS::at_most_once;
  bool retain = false;
};

struct Connect {
  // If this is not kProtocolLevel311, nothing after it was read: answer
  // ConnectCode::unacceptable_protocol_version and close [MQTT-3.1.2-2].
  std::uint8_t protocol_level = kProtocolLevel311;
  bool clean_session = true;
  std::uint16_t keep_alive_s = 0;  // 0 turns the keep-alive off
  std::string_view client_id = {};
  std::optional<Will> will = {};
  std::optional<std::string_view> username = {};
  std::optional<ByteView> password = {};
};

struct ConnAck {
  bool session_present = false;
  ConnectCode code = ConnectCode::accepted;
};

struct Publish {
  std::string_view topic = {};
  ByteView payload = {};
  QoS qos = QoS::at_most_once;
  bool dup = false;
  bool retain = false;
  std::uint16_t packet_id = 0;  // 0 exactly when qos is at_most_once
};

struct PubAck {
  std::uint16_t packet_id = 0;
};
struct PubRec {
  std::uint16_t packet_id = 0;
};
struct PubRel {
  std::uint16_t packet_id = 0;
};
struct PubComp {
  std::uint16_t packet_id = 0;
};

struct TopicRequest {
  std::string_view filter = {};
  QoS qos = QoS::at_most_once;
};

struct Subscribe {
  std::uint16_t packet_id = 0;
  std::vector<TopicRequest> topics = {};
};

struct SubAck {
  std::uint16_t packet_id = 0;
  std::vector<std::uint8_t> codes = {};  // granted QoS 0 to 2, or kSubscribeFailure
};

struct Unsubscribe {
  std::uint16_t packet_id = 0;
  std::vector<std::string_view> filters = {};
};

struct UnsubAck {
  std::uint16_t packet_id = 0;
};
struct PingReq {};
struct PingResp {};
struct Disconnect {};

using Packet = std::variant<Connect, ConnAck, Publish, PubAck, PubRec, PubRel, PubComp, Subscribe,
                            SubAck, Unsubscribe, UnsubAck, PingReq, PingResp, Disconnect>;

}  // namespace pavise::mqtt
