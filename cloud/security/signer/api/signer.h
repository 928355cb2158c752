// What the holder of the CA keys does for the rest of the service. It never signs bytes that it is
// given: it builds every certificate itself, inside its own limits, so a caller who has been taken
// over can ask for no more than a short-lived device leaf.
//
// All calls are thread-safe and block for at most the implementation's timeout.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"

namespace pavise::security::signer {

inline constexpr ErrorInfo kSignerUnreachable{
    "PV-SGN-001", Retry::later, "the signer does not answer",
    "Check that pavise-signer runs and that this user may open its socket."};
inline constexpr ErrorInfo kSignerProtocol{"PV-SGN-002", Retry::never,
                                           "a message to or from the signer is malformed",
                                           "Run the same version of server and signer."};
inline constexpr ErrorInfo kSignerPolicy{
    "PV-SGN-003", Retry::never, "the signer's policy forbids this certificate",
    "Ask for a validity and names inside the limits in the signer's README."};
inline constexpr ErrorInfo kNoSuchAuthority{"PV-SGN-004", Retry::needs_operator,
                                            "the tenant has no certificate authority",
                                            "Create the tenant first."};
inline constexpr ErrorInfo kKeyStoreFailed{
    "PV-SGN-005", Retry::needs_operator, "a CA key cannot be read or written",
    "Check the signer's key directory: disk space, owner, mode 0700."};
inline constexpr ErrorInfo kSignerOverloaded{
    "PV-SGN-006", Retry::later, "the signer's rate limit is reached", "Try again in a second."};
inline constexpr ErrorInfo kAuthorityDamaged{
    "PV-SGN-007", Retry::needs_operator, "the files of a certificate authority do not fit together",
    "Restore the signer's key directory from its backup."};

// Limits that the signer enforces whatever it is asked.
inline constexpr UnixSeconds kLeafValidityMaxS = 24 * 3600 + 600;
inline constexpr UnixSeconds kServerValidityS = 90LL * 24 * 3600;
inline constexpr UnixSeconds kRootValidityS = 10LL * 365 * 24 * 3600;
inline constexpr UnixSeconds kIssuingValidityS = 2LL * 365 * 24 * 3600;
inline constexpr std::size_t kServerNamesMax = 8;

using Serial = std::array<std::byte, 16>;

struct AuthorityCertificates {
  Bytes root{};     // DER
  Bytes issuing{};  // DER
};

struct TenantAuthority {
  TenantId tenant;
  AuthorityCertificates certificates;
};

struct LeafRequest {
  TenantId tenant;
  DeviceId device;
  std::array<std::byte, 64> public_xy{};  // P-256 point, x ‖ y
  UnixSeconds not_before = 0;
  UnixSeconds not_after = 0;
  Serial serial{};
};

struct ServerRequest {
  std::vector<std::string> dns_names{};  // up to kServerNamesMax; the first becomes the common name
  std::vector<std::string> ip_addresses{};  // textual IPv4 or IPv6
  std::array<std::byte, 64> public_xy{};
};

struct ServerCertificate {
  Bytes leaf{};  // DER, valid kServerValidityS from now
  Bytes root{};  // DER: the trust anchor that devices and CLIs pin (service-ca)
};

class Signer {
 public:
  virtual ~Signer() = default;

  // Makes the tenant's root (10 years) and issuing CA (2 years), once: asked again, returns the
  // same certificates. kKeyStoreFailed.
  virtual Result<AuthorityCertificates> create_tenant_ca(const TenantId& tenant) = 0;
  // Returns the leaf, DER, by the tenant's issuing CA. kNoSuchAuthority, kSignerPolicy (validity
  // longer than kLeafValidityMaxS or outside the issuing CA's, not_before far from the signer's
  // clock, point not on the curve), kSignerOverloaded.
  virtual Result<Bytes> sign_leaf(const LeafRequest& request) = 0;
  // As sign_leaf for several at once, in order: one round trip per kLeavesPerBatchMax.
  virtual std::vector<Result<Bytes>> sign_leaves(const std::vector<LeafRequest>& requests) = 0;
  // A TLS server certificate by the service's own CA, which is made on first use. kSignerPolicy.
  virtual Result<ServerCertificate> make_server_certificate(const ServerRequest& request) = 0;
  // All tenants' authorities, by name.
  virtual Result<std::vector<TenantAuthority>> list() = 0;
};

}  // namespace pavise::security::signer
