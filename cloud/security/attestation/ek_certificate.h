// Endorsement key certificates (TCG EK Credential Profile 2.3): the silicon vendor's word that a
// key lives in a genuine TPM. Read once per device, at registration.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cloud/security/attestation/errors.h"
#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "protocol/tpm/public_area.h"

namespace pavise::attestation {

inline constexpr std::size_t kEkCertificateBytesMax = 8192;
inline constexpr std::size_t kVendorRootsMax = 64;
inline constexpr std::size_t kVendorPemBytesMax = 524288;
inline constexpr int kChainDepthMax = 6;

// Certificates that an administrator trusts to issue EK certificates: roots, or intermediates taken
// alone. Every certificate given is an anchor. Immutable, cheap to copy, thread-safe.
class VendorRoots {
 public:
  // One or more PEM certificates of CAs. Error: kVendorRoots.
  static Result<VendorRoots> parse_pem(ByteView pem);
  std::size_t size() const;
  // Subject names in one line each, for people.
  std::vector<std::string> subjects() const;

  struct Impl;  // the library's objects; complete only in ek_certificate.cc
  const Impl& impl() const { return *impl_; }

 private:
  explicit VendorRoots(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

// A certificate that was verified; can only be made by verify_ek_certificate().
struct EkCertificate {
  tpm::PublicArea ek;  // template L-1, L-2 or H-3 around the certified key
  Bytes ek_name;
  DeviceId device;
  std::string issuer;        // one line
  std::string manufacturer;  // 2.23.133.2.1 to .3 of the subject alternative name; may be empty
  std::string model;
  std::string version;
  Digest256 fingerprint{};  // SHA-256 of the DER
};

// Verifies the chain to an anchor at time `now_s`, the validity of each link, and that the leaf is
// an EK certificate: extended key usage 2.23.133.8.1, or, without any, the key usage of its kind of
// key and the names of a TPM; never a CA. Issuers are CAs by their basic constraints; signatures
// and keys have 112 bits of security or more. The key is RSA-2048, P-256 or P-384. A critical
// subject alternative name (swtpm and most vendors) is understood; any other unhandled critical
// extension is refused. `intermediates` are DER certificates that need no trust. Revocation is not
// consulted (no network here). Blocks for some signature checks only. Errors: PV-ATT-020 to -023.
Result<EkCertificate> verify_ek_certificate(ByteView certificate_der,
                                            std::span<const Bytes> intermediates,
                                            const VendorRoots& roots, UnixSeconds now_s);

}  // namespace pavise::attestation
