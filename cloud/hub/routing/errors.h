// Errors of message routing: PV-HRT-nnn.
#pragma once

#include "common/base/result.h"

namespace pavise::hub::routing {

inline constexpr ErrorInfo kBadAddress{
    "PV-HRT-001", Retry::never, "the address of the endpoint cannot be used",
    "Write https://HOST[:PORT][/PATH] for a webhook, HOST:PORT[,HOST:PORT] for NATS and Kafka."};
inline constexpr ErrorInfo kBadTopic{
    "PV-HRT-002", Retry::never, "the subject or topic of the endpoint cannot be used",
    "Write it without wildcards and spaces, as the service has it."};
inline constexpr ErrorInfo kRefusedByEndpoint{"PV-HRT-003", Retry::never,
                                              "the endpoint refused the messages for good",
                                              "Look at the endpoint's own log; what one message is "
                                              "refused three times is dropped and counted."};
inline constexpr ErrorInfo kEndpointFailed{
    "PV-HRT-004", Retry::later, "the endpoint did not take the messages",
    "Look at the endpoint's own log; they are sent again until it takes them."};
inline constexpr ErrorInfo kNotRetained{
    "PV-HRT-005", Retry::never,
    "retention ended records before the endpoint had taken what came before them",
    "Mend the endpoint sooner, or keep telemetry longer: pavise hub update --retention-hours."};
inline constexpr ErrorInfo kNoAuthorities{
    "PV-HRT-006", Retry::needs_operator, "there are no certificate authorities to trust",
    "Give the endpoint a CA file, or install the package ca-certificates."};
inline constexpr ErrorInfo kNoKafkaLogin{
    "PV-HRT-008", Retry::never, "endpoints of Kafka have neither user nor secret",
    "Leave them out, and let the brokers admit this server by its address."};
inline constexpr ErrorInfo kRoutingOff{"PV-HRT-007", Retry::needs_operator,
                                       "the server does not connect to others",
                                       "Start pavise-server with --message-routing."};

}  // namespace pavise::hub::routing
