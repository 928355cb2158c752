#include "cloud/hub/access/hub_gatekeeper.h"

#include <algorithm>
#include <array>

#include "cloud/hub/access/x509_check.h"
#include "cloud/hub/session/close_reasons.h"
#include "common/base/ascii.h"
#include "common/crypto/crypto.h"
#include "protocol/sas/token.h"

namespace pavise::hub {
namespace {

constexpr auto kDeviceConnect = static_cast<Rights>(Right::device_connect);
// Tokens may be made for years; this is only so that the arithmetic in milliseconds is safe.
constexpr UnixSeconds kLatestExpiryS = UnixSeconds{1} << 52;

UnixMillis to_millis(UnixSeconds seconds) {
  return std::min(seconds, kLatestExpiryS) * 1000;
}

// Where a token for this claim must be valid: {host}[/devices/{id}[/modules/{id}]].
std::vector<std::string_view> audience_of(const Claim& claim, std::string_view host) {
  std::vector<std::string_view> segments{host};
  if (!claim.device) {
    segments.insert(segments.end(), claim.resource.begin(), claim.resource.end());
    return segments;
  }
  segments.insert(segments.end(), {"devices", *claim.device});
  if (!claim.module_id.empty()) segments.insert(segments.end(), {"modules", claim.module_id});
  return segments;
}

}  // namespace

HubGatekeeper::HubGatekeeper(const store::IdentityIndex& index,
                             security::DeviceAuthority& authority, std::string service_host,
                             const Clock& clock)
    : index_(index), authority_(authority), service_host_(std::move(service_host)), clock_(clock) {}

bool HubGatekeeper::is_service_host(std::string_view host) const {
  return equal_folded(host, service_host_);
}

Result<Principal> HubGatekeeper::authenticate(const Claim& claim, const TlsPeer& peer) {
  const std::string_view host = claim.host.empty() ? peer.server_name : claim.host;
  if (!claim.policy.empty()) return by_policy_key(claim, host);
  // A token counts before a certificate: SDKs send both when a proxy asks for one.
  if (!claim.sas_token.empty()) return by_token(claim, host);
  if (peer.chain.empty()) return kNoProof;
  if (!claim.device) return kNoProof;  // services have tokens
  const auto admitted = authority_.admit(peer.chain.front());
  if (admitted) return attested(claim, *admitted, host);
  // Only a certificate that is none of ours may count otherwise.
  if (!admitted.error().is(security::kUnknownCertificate)) return admitted.error();
  return by_own_certificate(claim, peer, host);
}

Result<Principal> HubGatekeeper::attested(const Claim& claim,
                                          const security::AdmittedDevice& device,
                                          std::string_view host) const {
  if (claim.device != device.device.text() || !claim.module_id.empty()) return kNotThisDevice;
  auto hub = iothub::HubName::of_tenant(device.tenant);
  if (!is_service_host(host)) {
    const auto named = index_.hub_by_host(host);
    if (named == nullptr) return kUnknownHost;
    if (named->hub.tenant != device.tenant) return kOtherTenantsHub;
    hub = named->hub.name;
  }
  auto made = iothub::Identity::make(std::move(hub), device.device.text());
  if (!made) return kNotThisDevice;
  const iothub::Identity identity = *std::move(made);
  Principal out{.hub = identity.hub(),
                .tenant = device.tenant,
                .identity = identity,
                .rights = kDeviceConnect,
                .method = AuthMethod::attested,
                .certificate_serial = device.certificate_serial,
                .expires_ms = to_millis(device.not_after)};
  if (const auto entry = index_.hub(identity.hub()))
    out.may_ask_for_faults = entry->hub.settings.fault_injection;
  // No entry yet: it gets one when it connects.
  if (const auto entry = index_.find(identity)) {
    if (entry->kind != store::AuthKind::attested) return kOtherAuthentication;
    if (!entry->enabled) return kIdentityDisabled;
    out.generation_id = std::to_string(entry->generation_id);
  }
  return out;
}

Result<Principal> HubGatekeeper::by_own_certificate(const Claim& claim, const TlsPeer& peer,
                                                    std::string_view host) const {
  const auto hub = index_.hub_by_host(host);
  // At the server's own host name only attested certificates count.
  if (hub == nullptr)
    return is_service_host(host) ? Error(security::kUnknownCertificate) : Error(kUnknownHost);
  const auto identity =
      iothub::Identity::make(hub->hub.name, claim.device.value_or(""), claim.module_id);
  const auto entry = identity ? index_.find(*identity) : std::nullopt;
  if (!entry) return kUnknownIdentity;
  PAVISE_TRY_ASSIGN(const LeafFacts leaf, leaf_facts(peer.chain.front()));
  const UnixMillis now_ms = clock_.now_ms();
  if (now_ms < leaf.not_before_ms || now_ms >= leaf.not_after_ms) return kCertificateNotValidNow;
  if (entry->kind == store::AuthKind::self_signed) {
    // Both are always looked at.
    const bool primary = has_thumbprint(peer.chain.front(), entry->primary.view());
    const bool secondary = has_thumbprint(peer.chain.front(), entry->secondary.view());
    if (!primary && !secondary) return kOtherThumbprint;
  } else if (entry->kind == store::AuthKind::certificate_authority) {
    if (leaf.common_name != identity->client_id()) return kOtherCommonName;
    std::vector<Bytes> trusted;
    for (const store::CaAuth& ca : hub->ca_certificates) trusted.push_back(ca.certificate);
    PAVISE_TRY(check_chain(peer.chain, trusted, now_ms));
  } else {
    return kOtherAuthentication;
  }
  if (!entry->enabled) return kIdentityDisabled;
  return Principal{.hub = hub->hub.name,
                   .tenant = hub->hub.tenant,
                   .identity = identity,
                   .rights = kDeviceConnect,
                   .method = AuthMethod::x509,
                   .generation_id = std::to_string(entry->generation_id),
                   .expires_ms = leaf.not_after_ms,
                   .may_ask_for_faults = hub->hub.settings.fault_injection};
}

Result<Principal> HubGatekeeper::by_policy_key(const Claim& claim, std::string_view host) const {
  if (!claim.event_hub || claim.device) return kNoProof;
  const auto hub = index_.hub_by_host(host);
  if (hub == nullptr) return kUnknownHost;
  const store::PolicyAuth* policy = hub->policy(claim.policy);
  if (policy == nullptr) return kUnknownPolicy;
  const SecretBytes key(from_base64(claim.policy_key).value_or(Bytes{}));
  // Both are always looked at; one that is not set never matches.
  const bool primary = crypto::constant_time_equal(key.view(), policy->primary_key);
  const bool secondary = crypto::constant_time_equal(key.view(), policy->secondary_key);
  if (key.empty() || (!primary && !secondary)) return sas::kWrongSignature;
  return Principal{.hub = hub->hub.name,
                   .tenant = hub->hub.tenant,
                   .identity = std::nullopt,
                   .policy = policy->name,
                   .rights = policy->rights,
                   .method = AuthMethod::sas,
                   .expires_ms = to_millis(kLatestExpiryS)};
}

Result<Principal> HubGatekeeper::by_token(const Claim& claim, std::string_view host) const {
  PAVISE_TRY_ASSIGN(const sas::Token token, sas::Token::parse(claim.sas_token));
  PAVISE_TRY(token.check_time(clock_.now_s()));
  const auto hub = index_.hub_by_host(host);
  if (hub == nullptr) return kUnknownHost;
  PAVISE_TRY(token.check_audience(audience_of(claim, host), claim.event_hub
                                                                ? sas::AudienceCase::folded
                                                                : sas::AudienceCase::exact));
  const auto form = claim.event_hub ? sas::KeyForm::text : sas::KeyForm::decoded;
  Principal out{.hub = hub->hub.name,
                .tenant = hub->hub.tenant,
                .identity = std::nullopt,
                .method = AuthMethod::sas,
                .expires_ms = to_millis(token.expiry()),
                .may_ask_for_faults = hub->hub.settings.fault_injection};

  std::optional<store::IdentityAuth> entry;
  if (claim.device) {
    out.identity = iothub::Identity::make(hub->hub.name, *claim.device, claim.module_id);
    entry = out.identity ? index_.find(*out.identity) : std::nullopt;
    if (entry) out.generation_id = std::to_string(entry->generation_id);
  }
  if (const std::optional<std::string>& signer = token.policy()) {
    const store::PolicyAuth* policy = hub->policy(*signer);
    if (policy == nullptr) return kUnknownPolicy;
    PAVISE_TRY(token.check_signature(policy->primary_key, policy->secondary_key, form));
    out.policy = policy->name;
    out.rights = policy->rights;
    if (!claim.device) return out;
    if (!has(policy->rights, Right::device_connect)) return kPolicyTooWeak;
    out.rights = kDeviceConnect;
    if (!entry) return kUnknownIdentity;
  } else {
    if (!entry || !out.identity) return kUnknownIdentity;
    const auto& settings = hub->hub.settings;
    if (out.identity->is_module() ? settings.disable_module_sas : settings.disable_device_sas)
      return kSasDisabled;
    if (entry->kind != store::AuthKind::sas) return kOtherAuthentication;
    PAVISE_TRY(token.check_signature(entry->primary.view(), entry->secondary.view(), form));
    out.rights = kDeviceConnect;
  }
  if (!entry || !entry->enabled) return kIdentityDisabled;
  return out;
}

std::optional<iothub::HubName> HubGatekeeper::hub_of(std::string_view host) const {
  const auto named = index_.hub_by_host(host);
  if (named == nullptr) return std::nullopt;
  return named->hub.name;
}

void HubGatekeeper::subscribe(std::function<void(const RightsChanged&)> changed) {
  const auto listener = std::make_shared<std::function<void(const RightsChanged&)>>(changed);
  {
    const std::lock_guard lock(mutex_);
    listeners_.push_back(std::move(changed));
  }
  authority_.subscribe(
      [listener](const DeviceId& device) {
        (*listener)({.device = device.text(), .reason = Error(kDeviceBarred)});
      },
      [](ByteView) {});
}

void HubGatekeeper::rights_changed(const RightsChanged& change) const {
  std::vector<std::function<void(const RightsChanged&)>> listeners;
  {
    const std::lock_guard lock(mutex_);
    listeners = listeners_;
  }
  for (const auto& listener : listeners) listener(change);
}

}  // namespace pavise::hub
