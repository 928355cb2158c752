#include "protocol/tpm/credential.h"

#include <algorithm>

namespace pavise::tpm {
namespace {

using namespace std::string_view_literals;
constexpr std::string_view kIdentityLabel = "IDENTITY\0"sv;  // the zero is part of the label

struct Seed {
  SecretBytes value;
  Bytes encrypted;
};

Result<Seed> rsa_seed(const PublicArea& ek) {
  SecretBytes seed(crypto::size_bytes(ek.name_hash()));
  PAVISE_TRY(crypto::random_fill(seed.span()));
  const std::uint32_t exponent = ek.exponent == 0 ? kRsaDefaultExponent : ek.exponent;
  PAVISE_TRY_ASSIGN(
      Bytes encrypted,
      crypto::rsa_oaep_sha256_encrypt(ek.modulus, exponent, as_bytes(kIdentityLabel), seed.view()));
  return Seed{std::move(seed), std::move(encrypted)};
}

// A TPM may strip leading zeros of a coordinate; both sides of KDFe take it at its full width.
Bytes of_width(ByteView coordinate, std::size_t width) {
  PAVISE_CHECK(coordinate.size() <= width);
  Bytes out(width - coordinate.size());
  append(out, coordinate);
  return out;
}

// Part 1, C.6.3: one-pass Diffie-Hellman, then KDFe (11.4.10.3). One block: as many bits as the
// hash of the name has.
Result<Seed> ecc_seed(const PublicArea& ek) {
  const bool large = ek.curve == kCurveP384;
  const std::size_t width = large ? kP384CoordinateBytesMax : kP256CoordinateBytesMax;
  using Kind = crypto::SubjectKey::Kind;
  const crypto::SubjectKey peer{.kind = large ? Kind::p384 : Kind::p256,
                                .modulus = {},
                                .x = of_width(ek.x, width),
                                .y = of_width(ek.y, width)};
  PAVISE_TRY_ASSIGN(const crypto::Agreement agreement, crypto::agree_once(peer));
  constexpr std::array<std::byte, 4> kCounter{std::byte{0}, std::byte{0}, std::byte{0},
                                              std::byte{1}};
  SecretBytes seed(crypto::digest(
      ek.name_hash(),
      {kCounter, agreement.z.view(), as_bytes(kIdentityLabel), agreement.own_x, peer.x}));
  ByteWriter point;
  point.sized<std::uint16_t>(agreement.own_x).sized<std::uint16_t>(agreement.own_y);
  return Seed{std::move(seed), point.take()};
}

}  // namespace

Result<Credential> make_credential(const PublicArea& ek, const Name& ak_name, ByteView secret) {
  if (!is_endorsement_key(ek)) return kNotEndorsementKey;
  if (secret.empty() || secret.size() > kCredentialSecretBytesMax) return kSecretSize;
  // The algorithms are the EK's, as those of its template; the name is of the AK, whatever its own.
  const crypto::Hash hash = ek.name_hash();
  PAVISE_TRY_ASSIGN(const Seed seed, ek.type == kAlgRsa ? rsa_seed(ek) : ecc_seed(ek));

  const SecretBytes storage_key =
      crypto::kdfa(hash, seed.value.view(), "STORAGE", ak_name, {}, ek.symmetric.key_bits);
  ByteWriter plain;
  plain.sized<std::uint16_t>(secret);
  const SecretBytes identity(plain.take());
  PAVISE_TRY_ASSIGN(const Bytes encrypted_identity,
                    crypto::aes_cfb_encrypt(storage_key.view(), identity.view()));

  const SecretBytes integrity_key =
      crypto::kdfa(hash, seed.value.view(), "INTEGRITY", {}, {}, 8 * crypto::size_bytes(hash));
  Bytes authenticated = encrypted_identity;
  append(authenticated, ak_name);
  const Bytes integrity = crypto::hmac(hash, integrity_key.view(), authenticated);

  ByteWriter id_object;
  id_object.sized<std::uint16_t>(integrity).raw(encrypted_identity);
  return Credential{id_object.take(), seed.encrypted};
}

}  // namespace pavise::tpm
