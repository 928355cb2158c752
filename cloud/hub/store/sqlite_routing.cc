// Message routes, their endpoints, and how far each endpoint got.
#include <algorithm>

#include "cloud/hub/store/checks.h"
#include "cloud/hub/store/sqlite_transaction.h"

namespace pavise::hub::store {

using sqlite::Row;

namespace {

constexpr std::string_view kEndpointColumns =
    "SELECT number, name, kind, address, topic, user, secret, ca, tls, cursor, delivered, "
    "dead_letters, gaps, created, updated, etag FROM routing_endpoints WHERE ";
constexpr std::string_view kRouteColumns =
    "SELECT name, source, endpoint, condition, enabled, created, updated, etag FROM routes WHERE ";
// What a cursor or count can be in SQLite's signed integers.
constexpr std::uint64_t kNumberMax = INT64_MAX;

std::uint64_t unsigned_at(const Row& row, int column) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(row.integer(column), 0));
}

RoutingEndpointRecord endpoint_from(const Row& row) {
  return {.number = row.integer(0),
          .name = row.text(1),
          .kind = static_cast<EndpointKind>(row.integer(2)),
          .address = row.text(3),
          .topic = row.text(4),
          .user = row.text(5),
          .secret = row.text(6),
          .ca_pem = row.text(7),
          .tls = row.integer(8) != 0,
          .cursor = unsigned_at(row, 9),
          .delivered = unsigned_at(row, 10),
          .dead_letters = unsigned_at(row, 11),
          .gaps = unsigned_at(row, 12),
          .created_ms = row.integer(13),
          .updated_ms = row.integer(14),
          .etag = row.text(15)};
}

RouteRecord route_from(const Row& row) {
  return {.name = row.text(0),
          .source = static_cast<RouteSource>(row.integer(1)),
          .enabled = row.integer(4) != 0,
          .endpoint = row.text(2),
          .condition = row.text(3),
          .created_ms = row.integer(5),
          .updated_ms = row.integer(6),
          .etag = row.text(7)};
}

bool is_route_name(std::string_view text) {
  return is_name(text, kRouteNameSizeMax, "._-");
}

Status check_endpoint(const RoutingEndpointRecord& given) {
  const auto bad = [](std::string_view what) { return Error(kBadEndpoint, std::string(what)); };
  if (!is_route_name(given.name) || given.name == kBuiltInEndpoint) return bad("name");
  if (given.kind < EndpointKind::webhook || given.kind > EndpointKind::kafka) return bad("type");
  if (given.address.empty() || !is_plain_text(given.address, kEndpointAddressSizeMax))
    return bad("address");
  if (!is_plain_text(given.topic, kEndpointTopicSizeMax)) return bad("topic");
  if ((given.kind == EndpointKind::webhook) != given.topic.empty()) return bad("topic");
  if (!is_plain_text(given.user, kEndpointUserSizeMax)) return bad("user");
  if (!is_plain_text(given.secret, kEndpointSecretSizeMax)) return bad("secret");
  if (given.ca_pem.size() > kEndpointCaSizeMax) return bad("ca");
  // Nobody on the way may read a secret.
  if (!given.tls && (given.kind == EndpointKind::webhook || !given.user.empty() ||
                     !given.secret.empty() || !given.ca_pem.empty()))
    return bad("tls");
  return {};
}

}  // namespace

template <class... Args>
Result<std::vector<RoutingEndpointRecord>> SqliteTransaction::endpoint_rows(
    std::string_view condition, const Args&... args) {
  std::vector<RoutingEndpointRecord> out;
  PAVISE_TRY(query(
      std::string(kEndpointColumns).append(condition),
      [&](const Row& row) { out.push_back(endpoint_from(row)); }, args...));
  return out;
}

template <class... Args>
Result<std::vector<RouteRecord>> SqliteTransaction::route_rows(std::string_view condition,
                                                               const Args&... args) {
  std::vector<RouteRecord> out;
  PAVISE_TRY(query(
      std::string(kRouteColumns).append(condition),
      [&](const Row& row) { out.push_back(route_from(row)); }, args...));
  return out;
}

// ---- endpoints

Result<std::vector<RoutingEndpointRecord>> SqliteTransaction::routing_endpoints(
    const iothub::HubName& hub) {
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  return endpoint_rows("hub = ?1 ORDER BY name", hub_id);
}

Result<RoutingEndpointRecord> SqliteTransaction::routing_endpoint(const iothub::HubName& hub,
                                                                  std::string_view name) {
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PAVISE_TRY_ASSIGN(auto rows, endpoint_rows("hub = ?1 AND name = ?2", hub_id, name));
  if (rows.empty()) return Error(kEndpointNotFound, std::string(name.substr(0, kRouteNameSizeMax)));
  return std::move(rows.front());
}

Result<RoutingEndpointRecord> SqliteTransaction::create_routing_endpoint(
    const iothub::HubName& hub, const RoutingEndpointRecord& given, std::uint64_t cursor) {
  PAVISE_TRY(check_endpoint(given));
  PAVISE_TRY_ASSIGN(const auto before, routing_endpoints(hub));
  if (std::ranges::find(before, given.name, &RoutingEndpointRecord::name) != before.end())
    return Error(kEndpointExists, given.name);
  if (before.size() >= kRoutingEndpointsMax) return kTooManyEndpoints;
  PAVISE_TRY_ASSIGN(const auto all, number("SELECT count(*) FROM routing_endpoints"));
  if (all.value_or(0) >= static_cast<std::int64_t>(kRoutingEndpointsOfStoreMax))
    return Error(kTooManyEndpoints, "of all hubs together");
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PAVISE_TRY_ASSIGN(const std::string etag, new_etag());
  PAVISE_TRY(
      change("INSERT INTO routing_endpoints (hub, name, kind, address, topic, user, secret, ca, "
             "tls, cursor, created, updated, etag) "
             "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12)",
             hub_id, given.name, static_cast<std::int64_t>(given.kind), given.address, given.topic,
             given.user, given.secret, given.ca_pem, given.tls, std::min(cursor, kNumberMax),
             clock_.now_ms(), etag));
  return routing_endpoint(hub, given.name);
}

Result<RoutingEndpointRecord> SqliteTransaction::update_routing_endpoint(
    const iothub::HubName& hub, const RoutingEndpointRecord& given, const IfMatch& if_match) {
  PAVISE_TRY(check_endpoint(given));
  PAVISE_TRY_ASSIGN(const RoutingEndpointRecord before, routing_endpoint(hub, given.name));
  PAVISE_TRY(check_etag(if_match, before.etag));
  if (given.kind != before.kind) return Error(kBadEndpoint, "type is fixed");
  PAVISE_TRY_ASSIGN(const std::string etag, new_etag());
  PAVISE_TRY(
      change("UPDATE routing_endpoints SET address = ?2, topic = ?3, user = ?4, secret = "
             "?5, ca = ?6, tls = ?7, updated = ?8, etag = ?9 WHERE number = ?1",
             before.number, given.address, given.topic, given.user, given.secret, given.ca_pem,
             given.tls, clock_.now_ms(), etag));
  return routing_endpoint(hub, given.name);
}

Status SqliteTransaction::delete_routing_endpoint(const iothub::HubName& hub, std::string_view name,
                                                  const IfMatch& if_match) {
  PAVISE_TRY_ASSIGN(const RoutingEndpointRecord before, routing_endpoint(hub, name));
  PAVISE_TRY(check_etag(if_match, before.etag));
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PAVISE_TRY_ASSIGN(const auto used,
                    route_rows("hub = ?1 AND endpoint = ?2 ORDER BY name LIMIT 1", hub_id, name));
  if (!used.empty()) return Error(kEndpointInUse, used.front().name);
  PAVISE_TRY(change("DELETE FROM routing_endpoints WHERE number = ?1", before.number));
  return {};
}

Status SqliteTransaction::note_routing(const RoutingProgress& progress) {
  PAVISE_TRY(
      change("UPDATE routing_endpoints SET cursor = max(cursor, ?2), delivered = delivered "
             "+ ?3, dead_letters = dead_letters + ?4, gaps = gaps + ?5 WHERE number = ?1",
             progress.number, std::min(progress.cursor, kNumberMax), progress.delivered,
             progress.dead_letters, progress.gaps));
  return {};
}

// ---- routes

Result<std::vector<RouteRecord>> SqliteTransaction::routes(const iothub::HubName& hub) {
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  return route_rows("hub = ?1 ORDER BY name", hub_id);
}

Result<RouteRecord> SqliteTransaction::route(const iothub::HubName& hub, std::string_view name) {
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PAVISE_TRY_ASSIGN(auto rows, route_rows("hub = ?1 AND name = ?2", hub_id, name));
  if (rows.empty()) return Error(kRouteNotFound, std::string(name.substr(0, kRouteNameSizeMax)));
  return std::move(rows.front());
}

Status SqliteTransaction::check_route(const iothub::HubName& hub, const RouteRecord& given) {
  if (!is_route_name(given.name)) return Error(kBadRoute, "name");
  if (given.source < RouteSource::device_messages || given.source > RouteSource::connection_state)
    return Error(kBadRoute, "source");
  if (given.condition.empty() || given.condition.size() > kRouteConditionSizeMax)
    return Error(kBadRoute, "condition");
  if (given.endpoint == kBuiltInEndpoint) return {};
  const auto endpoint = routing_endpoint(hub, given.endpoint);
  if (!endpoint) return endpoint.error();
  return {};
}

Result<RouteRecord> SqliteTransaction::create_route(const iothub::HubName& hub,
                                                    const RouteRecord& given) {
  PAVISE_TRY(check_route(hub, given));
  PAVISE_TRY_ASSIGN(const auto before, routes(hub));
  if (std::ranges::find(before, given.name, &RouteRecord::name) != before.end())
    return Error(kRouteExists, given.name);
  if (before.size() >= kRoutesMax) return kTooManyRoutes;
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PAVISE_TRY_ASSIGN(const std::string etag, new_etag());
  PAVISE_TRY(
      change("INSERT INTO routes (hub, name, source, endpoint, condition, enabled, created, "
             "updated, etag) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8)",
             hub_id, given.name, static_cast<std::int64_t>(given.source), given.endpoint,
             given.condition, given.enabled, clock_.now_ms(), etag));
  return route(hub, given.name);
}

Result<RouteRecord> SqliteTransaction::update_route(const iothub::HubName& hub,
                                                    const RouteRecord& given,
                                                    const IfMatch& if_match) {
  PAVISE_TRY_ASSIGN(const RouteRecord before, route(hub, given.name));
  PAVISE_TRY(check_etag(if_match, before.etag));
  PAVISE_TRY(check_route(hub, given));
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PAVISE_TRY_ASSIGN(const std::string etag, new_etag());
  PAVISE_TRY(
      change("UPDATE routes SET source = ?3, endpoint = ?4, condition = ?5, enabled = ?6, "
             "updated = ?7, etag = ?8 WHERE hub = ?1 AND name = ?2",
             hub_id, given.name, static_cast<std::int64_t>(given.source), given.endpoint,
             given.condition, given.enabled, clock_.now_ms(), etag));
  return route(hub, given.name);
}

Status SqliteTransaction::delete_route(const iothub::HubName& hub, std::string_view name,
                                       const IfMatch& if_match) {
  PAVISE_TRY_ASSIGN(const RouteRecord before, route(hub, name));
  PAVISE_TRY(check_etag(if_match, before.etag));
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PAVISE_TRY(change("DELETE FROM routes WHERE hub = ?1 AND name = ?2", hub_id, name));
  return {};
}

}  // namespace pavise::hub::store
