#include "cloud/security/signer/core/signer_core.h"

#include <algorithm>

#include "cloud/security/signer/core/server_names.h"
#include "protocol/x509/certificate.h"

namespace pavise::security::signer {
namespace {

constexpr std::string_view kServiceCommonName = "Pavise service CA";
constexpr UnixSeconds kBackdateS = 300;

Result<Serial> random_serial() {
  Serial serial{};
  PAVISE_TRY(crypto::random_fill(serial));
  // Positive, and its first byte never vanishes (RFC 5280, 4.1.2.2).
  serial[0] = (serial[0] & std::byte{0x7f}) | std::byte{0x40};
  return serial;
}

Result<crypto::P256PublicKey> key_of(const std::array<std::byte, 64>& xy) {
  const ByteView both(xy);
  auto key = crypto::P256PublicKey::from_xy(both.first(32), both.subspan(32));
  if (!key) return Error(kSignerPolicy, "the public key is not a point on P-256");
  return key;
}

Error damaged(const KeyId& id, std::string_view why) {
  return Error(kAuthorityDamaged, id.text() + " " + std::string(why));
}

// The certificate is `key`'s, and `signer`'s signature is under it.
Status check_ca(const KeyId& id, ByteView der, const crypto::P256PublicKey& key,
                const crypto::P256PublicKey& signer) {
  const auto certificate = x509::Certificate::parse(der);
  if (!certificate) return damaged(id, "certificate cannot be read");
  if (!equal(certificate->spki(), key.spki_der()))
    return damaged(id, "certificate is of another key");
  const auto signature = crypto::ecdsa_from_der(certificate->signature_der());
  if (!signature || !signer.verify_digest(crypto::sha256(certificate->to_be_signed()), *signature))
    return damaged(id, "certificate is not signed by its root");
  return {};
}

}  // namespace

SignerCore::SignerCore(std::unique_ptr<KeyStore> keys, const Clock& clock, AuditLine audit,
                       SignerCoreOptions options)
    : keys_(std::move(keys)),
      clock_(clock),
      audit_(std::move(audit)),
      options_(options),
      tokens_(static_cast<double>(options.leaves_burst_max)),
      tokens_at_ms_(clock.steady_ms()) {}

Result<std::unique_ptr<SignerCore>> SignerCore::open(std::unique_ptr<KeyStore> keys,
                                                     const Clock& clock, AuditLine audit,
                                                     SignerCoreOptions options) {
  std::unique_ptr<SignerCore> core(
      new SignerCore(std::move(keys), clock, std::move(audit), options));
  for (const KeyId& id : core->keys_->keys()) {
    const auto tenant = id.tenant();
    if (!tenant) {
      PAVISE_TRY(core->service_root());
    } else if (!core->authorities_.contains(*tenant)) {
      PAVISE_TRY_ASSIGN(auto authority, core->complete_tenant(*tenant));
      core->authorities_.emplace(*tenant, std::move(authority));
    }
  }
  return core;
}

// ---- authorities

// The steps are durable one by one and in an order in which each rests on the ones before, so
// whoever finds them interrupted goes on where they ended.
Result<SignerCore::Authority> SignerCore::complete_tenant(const TenantId& tenant) {
  const KeyId root = KeyId::of_tenant(tenant, KeyRole::root);
  const KeyId issuing = KeyId::of_tenant(tenant, KeyRole::issuing);
  Authority out;
  PAVISE_TRY_ASSIGN(
      out.certificates.root,
      ensure_ca({root, root, tenant.text(), tenant.text() + " root CA", 1, kRootValidityS}));
  PAVISE_TRY_ASSIGN(out.certificates.issuing,
                    ensure_ca({issuing, root, tenant.text(), tenant.text() + " issuing CA", 0,
                               kIssuingValidityS}));
  PAVISE_TRY_ASSIGN(const auto key, keys_->public_key(issuing));
  PAVISE_TRY_ASSIGN(const auto certificate, x509::Certificate::parse(out.certificates.issuing));
  out.issuer = {to_bytes(certificate.subject_name()), x509::key_id(key)};
  out.not_before = certificate.not_before();
  out.not_after = certificate.not_after();
  return out;
}

Result<Bytes> SignerCore::ensure_ca(const CaPlan& plan) {
  auto certificate = keys_->certificate(plan.key);
  if (!certificate && !certificate.error().is(kNoSuchAuthority)) return certificate;
  // A certificate without its key can only be a loss; a new key must not cover it up.
  if (certificate && !keys_->public_key(plan.key)) return damaged(plan.key, "key is missing");
  PAVISE_TRY_ASSIGN(const auto key, keys_->make_key(plan.key));
  if (!certificate) {
    PAVISE_TRY_ASSIGN(certificate, build_ca(plan, key));
    PAVISE_TRY(keys_->put_certificate(plan.key, *certificate));
  }
  PAVISE_TRY_ASSIGN(const auto signer, keys_->public_key(plan.signer_key));
  PAVISE_TRY(check_ca(plan.key, *certificate, key, signer));
  return certificate;
}

Result<Bytes> SignerCore::build_ca(const CaPlan& plan, const crypto::P256PublicKey& key) {
  PAVISE_TRY_ASSIGN(const Serial serial, random_serial());
  const x509::Name subject{plan.organization, plan.common_name};
  x509::Issuer issuer;
  if (plan.key == plan.signer_key) {
    PAVISE_TRY_ASSIGN(issuer.name, x509::encode_name(subject));
    issuer.key_id = x509::key_id(key);
  } else {
    PAVISE_TRY_ASSIGN(const Bytes root, keys_->certificate(plan.signer_key));
    PAVISE_TRY_ASSIGN(const auto parsed, x509::Certificate::parse(root));
    PAVISE_TRY_ASSIGN(const auto root_key, keys_->public_key(plan.signer_key));
    issuer = {to_bytes(parsed.subject_name()), x509::key_id(root_key)};
  }
  const UnixSeconds now = clock_.now_s();
  PAVISE_TRY_ASSIGN(
      Bytes to_be_signed,
      x509::certificate_authority(serial, issuer, {now - kBackdateS, now + plan.validity_s},
                                  subject, plan.path_length, key));
  audit_("ca key=" + plan.key.text() + " serial=" + to_hex(serial));
  return sign(plan.signer_key, std::move(to_be_signed));
}

Result<Bytes> SignerCore::sign(const KeyId& key, Bytes to_be_signed) {
  PAVISE_TRY_ASSIGN(const auto signature, keys_->sign(key, crypto::sha256(to_be_signed)));
  return x509::assemble_signed(to_be_signed, crypto::ecdsa_to_der(signature));
}

Result<AuthorityCertificates> SignerCore::create_tenant_ca(const TenantId& tenant) {
  const std::lock_guard lock(mutex_);
  if (const auto found = authorities_.find(tenant); found != authorities_.end())
    return found->second.certificates;
  PAVISE_TRY_ASSIGN(auto authority, complete_tenant(tenant));
  return authorities_.emplace(tenant, std::move(authority)).first->second.certificates;
}

Result<std::vector<TenantAuthority>> SignerCore::list() {
  const std::lock_guard lock(mutex_);
  std::vector<TenantAuthority> out;
  for (const auto& [tenant, authority] : authorities_)
    out.push_back({tenant, authority.certificates});
  return out;
}

// ---- leaves

bool SignerCore::take_token() {
  const std::int64_t now = clock_.steady_ms();
  const double gained = static_cast<double>(now - tokens_at_ms_) / 1000.0 *
                        static_cast<double>(options_.leaves_per_second_max);
  tokens_ = std::min(tokens_ + gained, static_cast<double>(options_.leaves_burst_max));
  tokens_at_ms_ = now;
  if (tokens_ < 1.0) return false;
  tokens_ -= 1.0;
  return true;
}

Status SignerCore::check_leaf(const LeafRequest& request, const Authority& authority) const {
  const UnixSeconds now = clock_.now_s();
  const auto refuse = [](std::string_view why) { return Error(kSignerPolicy, std::string(why)); };
  if (request.not_after <= request.not_before) return refuse("the validity is empty");
  if (request.not_after - request.not_before > kLeafValidityMaxS)
    return refuse("the validity is longer than a day and ten minutes");
  if (request.not_before < now - kNotBeforePastMaxS) return refuse("it begins too long ago");
  if (request.not_before > now + kNotBeforeFutureMaxS) return refuse("it begins in the future");
  if (request.not_before < authority.not_before || request.not_after > authority.not_after)
    return refuse("it does not lie within the issuing CA's validity");
  return {};
}

Result<Bytes> SignerCore::sign_one(const LeafRequest& request) {
  const auto found = authorities_.find(request.tenant);
  if (found == authorities_.end()) return Error(kNoSuchAuthority, request.tenant.text());
  PAVISE_TRY(check_leaf(request, found->second));
  PAVISE_TRY_ASSIGN(const auto key, key_of(request.public_xy));
  if (!take_token()) return kSignerOverloaded;
  auto to_be_signed = x509::device_leaf(request.serial, found->second.issuer,
                                        {request.not_before, request.not_after}, request.device,
                                        request.tenant, key);
  if (!to_be_signed) return Error(kSignerPolicy, to_be_signed.error().message());
  auto leaf = sign(KeyId::of_tenant(request.tenant, KeyRole::issuing), *std::move(to_be_signed));
  if (leaf)
    audit_("leaf tenant=" + request.tenant.text() + " device=" + request.device.text() +
           " serial=" + to_hex(request.serial) + " not_after=" + std::to_string(request.not_after));
  return leaf;
}

Result<Bytes> SignerCore::sign_leaf(const LeafRequest& request) {
  const std::lock_guard lock(mutex_);
  return sign_one(request);
}

std::vector<Result<Bytes>> SignerCore::sign_leaves(const std::vector<LeafRequest>& requests) {
  const std::lock_guard lock(mutex_);
  std::vector<Result<Bytes>> out;
  out.reserve(requests.size());
  for (const LeafRequest& request : requests) out.push_back(sign_one(request));
  return out;
}

// ---- the service's own certificate

Result<Bytes> SignerCore::service_root() {
  const KeyId id = KeyId::of_service();
  return ensure_ca({id, id, "", std::string(kServiceCommonName), 0, kRootValidityS});
}

Result<ServerCertificate> SignerCore::make_server_certificate(const ServerRequest& request) {
  PAVISE_TRY_ASSIGN(const auto key, key_of(request.public_xy));
  PAVISE_TRY_ASSIGN(const auto addresses, check_server_names(request));
  const std::lock_guard lock(mutex_);
  ServerCertificate out;
  PAVISE_TRY_ASSIGN(out.root, service_root());
  PAVISE_TRY_ASSIGN(const auto root, x509::Certificate::parse(out.root));
  PAVISE_TRY_ASSIGN(const auto root_key, keys_->public_key(KeyId::of_service()));
  const x509::Issuer issuer{to_bytes(root.subject_name()), x509::key_id(root_key)};
  PAVISE_TRY_ASSIGN(const Serial serial, random_serial());
  const std::string& first =
      request.dns_names.empty() ? request.ip_addresses.front() : request.dns_names.front();
  // The common name is for people; what counts are the alternative names.
  const std::string common_name = first.size() <= x509::kNameBytesMax ? first : "Pavise server";
  const UnixSeconds now = clock_.now_s();
  const x509::Validity validity{now - kBackdateS,
                                std::min(now + kServerValidityS, root.not_after())};
  auto to_be_signed =
      x509::server(serial, issuer, validity, {"", common_name}, request.dns_names, addresses, key);
  if (!to_be_signed) return Error(kSignerPolicy, to_be_signed.error().message());
  PAVISE_TRY_ASSIGN(out.leaf, sign(KeyId::of_service(), *std::move(to_be_signed)));
  audit_("server name=" + common_name + " serial=" + to_hex(serial));
  return out;
}

}  // namespace pavise::security::signer
