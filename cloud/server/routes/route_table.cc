#include "cloud/server/routes/handlers.h"

namespace pavise::server {
namespace {

using security::Role;
using enum Confinement;

constexpr auto kNone = BodyKind::none;
constexpr auto kJson = BodyKind::json;

// clang-format off
const std::vector<Route>& rows() {
  static const std::vector<Route> table = {
    {"GET", "/status", Role::reader, filtered, kNone, {}, get_status},
    {"GET", "/metrics", Role::metrics, service, kNone, {}, get_metrics},

    {"GET", "/tenants", Role::reader, filtered, kNone, {}, list_tenants},
    {"POST", "/tenants", Role::administrator, service, kJson, {}, create_tenant},

    {"GET", "/devices", Role::reader, tenant_in_query, kNone,
     {"tenant", "state", "after", "limit"}, list_devices},
    {"POST", "/devices/claim", Role::operator_, tenant_in_body, kJson, {}, claim_device},
    {"GET", "/devices/{device}", Role::reader, device_in_path, kNone, {}, get_device},
    {"POST", "/devices/{device}/enable", Role::operator_, device_in_path, kNone, {}, enable_device},
    {"POST", "/devices/{device}/disable", Role::operator_, device_in_path, kNone, {},
     disable_device},
    {"POST", "/devices/{device}/release", Role::operator_, device_in_path, kNone, {},
     release_device},
    {"POST", "/devices/{device}/revoke-certificates", Role::operator_, device_in_path, kJson, {},
     revoke_certificates},
    {"GET", "/devices/{device}/evidence", Role::reader, device_in_path, kNone, {}, get_evidence},
    {"GET", "/devices/{device}/evidence/history", Role::reader, device_in_path, kNone, {"limit"},
     get_evidence_history},
    {"GET", "/devices/{device}/twin", Role::reader, device_in_path, kNone, {}, get_twin},
    {"PATCH", "/devices/{device}/twin", Role::operator_, device_in_path, kJson, {}, patch_twin},

    {"GET", "/telemetry", Role::reader, device_in_query, kNone,
     {"device", "from", "limit", "wait_ms"}, read_telemetry},

    {"GET", "/hubs", Role::reader, tenant_in_query, kNone, {"tenant"}, list_hubs},
    {"POST", "/hubs", Role::operator_, tenant_in_body, kJson, {}, create_hub},
    {"GET", "/hubs/{hub}", Role::reader, hub_in_path, kNone, {}, get_hub},
    {"PATCH", "/hubs/{hub}", Role::operator_, hub_in_path, kJson, {}, change_hub},
    {"DELETE", "/hubs/{hub}", Role::operator_, hub_in_path, kNone, {}, delete_hub},
    {"GET", "/hubs/{hub}/activity", Role::reader, hub_in_path, kNone, {}, get_hub_activity},
    {"GET", "/activity", Role::reader, tenant_in_query, kNone, {"tenant"}, get_activity},
    {"GET", "/hubs/{hub}/policies", Role::operator_, hub_in_path, kNone, {}, show_hub_policies},
    {"POST", "/hubs/{hub}/token", Role::operator_, hub_in_path, kJson, {}, make_hub_token},
    {"GET", "/hubs/{hub}/audit", Role::operator_, hub_in_path, kNone, {"before", "limit"},
     read_hub_audit},
    {"GET", "/hubs/{hub}/telemetry", Role::reader, hub_in_path, kNone,
     {"device", "from", "limit", "wait_ms"}, read_hub_telemetry},
    {"GET", "/hubs/{hub}/certificates", Role::reader, hub_in_path, kNone, {},
     list_hub_certificates},
    {"POST", "/hubs/{hub}/certificates", Role::operator_, hub_in_path, kJson, {},
     add_hub_certificate},
    {"DELETE", "/hubs/{hub}/certificates/{certificate}", Role::operator_, hub_in_path, kNone, {},
     delete_hub_certificate},
    {"POST", "/hubs/{hub}/certificates/{certificate}/verification-code", Role::operator_,
     hub_in_path, kNone, {}, make_verification_code},
    {"POST", "/hubs/{hub}/certificates/{certificate}/verify", Role::operator_, hub_in_path, kJson,
     {}, verify_hub_certificate},

    {"GET", "/hubs/{hub}/endpoints", Role::reader, hub_in_path, kNone, {}, list_hub_endpoints},
    {"POST", "/hubs/{hub}/endpoints", Role::administrator, service_hub_in_path, kJson, {},
     create_hub_endpoint},
    {"GET", "/hubs/{hub}/endpoints/{endpoint}", Role::reader, hub_in_path, kNone, {},
     get_hub_endpoint},
    {"PATCH", "/hubs/{hub}/endpoints/{endpoint}", Role::administrator, service_hub_in_path, kJson,
     {}, change_hub_endpoint},
    {"DELETE", "/hubs/{hub}/endpoints/{endpoint}", Role::administrator, service_hub_in_path, kNone,
     {}, delete_hub_endpoint},
    {"GET", "/hubs/{hub}/routes", Role::reader, hub_in_path, kNone, {}, list_hub_routes},
    {"POST", "/hubs/{hub}/routes", Role::operator_, hub_in_path, kJson, {}, create_hub_route},
    {"GET", "/hubs/{hub}/routes/{route}", Role::reader, hub_in_path, kNone, {}, get_hub_route},
    {"PATCH", "/hubs/{hub}/routes/{route}", Role::operator_, hub_in_path, kJson, {},
     change_hub_route},
    {"DELETE", "/hubs/{hub}/routes/{route}", Role::operator_, hub_in_path, kNone, {},
     delete_hub_route},
    {"POST", "/hubs/{hub}/route-test", Role::reader, hub_in_path, kJson, {}, test_hub_routes},

    {"GET", "/vendors", Role::reader, filtered, kNone, {}, list_vendors},
    {"POST", "/vendors", Role::administrator, service, kJson, {}, add_vendor},
    {"DELETE", "/vendors/{vendor}", Role::administrator, service, kNone, {}, remove_vendor},
    {"GET", "/release-keys", Role::reader, filtered, kNone, {}, list_release_keys},
    {"POST", "/release-keys", Role::administrator, optional_tenant_in_body, kJson, {},
     add_release_key},
    {"GET", "/releases", Role::reader, filtered, kNone, {}, list_releases},
    {"POST", "/releases", Role::operator_, filtered, kJson, {}, add_release},
    {"POST", "/releases/{release}/revoke", Role::operator_, release_in_path, kJson, {},
     revoke_release},

    {"POST", "/factory/devices", Role::factory, service, kJson, {}, register_device},

    {"GET", "/tokens", Role::administrator, service, kNone, {}, list_tokens},
    {"POST", "/tokens", Role::administrator, service, kJson, {}, create_token},
    {"DELETE", "/tokens/{token}", Role::administrator, service, kNone, {}, remove_token},
    {"GET", "/audit", Role::administrator, service, kNone, {"before", "limit"}, read_audit},
  };
  return table;
}
// clang-format on

}  // namespace

std::span<const Route> route_table() {
  return rows();
}

}  // namespace pavise::server
