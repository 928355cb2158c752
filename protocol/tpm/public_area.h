// TPMT_PUBLIC of asymmetric keys (TPM 2.0 part 2, 12.2.4) and the Name of an object (part 1, 16).
#pragma once

#include <array>
#include <cstdint>

#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/crypto/crypto.h"
#include "protocol/tpm/errors.h"

namespace pavise::tpm {

// TPM_ALG_ID (part 2, 6.3), the ones that Pavise meets.
inline constexpr std::uint16_t kAlgRsa = 0x0001;
inline constexpr std::uint16_t kAlgSha1 = 0x0004;
inline constexpr std::uint16_t kAlgAes = 0x0006;
inline constexpr std::uint16_t kAlgSha256 = 0x000b;
inline constexpr std::uint16_t kAlgSha384 = 0x000c;
inline constexpr std::uint16_t kAlgSha512 = 0x000d;
inline constexpr std::uint16_t kAlgNull = 0x0010;
inline constexpr std::uint16_t kAlgEcdsa = 0x0018;
inline constexpr std::uint16_t kAlgEcc = 0x0023;
inline constexpr std::uint16_t kAlgCfb = 0x0043;
inline constexpr std::uint16_t kCurveP256 = 0x0003;
inline constexpr std::uint16_t kCurveP384 = 0x0004;

// TPMA_OBJECT (part 2, 8.3).
inline constexpr std::uint32_t kFixedTpm = 1U << 1U;
inline constexpr std::uint32_t kStClear = 1U << 2U;
inline constexpr std::uint32_t kFixedParent = 1U << 4U;
inline constexpr std::uint32_t kSensitiveDataOrigin = 1U << 5U;
inline constexpr std::uint32_t kUserWithAuth = 1U << 6U;
inline constexpr std::uint32_t kAdminWithPolicy = 1U << 7U;
inline constexpr std::uint32_t kNoDa = 1U << 10U;
inline constexpr std::uint32_t kEncryptedDuplication = 1U << 11U;
inline constexpr std::uint32_t kRestricted = 1U << 16U;
inline constexpr std::uint32_t kDecrypt = 1U << 17U;
inline constexpr std::uint32_t kSign = 1U << 18U;
inline constexpr std::uint32_t kX509Sign = 1U << 19U;
// Bits 8 and 9 are firmwareLimited and svnLimited since revision 1.83.
inline constexpr std::uint32_t kDefinedAttributes =
    kFixedTpm | kStClear | kFixedParent | kSensitiveDataOrigin | kUserWithAuth | kAdminWithPolicy |
    1U << 8U | 1U << 9U | kNoDa | kEncryptedDuplication | kRestricted | kDecrypt | kSign |
    kX509Sign;

inline constexpr std::size_t kPublicAreaBytesMax = 512;
inline constexpr std::size_t kAuthPolicyBytesMax = 64;  // SHA-512
inline constexpr std::size_t kRsaModulusBytes = 256;    // RSA-2048, the only size accepted
inline constexpr std::uint32_t kRsaDefaultExponent = 65537;
inline constexpr std::size_t kP256CoordinateBytesMax = 32;
inline constexpr std::size_t kP384CoordinateBytesMax = 48;

// Name of an object whose nameAlg is SHA-256: 0x000b, then the digest of its TPMT_PUBLIC.
using Name = std::array<std::byte, 34>;

struct SymmetricDefinition {
  std::uint16_t algorithm = kAlgNull;
  std::uint16_t key_bits = 0;  // present on the wire only if algorithm is not NULL
  std::uint16_t mode = 0;
  bool operator==(const SymmetricDefinition&) const = default;
};
struct AsymmetricScheme {
  std::uint16_t algorithm = kAlgNull;
  std::uint16_t hash = 0;  // present on the wire only if algorithm is not NULL
  bool operator==(const AsymmetricScheme&) const = default;
};

// A well-formed public area of an RSA-2048 or a P-256 key with nameAlg SHA-256, or of a P-384 key
// with nameAlg SHA-384 (endorsement keys have it). Whether it is the right kind of key is for the
// reader to ask: is_*() below.
struct PublicArea {
  std::uint16_t type = kAlgEcc;  // kAlgEcc or kAlgRsa
  std::uint16_t name_algorithm = kAlgSha256;
  std::uint32_t attributes = 0;
  Bytes auth_policy;
  SymmetricDefinition symmetric;
  AsymmetricScheme scheme;
  // type == kAlgEcc: coordinates as the TPM wrote them, 1 to 32 (P-384: 48) bytes each. Not checked
  // to be a point: p256_key() does that.
  std::uint16_t curve = kCurveP256;
  AsymmetricScheme kdf;
  Bytes x;
  Bytes y;
  // type == kAlgRsa; exponent 0 on the wire means 65537 and is kept as 0 here.
  std::uint32_t exponent = 0;
  Bytes modulus;

  // Strict: nothing may follow, every size within its limit, reserved attribute bits zero. Errors:
  // PV-TPM-001, -002, -003, -004, -005, -008. encode(*parse(b)) == b. Does not block.
  static Result<PublicArea> parse(ByteView tpmt_public);
  Bytes encode() const;
  Name name() const;        // precondition: name_algorithm is SHA-256
  Bytes full_name() const;  // name algorithm ‖ digest, whatever the algorithm
  crypto::Hash name_hash() const {
    return name_algorithm == kAlgSha384 ? crypto::Hash::sha384 : crypto::Hash::sha256;
  }

  bool has(std::uint32_t bits) const { return (attributes & bits) == bits; }
  bool has_none(std::uint32_t bits) const { return (attributes & bits) == 0; }
  // The key as a verified point on P-256. Errors: kUnsupportedKey if it is none on P-256;
  // crypto::kBadPublicKey.
  Result<crypto::P256PublicKey> p256_key() const;
  bool operator==(const PublicArea&) const = default;
};

// Name of an encoded TPMT_PUBLIC that has already been parsed: SHA-256 over the bytes as they are.
Name name_of(ByteView tpmt_public);

// TPM_RH_ENDORSEMENT (part 2, 7.4).
inline constexpr std::uint32_t kEndorsementHierarchy = 0x4000000b;
// Qualified Name (part 1, 16) of a primary key in the hierarchy with this handle: what a TPM writes
// into its statements as the signer. It cannot be chosen, so it tells where a key lies.
Name qualified_name_of_primary(std::uint32_t hierarchy, const Name& name);
// The same of a key below a parent with the qualified Name `parent`.
Name qualified_name_of_child(const Name& parent, const Name& name);

// A restricted P-256 signing key that cannot leave its TPM, scheme ECDSA/SHA-256: fit to be an AK.
bool is_attestation_key(const PublicArea& key);
// An unrestricted P-256 signing key that was made in, and cannot leave, its TPM.
bool is_resident_signing_key(const PublicArea& key);
// A restricted decryption key, fixed to its TPM, that wraps with AES-CFB (128 bits; P-384: 256).
bool is_endorsement_key(const PublicArea& key);

// TCG EK Credential Profile 2.3, template L-1 (RSA-2048) around a modulus of 256 bytes.
PublicArea ek_template_l1(ByteView modulus);
// Template L-2 (P-256) around coordinates of 32 bytes.
PublicArea ek_template_l2(ByteView x, ByteView y);
// Template H-3 (P-384) around coordinates of 48 bytes, or empty ones: what TPM2_CreatePrimary
// takes.
PublicArea ek_template_h3(ByteView x, ByteView y);
// The public area that belongs to the key of an EK certificate. kUnsupportedKey: RSA of another
// size than 2048 bits or with another exponent than 65537.
Result<PublicArea> endorsement_key_of(const crypto::SubjectKey& key);
// Templates of the keys that Pavise makes; used by the factory, by the fake TPM and in tests.
PublicArea ak_template(ByteView x, ByteView y);
PublicArea tls_key_template(ByteView x, ByteView y);

// Lower-case hex SHA-256 of the Name. Error: as PublicArea::parse, kNotEndorsementKey.
Result<DeviceId> device_id_from_ek_public(ByteView ek_public);
DeviceId device_id_from_name(ByteView ek_name);

}  // namespace pavise::tpm
