#include "cloud/security/attestation/proven_signatures.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "cloud/security/attestation/testing/soft_attester.h"
#include "cloud/security/attestation/verifier.h"

namespace pavise::attestation {
namespace {

ProvenName name_of(unsigned number) {
  return crypto::sha256(as_bytes(std::to_string(number)));
}

TEST(ProvenSignatures, HoldsWhatWasAddedAndNothingElse) {
  ProvenSignatures proven;
  EXPECT_FALSE(proven.contains(name_of(1)));
  proven.add(name_of(1));
  proven.add(name_of(1));
  EXPECT_TRUE(proven.contains(name_of(1)));
  EXPECT_FALSE(proven.contains(name_of(2)));
  EXPECT_EQ(proven.size(), 1U);
}

TEST(ProvenSignatures, IsBoundedAndForgetsTheLongestUnused) {
  constexpr unsigned kMax = 8;
  ProvenSignatures proven(kMax);
  for (unsigned i = 0; i < 10 * kMax; ++i) {
    proven.add(name_of(i));
    EXPECT_TRUE(proven.contains(name_of(0))) << "asked for all the time, after " << i;
    EXPECT_LE(proven.size(), kMax);
  }
  EXPECT_FALSE(proven.contains(name_of(1)));
  EXPECT_TRUE(proven.contains(name_of(10 * kMax - 1)));
}

TEST(ProvenSignatures, OfNoSizeHoldsNothing) {
  ProvenSignatures proven(0);
  proven.add(name_of(1));
  EXPECT_FALSE(proven.contains(name_of(1)));
}

TEST(ProvenSignatures, ThreadsShareIt) {
  constexpr unsigned kThreads = 4;
  constexpr std::size_t kRoom = 1000;
  constexpr unsigned kNames = kRoom / 2;  // as many as are certainly kept
  constexpr unsigned kMax = 100;
  ProvenSignatures roomy(kRoom);
  ProvenSignatures crowded(kMax);
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (unsigned t = 0; t < kThreads; ++t)
    threads.emplace_back([&] {
      for (unsigned i = 0; i < kNames; ++i) {
        const ProvenName name = name_of(i);
        for (ProvenSignatures* proven : {&roomy, &crowded}) {
          if (!proven->contains(name)) proven->add(name);
          EXPECT_LE(proven->size(), kRoom);
        }
        EXPECT_TRUE(roomy.contains(name));
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(roomy.size(), kNames);
  EXPECT_LE(crowded.size(), kMax);
}

TEST(ProvenSignatures, ANameDependsOnEveryPart) {
  const auto key = crypto::P256PrivateKey::generate()->public_key();
  const auto other_key = crypto::P256PrivateKey::generate()->public_key();
  const crypto::EcdsaRaw signature{};
  crypto::EcdsaRaw other_signature{};
  other_signature.back() = std::byte{1};
  const auto name = proven_name(key, name_of(1), signature);
  EXPECT_EQ(proven_name(key, name_of(1), signature), name);
  EXPECT_NE(proven_name(other_key, name_of(1), signature), name);
  EXPECT_NE(proven_name(key, name_of(2), signature), name);
  EXPECT_NE(proven_name(key, name_of(1), other_signature), name);
}

// ---- with the verifier

class ProvenByTheVerifier : public ::testing::Test {
 protected:
  Verdict judge(const testing::SoftEvidence& evidence, const testing::Challenge& challenge) {
    const std::vector releases{testing::reference_set(device_.image)};
    return verify(evidence.fields(), device_.expectation(challenge), releases, &proven_);
  }
  Verdict attest() {
    const auto challenge = testing::fresh_challenge();
    return judge(device_.attest(challenge), challenge);
  }

  testing::SoftAttester device_;
  ProvenSignatures proven_;
};

TEST_F(ProvenByTheVerifier, TwoSignaturesOfAnAcceptedDeviceAreRemembered) {
  ASSERT_TRUE(attest().accepted);
  EXPECT_EQ(proven_.size(), 2U) << "certification and request; the quote is new each time";
  const auto again = attest();
  EXPECT_TRUE(again.accepted);
  EXPECT_TRUE(again.tls_key);
  EXPECT_EQ(proven_.size(), 2U);
}

TEST_F(ProvenByTheVerifier, ARefusedDeviceLeavesNothing) {
  const auto challenge = testing::fresh_challenge();
  auto evidence = device_.attest(challenge);
  evidence.csr.back() ^= std::byte{1};
  EXPECT_FALSE(judge(evidence, challenge).accepted);
  testing::SoftImage other;
  other.kernel = "a back door";
  device_.boot(other);
  const std::vector releases{testing::reference_set({})};
  const auto asked = testing::fresh_challenge();
  EXPECT_FALSE(
      verify(device_.attest(asked).fields(), device_.expectation(asked), releases, &proven_)
          .accepted);
  EXPECT_EQ(proven_.size(), 0U);
}

// Whoever was accepted before gets no bonus for anything that differs in one bit.
TEST_F(ProvenByTheVerifier, NothingNewIsTakenForProven) {
  ASSERT_TRUE(attest().accepted);
  const auto refused_with = [&](auto change) {
    const auto challenge = testing::fresh_challenge();
    auto evidence = device_.attest(challenge);
    change(evidence);
    const auto verdict = judge(evidence, challenge);
    EXPECT_FALSE(verdict.accepted);
    return verdict.code;
  };
  EXPECT_EQ(refused_with([](auto& e) { e.quote_signature.back() ^= std::byte{1}; }),
            kQuoteSignature.code);
  EXPECT_EQ(refused_with([](auto& e) { e.certify_signature.back() ^= std::byte{1}; }),
            kTlsKey.code);
  EXPECT_EQ(refused_with([](auto& e) { e.certify[40] ^= std::byte{1}; }), kTlsKey.code);
  refused_with([](auto& e) { e.csr.back() ^= std::byte{1}; });
}

}  // namespace
}  // namespace pavise::attestation
