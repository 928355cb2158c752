#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <set>

#include "common/crypto/crypto.h"

namespace pavise::crypto {
namespace {

Bytes hex(std::string_view text) {
  return from_hex(text).value();
}
Bytes repeat(std::uint8_t value, std::size_t n) {
  return Bytes(n, static_cast<std::byte>(value));
}

// NIST CSRC examples for SHA-256 and FIPS 180-2, B.
TEST(Sha256, PublishedVectors) {
  const std::pair<std::string, std::string_view> rows[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {std::string(1'000'000, 'a'),
       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"}};
  for (const auto& [message, digest] : rows) {
    EXPECT_EQ(to_hex(sha256(as_bytes(message))), digest);
    const ByteView whole = as_bytes(message);
    const std::size_t cut = message.size() / 3;
    EXPECT_EQ(to_hex(sha256({whole.first(cut), {}, whole.subspan(cut)})), digest) << "in parts";
  }
}

// RFC 4231, section 4 (case 5 truncates the output; its first 128 bits are published).
TEST(Sha1, PublishedVectors) {
  EXPECT_EQ(to_hex(sha1(as_bytes("abc"))), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(to_hex(sha1({})), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

TEST(HmacSha256, Rfc4231Vectors) {
  const struct {
    Bytes key;
    Bytes data;
    std::string_view mac;
  } rows[] = {
      {repeat(0x0b, 20), to_bytes(as_bytes("Hi There")),
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {to_bytes(as_bytes("Jefe")), to_bytes(as_bytes("what do ya want for nothing?")),
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {repeat(0xaa, 20), repeat(0xdd, 50),
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {hex("0102030405060708090a0b0c0d0e0f10111213141516171819"), repeat(0xcd, 50),
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {repeat(0x0c, 20), to_bytes(as_bytes("Test With Truncation")),
       "a3b6167473100ee06e0c796c2955552b"},
      {repeat(0xaa, 131),
       to_bytes(as_bytes("Test Using Larger Than Block-Size Key - Hash Key First")),
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {repeat(0xaa, 131),
       to_bytes(as_bytes("This is a test using a larger than block-size key and a larger than "
                         "block-size data. The key needs to be hashed before being used by the "
                         "HMAC algorithm.")),
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"}};
  for (const auto& row : rows)
    EXPECT_EQ(to_hex(hmac_sha256(row.key, row.data)).substr(0, row.mac.size()), row.mac);
}

TEST(HmacSha256, KeyOfExactlyOneBlockIsNotHashed) {
  const Bytes block = repeat(0x61, 64);
  Bytes longer = block;
  longer.push_back(std::byte{0});  // zero padding would make it equal to the shorter key's
  EXPECT_NE(hmac_sha256(block, {}), hmac_sha256(longer, {}));
  EXPECT_EQ(hmac_sha256(longer, {}), hmac_sha256(sha256(longer), {}));
  EXPECT_NE(hmac_sha256(block, {}), hmac_sha256(sha256(block), {}));
}

// Computed with Python's hmac module from the formula of TPM 2.0 part 1, 11.4.10.2.
TEST(Kdfa, IndependentVectors) {
  Bytes key;
  for (std::uint8_t i = 0; i < 32; ++i) key.push_back(static_cast<std::byte>(i));
  Bytes name = hex("000b");
  for (std::uint8_t i = 0x40; i < 0x60; ++i) name.push_back(static_cast<std::byte>(i));
  EXPECT_EQ(to_hex(kdfa_sha256(key, "STORAGE", name, {}, 128).view()),
            "7a58c2079bee13e00ed160d657aecaef");
  EXPECT_EQ(to_hex(kdfa_sha256(key, "INTEGRITY", {}, {}, 256).view()),
            "bacf689f634ece301e1f1b15b072d9c87db6a69585db42b1a0cb8f73ebe2692e");
  EXPECT_EQ(
      to_hex(kdfa_sha256(repeat(0x0b, 80), "ATH", as_bytes("uu"), as_bytes("vvv"), 520).view()),
      "856403ec505dc301d0e8ca73139e71f8f50f198a56076aab68f558bf5baaf201"
      "b30ac28ebd49cd55c6b215afa2edeab1cca193fee3514bb52ca21e8d0931a45974");
}

// NIST SP 800-38A, F.3.13 and F.3.17, with their IV brought in as the first cipher block: plain
// block zero is chosen so that it encrypts to that IV.
TEST(AesCfb, Nist80038aVectors) {
  const Bytes iv = hex("000102030405060708090a0b0c0d0e0f");
  const Bytes plain =
      hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
          "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710");
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"2b7e151628aed2a6abf7158809cf4f3c",
       "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b"
       "26751f67a3cbb140b1808cf187a4f4dfc04b05357c5d1c0eeac4c66f9ff7f2e6"},
      {"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
       "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b"
       "df10132415e54b92a13ed0a8267ae2f975a385741ab9cef82031623d55b1e471"}};
  for (const auto& [key, cipher] : rows) {
    Bytes input = aes_cfb_encrypt(hex(key), repeat(0, 16)).value();
    for (std::size_t i = 0; i < iv.size(); ++i) input[i] ^= iv[i];
    append(input, plain);
    const auto out = aes_cfb_encrypt(hex(key), input);
    ASSERT_TRUE(out);
    EXPECT_EQ(to_hex(*out), to_hex(iv) + std::string(cipher));
  }
}

TEST(AesCfb, AnyLengthOfTextButOnlyTwoOfKey) {
  EXPECT_EQ(aes_cfb_encrypt(repeat(1, 16), repeat(0, 17))->size(), 17U);
  EXPECT_EQ(aes_cfb_encrypt(repeat(1, 16), {})->size(), 0U);
  for (const std::size_t size : {0U, 15U, 17U, 24U, 31U, 33U}) {
    const auto out = aes_cfb_encrypt(repeat(1, size), repeat(0, 16));
    ASSERT_FALSE(out) << size;
    EXPECT_TRUE(out.error().is(kCryptoFailed));
  }
}

class RsaOaep : public testing::Test {
 protected:
  static void SetUpTestSuite() { key_ = EVP_RSA_gen(2048); }
  static void TearDownTestSuite() { EVP_PKEY_free(key_); }

  static Bytes modulus() {
    BIGNUM* n = nullptr;
    EVP_PKEY_get_bn_param(key_, OSSL_PKEY_PARAM_RSA_N, &n);
    Bytes out(256);
    BN_bn2binpad(n, as_uchar(std::span<std::byte>(out)), 256);
    BN_free(n);
    return out;
  }
  // OpenSSL's own decryption is the judge. Empty if it fails.
  static Bytes decrypt(ByteView cipher, std::string_view label) {
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(key_, nullptr);
    EVP_PKEY_decrypt_init(context);
    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING);
    EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256());
    EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256());
    if (!label.empty())
      EVP_PKEY_CTX_set0_rsa_oaep_label(context, OPENSSL_memdup(label.data(), label.size()),
                                       static_cast<int>(label.size()));
    Bytes out(256);
    std::size_t size = out.size();
    const int outcome = EVP_PKEY_decrypt(context, as_uchar(std::span<std::byte>(out)), &size,
                                         as_uchar(cipher), cipher.size());
    EVP_PKEY_CTX_free(context);
    out.resize(outcome == 1 ? size : 0);
    return out;
  }
  static inline EVP_PKEY* key_ = nullptr;
};

TEST_F(RsaOaep, DecryptsWithTheSameLabelOnly) {
  using namespace std::string_view_literals;
  constexpr std::string_view kLabel = "IDENTITY\0"sv;
  const Bytes plain = repeat(0x42, 32);
  const auto cipher = rsa_oaep_sha256_encrypt(modulus(), 65537, as_bytes(kLabel), plain);
  ASSERT_TRUE(cipher) << cipher.error().message();
  EXPECT_EQ(decrypt(*cipher, kLabel), plain);
  EXPECT_EQ(decrypt(*cipher, "IDENTITY"), Bytes{});
  const auto unlabelled = rsa_oaep_sha256_encrypt(modulus(), 65537, {}, plain);
  ASSERT_TRUE(unlabelled);
  EXPECT_EQ(decrypt(*unlabelled, ""), plain);
}

TEST_F(RsaOaep, PlainTextLimitIsThatOfTheModulus) {
  EXPECT_TRUE(rsa_oaep_sha256_encrypt(modulus(), 65537, {}, repeat(1, 190)));  // 256 - 2*32 - 2
  EXPECT_FALSE(rsa_oaep_sha256_encrypt(modulus(), 65537, {}, repeat(1, 191)));
}

TEST_F(RsaOaep, RefusesUnfitKeys) {
  const Bytes good = modulus();
  Bytes even = good;
  even.back() &= std::byte{0xfe};
  Bytes small(good.begin() + 1, good.end());
  Bytes leading_zero = good;
  leading_zero[0] = std::byte{0};
  for (const Bytes& bad : {even, small, leading_zero, repeat(0xff, 513), Bytes{}}) {
    const auto out = rsa_oaep_sha256_encrypt(bad, 65537, {}, as_bytes("x"));
    ASSERT_FALSE(out);
    EXPECT_TRUE(out.error().is(kBadPublicKey));
  }
  for (const std::uint32_t exponent : {0U, 1U, 2U, 65536U})
    EXPECT_FALSE(rsa_oaep_sha256_encrypt(good, exponent, {}, as_bytes("x"))) << exponent;
}

TEST(ConstantTimeEqual, ComparesContentAndLength) {
  EXPECT_TRUE(constant_time_equal(as_bytes("abc"), as_bytes("abc")));
  EXPECT_FALSE(constant_time_equal(as_bytes("abc"), as_bytes("abd")));
  EXPECT_FALSE(constant_time_equal(as_bytes("abc"), as_bytes("ab")));
  EXPECT_TRUE(constant_time_equal({}, {}));
}

TEST(RandomFill, GivesDifferentBytes) {
  std::set<std::string> seen;
  for (int i = 0; i < 16; ++i) {
    std::array<std::byte, 16> bytes{};
    ASSERT_TRUE(random_fill(bytes));
    EXPECT_TRUE(seen.insert(to_hex(bytes)).second);
  }
}

}  // namespace
}  // namespace pavise::crypto
