// The few cryptographic operations that Pavise uses, over OpenSSL 3.0. Nothing else in the tree
// calls OpenSSL for these; TLS itself lives in common/net.
//
// All functions are thread-safe and block only for the time of the computation.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace pavise::crypto {

// Errors: PV-CRY-nnn.
inline constexpr ErrorInfo kBadPublicKey{"PV-CRY-001", Retry::never,
                                         "a public key is not a valid point or encoding",
                                         "Send a P-256 point that is on the curve."};
inline constexpr ErrorInfo kBadSignature{"PV-CRY-002", Retry::never, "a signature does not verify",
                                         "Check that the right key signed the right bytes."};
inline constexpr ErrorInfo kBadPrivateKey{"PV-CRY-003", Retry::needs_operator,
                                          "a private key cannot be read",
                                          "Restore the key file from its backup."};
inline constexpr ErrorInfo kNoEntropy{"PV-CRY-004", Retry::later,
                                      "the random number generator failed", "Try again."};
inline constexpr ErrorInfo kCryptoFailed{"PV-CRY-005", Retry::never,
                                         "a cryptographic operation failed",
                                         "See the detail; report it if the input was valid."};

Digest256 sha256(ByteView data);
// SHA-256 over the concatenation of the parts, without copying them together.
Digest256 sha256(std::initializer_list<ByteView> parts);
Digest256 hmac_sha256(ByteView key, ByteView data);
// Only where a protocol prescribes it and nothing depends on collisions being hard: WebSocket
// handshakes (RFC 6455) and IoT Hub's certificate thumbprints.
using Digest160 = std::array<std::byte, 20>;
Digest160 sha1(ByteView data);
// The same holds: the storage protocol's Content-MD5.
using Digest128 = std::array<std::byte, 16>;
Digest128 md5(ByteView data);
bool constant_time_equal(ByteView a, ByteView b);
Status random_fill(std::span<std::byte> out);

// An ECDSA P-256 signature as the two 32-byte big-endian integers (r ‖ s), and as DER (X.690, the
// form of X.509 and TLS).
using EcdsaRaw = std::array<std::byte, 64>;
Bytes ecdsa_to_der(const EcdsaRaw& raw);        // at most 72 bytes
Result<EcdsaRaw> ecdsa_from_der(ByteView der);  // strict DER; kBadSignature
// r and s as TPM buffers: 1 to 32 bytes each, leading zeros allowed or stripped.
Result<EcdsaRaw> ecdsa_from_integers(ByteView r, ByteView s);

// A P-256 public key. Immutable; copy is cheap (shared).
class P256PublicKey {
 public:
  static Result<P256PublicKey> from_xy(ByteView x, ByteView y);       // up to 32 bytes each
  static Result<P256PublicKey> from_point(ByteView uncompressed_65);  // 0x04 ‖ x ‖ y
  static Result<P256PublicKey> from_spki_der(ByteView spki);          // RFC 5480, exactly 91 bytes
  static Result<P256PublicKey> from_pem(std::string_view pem);

  // kBadSignature if it does not verify over the SHA-256 digest.
  Status verify_digest(const Digest256& digest, const EcdsaRaw& signature) const;
  std::array<std::byte, 65> point() const;
  Bytes spki_der() const;  // 91 bytes
  std::string pem() const;
  bool operator==(const P256PublicKey& other) const;

 private:
  friend class P256PrivateKey;  // ECDH needs the peer's point
  struct Impl;
  explicit P256PublicKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

// A P-256 private key in memory. For software keys only: CA keys behind the signer process, release
// and policy keys on a build machine, fakes in tests. Device keys stay in the root of trust.
class P256PrivateKey {
 public:
  static Result<P256PrivateKey> generate();
  static Result<P256PrivateKey> from_pem(ByteView pem);  // unencrypted PKCS#8; kBadPrivateKey
  SecretBytes to_pem() const;                            // unencrypted PKCS#8
  P256PublicKey public_key() const;
  Result<EcdsaRaw> sign_digest(const Digest256& digest) const;
  // Raw ECDH shared X coordinate with a peer (for TPM2_MakeCredential to an ECC EK).
  Result<SecretBytes> ecdh_x(const P256PublicKey& peer) const;

 private:
  struct Impl;
  explicit P256PrivateKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

// The public key of a certificate, as a TPM would write it: big-endian, coordinates and modulus of
// the full width.
struct SubjectKey {
  enum class Kind { rsa, p256, p384 };
  Kind kind = Kind::rsa;
  Bytes modulus;               // rsa
  std::uint32_t exponent = 0;  // rsa; one that needs more bits is refused
  Bytes x, y;                  // p256, p384: a point on the curve
};
// From a DER SubjectPublicKeyInfo, nothing after it. kBadPublicKey: also for any other kind of key.
Result<SubjectKey> parse_subject_key(ByteView spki_der);

// The hash algorithms that an object in a TPM may be named with.
enum class Hash { sha256, sha384 };
std::size_t size_bytes(Hash hash);
Bytes digest(Hash hash, std::initializer_list<ByteView> parts);
Bytes hmac(Hash hash, ByteView key, ByteView data);
// KDFa of TPM 2.0 part 1, 11.4.10.2; label without its terminating zero; at most 65536 bits.
SecretBytes kdfa(Hash hash, ByteView key, std::string_view label, ByteView context_u,
                 ByteView context_v, std::size_t bits);

// One-pass Diffie-Hellman (SP 800-56A, 6.2.2) with a fresh key, all of the full width of the curve.
struct Agreement {
  SecretBytes z;
  Bytes own_x, own_y;
};
// `peer` is p256 or p384; its point is checked. kBadPublicKey, kNoEntropy, kCryptoFailed.
Result<Agreement> agree_once(const SubjectKey& peer);

// KDFa of TPM 2.0 part 1, 11.4.10.2, with SHA-256; label without its terminating zero.
SecretBytes kdfa_sha256(ByteView key, std::string_view label, ByteView context_u,
                        ByteView context_v, std::size_t bits);
// AES-CFB with a zero IV (TPM part 1, 24): key of 16 or 32 bytes.
Result<Bytes> aes_cfb_encrypt(ByteView key, ByteView plain);
// RSA-OAEP with SHA-256 for hash and MGF1; `label` includes its terminating zero where TPM asks for
// it.
Result<Bytes> rsa_oaep_sha256_encrypt(ByteView modulus, std::uint32_t exponent, ByteView label,
                                      ByteView plain);

}  // namespace pavise::crypto
