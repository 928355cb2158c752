#include "cloud/server/routes/gate.h"

#include <algorithm>

#include "cloud/server/routes/errors.h"

namespace pavise::server {
namespace {

using security::Role;

constexpr std::string_view kBearer = "Bearer ";

// The first segment of a path, which is removed from it with its '/'.
std::string_view take_segment(std::string_view& path) {
  const std::size_t end = path.find('/');
  const std::string_view segment = path.substr(0, end);
  // What follows a '/' is a segment, too, if only an empty one.
  path = end == std::string_view::npos ? std::string_view() : path.substr(end + 1);
  return segment;
}

// The values for the {name}s; nullopt if it does not match.
std::optional<std::vector<std::string>> matched(std::string_view pattern, std::string_view path) {
  if (std::ranges::count(pattern, '/') != std::ranges::count(path, '/')) return std::nullopt;
  std::vector<std::string> names;
  for (auto left = std::ranges::count(pattern, '/') + 1; left > 0; --left) {
    const std::string_view wanted = take_segment(pattern);
    const std::string_view given = take_segment(path);
    if (!wanted.starts_with('{')) {
      if (wanted != given) return std::nullopt;
    } else if (given.empty()) {
      return std::nullopt;
    } else {
      names.emplace_back(given);
    }
  }
  return names;
}

bool is_sha256(std::string_view text) {
  return DeviceId::parse(text).has_value();  // the same shape
}

bool is_json_type(std::string_view type) {
  return type == "application/json" || type.starts_with("application/json;");
}

}  // namespace

bool role_suffices(Role held, Role needed) {
  if (held == Role::administrator) return true;
  switch (needed) {
    case Role::administrator:
      return false;
    case Role::operator_:
      return held == Role::operator_;
    case Role::reader:
      return held == Role::operator_ || held == Role::reader;
    case Role::factory:
      return held == Role::factory;
    case Role::metrics:
      return held == Role::metrics;
  }
  return false;
}

Result<Match> match_route(std::span<const Route> table, std::string_view method,
                          std::string_view path) {
  if (path == kMetricsPath) {
    // Where Prometheus looks unless it is told another place.
  } else if (path.starts_with(kApiRoot)) {
    path.remove_prefix(kApiRoot.size());
  } else {
    return kNoSuchPath;
  }
  std::string allowed;
  std::optional<Match> best;
  for (const Route& route : table) {
    auto names = matched(route.pattern, path);
    if (!names) continue;
    if (route.method == method) {
      // "/devices/claim" is itself, not the device "claim".
      if (!best || names->size() < best->names.size()) best = Match{&route, *std::move(names)};
      continue;
    }
    if (!allowed.empty()) allowed += ", ";
    allowed += route.method;
  }
  if (best) return *std::move(best);
  if (!allowed.empty()) return Error(kNoSuchMethod, std::move(allowed));
  return kNoSuchPath;
}

Result<Caller> Gate::authenticate(const http::Request& request) {
  const std::string_view header = request.header("authorization");
  if (header.empty()) return kTokenNeeded;
  if (header.starts_with(kBearer)) {
    auto caller = services_.tokens.check(header.substr(kBearer.size()));
    if (caller) return caller;
  }
  if (!failures_.note_failure(request.peer)) return kTooManyFailures;
  return kTokenRefused;
}

Result<Gate::Passed> Gate::pass(const http::Request& request) {
  PAVISE_TRY_ASSIGN(Caller caller, authenticate(request));
  PAVISE_TRY_ASSIGN(Match match, match_route(table_, request.method, request.path));
  const Route& route = *match.route;
  if (!role_suffices(caller.role, route.role))
    return Error(kRoleRefused, "needs " + std::string(to_string(route.role)) + ", the token is " +
                                   std::string(to_string(caller.role)));
  match.names.resize(2);
  Call call{services_, request, std::move(caller), std::move(match.names[0]),
            std::move(match.names[1])};
  PAVISE_TRY_ASSIGN(call.query, Query::parse(request.query, route.query));
  PAVISE_TRY(read_body(route, call));
  PAVISE_TRY(confine(route, call));
  return Passed{&route, std::move(call)};
}

Status Gate::read_body(const Route& route, Call& call) const {
  if (route.body == BodyKind::none) {
    if (!call.request.body.empty()) return kUnexpectedBody;
    return {};
  }
  if (!is_json_type(call.request.header("content-type"))) return kNotJsonType;
  PAVISE_TRY_ASSIGN(call.body, JsonObject::parse(call.request.body));
  return {};
}

Status Gate::confine(const Route& route, Call& call) const {
  call.tenant = call.caller.tenant;
  switch (route.confinement) {
    case Confinement::filtered:
      return {};
    case Confinement::service:
      if (call.caller.tenant) return kTenantRefused;
      return {};
    case Confinement::device_in_path:
      return confine_to_device(call, call.id);
    case Confinement::device_in_query: {
      const auto named = call.query.text("device");
      return named ? confine_to_device(call, *named) : Status();
    }
    case Confinement::tenant_in_query:
      return confine_to_tenant(call, call.query.text("tenant"));
    case Confinement::tenant_in_body: {
      PAVISE_TRY_ASSIGN(const std::string named, call.body.text("tenant", TenantId::kLengthMax));
      return confine_to_tenant(call, named);
    }
    case Confinement::optional_tenant_in_body: {
      PAVISE_TRY_ASSIGN(const auto named, call.body.optional_text("tenant", TenantId::kLengthMax));
      if (!named && call.caller.tenant) return kTenantRefused;
      return confine_to_tenant(call, named);
    }
    case Confinement::release_in_path:
      return confine_to_release(call);
    case Confinement::hub_in_path:
      return confine_to_hub(call);
    case Confinement::service_hub_in_path:
      if (call.caller.tenant) return kTenantRefused;
      return confine_to_hub(call);
  }
  return kTenantRefused;
}

Status Gate::confine_to_tenant(Call& call, const std::optional<std::string>& named) const {
  if (!named) return {};
  const auto tenant = TenantId::parse(*named);
  if (!tenant) return Error(kBadValue, "tenant");
  if (call.caller.tenant && *call.caller.tenant != *tenant) return kTenantRefused;
  call.tenant = tenant;
  return {};
}

// A device of another tenant answers as one that does not exist: its existence is nobody's
// business.
Status Gate::confine_to_device(Call& call, std::string_view id) const {
  const auto device_id = DeviceId::parse(id);
  if (!device_id) return Error(kBadValue, "a device id is 64 hexadecimal characters, lower case");
  auto device = services_.registry.device(*device_id);
  if (!device) {
    if (device.error().is(security::kNotFound)) return security::kDeviceUnknown;
    return std::move(device).error();
  }
  if (call.caller.tenant && device->tenant != call.caller.tenant) return security::kDeviceUnknown;
  call.tenant = device->tenant;
  call.device = *std::move(device);
  return {};
}

// As with devices: another tenant's hub answers as one that does not exist.
Status Gate::confine_to_hub(Call& call) const {
  const auto name = iothub::HubName::parse(call.id);
  auto hub = name ? services_.hubs.queue.store().index().hub(*name) : nullptr;
  if (hub == nullptr) return hub::store::kHubNotFound;
  if (call.caller.tenant && hub->hub.tenant != *call.caller.tenant) return hub::store::kHubNotFound;
  call.tenant = hub->hub.tenant;
  call.hub = std::move(hub);
  return {};
}

Status Gate::confine_to_release(const Call& call) const {
  if (!is_sha256(call.id)) return Error(kBadValue, "a release is named by a SHA-256 in hex");
  PAVISE_TRY_ASSIGN(const auto releases, services_.registry.releases());
  for (const security::ReleaseRecord& release : releases) {
    if (release.digest != call.id) continue;
    if (!call.caller.tenant || release.tenant == call.caller.tenant) return {};
    // A release for all tenants is visible to this one, but not its to revoke.
    return release.tenant ? Status(security::kReleaseUnknown) : Status(kTenantRefused);
  }
  return security::kReleaseUnknown;
}

}  // namespace pavise::server
