#include "cloud/security/issuing/issuer.h"

#include <algorithm>

#include "common/crypto/crypto.h"

namespace pavise::security {

Result<std::vector<Bytes>> Issuer::chain_of(const TenantId& tenant) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = chains_.find(tenant); found != chains_.end()) return found->second;
  }
  PAVISE_TRY_ASSIGN(auto record, registry_.tenant(tenant));
  std::vector<Bytes> chain;
  chain.push_back(std::move(record.issuing_certificate));
  chain.push_back(std::move(record.root_certificate));
  const std::lock_guard lock(mutex_);
  return chains_.insert_or_assign(tenant, std::move(chain)).first->second;
}

Result<IssuedCertificate> Issuer::issue(const AttestationGrant& grant) {
  PAVISE_TRY_ASSIGN(auto chain, chain_of(grant.tenant()));
  signer::Serial serial{};
  PAVISE_TRY(crypto::random_fill(serial));
  // X.509 serials are positive and their first byte must not vanish (RFC 5280 section 4.1.2.2).
  serial[0] = (serial[0] & std::byte{0x7f}) | std::byte{0x40};
  const UnixSeconds now = clock_.now_s();
  const signer::LeafRequest request{grant.tenant(),       grant.device(),       grant.public_xy(),
                                    now - kLeafBackdateS, now + kLeafLifetimeS, serial};
  PAVISE_TRY_ASSIGN(Bytes leaf, signer_.sign_leaf(request));
  CertificateRecord record{to_hex(serial),
                           to_hex(crypto::sha256(leaf)),
                           grant.device(),
                           grant.tenant(),
                           request.not_before,
                           request.not_after,
                           {},
                           {}};
  return IssuedCertificate{std::move(leaf), std::move(chain), std::move(record)};
}

Status Issuer::revoke(std::string_view actor, std::string_view serial, std::string_view reason) {
  const AuditRecord audit{0,
                          clock_.now_s(),
                          std::string(actor),
                          "certificate.revoke",
                          std::string(serial),
                          std::string(reason)};
  PAVISE_TRY(registry_.revoke_certificate(serial, reason, audit));
  authority_.certificate_revoked(serial);
  return {};
}

Result<std::size_t> Issuer::revoke_device(std::string_view actor, const DeviceId& id,
                                          std::string_view reason) {
  const AuditRecord audit{
      0,         clock_.now_s(),     std::string(actor), "device.revoke_certificates",
      id.text(), std::string(reason)};
  PAVISE_TRY_ASSIGN(const std::size_t revoked,
                    registry_.revoke_device_certificates(id, reason, audit));
  authority_.device_certificates_revoked(id);
  return revoked;
}

}  // namespace pavise::security
