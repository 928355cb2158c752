// PKCS#10 certificate requests (RFC 2986) for P-256 keys: built by a device whose key signs
// elsewhere, read by the service. OpenSSL's d2i_X509_REQ costs 131 µs per request; this reader
// costs a few.
#pragma once

#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/crypto.h"
#include "protocol/x509/names.h"

namespace pavise::x509 {

inline constexpr std::size_t kRequestBytesMax = 1024;

// CertificationRequestInfo, DER: what the key signs (ECDSA over its SHA-256). Then
// assemble_signed(info, signature) is the request. kBadTemplate.
Result<Bytes> certificate_request_info(std::string_view common_name,
                                       const crypto::P256PublicKey& key);

// A well-formed request whose signature is not yet checked.
class CertificateRequest {
 public:
  // kMalformedRequest, kUnsupportedRequest, or crypto::kBadPublicKey. Does not keep a reference to
  // `der`.
  static Result<CertificateRequest> parse(ByteView der);

  const std::string& common_name() const { return common_name_; }
  const crypto::P256PublicKey& key() const { return key_; }
  // What verify() checks, for callers who remember what they verified.
  const Digest256& signed_digest() const { return signed_digest_; }
  const crypto::EcdsaRaw& signature() const { return signature_; }
  // The requester holds the key. crypto::kBadSignature.
  Status verify() const { return key_.verify_digest(signed_digest_, signature_); }

 private:
  CertificateRequest(std::string common_name, crypto::P256PublicKey key,
                     const Digest256& signed_digest, const crypto::EcdsaRaw& signature)
      : common_name_(std::move(common_name)),
        key_(std::move(key)),
        signed_digest_(signed_digest),
        signature_(signature) {}
  std::string common_name_;
  crypto::P256PublicKey key_;
  Digest256 signed_digest_;
  crypto::EcdsaRaw signature_;
};

}  // namespace pavise::x509
