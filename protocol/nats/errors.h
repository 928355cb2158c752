// Errors of the NATS client protocol: PV-NAT-nnn.
#pragma once

#include "common/base/result.h"

namespace pavise::nats {

inline constexpr ErrorInfo kBadServer{"PV-NAT-001", Retry::later,
                                      "the peer does not speak the protocol of NATS",
                                      "Check that address and port are those of a NATS server."};
inline constexpr ErrorInfo kServerSaid{"PV-NAT-002", Retry::later,
                                       "the NATS server reported an error",
                                       "See the detail, and the log of the NATS server."};
inline constexpr ErrorInfo kCannotPublish{
    "PV-NAT-003", Retry::never, "the message cannot be published to NATS", "See the detail."};
inline constexpr ErrorInfo kNoStream{
    "PV-NAT-004", Retry::needs_operator,
    "no stream of JetStream keeps what is published to the subject",
    "Turn JetStream on and make a stream for the subject."};
inline constexpr ErrorInfo kNotSecured{"PV-NAT-005", Retry::needs_operator,
                                       "the NATS server does not offer TLS",
                                       "Set up TLS there, or make the endpoint one without TLS."};

}  // namespace pavise::nats
