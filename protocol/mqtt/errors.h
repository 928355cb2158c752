// Errors of the MQTT 3.1.1 codec: PV-MQT-nnn. Each means: close the connection [MQTT-4.8.0-1].
#pragma once

#include "common/base/result.h"

namespace pavise::mqtt {

inline constexpr std::string_view kFixTheClient = "Correct the client; it broke MQTT 3.1.1.";

inline constexpr ErrorInfo kBadRemainingLength{
    "PV-MQT-001", Retry::never, "the remaining length is longer than four bytes", kFixTheClient};
inline constexpr ErrorInfo kPacketTooLarge{"PV-MQT-002", Retry::never,
                                           "the packet is larger than the limit",
                                           "Send smaller messages (telemetry: 256 KiB)."};
inline constexpr ErrorInfo kUnknownPacketType{
    "PV-MQT-003", Retry::never, "the packet type is reserved (0 or 15)", kFixTheClient};
inline constexpr ErrorInfo kBadFixedHeaderFlags{
    "PV-MQT-004", Retry::never, "reserved flag bits of the fixed header are wrong", kFixTheClient};
inline constexpr ErrorInfo kTruncatedField{"PV-MQT-005", Retry::never,
                                           "a field is longer than its packet", kFixTheClient};
inline constexpr ErrorInfo kTrailingBytes{"PV-MQT-006", Retry::never,
                                          "bytes follow the last field of a packet", kFixTheClient};
inline constexpr ErrorInfo kBadUtf8{
    "PV-MQT-007", Retry::never, "a string is not well-formed UTF-8 or holds U+0000", kFixTheClient};
inline constexpr ErrorInfo kBadProtocolName{"PV-MQT-008", Retry::never,
                                            "the protocol name is not MQTT",
                                            "Speak MQTT 3.1.1 (protocol level 4) to this port."};
inline constexpr ErrorInfo kBadConnectFlags{
    "PV-MQT-009", Retry::never, "the connect flags contradict each other", kFixTheClient};
inline constexpr ErrorInfo kBadQos{"PV-MQT-010", Retry::never,
                                   "a quality of service is 3, or DUP is set with QoS 0",
                                   kFixTheClient};
inline constexpr ErrorInfo kBadTopicName{
    "PV-MQT-011", Retry::never, "a topic name is empty or holds a wildcard", kFixTheClient};
inline constexpr ErrorInfo kBadTopicFilter{
    "PV-MQT-012", Retry::never, "a topic filter is empty or misplaces a wildcard", kFixTheClient};
inline constexpr ErrorInfo kZeroPacketId{"PV-MQT-013", Retry::never, "a packet identifier is zero",
                                         kFixTheClient};
inline constexpr ErrorInfo kNoTopics{
    "PV-MQT-014", Retry::never, "a SUBSCRIBE, SUBACK or UNSUBSCRIBE names no topic", kFixTheClient};
inline constexpr ErrorInfo kTooManyTopics{"PV-MQT-015", Retry::never,
                                          "a packet names more topics than the limit",
                                          "Split the subscription into several packets."};
inline constexpr ErrorInfo kBadReturnCode{"PV-MQT-016", Retry::never,
                                          "a return code or acknowledge flag is reserved",
                                          "Correct the server; it broke MQTT 3.1.1."};
inline constexpr ErrorInfo kFieldTooLong{"PV-MQT-017", Retry::never,
                                         "a field to encode is longer than MQTT allows",
                                         "Shorten the topic, text or payload."};

}  // namespace pavise::mqtt
