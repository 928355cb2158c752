// Status, tenants, tokens, audit.
#include <boost/json/array.hpp>

#include "cloud/server/log/log.h"
#include "cloud/server/routes/errors.h"
#include "cloud/server/routes/handlers.h"
#include "cloud/server/routes/version.h"
#include "cloud/server/routes/views.h"

namespace pavise::server {

namespace json = boost::json;

namespace {

constexpr UnixSeconds kDayS = 24LL * 3600;

json::object storage_view(const Storage& storage) {
  const bool full = storage.telemetry_refused || storage.free_bytes < kFullStorageBytes;
  const char* const short_of = storage.free_bytes < kLowStorageBytes ? "low" : "ok";
  json::object view = {{"state", full ? "full" : short_of},
                       {"free_bytes", storage.free_bytes},
                       {"size_bytes", storage.size_bytes},
                       {"telemetry_refused", nullptr}};
  if (storage.telemetry_refused) view["telemetry_refused"] = storage.telemetry_refused->message();
  return view;
}

bool visible(const Call& call, const TenantId& tenant) {
  return !call.tenant || *call.tenant == tenant;
}

}  // namespace

Result<Reply> get_status(Call& call) {
  Services& services = call.services;
  PAVISE_TRY_ASSIGN(const auto tenants, services.tenancy.tenants());
  const Ports ports = services.ports();
  std::size_t seen = 0;
  for (const auto& tenant : tenants) seen += visible(call, tenant.id) ? 1U : 0U;
  json::object status = {
      {"service", "pavise"},
      {"version", kVersion},
      {"time", rfc3339(services.clock.now_s())},
      {"started", rfc3339(services.started)},
      {"tenants", seen},
      {"telemetry_first_offset", services.telemetry.first_offset()},
      {"telemetry_next_offset", services.telemetry.next_offset()},
      {"ports", {{"management", ports.management}, {"device", ports.device}, {"hub", ports.hub}}}};
  // How many there are in all, and on what, is no business of one tenant.
  if (!call.tenant) {
    status["connected"] = services.presence.connected_count();
    status["storage"] = storage_view(services.storage());
  }
  return Reply{.body = std::move(status)};
}

Result<Reply> get_metrics(Call& call) {
  const metrics::Format format = metrics::format_for(call.request.header("accept"));
  return Reply{.text = TextBody{metrics::content_type(format), call.services.metrics(format)}};
}

Result<Reply> list_tenants(Call& call) {
  PAVISE_TRY_ASSIGN(const auto tenants, call.services.tenancy.tenants());
  json::array items;
  for (const auto& tenant : tenants)
    if (visible(call, tenant.id)) items.push_back(tenant_view(tenant));
  return Reply{.body = {{"tenants", std::move(items)}}};
}

Result<Reply> create_tenant(Call& call) {
  PAVISE_TRY_ASSIGN(const std::string name, call.body.text("id", TenantId::kLengthMax));
  PAVISE_TRY(call.body.finish());
  const auto id = TenantId::parse(name);
  if (!id)
    return Error(kBadValue,
                 "id: a tenant's name is 1 to 50 of a-z, 0-9 and '-', starts with a letter and "
                 "does not end with '-'");
  PAVISE_TRY_ASSIGN(const auto tenant, call.services.tenancy.create_tenant(call.caller.name, *id));
  // A failure here is mended at the next start; the tenant exists.
  PAVISE_TRY(call.services.twins.tenant_created(*id));
  return Reply{.status = 201, .body = tenant_view(tenant)};
}

Result<Reply> list_tokens(Call& call) {
  json::array items;
  for (const auto& token : call.services.tokens.list()) items.push_back(token_view(token));
  return Reply{.body = {{"tokens", std::move(items)}}};
}

Result<Reply> create_token(Call& call) {
  PAVISE_TRY_ASSIGN(const std::string name, call.body.text("name", kTokenNameMax));
  PAVISE_TRY_ASSIGN(const std::string role_name, call.body.text("role", kNameMax));
  PAVISE_TRY_ASSIGN(const auto tenant_name,
                    call.body.optional_text("tenant", TenantId::kLengthMax));
  PAVISE_TRY_ASSIGN(const auto days, call.body.optional_integer("days", 1, kTokenDaysMax));
  PAVISE_TRY(call.body.finish());
  if (!is_token_name(name)) return Error(kBadValue, "name: letters, digits, '.', '_' and '-'");
  const auto role = parse_role(role_name);
  if (!role) return Error(kBadValue, "role: admin, operator, reader or factory");
  std::optional<TenantId> tenant;
  if (tenant_name) {
    tenant = TenantId::parse(*tenant_name);
    if (!tenant) return Error(kBadValue, "tenant");
    PAVISE_TRY(call.services.tenancy.tenant(*tenant));
  }
  std::optional<UnixSeconds> not_after;
  if (days) not_after = call.services.clock.now_s() + *days * kDayS;
  PAVISE_TRY_ASSIGN(const NewToken made,
                    call.services.tokens.create(call.caller.name, name, *role, tenant, not_after));
  json::object view = token_view(made.record);
  view["token"] = made.secret;
  return Reply{.status = 201, .body = std::move(view)};
}

// Otherwise the last administrator could lock everybody out by a slip.
Result<Reply> remove_token(Call& call) {
  if (call.id == call.caller.name) return kOwnToken;
  PAVISE_TRY(call.services.tokens.remove(call.caller.name, call.id));
  return Reply{.status = 204};
}

Result<Reply> read_audit(Call& call) {
  PAVISE_TRY_ASSIGN(const auto limit,
                    call.query.number("limit", 1, security::kPageSizeMax, kPageDefault));
  PAVISE_TRY_ASSIGN(const auto before, call.query.number("before", 1, INT64_MAX, 0));
  PAVISE_TRY_ASSIGN(const auto entries,
                    call.services.registry.audit(static_cast<std::int64_t>(before), limit));
  json::array items;
  for (const auto& entry : entries) items.push_back(audit_view(entry));
  json::value next;
  if (entries.size() == limit) next = entries.back().id;
  return Reply{.body = {{"entries", std::move(items)}, {"next", std::move(next)}}};
}

}  // namespace pavise::server
