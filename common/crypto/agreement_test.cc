#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "common/crypto/crypto.h"

namespace pavise::crypto {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Bytes spki_of(EVP_PKEY* key) {
  unsigned char* raw = nullptr;
  const int size = i2d_PUBKEY(key, &raw);
  const auto* bytes = reinterpret_cast<const std::byte*>(raw);
  Bytes out(bytes, bytes + size);
  OPENSSL_free(raw);
  return out;
}
Key on_curve(const char* curve) {
  return {EVP_EC_gen(curve), EVP_PKEY_free};
}

TEST(SubjectKey, IsReadAtFullWidth) {
  // A coordinate begins with a zero byte once in 256; some of these do.
  for (int i = 0; i < 600; ++i) {
    const auto key = parse_subject_key(spki_of(on_curve("P-256").get()));
    ASSERT_TRUE(key);
    EXPECT_EQ(key->kind, SubjectKey::Kind::p256);
    EXPECT_EQ(key->x.size(), 32U);
    EXPECT_EQ(key->y.size(), 32U);
  }
  const auto large = parse_subject_key(spki_of(on_curve("P-384").get()));
  ASSERT_TRUE(large);
  EXPECT_EQ(large->kind, SubjectKey::Kind::p384);
  EXPECT_EQ(large->x.size(), 48U);
  const Key rsa(EVP_RSA_gen(2048), EVP_PKEY_free);
  const auto modulus = parse_subject_key(spki_of(rsa.get()));
  ASSERT_TRUE(modulus);
  EXPECT_EQ(modulus->modulus.size(), 256U);
  EXPECT_EQ(modulus->exponent, 65537U);
}

TEST(SubjectKey, RefusesOtherKeysPointsOffTheCurveAndTrailingBytes) {
  for (const char* curve : {"P-224", "P-521", "secp256k1"})
    EXPECT_FALSE(parse_subject_key(spki_of(on_curve(curve).get()))) << curve;
  const Key edwards(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
  EXPECT_FALSE(parse_subject_key(spki_of(edwards.get())));
  Bytes good = spki_of(on_curve("P-384").get());
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(parse_subject_key(ByteView(good).first(size))) << size;
  Bytes bent = good;
  bent.back() ^= std::byte{1};
  EXPECT_FALSE(parse_subject_key(bent));
  good.push_back(std::byte{0});
  EXPECT_FALSE(parse_subject_key(good));
  EXPECT_FALSE(parse_subject_key(Bytes(4096)));
}

TEST(AgreeOnce, TheOtherSideFindsTheSame) {
  for (const char* curve : {"P-256", "P-384"}) {
    const Key own = on_curve(curve);
    const auto peer = parse_subject_key(spki_of(own.get())).value();
    const auto agreed = agree_once(peer);
    ASSERT_TRUE(agreed) << agreed.error().message();
    EXPECT_EQ(agreed->z.size(), peer.x.size());
    // The other side, with OpenSSL alone.
    Bytes point{std::byte{4}};
    append(point, agreed->own_x);
    append(point, agreed->own_y);
    const Key theirs(EVP_PKEY_new(), EVP_PKEY_free);
    ASSERT_EQ(EVP_PKEY_copy_parameters(theirs.get(), own.get()), 1);
    ASSERT_EQ(
        EVP_PKEY_set1_encoded_public_key(theirs.get(), as_uchar(ByteView(point)), point.size()), 1);
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
        EVP_PKEY_CTX_new(own.get(), nullptr), EVP_PKEY_CTX_free);
    Bytes z(peer.x.size());
    std::size_t size = z.size();
    ASSERT_EQ(EVP_PKEY_derive_init(context.get()), 1);
    ASSERT_EQ(EVP_PKEY_derive_set_peer(context.get(), theirs.get()), 1);
    ASSERT_EQ(EVP_PKEY_derive(context.get(), as_uchar(std::span(z)), &size), 1);
    EXPECT_TRUE(equal(agreed->z.view(), z));
    EXPECT_NE(agree_once(peer)->own_x, agreed->own_x) << "a fresh key each time";
  }
}

TEST(AgreeOnce, RefusesWhatIsNoPoint) {
  auto peer = parse_subject_key(spki_of(on_curve("P-384").get())).value();
  auto bent = peer;
  bent.y.back() ^= std::byte{1};
  EXPECT_TRUE(agree_once(bent).error().is(kBadPublicKey));
  bent = peer;
  bent.kind = SubjectKey::Kind::p256;
  EXPECT_TRUE(agree_once(bent).error().is(kBadPublicKey));
  bent = peer;
  bent.x.assign(48, std::byte{0});
  bent.y.assign(48, std::byte{0});
  EXPECT_TRUE(agree_once(bent).error().is(kBadPublicKey));
  EXPECT_TRUE(agree_once({}).error().is(kBadPublicKey));
}

// RFC 4231, test case 2; FIPS 180-4's "abc".
TEST(Hashes, PublishedVectors) {
  EXPECT_EQ(to_hex(hmac(Hash::sha384, as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))),
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
            "8e2240ca5e69e2c78b3239ecfab21649");
  EXPECT_EQ(to_hex(digest(Hash::sha384, {as_bytes("a"), as_bytes("bc")})),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
            "8086072ba1e7cc2358baeca134c825a7");
  const Bytes key(32, std::byte{7});
  EXPECT_TRUE(equal(kdfa(Hash::sha256, key, "STORAGE", as_bytes("u"), as_bytes("v"), 520).view(),
                    kdfa_sha256(key, "STORAGE", as_bytes("u"), as_bytes("v"), 520).view()));
}

}  // namespace
}  // namespace pavise::crypto
