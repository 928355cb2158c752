// Certificates as Pavise issues them (RFC 5280 profile): built from a template in a few
// microseconds, without OpenSSL's object handling (229 µs per certificate). Signing is the
// caller's: TBSCertificate out, signature in.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/crypto/crypto.h"
#include "protocol/x509/names.h"

namespace pavise::x509 {

inline constexpr std::size_t kSubjectAltNamesMax = 32;

// Who signs: the subject Name (DER, whole element) and key id of the issuing CA.
struct Issuer {
  Bytes name;
  KeyId key_id;
};

struct Validity {
  UnixSeconds not_before;
  UnixSeconds not_after;
};

// All return a TBSCertificate in DER whose SHA-256 the issuer signs; assemble_signed() completes
// it. kBadTemplate when validity is empty or before 1970, the serial is zero, or a name does not
// fit.

// A device's leaf: O = tenant, CN = device id, SAN URI urn:pavise:device:ID, clientAuth,
// digitalSignature.
Result<Bytes> device_leaf(const Serial& serial, const Issuer& issuer, const Validity& validity,
                          const DeviceId& device, const TenantId& tenant,
                          const crypto::P256PublicKey& key);

// A CA: keyCertSign and cRLSign, with this path length. A root passes its own name and key id as
// issuer.
Result<Bytes> certificate_authority(const Serial& serial, const Issuer& issuer,
                                    const Validity& validity, const Name& subject, int path_length,
                                    const crypto::P256PublicKey& key);

// A TLS server: serverAuth, with these DNS names and IP addresses (4 or 16 bytes each); at least
// one.
Result<Bytes> server(const Serial& serial, const Issuer& issuer, const Validity& validity,
                     const Name& subject, std::span<const std::string> dns_names,
                     std::span<const Bytes> ip_addresses, const crypto::P256PublicKey& key);

}  // namespace pavise::x509
