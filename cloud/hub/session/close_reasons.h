// Why the hub closed a connection: PV-HUB-nnn. Protocol errors keep their own codes (PV-MQT,
// PV-IOT), refusals by the security service theirs (PV-AUT).
#pragma once

#include "common/base/result.h"

namespace pavise::hub {

inline constexpr ErrorInfo kClientDisconnected{"PV-HUB-001", Retry::never,
                                               "the client disconnected", "Nothing to do."};
inline constexpr ErrorInfo kConnectTimeout{"PV-HUB-002", Retry::later,
                                           "the client did not finish connecting in time",
                                           "Check the network between device and hub."};
inline constexpr ErrorInfo kKeepAliveTimeout{"PV-HUB-003", Retry::later,
                                             "nothing came for one and a half keep-alive times",
                                             "Check the device's network; it may connect again."};
inline constexpr ErrorInfo kFirstPacketNotConnect{
    "PV-HUB-004", Retry::never, "the first packet is not CONNECT", "Correct the client."};
inline constexpr ErrorInfo kSecondConnect{
    "PV-HUB-005", Retry::never, "CONNECT came twice on one connection", "Correct the client."};
inline constexpr ErrorInfo kBadProtocolLevel{"PV-HUB-006", Retry::never,
                                             "the client does not speak MQTT 3.1.1",
                                             "Set the client to MQTT 3.1.1 (protocol level 4)."};
inline constexpr ErrorInfo kClientIdMismatch{
    "PV-HUB-007", Retry::never, "the client id is not the identity that the client may speak for",
    "Set the MQTT client id and user name to the device's or module's id."};
inline constexpr ErrorInfo kWrongHost{"PV-HUB-008", Retry::never,
                                      "there is no hub of this host name here",
                                      "Use the host name of the hub's connection string."};
inline constexpr ErrorInfo kQos2{"PV-HUB-009", Retry::never,
                                 "the client published with quality of service 2",
                                 "Use quality of service 0 or 1."};
inline constexpr ErrorInfo kTopicNotAllowed{"PV-HUB-010", Retry::never,
                                            "the device may not publish to this topic",
                                            "See the topic table in docs/hub.md."};
inline constexpr ErrorInfo kMessageTooLarge{
    "PV-HUB-011", Retry::never, "a telemetry message exceeds 256 KiB", "Split the message."};
inline constexpr ErrorInfo kUnexpectedPacket{"PV-HUB-012", Retry::never,
                                             "a packet came that only a server sends, or that "
                                             "belongs to quality of service 2",
                                             "Correct the client."};
inline constexpr ErrorInfo kSuperseded{"PV-HUB-013", Retry::never,
                                       "the same device connected again",
                                       "If it repeats, look for a second device with its key."};
inline constexpr ErrorInfo kCertificateEnded{"PV-HUB-014", Retry::after_reattest,
                                             "the device's certificate expired while connected",
                                             "The device attests again and reconnects by itself."};
inline constexpr ErrorInfo kDeviceBarred{"PV-HUB-015", Retry::needs_operator,
                                         "the device lost its right to connect",
                                         "See the device's state: pavise device show ID."};
inline constexpr ErrorInfo kServerStopping{"PV-HUB-016", Retry::later, "the hub is stopping",
                                           "The device reconnects by itself."};
inline constexpr ErrorInfo kNotStored{"PV-HUB-017", Retry::later,
                                      "the event log could not store a message",
                                      "See the hub's log; the device sends it again."};
inline constexpr ErrorInfo kWillNotAllowed{"PV-HUB-018", Retry::never,
                                           "the will's topic is not the device's telemetry topic",
                                           "Use devices/{id}/messages/events/ as the will topic."};
inline constexpr ErrorInfo kReaderTooSlow{"PV-HUB-019", Retry::later,
                                          "the client does not read what the hub sends",
                                          "Check the device; it may connect again."};
inline constexpr ErrorInfo kTlsFailed{"PV-HUB-020", Retry::after_reattest,
                                      "the TLS handshake failed",
                                      "See the detail; a device without a valid certificate "
                                      "attests first."};
inline constexpr ErrorInfo kPeerClosed{"PV-HUB-021", Retry::later,
                                       "the connection ended without DISCONNECT",
                                       "Check the device's network; it may connect again."};
inline constexpr ErrorInfo kTooManyConnections{"PV-HUB-022", Retry::later,
                                               "the hub has as many connections as it may have",
                                               "Raise the limit or add a hub."};
inline constexpr ErrorInfo kHubStartFailed{"PV-HUB-023", Retry::needs_operator,
                                           "the hub cannot start",
                                           "See the detail: address, port or certificate."};
inline constexpr ErrorInfo kHubStopped{"PV-HUB-024", Retry::later, "the hub has stopped",
                                       "Try again when it runs."};

inline constexpr ErrorInfo kTokenEnded{"PV-HUB-026", Retry::later,
                                       "the client's token expired while connected",
                                       "The client renews its token and connects again."};
inline constexpr ErrorInfo kDeviceNotListening{
    "PV-HUB-027", Retry::later, "the device is not connected, or does not listen for methods",
    "Try again when it is online; its program must register a method handler."};
inline constexpr ErrorInfo kNotForMqtt{
    "PV-HUB-032", Retry::never, "what a service sent to the device does not fit an MQTT packet",
    "Shorten the method's name, or send it over AMQP."};

}  // namespace pavise::hub
