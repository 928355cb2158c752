// A subject of NATS that a stream of JetStream keeps: a message counts as delivered when the stream
// has said so.
#pragma once

#include <memory>

#include "cloud/hub/routing/sink.h"
#include "common/net/socket.h"

namespace pavise::hub::routing {

struct NatsTimes {
  net::Millis connect{5'000};  // of one server, to the end of the login
  net::Millis answer{10'000};  // of a batch
};

// kBadAddress, kBadTopic, kNoAuthorities.
Result<std::unique_ptr<Sink>> make_nats_sink(const store::RoutingEndpointRecord& endpoint,
                                             const NatsTimes& times = {});

}  // namespace pavise::hub::routing
