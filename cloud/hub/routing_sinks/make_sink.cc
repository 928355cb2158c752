#include "cloud/hub/routing_sinks/make_sink.h"

#include "cloud/hub/routing/errors.h"
#include "cloud/hub/routing_sinks/kafka_sink.h"
#include "cloud/hub/routing_sinks/nats_sink.h"
#include "cloud/hub/routing_sinks/webhook_sink.h"

namespace pavise::hub::routing {

Result<std::unique_ptr<Sink>> make_sink(const store::RoutingEndpointRecord& endpoint) {
  switch (endpoint.kind) {
    case store::EndpointKind::webhook:
      return make_webhook_sink(endpoint);
    case store::EndpointKind::nats:
      return make_nats_sink(endpoint);
    case store::EndpointKind::kafka:
      return make_kafka_sink(endpoint);
  }
  return kBadAddress;
}

}  // namespace pavise::hub::routing
