// Names, key ids and object identifiers shared by requests and certificates.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/crypto.h"
#include "protocol/x509/der.h"

namespace pavise::x509 {

// Errors: PV-X59-nnn.
inline constexpr ErrorInfo kMalformedRequest{"PV-X59-001", Retry::never,
                                             "the certificate request is not well-formed",
                                             "Send a PKCS#10 request for a P-256 key, in DER."};
inline constexpr ErrorInfo kUnsupportedRequest{
    "PV-X59-002", Retry::never, "the certificate request asks for something unsupported",
    "Use a P-256 key, ECDSA with SHA-256, only a common name, no attributes."};
inline constexpr ErrorInfo kMalformedCertificate{"PV-X59-003", Retry::never,
                                                 "the certificate is not one of this service's",
                                                 "Let the device attest again."};
inline constexpr ErrorInfo kBadTemplate{
    "PV-X59-004", Retry::never, "a certificate cannot be built from these fields",
    "See the detail: names have limits, validity must be a period."};

inline constexpr std::size_t kNameBytesMax = 64;  // X.520 upper bounds of CN and O

using Serial = std::array<std::byte, 16>;
using KeyId = std::array<std::byte, 20>;

// RFC 7093, method 1: the first 160 bits of SHA-256 over the public point.
KeyId key_id(const crypto::P256PublicKey& key);

struct Name {
  std::string_view organization;  // empty: left out
  std::string_view common_name;
};

// Name with O (if any) and CN as UTF8String. kBadTemplate on empty or long fields.
Result<Bytes> encode_name(const Name& name);
// Reads what encode_name writes; PrintableString is read too. Views into the input; nothing on
// failure.
std::optional<Name> decode_name(ByteView content);

// AlgorithmIdentifier of ecdsa-with-SHA256 (RFC 5758), whole element.
ByteView ecdsa_with_sha256();
// SEQUENCE { content, ecdsa-with-SHA256, BIT STRING signature }: a request or a certificate.
Bytes assemble_signed(ByteView to_be_signed, ByteView signature_der);

}  // namespace pavise::x509
