// Hubs as resources: settings, shared access policies, tokens.
#include <algorithm>
#include <boost/json/array.hpp>

#include "cloud/hub/session/close_reasons.h"
#include "cloud/server/log/log.h"
#include "cloud/server/routes/errors.h"
#include "cloud/server/routes/handlers.h"
#include "cloud/server/routes/hub_audit.h"
#include "cloud/server/routes/hub_views.h"
#include "protocol/sas/token.h"

namespace pavise::server {

namespace json = boost::json;
using hub::store::HubRecord;
using hub::store::HubSettings;
using hub::store::HubTransaction;

namespace {

Reply shown(const Call& call, const HubRecord& hub, int status = 200) {
  return Reply{.status = status,
               .body = hub_view(hub, call.services.hubs.host_name),
               .headers = {{"etag", '"' + hub.etag + '"'}}};
}

// "{server}" with its first label as a name would make "{server}" itself a name of that hub.
Result<iothub::HubName> free_name(const Call& call, const std::string& text) {
  const auto name = iothub::HubName::parse(text);
  if (!name || text.size() < kHubNameMin || text.size() > kHubNameMax || name->is_of_tenant())
    return kHubNameReserved;
  const std::string& server = call.services.hubs.host_name;
  const auto own = iothub::HubName::parse(server.substr(0, server.find('.')));
  if (own == name) return kHubNameReserved;
  return *name;
}

// Host names are shared by all tenants: who takes one could receive what another's devices send.
Status may_set_aliases(const Call& call, const JsonObject& settings) {
  if (settings.has("host_aliases") && call.caller.tenant)
    return Error(kTenantRefused, "host_aliases");
  return {};
}

// Their connections prove again who they are.
void end_connections(const Call& call, const iothub::HubName& hub) {
  call.services.hubs.rights_changed(
      {.device = {}, .hub = hub, .reason = Error(hub::kDeviceBarred, "the hub was changed")});
}

}  // namespace

Status audit_hub(const Call& call, std::string_view action, const iothub::HubName& hub,
                 std::string_view detail) {
  security::AuditRecord entry;
  entry.at = call.services.clock.now_s();
  entry.actor = call.caller.name;
  entry.action = action;
  entry.subject = hub.text();
  entry.detail = detail;
  return call.services.registry.add_audit(entry);
}

Result<hub::store::IfMatch> hub_if_match(const http::Request& request) {
  const std::string_view header = request.header("if-match");
  if (header.empty() || header == "*") return hub::store::IfMatch();
  if (header.size() < 3 || header.front() != '"' || header.back() != '"')
    return Error(kBadValue, "If-Match: one ETag in quotation marks");
  return hub::store::IfMatch(header.substr(1, header.size() - 2));
}

Result<Reply> list_hubs(Call& call) {
  auto hubs = call.services.hubs.queue.store().index().hubs();
  std::ranges::sort(hubs, {}, [](const auto& hub) { return hub->hub.name.text(); });
  json::array items;
  for (const auto& hub : hubs)
    if (!call.tenant || hub->hub.tenant == *call.tenant)
      items.push_back(hub_view(hub->hub, call.services.hubs.host_name));
  return Reply{.body = {{"hubs", std::move(items)}}};
}

Result<Reply> create_hub(Call& call) {
  PAVISE_TRY_ASSIGN(const std::string text, call.body.text("name", iothub::HubName::kLengthMax));
  PAVISE_TRY_ASSIGN(auto given, call.body.optional_object("settings"));
  PAVISE_TRY(call.body.finish());
  PAVISE_TRY_ASSIGN(const iothub::HubName name, free_name(call, text));
  HubSettings settings;
  if (given) {
    PAVISE_TRY(may_set_aliases(call, *given));
    PAVISE_TRY_ASSIGN(settings, hub_settings(*std::move(given), settings));
  }
  PAVISE_TRY(hub::store::check_settings(settings));
  PAVISE_CHECK(call.tenant.has_value());  // the route needs one
  PAVISE_TRY(call.services.tenancy.tenant(*call.tenant));
  PAVISE_TRY(audit_hub(call, "hub.create", name, "of " + call.tenant->text()));
  PAVISE_TRY_ASSIGN(const HubRecord made,
                    call.services.hubs.queue.call<HubRecord>([&](HubTransaction& transaction) {
                      return transaction.create_hub(name, *call.tenant, settings);
                    }));
  call.services.hubs.made(name);
  return shown(call, made, 201);
}

Result<Reply> get_hub(Call& call) {
  const HubRecord& hub = call.named_hub().hub;
  hub::store::IdentityCounts counts;
  PAVISE_TRY(call.services.hubs.queue.store().read([&](hub::store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(counts, reader.count_identities(hub.name));
    return {};
  }));
  Reply reply = shown(call, hub);
  json::object& view = reply.body.get_object();
  view["devices"] = counts.devices;
  view["devices_enabled"] = counts.enabled;
  view["modules"] = counts.modules;
  view["connected"] = call.services.hubs.connected_count(hub.name);
  return reply;
}

Result<Reply> change_hub(Call& call) {
  PAVISE_TRY_ASSIGN(const auto if_match, hub_if_match(call.request));
  PAVISE_TRY_ASSIGN(auto given, call.body.optional_object("settings"));
  PAVISE_TRY(call.body.finish());
  if (!given) return Error(kMemberMissing, "settings");
  PAVISE_TRY(may_set_aliases(call, *given));
  const iothub::HubName& name = call.named_hub().hub.name;
  // Members and types, before anything stands in the audit.
  PAVISE_TRY(hub_settings(*given, call.named_hub().hub.settings));
  PAVISE_TRY(audit_hub(call, "hub.update", name));
  PAVISE_TRY_ASSIGN(const HubRecord changed,
                    call.services.hubs.queue.call<HubRecord>(
                        [&](HubTransaction& transaction) -> Result<HubRecord> {
                          // What others changed meanwhile stays.
                          PAVISE_TRY_ASSIGN(const HubRecord now, transaction.hub(name));
                          PAVISE_TRY_ASSIGN(const HubSettings wanted,
                                            hub_settings(*given, now.settings));
                          return transaction.update_hub(name, wanted, if_match);
                        }));
  end_connections(call, name);
  return shown(call, changed);
}

Result<Reply> delete_hub(Call& call) {
  PAVISE_TRY_ASSIGN(const auto if_match, hub_if_match(call.request));
  const iothub::HubName& name = call.named_hub().hub.name;
  if (name.is_of_tenant()) return kHubOfTenant;
  PAVISE_TRY(audit_hub(call, "hub.delete", name));
  PAVISE_TRY(call.services.hubs.queue.call(
      [&](HubTransaction& transaction) { return transaction.delete_hub(name, if_match); }));
  call.services.hubs.forget(name);
  call.services.hubs.routing_changed();
  end_connections(call, name);
  return Reply{.status = 204};
}

Result<Reply> show_hub_policies(Call& call) {
  const iothub::HubName& name = call.named_hub().hub.name;
  PAVISE_TRY(audit_hub(call, "hub.show-keys", name));
  std::vector<hub::store::PolicyRecord> policies;
  PAVISE_TRY(call.services.hubs.queue.store().read([&](hub::store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(policies, reader.policies(name));
    return {};
  }));
  json::array items;
  for (const auto& policy : policies) items.push_back(hub_policy_view(policy));
  return Reply{.body = {{"policies", std::move(items)}}};
}

Result<Reply> make_hub_token(Call& call) {
  PAVISE_TRY_ASSIGN(const std::string policy_name,
                    call.body.text("policy", hub::store::kPolicyNameSizeMax));
  PAVISE_TRY_ASSIGN(const auto seconds,
                    call.body.optional_integer("seconds", 1, kHubTokenSecondsMax));
  PAVISE_TRY(call.body.finish());
  constexpr std::int64_t kHourS = 3600;
  const HubRecord& hub = call.named_hub().hub;
  const hub::store::PolicyAuth* policy = call.named_hub().policy(policy_name);
  if (policy == nullptr) return hub::store::kPolicyNotFound;
  if (policy->primary_key.empty()) return kPolicyHasNoKey;
  const UnixSeconds expiry = call.services.clock.now_s() + seconds.value_or(kHourS);
  PAVISE_TRY(audit_hub(call, "hub.token", hub.name, policy_name + " until " + rfc3339(expiry)));
  const std::string host = hub_host_name(hub.name, call.services.hubs.host_name);
  const Ports ports = call.services.ports();
  return Reply{
      .status = 201,
      .body = {
          {"token", sas::make_token(host, policy->primary_key, expiry, policy_name)},
          {"policy", policy_name},
          {"host_name", host},
          {"expires", rfc3339(expiry)},
          {"ports", {{"mqtt", ports.hub}, {"amqp", ports.hub_amqp}, {"https", ports.hub_https}}}}};
}

}  // namespace pavise::server
