// Message routes of a hub: which of its messages an endpoint gets.
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <set>

#include "cloud/hub/routing/plan.h"
#include "cloud/server/log/log.h"
#include "cloud/server/routes/errors.h"
#include "cloud/server/routes/handlers.h"
#include "cloud/server/routes/hub_audit.h"

namespace pavise::server {

namespace json = boost::json;
using hub::store::HubTransaction;
using hub::store::RouteRecord;
using hub::store::RouteSource;

namespace {

// A message to test routes with: as large as one that a device may send.
constexpr std::size_t kTestBodyMax = 256UL * 1024;
constexpr std::size_t kTestPropertiesMax = 100;

json::object route_view(const RouteRecord& route) {
  return {{"name", route.name},
          {"source", hub::routing::source_name(route.source)},
          {"endpoint", route.endpoint},
          {"condition", route.condition},
          {"enabled", route.enabled},
          {"created", rfc3339(route.created_ms / 1000)},
          {"updated", rfc3339(route.updated_ms / 1000)},
          {"etag", route.etag}};
}

Reply shown(const RouteRecord& route, int status = 200) {
  return Reply{
      .status = status, .body = route_view(route), .headers = {{"etag", '"' + route.etag + '"'}}};
}

Result<RouteSource> take_source(JsonObject& body, RouteSource otherwise) {
  PAVISE_TRY_ASSIGN(const auto given, body.optional_text("source", kNameMax));
  if (!given) return otherwise;
  const auto source = hub::routing::source_of(*given);
  if (!source) return Error(hub::store::kBadRoute, "source");
  return *source;
}

// A route of events that the hub does not tell of would never take any.
Status check_source(const Call& call, RouteSource source) {
  using hub::store::EventSource;
  const auto needs = [&](EventSource event) -> Status {
    const auto told = call.named_hub().hub.settings.event_sources;
    if ((told & static_cast<hub::store::EventSources>(event)) != 0) return {};
    return Error(hub::store::kBadRoute, "source: first add " +
                                            std::string(hub::store::event_source_name(event)) +
                                            " to the hub's event_sources");
  };
  switch (source) {
    case RouteSource::device_messages:
      return {};
    case RouteSource::twin_changes:
      return needs(EventSource::twin_changes);
    case RouteSource::device_lifecycle:
      return needs(EventSource::device_lifecycle);
    case RouteSource::connection_state:
      return needs(EventSource::connection_state);
  }
  return hub::store::kBadRoute;
}

// Everything but the name; what is not given stays.
Status take_settings(Call& call, RouteRecord& out) {
  JsonObject& body = call.body;
  PAVISE_TRY_ASSIGN(out.source, take_source(body, out.source));
  PAVISE_TRY_ASSIGN(auto endpoint, body.optional_text("endpoint", hub::store::kRouteNameSizeMax));
  if (endpoint) out.endpoint = *std::move(endpoint);
  PAVISE_TRY_ASSIGN(auto condition,
                    body.optional_text("condition", hub::store::kRouteConditionSizeMax));
  if (condition) out.condition = *std::move(condition);
  PAVISE_TRY_ASSIGN(const auto enabled, body.optional_boolean("enabled"));
  if (enabled) out.enabled = *enabled;
  PAVISE_TRY(body.finish());
  PAVISE_TRY(hub::routing::parse_condition(out.condition));
  return check_source(call, out.source);
}

Result<std::vector<RouteRecord>> all_routes(const Call& call) {
  std::vector<RouteRecord> found;
  PAVISE_TRY(call.services.hubs.queue.store().read([&](hub::store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(found, reader.routes(call.named_hub().hub.name));
    return {};
  }));
  return found;
}

Result<RouteRecord> named_route(const Call& call, std::string_view name) {
  RouteRecord found;
  PAVISE_TRY(call.services.hubs.queue.store().read([&](hub::store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(found, reader.route(call.named_hub().hub.name, name));
    return {};
  }));
  return found;
}

Result<hub::routing::Properties> texts_of(const json::object& object, std::string_view member) {
  hub::routing::Properties out;
  if (object.size() > kTestPropertiesMax) return Error(kMemberMistyped, std::string(member));
  for (const auto& [name, value] : object) {
    if (!value.is_string()) return Error(kMemberMistyped, std::string(member));
    out.emplace_back(name, std::string(value.as_string()));
  }
  return out;
}

// {"body":"...","properties":{...},"system_properties":{...}}
Result<hub::routing::Message> take_message(Call& call) {
  hub::routing::Message out;
  out.hub = call.named_hub().hub.name.text();
  PAVISE_TRY_ASSIGN(out.source, take_source(call.body, RouteSource::device_messages));
  PAVISE_TRY_ASSIGN(const auto text, call.body.optional_text("body", kTestBodyMax));
  if (text) out.body = to_bytes(as_bytes(*text));
  if (call.body.has("properties")) {
    PAVISE_TRY_ASSIGN(const json::object given, call.body.object("properties"));
    PAVISE_TRY_ASSIGN(out.application, texts_of(given, "properties"));
  }
  if (call.body.has("system_properties")) {
    PAVISE_TRY_ASSIGN(const json::object given, call.body.object("system_properties"));
    PAVISE_TRY_ASSIGN(out.system, texts_of(given, "system_properties"));
    for (auto& [name, value] : out.system) {
      const std::string_view known = hub::routing::shown_name(name);
      if (known.empty()) return Error(kBadValue, "system_properties: " + name.substr(0, kNameMax));
      name = known;
    }
  }
  return out;
}

std::string_view verdict_name(query::RouteVerdict verdict) {
  switch (verdict) {
    case query::RouteVerdict::matches:
      return "matches";
    case query::RouteVerdict::does_not_match:
      return "does_not_match";
    case query::RouteVerdict::undefined:
      return "undefined";
  }
  return {};
}

}  // namespace

Result<Reply> list_hub_routes(Call& call) {
  PAVISE_TRY_ASSIGN(const auto found, all_routes(call));
  json::array items;
  for (const RouteRecord& route : found) items.push_back(route_view(route));
  return Reply{.body = {{"routes", std::move(items)}}};
}

Result<Reply> create_hub_route(Call& call) {
  RouteRecord given;
  PAVISE_TRY_ASSIGN(given.name, call.body.text("name", hub::store::kRouteNameSizeMax));
  if (!call.body.has("endpoint")) return Error(kMemberMissing, "endpoint");
  PAVISE_TRY(take_settings(call, given));
  const iothub::HubName& hub = call.named_hub().hub.name;
  PAVISE_TRY(audit_hub(call, "hub.route.create", hub, given.name + " to " + given.endpoint));
  PAVISE_TRY_ASSIGN(const auto made,
                    call.services.hubs.queue.call<RouteRecord>([&](HubTransaction& transaction) {
                      return transaction.create_route(hub, given);
                    }));
  call.services.hubs.routing_changed();
  return shown(made, 201);
}

Result<Reply> get_hub_route(Call& call) {
  PAVISE_TRY_ASSIGN(const auto found, named_route(call, call.part));
  return shown(found);
}

Result<Reply> change_hub_route(Call& call) {
  PAVISE_TRY_ASSIGN(const auto if_match, hub_if_match(call.request));
  PAVISE_TRY_ASSIGN(RouteRecord wanted, named_route(call, call.part));
  // Only if it is still what was changed here.
  const hub::store::IfMatch seen = if_match ? if_match : hub::store::IfMatch(wanted.etag);
  PAVISE_TRY(take_settings(call, wanted));
  const iothub::HubName& hub = call.named_hub().hub.name;
  PAVISE_TRY(audit_hub(call, "hub.route.update", hub, wanted.name + " to " + wanted.endpoint));
  PAVISE_TRY_ASSIGN(const auto changed,
                    call.services.hubs.queue.call<RouteRecord>([&](HubTransaction& transaction) {
                      return transaction.update_route(hub, wanted, seen);
                    }));
  call.services.hubs.routing_changed();
  return shown(changed);
}

Result<Reply> delete_hub_route(Call& call) {
  PAVISE_TRY_ASSIGN(const auto if_match, hub_if_match(call.request));
  PAVISE_TRY(named_route(call, call.part));
  const iothub::HubName& hub = call.named_hub().hub.name;
  PAVISE_TRY(audit_hub(call, "hub.route.delete", hub, call.part));
  PAVISE_TRY(call.services.hubs.queue.call([&](HubTransaction& transaction) {
    return transaction.delete_route(hub, call.part, if_match);
  }));
  call.services.hubs.routing_changed();
  return Reply{.status = 204};
}

Result<Reply> test_hub_routes(Call& call) {
  PAVISE_TRY_ASSIGN(const auto named,
                    call.body.optional_text("route", hub::store::kRouteNameSizeMax));
  std::optional<query::Document> twin;
  if (call.body.has("twin")) {
    PAVISE_TRY_ASSIGN(const json::object given, call.body.object("twin"));
    PAVISE_TRY_ASSIGN(twin, query::Document::parse(json::serialize(given)));
  }
  PAVISE_TRY_ASSIGN(const auto message, take_message(call));
  PAVISE_TRY(call.body.finish());
  std::vector<RouteRecord> routes;
  if (named) {
    PAVISE_TRY_ASSIGN(auto one, named_route(call, *named));
    routes.push_back(std::move(one));
  } else {
    PAVISE_TRY_ASSIGN(routes, all_routes(call));
  }
  json::array verdicts;
  std::set<std::string, std::less<>> endpoints;
  // The built-in endpoint keeps everything.
  endpoints.emplace(hub::store::kBuiltInEndpoint);
  for (const RouteRecord& route : routes) {
    PAVISE_TRY_ASSIGN(const auto verdict,
                      hub::routing::judge(route, message, twin ? &*twin : nullptr));
    verdicts.push_back(json::object{
        {"name", route.name}, {"endpoint", route.endpoint}, {"result", verdict_name(verdict)}});
    if (verdict == query::RouteVerdict::matches) endpoints.insert(route.endpoint);
  }
  json::array reached;
  for (const std::string& endpoint : endpoints) reached.emplace_back(endpoint);
  return Reply{.body = {{"routes", std::move(verdicts)}, {"endpoints", std::move(reached)}}};
}

}  // namespace pavise::server
