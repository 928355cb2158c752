// Errors of the hub's AMQP links: PV-AMQ-060 and on; and how errors look to AMQP clients.
#pragma once

#include "common/base/result.h"

namespace pavise::hub {

inline constexpr ErrorInfo kUnknownAddress{"PV-AMQ-060", Retry::never,
                                           "the link's address is none of the hub's",
                                           "See the address table in docs/hub.md."};
inline constexpr ErrorInfo kWrongDirection{"PV-AMQ-061", Retry::never,
                                           "the link's direction does not fit its address",
                                           "Send to events, receive from devicebound."};
inline constexpr ErrorInfo kNoCredentials{"PV-AMQ-062", Retry::needs_operator,
                                          "nothing that the client has shown covers this address",
                                          "Put a token for the device or the policy first."};
inline constexpr ErrorInfo kBadTokenRequest{
    "PV-AMQ-063", Retry::never,
    "a request to $cbs is not a put-token with a name and a "
    "token",
    "Send operation, type and name, and the token as the "
    "body."};
inline constexpr ErrorInfo kTooManyTokens{"PV-AMQ-064", Retry::later,
                                          "a connection holds more tokens than the limit",
                                          "Open another connection."};
inline constexpr ErrorInfo kGrantEnded{"PV-AMQ-065", Retry::later,
                                       "the token or certificate behind a link expired",
                                       "Put a new token before the old one ends."};
inline constexpr ErrorInfo kLinkStolen{"PV-AMQ-066", Retry::later,
                                       "a newer link serves the same identity and address",
                                       "If it repeats, look for a second client with its key."};
inline constexpr ErrorInfo kBodyNotData{"PV-AMQ-067", Retry::never,
                                        "the body of an AMQP message is neither data nor text",
                                        "Send data sections."};
inline constexpr ErrorInfo kBadDestination{"PV-AMQ-068", Retry::never,
                                           "a message to a device names no device in its 'to'",
                                           "Set 'to' to /devices/{id}/messages/devicebound."};
inline constexpr ErrorInfo kBadFilter{"PV-AMQ-069", Retry::never,
                                      "the filter of an event receiver is not understood",
                                      "Compare x-opt-offset, x-opt-sequence-number or "
                                      "x-opt-enqueued-time with '>' or '>='."};
inline constexpr ErrorInfo kNoSuchPartition{
    "PV-AMQ-070", Retry::never, "there is no such partition", "Ask the hub for its partition ids."};
inline constexpr ErrorInfo kEpochTooLow{"PV-AMQ-071", Retry::never,
                                        "a reader with a higher epoch reads the partition",
                                        "Let one reader of a consumer group read a partition."};
inline constexpr ErrorInfo kRedirected{"PV-AMQ-072", Retry::never,
                                       "events are read at the Event Hubs-compatible address",
                                       "Follow the redirect."};
inline constexpr ErrorInfo kQueueOverflow{"PV-AMQ-073", Retry::later,
                                          "a client leaves more answers waiting than the limit",
                                          "Give the receiving link credit."};
inline constexpr ErrorInfo kTooManyRefused{"PV-AMQ-074", Retry::later,
                                           "a connection attached too many links that were refused",
                                           "Correct the client."};
inline constexpr ErrorInfo kBadRequest{"PV-AMQ-075", Retry::never,
                                       "a twin, method or management message is not understood",
                                       "See the address table in docs/hub.md."};
inline constexpr ErrorInfo kNobodyYet{"PV-AMQ-076", Retry::later,
                                      "the client showed no credentials in time",
                                      "Put a token or attach a link after opening."};
inline constexpr ErrorInfo kBadValue{"PV-AMQ-077", Retry::never,
                                     "an application property is not a simple value",
                                     "Use text, numbers or booleans as property values."};

inline constexpr ErrorInfo kTooManyCbsLinks{"PV-AMQ-078", Retry::never,
                                            "a connection has more links to $cbs than the limit",
                                            "Put all tokens over one pair of links."};
inline constexpr ErrorInfo kTooManyReaders{"PV-AMQ-079", Retry::later,
                                           "a consumer group has as many readers of the partition "
                                           "as may be",
                                           "Close one, or read with another consumer group."};

inline constexpr ErrorInfo kProveAnew{"PV-AMQ-080", Retry::later,
                                      "the rights of the identity behind a link were changed",
                                      "The client attaches again; what it shows still counts."};

}  // namespace pavise::hub
