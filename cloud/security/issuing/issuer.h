// Issues and revokes device certificates: per tenant a root CA (10 years) → an issuing CA (2 years)
// → device leaves of 24 hours with random 16-byte serials. The keys are in the signer.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "cloud/security/authority/live_authority.h"
#include "cloud/security/issuing/attestation_grant.h"
#include "cloud/security/registry/registry.h"
#include "cloud/security/signer/api/signer.h"

namespace pavise::security {

inline constexpr UnixSeconds kLeafLifetimeS = 24L * 3600;
inline constexpr UnixSeconds kLeafBackdateS = 300;  // for device clocks that are a little slow

// Errors: PV-ISS-nnn.
inline constexpr ErrorInfo kIssuerExpiring{"PV-ISS-001", Retry::needs_operator,
                                           "the tenant's issuing CA ends before the leaf would",
                                           "Renew the issuing CA of the tenant."};

struct IssuedCertificate {
  Bytes leaf;                // DER
  std::vector<Bytes> chain;  // DER, leaf's issuer first, root last
  CertificateRecord record;  // to be committed by the caller
};

// Thread-safe. issue() blocks for one signer round trip, revoke() on disk.
class Issuer {
 public:
  // All arguments outlive the issuer.
  Issuer(Registry& registry, signer::Signer& signer, LiveAuthority& authority, const Clock& clock)
      : registry_(registry), signer_(signer), authority_(authority), clock_(clock) {}

  // The certificate is not yet valid for admission: the caller commits `record` with the verdict
  // and then tells the authority. Errors: those of Signer and Registry, kIssuerExpiring.
  Result<IssuedCertificate> issue(const AttestationGrant& grant);

  // Bars the device at once. kNotFound.
  Status revoke(std::string_view actor, std::string_view serial, std::string_view reason);
  // All live certificates of the device; returns how many.
  Result<std::size_t> revoke_device(std::string_view actor, const DeviceId& id,
                                    std::string_view reason);

 private:
  Result<std::vector<Bytes>> chain_of(const TenantId& tenant);

  Registry& registry_;
  signer::Signer& signer_;
  LiveAuthority& authority_;
  const Clock& clock_;
  std::mutex mutex_;
  std::unordered_map<TenantId, std::vector<Bytes>> chains_;
};

}  // namespace pavise::security
