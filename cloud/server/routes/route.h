// A row of the route table, and what a handler gets after the choke point has let a call through.
#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/hub/ports/activity.h"
#include "cloud/hub/ports/gatekeeper.h"
#include "cloud/hub/routing/board.h"
#include "cloud/hub/store/store_queue.h"
#include "cloud/security/issuing/issuer.h"
#include "cloud/security/registry/registry.h"
#include "cloud/security/releases/release_book.h"
#include "cloud/security/tenancy/tenancy.h"
#include "cloud/server/access/token_authority.h"
#include "cloud/server/http/message.h"
#include "cloud/server/json/json_object.h"
#include "cloud/server/routes/hub_ports.h"
#include "cloud/server/routes/query.h"
#include "common/metrics/exposition.h"

namespace pavise::server {

struct Ports {
  std::uint16_t management = 0;
  std::uint16_t device = 0;
  std::uint16_t hub = 0;
  std::uint16_t hub_amqp = 0;   // 0: not served
  std::uint16_t hub_https = 0;  // 0: not served
};

// The disk under the state directory.
struct Storage {
  std::uint64_t free_bytes = 0;
  std::uint64_t size_bytes = 0;
  std::optional<Error> telemetry_refused = {};  // why no telemetry is taken at present
};
inline constexpr std::uint64_t kLowStorageBytes = 256UL * 1024 * 1024;  // below: state "low"
inline constexpr std::uint64_t kFullStorageBytes = 64UL * 1024;  // below: "full", a commit may fail

// What the calls about hubs use.
struct HubAdministration {
  hub::store::StoreQueue& queue;
  std::string host_name;  // of the server: a hub is reached as "{hub}.{host_name}"
  // Does not block.
  std::function<void(const hub::RightsChanged&)> rights_changed;
  std::function<std::size_t(const iothub::HubName&)> connected_count;
  std::function<void(const iothub::HubName&)> made;    // what it does is counted from now on
  std::function<void(const iothub::HubName&)> forget;  // its persistent sessions end
  // Of all hubs that did anything since the start.
  std::function<std::map<std::string, hub::HubActivity, std::less<>>()> activity;
  // Whether the server connects to endpoints of routes at all.
  bool routing = false;
  // Endpoints, routes or hubs changed.
  std::function<void()> routing_changed;
  // nullopt: nothing runs for it yet.
  std::function<std::optional<hub::routing::Health>(std::int64_t endpoint)> endpoint_health;
};

// All that handlers may use. Everything outlives the API.
struct Services {
  security::Registry& registry;
  security::Tenancy& tenancy;
  security::Issuer& issuer;
  security::ReleaseBook& releases;
  TokenAuthority& tokens;
  Telemetry& telemetry;
  Twins& twins;
  Presence& presence;
  const Clock& clock;
  std::function<Ports()> ports;
  std::function<Storage()> storage;  // asks the system; does not block
  UnixSeconds started = 0;
  HubAdministration hubs;
  std::function<std::string(metrics::Format)> metrics = {};  // of the whole server
};

// What of a tenant a call touches, so that the choke point can hold a bound token inside its own.
enum class Confinement {
  filtered,                 // the handler limits its answer to Call::tenant
  service,                  // concerns all tenants: not for bound tokens
  device_in_path,           // {device}: resolved into Call::device
  device_in_query,          // ?device=, optional: resolved into Call::device
  tenant_in_query,          // ?tenant=, optional
  tenant_in_body,           // "tenant", required
  optional_tenant_in_body,  // "tenant"; without it, as `service`
  release_in_path,          // {release}: must be of the tenant
  hub_in_path,              // {hub}: resolved into Call::hub
  service_hub_in_path,      // the same, but reaching beyond the tenant: not for bound tokens
};

enum class BodyKind { none, json };

struct Call {
  Services& services;
  const http::Request& request;
  Caller caller;
  std::string id;                    // what stands for the first {name} of the pattern
  std::string part;                  // and for the second
  std::optional<TenantId> tenant{};  // confined to it, or naming it; none: all tenants
  std::optional<security::DeviceRecord> device{};
  std::shared_ptr<const hub::store::HubAuth> hub{};
  Query query{};
  JsonObject body{};

  // Precondition, checked: the row is confined to a device in its path.
  const security::DeviceRecord& named_device() const {
    PAVISE_CHECK(device.has_value());
    return *device;
  }
  // Precondition, checked: the row is confined to a hub in its path.
  const hub::store::HubAuth& named_hub() const {
    PAVISE_CHECK(hub != nullptr);
    return *hub;
  }
};

// A body that is not JSON.
struct TextBody {
  std::string_view content_type;  // static
  std::string text;
};

struct Reply {
  int status = 200;
  boost::json::value body{};  // null: no body (204)
  std::vector<http::Header> headers{};
  std::optional<http::AskAgain> ask_again{};
  std::optional<TextBody> text{};
};

using RouteHandler = Result<Reply> (*)(Call&);

struct Route {
  std::string_view method;
  std::string_view pattern;  // below kApiRoot; at most two segments are a {name}
  security::Role role;       // the least that is needed
  Confinement confinement;
  BodyKind body;
  std::vector<std::string_view> query;  // names that may be given
  RouteHandler handler;
};

inline constexpr std::string_view kApiRoot = "/api/v1";
inline constexpr std::string_view kMetricsPath = "/metrics";  // also without kApiRoot

// The whole management API. api/openapi.yaml describes exactly these rows (a test compares them).
std::span<const Route> route_table();

}  // namespace pavise::server
