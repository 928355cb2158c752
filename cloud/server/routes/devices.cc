// Devices: list, claim, status, evidence; the factory's registration.
#include <boost/json/array.hpp>

#include "cloud/server/routes/errors.h"
#include "cloud/server/routes/handlers.h"
#include "cloud/server/routes/views.h"

namespace pavise::server {

namespace json = boost::json;

namespace {

// `last`: what it is told about the last verdict, or none.
Result<DeviceFacts> facts_of(Services& services, const security::DeviceRecord& device,
                             std::optional<security::VerdictRecord>* last = nullptr) {
  DeviceFacts facts;
  facts.connected = device.tenant && services.presence.connected(*device.tenant, device.id);
  PAVISE_TRY_ASSIGN(auto certificates, services.registry.certificates(device.id, 1));
  if (!certificates.empty() && !certificates.front().revoked &&
      certificates.front().not_after > services.clock.now_s())
    facts.certificate = std::move(certificates.front());
  auto verdict = services.registry.last_verdict(device.id);
  if (!verdict && !verdict.error().is(security::kNotFound)) return std::move(verdict).error();
  if (verdict) {
    facts.last_outcome = verdict->outcome;
    if (last != nullptr) *last = *std::move(verdict);
  }
  return facts;
}

Result<Reply> shown(Services& services, const security::DeviceRecord& device, int status = 200) {
  std::optional<security::VerdictRecord> last;
  PAVISE_TRY_ASSIGN(const DeviceFacts facts, facts_of(services, device, &last));
  json::object view = device_view(device, facts);
  view["apps"] = last ? apps_view(device, *last) : json::value();
  return Reply{.status = status, .body = std::move(view)};
}

Result<Reply> shown_again(Call& call) {
  PAVISE_TRY_ASSIGN(const auto device, call.services.tenancy.device(call.named_device().id));
  return shown(call.services, device);
}

Result<Reply> set_status(Call& call, security::DeviceStatus status) {
  PAVISE_TRY(
      call.services.tenancy.set_device_status(call.caller.name, call.named_device().id, status));
  return shown_again(call);
}

// What a device said to an earlier owner is not for the present one. Who is not bound to a tenant
// sees all.
bool is_visible(const Call& call, const security::VerdictRecord& verdict) {
  return !call.caller.tenant || verdict.at >= call.named_device().claimed.value_or(INT64_MAX);
}

bool is_state(std::string_view text) {
  return text == "disabled" || text == "unclaimed" || text == "waiting" || text == "trusted" ||
         text == "refused";
}

}  // namespace

Result<Reply> list_devices(Call& call) {
  const auto state = call.query.text("state");
  if (state && !is_state(*state)) return Error(kBadQuery, "state");
  const auto after = call.query.text("after");
  if (after && !DeviceId::parse(*after)) return Error(kBadQuery, "after");
  PAVISE_TRY_ASSIGN(const auto limit,
                    call.query.number("limit", 1, security::kPageSizeMax, kPageDefault));
  security::DeviceFilter filter;
  filter.tenant = call.tenant;
  filter.unclaimed_only = state == "unclaimed" && !call.tenant;
  filter.after = after.value_or("");
  filter.limit = limit;
  PAVISE_TRY_ASSIGN(const auto devices, call.services.tenancy.devices(filter));
  json::array items;
  for (const auto& device : devices) {
    PAVISE_TRY_ASSIGN(const DeviceFacts facts, facts_of(call.services, device));
    if (!state || device_state(device, facts) == *state)
      items.push_back(device_view(device, facts));
  }
  json::value next;
  if (devices.size() == limit) next = devices.back().id.text();
  return Reply{.body = {{"devices", std::move(items)}, {"next", std::move(next)}}};
}

Result<Reply> get_device(Call& call) {
  return shown(call.services, call.named_device());
}

Result<Reply> claim_device(Call& call) {
  PAVISE_TRY_ASSIGN(const std::string text, call.body.text("voucher", kVoucherTextMax));
  PAVISE_TRY(call.body.finish());
  PAVISE_TRY_ASSIGN(const Bytes voucher, bytes_from_base64("voucher", text));
  PAVISE_TRY_ASSIGN(const auto device,
                    call.services.tenancy.claim(call.caller.name, *call.tenant, voucher));
  // Also here: the server may have been stopped between the release and its own forgetting.
  PAVISE_TRY(call.services.twins.forget(device.id));
  return shown(call.services, device);
}

Result<Reply> enable_device(Call& call) {
  return set_status(call, security::DeviceStatus::enabled);
}

Result<Reply> disable_device(Call& call) {
  return set_status(call, security::DeviceStatus::disabled);
}

Result<Reply> release_device(Call& call) {
  if (!call.named_device().tenant) return security::kDeviceUnclaimed;
  PAVISE_TRY(call.services.tenancy.release_device(call.caller.name, *call.named_device().tenant,
                                                  call.named_device().id));
  PAVISE_TRY(call.services.twins.forget(call.named_device().id));
  return shown_again(call);
}

Result<Reply> revoke_certificates(Call& call) {
  PAVISE_TRY_ASSIGN(const std::string reason, call.body.text("reason", kReasonMax));
  PAVISE_TRY(call.body.finish());
  PAVISE_TRY_ASSIGN(
      const std::size_t revoked,
      call.services.issuer.revoke_device(call.caller.name, call.named_device().id, reason));
  return Reply{.body = {{"revoked", revoked}}};
}

Result<Reply> get_evidence(Call& call) {
  const auto verdict = call.services.registry.last_verdict(call.named_device().id);
  if (!verdict) {
    if (verdict.error().is(security::kNotFound)) return kNoEvidence;
    return verdict.error();
  }
  if (!is_visible(call, *verdict)) return kNoEvidence;
  return Reply{.body = evidence_view(*verdict)};
}

Result<Reply> get_evidence_history(Call& call) {
  PAVISE_TRY_ASSIGN(const auto limit,
                    call.query.number("limit", 1, security::kPageSizeMax, kPageDefault));
  PAVISE_TRY_ASSIGN(const auto verdicts,
                    call.services.registry.verdicts(call.named_device().id, limit));
  json::array items;
  for (const auto& verdict : verdicts)
    if (is_visible(call, verdict)) items.push_back(evidence_view(verdict));
  return Reply{.body = {{"verdicts", std::move(items)}}};
}

Result<Reply> register_device(Call& call) {
  PAVISE_TRY_ASSIGN(const std::string text, call.body.text("ek_certificate", kPemTextMax));
  PAVISE_TRY_ASSIGN(const auto texts,
                    call.body.texts("intermediates", kIntermediatesMax, kPemTextMax));
  PAVISE_TRY(call.body.finish());
  PAVISE_TRY_ASSIGN(const Bytes certificate, certificate_from_text("ek_certificate", text));
  std::vector<Bytes> intermediates;
  for (const std::string& each : texts) {
    PAVISE_TRY_ASSIGN(Bytes der, certificate_from_text("intermediates", each));
    intermediates.push_back(std::move(der));
  }
  PAVISE_TRY_ASSIGN(const auto device, call.services.tenancy.register_device(
                                           call.caller.name, certificate, intermediates));
  return shown(call.services, device, 201);
}

}  // namespace pavise::server
