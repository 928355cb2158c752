// A topic of Kafka: a message counts as delivered when all in-sync replicas have it.
//
// librdkafka does the protocol. As in every Kafka client, the brokers that are named tell of the
// others that it connects to; with TLS all of them must be trusted.
#pragma once

#include <memory>

#include "cloud/hub/routing/sink.h"
#include "common/net/socket.h"

namespace pavise::hub::routing {

inline constexpr ErrorInfo kKafkaSaid{"PV-KFK-001", Retry::later, "Kafka did not take the messages",
                                      "See the detail, and the brokers' logs."};
inline constexpr ErrorInfo kKafkaRefused{"PV-KFK-002", Retry::never,
                                         "Kafka would never take this message",
                                         "See the detail, and the settings of the topic."};
inline constexpr ErrorInfo kKafkaSettings{"PV-KFK-003", Retry::needs_operator,
                                          "the settings of the Kafka endpoint cannot be used",
                                          "Correct what the detail names."};

// librdkafka loads libraries when it is first used: to be called before a sandbox that forbids
// that, from the only thread; afterwards there are no others. Does nothing the second time.
void prepare_kafka();

// Connects to nobody yet, but starts a thread. The time is that of a batch. kBadAddress, kBadTopic,
// kNoAuthorities, kKafkaSettings.
Result<std::unique_ptr<Sink>> make_kafka_sink(const store::RoutingEndpointRecord& endpoint,
                                              net::Millis answer = net::Millis(10'000));

}  // namespace pavise::hub::routing
