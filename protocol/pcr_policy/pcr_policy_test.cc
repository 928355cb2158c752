#include "protocol/pcr_policy/pcr_policy.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace pavise::pcr_policy {
namespace {

Digest256 filled(int value) {
  Digest256 out;
  out.fill(static_cast<std::byte>(value));
  return out;
}

class PcrPolicyTest : public ::testing::Test {
 protected:
  PcrPolicyTest() : key_(crypto::P256PrivateKey::generate().value()) {}
  SignedPcrPolicy signed_states(std::size_t count) const {
    std::vector<PcrValues> states;
    for (std::size_t i = 0; i < count; ++i)
      states.push_back({{7, filled(7)}, {11, filled(static_cast<int>(i))}});
    return SignedPcrPolicy::sign(key_, states).value();
  }
  Result<SignedPcrPolicy> parse(ByteView file) const {
    return SignedPcrPolicy::parse(file, key_.public_key());
  }
  crypto::P256PrivateKey key_;
};

TEST_F(PcrPolicyTest, WhatWasSignedComesBack) {
  const SignedPcrPolicy policy = signed_states(2);
  const Bytes file = policy.encode();
  EXPECT_EQ(file.size(), kHeaderBytes + 2 * kEntryBytes);
  const auto back = parse(file);
  ASSERT_TRUE(back) << back.error().message();
  ASSERT_EQ(back->entries().size(), 2U);
  EXPECT_EQ(back->entries()[0].mask.indices(), (std::vector<unsigned>{7, 11}));
  EXPECT_EQ(back->entries()[1].composite, policy.entries()[1].composite);
  EXPECT_EQ(back->encode(), file);
}

TEST_F(PcrPolicyTest, EveryFlippedBitIsRefused) {
  const Bytes file = signed_states(1).encode();
  for (std::size_t i = 0; i < file.size(); ++i) {
    Bytes bent = file;
    bent[i] ^= std::byte{1};
    EXPECT_FALSE(parse(bent)) << "byte " << i;
  }
}

TEST_F(PcrPolicyTest, EveryTruncationIsRefused) {
  Bytes file = signed_states(1).encode();
  for (std::size_t size = 0; size < file.size(); ++size)
    EXPECT_FALSE(parse(ByteView(file).first(size))) << size;
  file.push_back(std::byte{0});
  EXPECT_TRUE(parse(file).error().is(kMalformed));
}

TEST_F(PcrPolicyTest, AnotherKeysPolicyIsRefused) {
  const auto stranger = crypto::P256PrivateKey::generate();
  ASSERT_TRUE(stranger);
  const std::vector<PcrValues> states{{{11, filled(1)}}};
  const Bytes file = SignedPcrPolicy::sign(*stranger, states)->encode();
  EXPECT_TRUE(parse(file).error().is(kForeignKey));
  // Swapping in the trusted key's point does not help.
  Bytes bent = file;
  const auto point = key_.public_key().point();
  std::copy(point.begin() + 1, point.end(), bent.begin() + kMagic.size());
  EXPECT_TRUE(parse(bent).error().is(kForgedEntry));
}

TEST_F(PcrPolicyTest, EntriesAtTheLimitAndOneMore) {
  EXPECT_TRUE(parse(signed_states(kEntriesMax).encode()));
  const std::vector<PcrValues> too_many(kEntriesMax + 1, PcrValues{{11, filled(1)}});
  EXPECT_TRUE(SignedPcrPolicy::sign(key_, too_many).error().is(kTooManyEntries));
  EXPECT_TRUE(SignedPcrPolicy::sign(key_, {}).error().is(kTooManyEntries));

  Bytes file = signed_states(1).encode();
  file[kHeaderBytes - 1] = std::byte{0};
  EXPECT_TRUE(parse(file).error().is(kTooManyEntries));
  file[kHeaderBytes - 1] = static_cast<std::byte>(kEntriesMax + 1);
  EXPECT_TRUE(parse(file).error().is(kTooManyEntries));
}

TEST_F(PcrPolicyTest, SelectionLimits) {
  EXPECT_TRUE(PcrMask::from_bits(1U << 23U));
  EXPECT_FALSE(PcrMask::from_bits(1U << 24U));
  EXPECT_FALSE(PcrMask::from_bits(0));
  EXPECT_FALSE(PcrMask::of(std::vector<unsigned>{7, 7}));
  EXPECT_FALSE(PcrMask::of(std::vector<unsigned>{24}));
  const auto mask = PcrMask::of(std::vector<unsigned>{11, 0, 7});
  ASSERT_TRUE(mask);
  EXPECT_EQ(to_hex(mask->select_bytes()), "810800");
  EXPECT_EQ(mask->indices(), (std::vector<unsigned>{0, 7, 11}));
  const std::vector<PcrValues> out_of_range{{{24, filled(1)}}};
  EXPECT_TRUE(SignedPcrPolicy::sign(key_, out_of_range).error().is(kBadSelection));
}

// The seed is signed with the private key 1 and the nonce 1, by a script outside this tree.
TEST(PolicyArithmetic, ForeignImplementationsSignatureIsAccepted) {
  std::ifstream in("protocol/pcr_policy/testdata/corpus/pcr_policy_fuzz/seed-valid",
                   std::ios::binary);
  const std::string file{std::istreambuf_iterator<char>(in), {}};
  const auto x = from_hex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
  const auto y = from_hex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
  const auto key = crypto::P256PublicKey::from_xy(*x, *y);
  ASSERT_TRUE(key);
  const auto policy = SignedPcrPolicy::parse(as_bytes(file), *key);
  ASSERT_TRUE(policy) << policy.error().message();
  EXPECT_EQ(policy->entries()[0].mask.indices(), (std::vector<unsigned>{7, 11}));
}

// Expected value computed independently: sha256 of the concatenation, by sha256sum.
TEST(PolicyArithmetic, PolicyPcrDigest) {
  const Digest256 composite = composite_digest({{16, Digest256{}}});
  EXPECT_EQ(to_hex(composite), "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925");
  const auto mask = PcrMask::of(std::vector<unsigned>{16});
  EXPECT_EQ(to_hex(policy_pcr_digest(*mask, composite)),
            "bff2d58e9813f97cefc14f72ad8133bc7092d652b7c877959254af140c841f36");
}

}  // namespace
}  // namespace pavise::pcr_policy
