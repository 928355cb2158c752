// Endpoints that routes of a hub lead to. Their secrets go in and never come out.
#include <algorithm>
#include <boost/json/array.hpp>

#include "cloud/hub/routing/address.h"
#include "cloud/server/log/log.h"
#include "cloud/server/routes/errors.h"
#include "cloud/server/routes/handlers.h"
#include "cloud/server/routes/hub_audit.h"

namespace pavise::server {

namespace json = boost::json;
using hub::store::EndpointKind;
using hub::store::HubTransaction;
using hub::store::RoutingEndpointRecord;

namespace {

constexpr std::pair<EndpointKind, std::string_view> kKinds[] = {
    {EndpointKind::webhook, "webhook"},
    {EndpointKind::nats, "nats"},
    {EndpointKind::kafka, "kafka"},
};

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value() : json::value(text);
}

std::string_view kind_name(EndpointKind kind) {
  for (const auto& [each, name] : kKinds)
    if (each == kind) return name;
  return {};
}

json::object health_view(const Call& call, const RoutingEndpointRecord& endpoint) {
  const auto health = call.services.hubs.endpoint_health(endpoint.number);
  if (!health) return {{"state", "unknown"}, {"error", nullptr}, {"error_time", nullptr}};
  return {{"state", health->healthy ? "healthy" : "unhealthy"},
          {"error", health->error ? json::value(std::string(health->error->code()) + ": " +
                                                health->error->message())
                                  : json::value()},
          {"error_time",
           health->error ? json::value(rfc3339(health->error_ms / 1000)) : json::value()}};
}

json::object endpoint_view(const Call& call, const RoutingEndpointRecord& endpoint) {
  return {{"name", endpoint.name},
          {"type", kind_name(endpoint.kind)},
          {"address", endpoint.address},
          {"topic", text_or_null(endpoint.topic)},
          {"user", text_or_null(endpoint.user)},
          {"has_secret", !endpoint.secret.empty()},
          {"ca", text_or_null(endpoint.ca_pem)},
          {"tls", endpoint.tls},
          {"cursor", endpoint.cursor},
          {"delivered", endpoint.delivered},
          {"dead_letters", endpoint.dead_letters},
          {"gaps", endpoint.gaps},
          {"health", health_view(call, endpoint)},
          {"created", rfc3339(endpoint.created_ms / 1000)},
          {"updated", rfc3339(endpoint.updated_ms / 1000)},
          {"etag", endpoint.etag}};
}

Reply shown(const Call& call, const RoutingEndpointRecord& endpoint, int status = 200) {
  return Reply{.status = status,
               .body = endpoint_view(call, endpoint),
               .headers = {{"etag", '"' + endpoint.etag + '"'}}};
}

Status take_text(JsonObject& body, std::string_view name, std::size_t size_max, std::string& out) {
  PAVISE_TRY_ASSIGN(auto given, body.optional_text(name, size_max));
  if (given) out = *std::move(given);
  return {};
}

// What may be given at first and later.
Status take_settings(JsonObject& body, RoutingEndpointRecord& out) {
  const std::string address = out.address;
  const bool had_secret = !out.secret.empty();
  const bool gives_secret = body.has("secret");
  PAVISE_TRY(take_text(body, "address", hub::store::kEndpointAddressSizeMax, out.address));
  PAVISE_TRY(take_text(body, "topic", hub::store::kEndpointTopicSizeMax, out.topic));
  PAVISE_TRY(take_text(body, "user", hub::store::kEndpointUserSizeMax, out.user));
  PAVISE_TRY(take_text(body, "secret", hub::store::kEndpointSecretSizeMax, out.secret));
  PAVISE_TRY(take_text(body, "ca", hub::store::kEndpointCaSizeMax, out.ca_pem));
  PAVISE_TRY_ASSIGN(const auto tls, body.optional_boolean("tls"));
  if (tls) out.tls = *tls;
  PAVISE_TRY(body.finish());
  // Who does not know the secret must not have it sent to a place of his own.
  if (had_secret && !gives_secret && out.address != address)
    return Error(hub::store::kBadEndpoint, "secret: with another address it is to be given anew");
  return hub::routing::check_endpoint(out);
}

Result<RoutingEndpointRecord> named_endpoint(const Call& call) {
  RoutingEndpointRecord found;
  PAVISE_TRY(call.services.hubs.queue.store().read([&](hub::store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(found, reader.routing_endpoint(call.named_hub().hub.name, call.part));
    return {};
  }));
  return found;
}

}  // namespace

Result<Reply> list_hub_endpoints(Call& call) {
  std::vector<RoutingEndpointRecord> found;
  PAVISE_TRY(call.services.hubs.queue.store().read([&](hub::store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(found, reader.routing_endpoints(call.named_hub().hub.name));
    return {};
  }));
  json::array items;
  for (const RoutingEndpointRecord& endpoint : found)
    items.push_back(endpoint_view(call, endpoint));
  return Reply{.body = {{"endpoints", std::move(items)}}};
}

Result<Reply> create_hub_endpoint(Call& call) {
  RoutingEndpointRecord given;
  PAVISE_TRY_ASSIGN(given.name, call.body.text("name", hub::store::kRouteNameSizeMax));
  PAVISE_TRY_ASSIGN(const std::string type, call.body.text("type", kNameMax));
  const auto* const kind =
      std::ranges::find(kKinds, type, [](const auto& each) { return each.second; });
  if (kind == std::end(kKinds)) return Error(hub::store::kBadEndpoint, "type");
  given.kind = kind->first;
  PAVISE_TRY(take_settings(call.body, given));
  if (!call.services.hubs.routing) return hub::routing::kRoutingOff;
  const iothub::HubName& hub = call.named_hub().hub.name;
  PAVISE_TRY(audit_hub(call, "hub.endpoint.create", hub, given.name + " " + given.address));
  const std::uint64_t cursor = call.services.telemetry.next_offset();
  PAVISE_TRY_ASSIGN(
      const auto made,
      call.services.hubs.queue.call<RoutingEndpointRecord>([&](HubTransaction& transaction) {
        return transaction.create_routing_endpoint(hub, given, cursor);
      }));
  call.services.hubs.routing_changed();
  return shown(call, made, 201);
}

Result<Reply> get_hub_endpoint(Call& call) {
  PAVISE_TRY_ASSIGN(const auto found, named_endpoint(call));
  return shown(call, found);
}

Result<Reply> change_hub_endpoint(Call& call) {
  PAVISE_TRY_ASSIGN(const auto if_match, hub_if_match(call.request));
  PAVISE_TRY_ASSIGN(RoutingEndpointRecord wanted, named_endpoint(call));
  // Only if it is still what was changed here.
  const hub::store::IfMatch seen = if_match ? if_match : hub::store::IfMatch(wanted.etag);
  PAVISE_TRY(take_settings(call.body, wanted));
  const iothub::HubName& hub = call.named_hub().hub.name;
  PAVISE_TRY(audit_hub(call, "hub.endpoint.update", hub, wanted.name + " " + wanted.address));
  PAVISE_TRY_ASSIGN(
      const auto changed,
      call.services.hubs.queue.call<RoutingEndpointRecord>([&](HubTransaction& transaction) {
        return transaction.update_routing_endpoint(hub, wanted, seen);
      }));
  call.services.hubs.routing_changed();
  return shown(call, changed);
}

Result<Reply> delete_hub_endpoint(Call& call) {
  PAVISE_TRY_ASSIGN(const auto if_match, hub_if_match(call.request));
  PAVISE_TRY(named_endpoint(call));
  const iothub::HubName& hub = call.named_hub().hub.name;
  PAVISE_TRY(audit_hub(call, "hub.endpoint.delete", hub, call.part));
  PAVISE_TRY(call.services.hubs.queue.call([&](HubTransaction& transaction) {
    return transaction.delete_routing_endpoint(hub, call.part, if_match);
  }));
  call.services.hubs.routing_changed();
  return Reply{.status = 204};
}

}  // namespace pavise::server
