// The inverse of make_credential, as TPM2_ActivateCredential does it, over OpenSSL only: none of
// our own cryptography. The contract suite of device/root_of_trust does the same with swtpm.
#include "protocol/tpm/credential.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/rsa.h>

#include <memory>
#include <optional>

#include "protocol/tpm/swtpm_vectors.h"

namespace pavise::tpm {
namespace {

using namespace std::string_view_literals;

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

struct RsaEk {
  Key key{nullptr, EVP_PKEY_free};
  PublicArea area;
};

RsaEk make_new_ek() {
  RsaEk out;
  out.key.reset(EVP_RSA_gen(2048));
  BIGNUM* n = nullptr;
  EVP_PKEY_get_bn_param(out.key.get(), OSSL_PKEY_PARAM_RSA_N, &n);
  Bytes modulus(256);
  BN_bn2binpad(n, as_uchar(std::span(modulus)), 256);
  BN_free(n);
  out.area = ek_template_l1(modulus);
  return out;
}

// Making one takes a tenth of a second, so the tests share it.
const RsaEk& shared_ek() {
  static const RsaEk ek = make_new_ek();
  return ek;
}

Bytes kdfa(ByteView key, std::string_view label, ByteView context, std::size_t size) {
  ByteWriter message;
  message.be(std::uint32_t{1}).raw(as_bytes(label)).be(std::uint8_t{0}).raw(context);
  message.be(static_cast<std::uint32_t>(8 * size));
  Bytes out(32);
  unsigned size_out = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), as_uchar(message.bytes()),
       message.size(), as_uchar(std::span(out)), &size_out);
  out.resize(size);
  return out;
}

std::optional<Bytes> decrypt_seed(EVP_PKEY* key, ByteView encrypted) {
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new(key, nullptr), EVP_PKEY_CTX_free);
  EVP_PKEY_decrypt_init(context.get());
  EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING);
  EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), EVP_sha256());
  EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), EVP_sha256());
  EVP_PKEY_CTX_set0_rsa_oaep_label(context.get(), OPENSSL_memdup("IDENTITY\0", 9), 9);
  Bytes out(256);
  std::size_t size = out.size();
  if (EVP_PKEY_decrypt(context.get(), as_uchar(std::span(out)), &size, as_uchar(encrypted),
                       encrypted.size()) != 1)
    return std::nullopt;
  out.resize(size);
  return out;
}

std::optional<Bytes> open_id_object(ByteView seed, const Name& name, ByteView id_object) {
  ByteReader reader(id_object);
  const auto integrity = reader.sized<std::uint16_t>(32);
  if (!integrity) return std::nullopt;
  const Bytes mac_key = kdfa(seed, "INTEGRITY", {}, 32);
  Bytes authenticated = to_bytes(reader.rest());
  append(authenticated, name);
  Bytes expected(32);
  unsigned mac_size = 0;
  HMAC(EVP_sha256(), mac_key.data(), 32, as_uchar(ByteView(authenticated)), authenticated.size(),
       as_uchar(std::span(expected)), &mac_size);
  if (!equal(expected, *integrity)) return std::nullopt;

  const Bytes aes_key = kdfa(seed, "STORAGE", name, 16);
  const Bytes iv(16);
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> cipher(EVP_CIPHER_CTX_new(),
                                                                               EVP_CIPHER_CTX_free);
  EVP_DecryptInit_ex(cipher.get(), EVP_aes_128_cfb128(), nullptr, as_uchar(ByteView(aes_key)),
                     as_uchar(ByteView(iv)));
  Bytes plain(reader.remaining());
  int size = 0;
  EVP_DecryptUpdate(cipher.get(), as_uchar(std::span(plain)), &size, as_uchar(reader.rest()),
                    static_cast<int>(plain.size()));
  ByteReader content(plain);
  const auto secret = content.sized<std::uint16_t>(32);
  if (!secret || !content.at_end()) return std::nullopt;
  return to_bytes(*secret);
}

Name ak_name() {
  return PublicArea::parse(vectors::bytes(vectors::kAkPublic))->name();
}

TEST(MakeCredential, TheEndorsementKeyOpensIt) {
  const RsaEk& ek = shared_ek();
  for (const std::size_t size : {1U, 16U, 32U}) {
    const Bytes secret(size, std::byte{0x5a});
    const auto credential = make_credential(ek.area, ak_name(), secret);
    ASSERT_TRUE(credential) << credential.error().message();
    EXPECT_EQ(credential->encrypted_secret.size(), 256U);
    const auto seed = decrypt_seed(ek.key.get(), credential->encrypted_secret);
    ASSERT_TRUE(seed);
    EXPECT_EQ(open_id_object(*seed, ak_name(), credential->id_object), secret);
  }
}

TEST(MakeCredential, AnotherNameOrAnotherKeyDoesNot) {
  const RsaEk& ek = shared_ek();
  const auto credential = make_credential(ek.area, ak_name(), Bytes(32));
  ASSERT_TRUE(credential);
  const auto seed = decrypt_seed(ek.key.get(), credential->encrypted_secret);
  Name other = ak_name();
  other[5] ^= std::byte{1};
  EXPECT_FALSE(open_id_object(*seed, other, credential->id_object));
  EXPECT_FALSE(decrypt_seed(make_new_ek().key.get(), credential->encrypted_secret));
}

TEST(MakeCredential, IsFreshEachTime) {
  const RsaEk& ek = shared_ek();
  EXPECT_NE(make_credential(ek.area, ak_name(), Bytes(32))->id_object,
            make_credential(ek.area, ak_name(), Bytes(32))->id_object);
}

TEST(MakeCredential, SecretOf1To32Bytes) {
  const RsaEk& ek = shared_ek();
  EXPECT_TRUE(make_credential(ek.area, ak_name(), {}).error().is(kSecretSize));
  EXPECT_TRUE(make_credential(ek.area, ak_name(), Bytes(33)).error().is(kSecretSize));
}

TEST(MakeCredential, OnlyForEndorsementKeys) {
  const PublicArea ak = *PublicArea::parse(vectors::bytes(vectors::kAkPublic));
  EXPECT_TRUE(make_credential(ak, ak_name(), Bytes(32)).error().is(kNotEndorsementKey));
}

TEST(MakeCredential, EllipticCurveEndorsementKey) {
  const auto private_key = crypto::P256PrivateKey::generate();
  ASSERT_TRUE(private_key);
  const auto point = private_key->public_key().point();
  const PublicArea ek = ek_template_l2(ByteView(point).subspan(1, 32), ByteView(point).subspan(33));
  const Bytes secret(32, std::byte{0x77});
  const auto credential = make_credential(ek, ak_name(), secret);
  ASSERT_TRUE(credential) << credential.error().message();

  ByteReader reader(credential->encrypted_secret);
  const auto x = reader.sized<std::uint16_t>(32);
  const auto y = reader.sized<std::uint16_t>(32);
  ASSERT_TRUE(y && reader.at_end());
  const auto ephemeral = crypto::P256PublicKey::from_xy(*x, *y);
  ASSERT_TRUE(ephemeral);
  const auto z = private_key->ecdh_x(*ephemeral);
  ASSERT_TRUE(z);
  ByteWriter kdfe;
  kdfe.be(std::uint32_t{1}).raw(z->view()).raw(as_bytes("IDENTITY\0"sv)).raw(*x).raw(ek.x);
  EXPECT_EQ(open_id_object(crypto::sha256(kdfe.bytes()), ak_name(), credential->id_object), secret);
}

TEST(MakeCredential, APointThatIsNotOnTheCurveIsRefused) {
  const Bytes small(32, std::byte{1});
  EXPECT_TRUE(make_credential(ek_template_l2(small, small), ak_name(), Bytes(32))
                  .error()
                  .is(crypto::kBadPublicKey));
  const Bytes large(48, std::byte{1});
  EXPECT_TRUE(make_credential(ek_template_h3(large, large), ak_name(), Bytes(32))
                  .error()
                  .is(crypto::kBadPublicKey));
}

}  // namespace
}  // namespace pavise::tpm
