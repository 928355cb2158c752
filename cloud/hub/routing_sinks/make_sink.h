// The sink of an endpoint by its kind.
#pragma once

#include "cloud/hub/routing/sink.h"

namespace pavise::hub::routing {

// Connects to nobody yet. kBadAddress, kBadTopic, kNoAuthorities, kKafkaSettings.
Result<std::unique_ptr<Sink>> make_sink(const store::RoutingEndpointRecord& endpoint);

}  // namespace pavise::hub::routing
