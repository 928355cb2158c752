// Encodes MQTT 3.1.1 control packets. Pure functions; never throw, never block.
#pragma once

#include "common/base/result.h"
#include "protocol/mqtt/errors.h"
#include "protocol/mqtt/packet.h"

namespace pavise::mqtt {

// Appends the packet to `out`; on an error `out` is as before. Checks what decode() checks, so that
// this side never sends what the other must refuse: kFieldTooLong (string above 65,535 bytes or
// packet above 256 MiB), kBadUtf8, kBadTopicName, kBadTopicFilter, kBadQos, kZeroPacketId,
// kBadConnectFlags (password without user name, client id empty without clean session [3.1.3-7]),
// kNoTopics, kTooManyTopics, kBadReturnCode.
Status encode(const Packet& packet, Bytes& out);

// The packet a server sends most; cannot fail for a packet id that was received.
void encode_puback(std::uint16_t packet_id, Bytes& out);

// Size of an encoded PUBLISH, header included.
std::size_t publish_size_bytes(std::size_t topic_bytes, std::size_t payload_bytes, QoS qos);

}  // namespace pavise::mqtt
