#include "protocol/tpm/credential.h"

#include <algorithm>

namespace pavise::tpm {
namespace {

using namespace std::string_view_literals;
constexpr std::string_view kIdentityLabel = "IDENTITY\0"sv;  // the zero is part of the label
constexpr std::size_t kSeedBytes = 32;                       // nameAlg SHA-256

struct Seed {
  SecretBytes value;
  Bytes encrypted;
};

Result<Seed> rsa_seed(const PublicArea& ek) {
  SecretBytes seed(kSeedBytes);
  PAVISE_TRY(crypto::random_fill(seed.span()));
  const std::uint32_t exponent = ek.exponent == 0 ? kRsaDefaultExponent : ek.exponent;
  PAVISE_TRY_ASSIGN(
      Bytes encrypted,
      crypto::rsa_oaep_sha256_encrypt(ek.modulus, exponent, as_bytes(kIdentityLabel), seed.view()));
  return Seed{std::move(seed), std::move(encrypted)};
}

// Part 1, C.6.3: one-pass Diffie-Hellman, then KDFe (11.4.10.3). One block: 256 bits of SHA-256.
Result<Seed> ecc_seed(const PublicArea& ek) {
  PAVISE_TRY_ASSIGN(const crypto::P256PublicKey peer, ek.p256_key());
  PAVISE_TRY_ASSIGN(const crypto::P256PrivateKey ephemeral, crypto::P256PrivateKey::generate());
  PAVISE_TRY_ASSIGN(const SecretBytes z, ephemeral.ecdh_x(peer));
  const auto own = ephemeral.public_key().point();
  const auto other = peer.point();
  const ByteView own_x = ByteView(own).subspan(1, 32);
  const ByteView other_x = ByteView(other).subspan(1, 32);
  constexpr std::array<std::byte, 4> kCounter{std::byte{0}, std::byte{0}, std::byte{0},
                                              std::byte{1}};
  Digest256 derived =
      crypto::sha256({ByteView(kCounter), z.view(), as_bytes(kIdentityLabel), own_x, other_x});
  SecretBytes seed = SecretBytes::copy_of(derived);
  wipe(derived);
  ByteWriter point;
  point.sized<std::uint16_t>(own_x).sized<std::uint16_t>(ByteView(own).subspan(33, 32));
  return Seed{std::move(seed), point.take()};
}

}  // namespace

Result<Credential> make_credential(const PublicArea& ek, const Name& ak_name, ByteView secret) {
  if (!is_endorsement_key(ek)) return kNotEndorsementKey;
  if (secret.empty() || secret.size() > kCredentialSecretBytesMax) return kSecretSize;
  PAVISE_TRY_ASSIGN(const Seed seed, ek.type == kAlgRsa ? rsa_seed(ek) : ecc_seed(ek));

  const SecretBytes storage_key =
      crypto::kdfa_sha256(seed.value.view(), "STORAGE", ak_name, {}, 128);
  ByteWriter plain;
  plain.sized<std::uint16_t>(secret);
  const SecretBytes identity(plain.take());
  PAVISE_TRY_ASSIGN(const Bytes encrypted_identity,
                    crypto::aes_cfb_encrypt(storage_key.view(), identity.view()));

  const SecretBytes integrity_key =
      crypto::kdfa_sha256(seed.value.view(), "INTEGRITY", {}, {}, 256);
  Bytes authenticated = encrypted_identity;
  append(authenticated, ak_name);
  const Digest256 integrity = crypto::hmac_sha256(integrity_key.view(), authenticated);

  ByteWriter id_object;
  id_object.sized<std::uint16_t>(integrity).raw(encrypted_identity);
  return Credential{id_object.take(), seed.encrypted};
}

}  // namespace pavise::tpm
