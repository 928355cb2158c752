// Errors of an AMQP connection: PV-AMQ-030 and on.
#pragma once

#include "common/base/result.h"

namespace pavise::amqp {

inline constexpr ErrorInfo kBadPerformative{"PV-AMQ-030", Retry::never,
                                            "an AMQP performative is unknown or a field of it has "
                                            "the wrong type",
                                            "Correct the client."};
inline constexpr ErrorInfo kOutOfOrder{"PV-AMQ-031", Retry::never,
                                       "an AMQP performative came where the protocol forbids it",
                                       "Correct the client."};
inline constexpr ErrorInfo kTooManySessions{"PV-AMQ-032", Retry::never,
                                            "an AMQP connection has more sessions than the limit",
                                            "Keep to channel-max of the hub's open frame."};
inline constexpr ErrorInfo kTooManyLinks{"PV-AMQ-033", Retry::never,
                                         "an AMQP connection has more links than the limit",
                                         "Detach links that are not used, or open another "
                                         "connection."};
inline constexpr ErrorInfo kCreditExceeded{"PV-AMQ-034", Retry::never,
                                           "a client sent more messages than it had credit for",
                                           "Wait for credit before sending."};
inline constexpr ErrorInfo kTooMuchUnfinished{"PV-AMQ-035", Retry::later,
                                              "the unfinished messages of a connection exceed the "
                                              "limit",
                                              "Send large messages one after the other."};
inline constexpr ErrorInfo kIdleTimeout{"PV-AMQ-036", Retry::later,
                                        "nothing came within the idle timeout",
                                        "Check the client's network; it may connect again."};
inline constexpr ErrorInfo kEngineFailed{"PV-AMQ-037", Retry::never,
                                         "the AMQP engine refused what the client sent",
                                         "Correct the client; see the detail."};
inline constexpr ErrorInfo kSaslRefused{"PV-AMQ-038", Retry::needs_operator,
                                        "the SASL credentials of the client were refused",
                                        "Check the key, the name and the clock of the client."};

}  // namespace pavise::amqp
