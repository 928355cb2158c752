// Errors of WebSocket connections: PV-WSK-nnn.
#pragma once

#include "common/base/result.h"

namespace pavise::websocket {

inline constexpr ErrorInfo kNoUpgrade{"PV-WSK-001", Retry::never,
                                      "the request does not ask for a WebSocket as RFC 6455 says",
                                      "Send GET with Upgrade: websocket and a Sec-WebSocket-Key."};
inline constexpr ErrorInfo kOtherVersion{"PV-WSK-002", Retry::never,
                                         "the client speaks another version of WebSocket",
                                         "Use version 13."};
inline constexpr ErrorInfo kNoSubprotocol{"PV-WSK-003", Retry::never,
                                          "the client offers no sub-protocol that is spoken here",
                                          "Offer mqtt or AMQPWSB10."};
inline constexpr ErrorInfo kBadFrame{"PV-WSK-004", Retry::never,
                                     "a WebSocket frame breaks RFC 6455",
                                     "Correct the client; the detail says what is wrong."};
inline constexpr ErrorInfo kTextMessage{"PV-WSK-005", Retry::never, "a WebSocket message is text",
                                        "Send binary messages."};
inline constexpr ErrorInfo kFrameTooLarge{"PV-WSK-006", Retry::never,
                                          "a WebSocket frame is larger than the limit",
                                          "Send smaller frames."};
inline constexpr ErrorInfo kPeerClosed{"PV-WSK-007", Retry::later, "the peer closed the WebSocket",
                                       "Connect again."};

}  // namespace pavise::websocket
