#include "protocol/tpm/attest.h"

#include <gtest/gtest.h>

#include "protocol/tpm/swtpm_vectors.h"

namespace pavise::tpm {
namespace {

using vectors::bytes;

constexpr std::size_t kTypeAt = 4;

// As `tpm2_print -t TPMS_ATTEST` shows it.
TEST(Attest, ReadsAQuoteOfSwtpm) {
  const Bytes raw = bytes(vectors::kQuote);
  const auto attest = Attest::parse(raw);
  ASSERT_TRUE(attest) << attest.error().message();
  EXPECT_EQ(to_hex(attest->qualified_signer),
            "000bb8a2b57f0f207244649ed0dfa0c07d4d66b1d2490f028c361db6aaa8b2fd34e6");
  EXPECT_EQ(to_hex(attest->extra_data), "aabbcc");
  EXPECT_EQ(attest->clock, (ClockInfo{25845, 2, 0, true}));
  EXPECT_EQ(attest->firmware_version, 0x2019102300163636U);
  ASSERT_NE(attest->quote(), nullptr);
  EXPECT_EQ(attest->certify(), nullptr);
  const std::vector<PcrSelection> expected{
      {kAlgSha256, 1U << 0U | 1U << 2U | 1U << 4U | 1U << 7U | 0xfU << 11U}};
  EXPECT_EQ(attest->quote()->selections, expected);
  EXPECT_EQ(attest->quote()->pcr_digest, to_bytes(crypto::sha256(Bytes(8 * 32))));
  EXPECT_EQ(attest->encode(), raw);
}

TEST(Attest, ReadsACertifyOfSwtpm) {
  const Bytes raw = bytes(vectors::kCertify);
  const auto attest = Attest::parse(raw);
  ASSERT_TRUE(attest) << attest.error().message();
  ASSERT_NE(attest->certify(), nullptr);
  EXPECT_EQ(attest->quote(), nullptr);
  EXPECT_EQ(to_hex(attest->certify()->name), vectors::kTlsKeyName);
  EXPECT_EQ(attest->encode(), raw);
}

TEST(Attest, SignaturesOfSwtpmVerify) {
  const auto key = PublicArea::parse(bytes(vectors::kAkPublic))->p256_key();
  ASSERT_TRUE(key);
  for (const auto& [statement, signature] :
       {std::pair{vectors::kQuote, vectors::kQuoteSignature},
        std::pair{vectors::kCertify, vectors::kCertifySignature}}) {
    const auto raw = parse_signature(bytes(signature));
    ASSERT_TRUE(raw) << raw.error().message();
    EXPECT_TRUE(key->verify_digest(crypto::sha256(bytes(statement)), *raw));
    EXPECT_FALSE(key->verify_digest(crypto::sha256(as_bytes("other")), *raw));
    EXPECT_EQ(encode_signature(*raw), bytes(signature));
  }
}

TEST(Attest, EveryTruncationAndOneMoreByteAreRefused) {
  for (const std::string_view hex : {vectors::kQuote, vectors::kCertify}) {
    const Bytes whole = bytes(hex);
    for (std::size_t size = 0; size < whole.size(); ++size)
      EXPECT_FALSE(Attest::parse(ByteView(whole).first(size))) << size;
    Bytes longer = whole;
    longer.push_back(std::byte{0});
    const auto trailing = Attest::parse(longer);
    ASSERT_FALSE(trailing);
    EXPECT_TRUE(trailing.error().is(kTrailingBytes));
  }
}

TEST(Attest, EveryWrongMagicIsRefused) {
  for (std::size_t bit = 0; bit < 32; ++bit) {
    Bytes changed = bytes(vectors::kQuote);
    changed[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    const auto parsed = Attest::parse(changed);
    ASSERT_FALSE(parsed);
    EXPECT_TRUE(parsed.error().is(kWrongMagic)) << bit;
  }
}

TEST(Attest, OnlyQuoteAndCertifyAreRead) {
  for (const unsigned type : {0x14U, 0x15U, 0x16U, 0x19U, 0x1aU, 0x1cU}) {
    Bytes changed = bytes(vectors::kQuote);
    changed[kTypeAt + 1] = static_cast<std::byte>(type);
    const auto parsed = Attest::parse(changed);
    ASSERT_FALSE(parsed);
    EXPECT_TRUE(parsed.error().is(kWrongAttestType)) << type;
  }
}

TEST(Attest, SafeFlagIsZeroOrOne) {
  Attest attest = *Attest::parse(bytes(vectors::kQuote));
  attest.clock.safe = false;
  Bytes raw = attest.encode();
  EXPECT_FALSE(Attest::parse(raw)->clock.safe);
  const std::size_t safe_at = 4 + 2 + 2 + attest.qualified_signer.size() + 2 + 3 + 16;
  ASSERT_EQ(raw.at(safe_at), std::byte{0});
  raw[safe_at] = std::byte{2};
  const auto parsed = Attest::parse(raw);
  ASSERT_FALSE(parsed);
  EXPECT_TRUE(parsed.error().is(kBadValue));
}

TEST(Attest, LimitsAtNAndOneMore) {
  const Attest good = *Attest::parse(bytes(vectors::kQuote));
  Attest attest = good;
  attest.extra_data.assign(kExtraDataBytesMax, std::byte{1});
  EXPECT_TRUE(Attest::parse(attest.encode()));
  attest.extra_data.push_back(std::byte{1});
  EXPECT_FALSE(Attest::parse(attest.encode()));

  attest = good;
  attest.qualified_signer.assign(kNameBytesMax, std::byte{1});
  EXPECT_TRUE(Attest::parse(attest.encode()));
  attest.qualified_signer.push_back(std::byte{1});
  EXPECT_FALSE(Attest::parse(attest.encode()));

  attest = good;
  QuoteInfo quote = *good.quote();
  quote.selections.assign(kPcrSelectionsMax, PcrSelection{});
  attest.info = quote;
  EXPECT_TRUE(Attest::parse(attest.encode()));
  quote.selections.emplace_back();
  attest.info = quote;
  EXPECT_FALSE(Attest::parse(attest.encode()));

  quote = *good.quote();
  quote.pcr_digest.assign(kDigestBytesMax, std::byte{1});
  attest.info = quote;
  EXPECT_TRUE(Attest::parse(attest.encode()));
  quote.pcr_digest.push_back(std::byte{1});
  attest.info = quote;
  EXPECT_FALSE(Attest::parse(attest.encode()));

  quote = *good.quote();
  quote.selections[0].mask = 1U << 31U;
  attest.info = quote;
  EXPECT_EQ(*Attest::parse(attest.encode()), attest);
}

TEST(Attest, ACountOfBillionsAllocatesNothing) {
  Attest attest = *Attest::parse(bytes(vectors::kQuote));
  Bytes raw = attest.encode();
  const std::size_t count_at = 4 + 2 + 2 + attest.qualified_signer.size() + 2 + 3 + 25;
  ASSERT_EQ(raw.at(count_at + 3), std::byte{1});
  for (std::size_t i = 0; i < 4; ++i) raw[count_at + i] = std::byte{0xff};
  EXPECT_FALSE(Attest::parse(raw));
  EXPECT_FALSE(Attest::parse(Bytes(kAttestBytesMax + 1)));
}

TEST(TpmSignature, OnlyEcdsaWithSha256) {
  const Bytes good = bytes(vectors::kQuoteSignature);
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(parse_signature(ByteView(good).first(size))) << size;
  Bytes longer = good;
  longer.push_back(std::byte{0});
  EXPECT_TRUE(parse_signature(longer).error().is(kTrailingBytes));
  for (const auto& [at, value] : {std::pair{1, 0x14}, std::pair{1, 0x1a}, std::pair{3, 0x04},
                                  std::pair{3, 0x0c}, std::pair{1, 0x10}}) {
    Bytes changed = good;
    changed[static_cast<std::size_t>(at)] = static_cast<std::byte>(value);
    const auto parsed = parse_signature(changed);
    ASSERT_FALSE(parsed);
    EXPECT_TRUE(parsed.error().is(kUnsupportedSignature));
  }
  EXPECT_FALSE(parse_signature(Bytes(kSignatureBytesMax + 1)));
}

TEST(TpmSignature, IntegersOfOneTo32Bytes) {
  const auto encoded = [](std::size_t r, std::size_t s) {
    ByteWriter writer;
    writer.be(kAlgEcdsa).be(kAlgSha256);
    writer.sized<std::uint16_t>(Bytes(r, std::byte{1}));
    writer.sized<std::uint16_t>(Bytes(s, std::byte{1}));
    return writer.take();
  };
  EXPECT_TRUE(parse_signature(encoded(1, 1)));
  EXPECT_TRUE(parse_signature(encoded(32, 32)));
  EXPECT_FALSE(parse_signature(encoded(0, 32)));
  EXPECT_FALSE(parse_signature(encoded(32, 0)));
  EXPECT_FALSE(parse_signature(encoded(33, 32)));
  EXPECT_FALSE(parse_signature(encoded(32, 33)));
}

}  // namespace
}  // namespace pavise::tpm
