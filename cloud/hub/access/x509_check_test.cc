#include "cloud/hub/access/x509_check.h"

#include <gtest/gtest.h>

#include <ctime>

#include "cloud/hub/access/errors.h"
#include "cloud/hub/transport/testing/pki.h"

namespace pavise::hub {
namespace {

TEST(LeafFacts, CommonNameAndTimes) {
  const testing::TestCa ca("ca");
  const auto leaf = ca.issue("dev/mod", 600);
  const auto facts = leaf_facts(leaf.certificate_der);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->common_name, "dev/mod");
  const UnixMillis now_ms = std::time(nullptr) * UnixMillis{1000};
  EXPECT_LT(facts->not_before_ms, now_ms);
  EXPECT_GT(facts->not_after_ms, now_ms);
  EXPECT_LE(facts->not_after_ms, now_ms + 601'000);
}

TEST(LeafFacts, RefusesWhatIsNoCertificate) {
  const testing::TestCa ca("ca");
  Bytes longer = ca.issue("d").certificate_der;
  longer.push_back(std::byte{0});
  for (const Bytes& bad : {Bytes{}, Bytes(100), longer})
    EXPECT_TRUE(leaf_facts(bad).error().is(kUnreadableCertificate));
}

TEST(CheckChain, JudgesAtTheGivenTime) {
  const testing::TestCa ca("ca");
  const std::vector<Bytes> chain{ca.issue("d", 600).certificate_der};
  const std::vector<Bytes> trusted{ca.certificate_der()};
  const UnixMillis now_ms = std::time(nullptr) * UnixMillis{1000};
  EXPECT_TRUE(check_chain(chain, trusted, now_ms));
  EXPECT_FALSE(check_chain(chain, trusted, now_ms + 700'000));
  EXPECT_FALSE(check_chain(chain, trusted, now_ms - 2 * 3'600'000));
  EXPECT_FALSE(check_chain(chain, {}, now_ms));
  EXPECT_FALSE(check_chain({}, trusted, now_ms));
}

TEST(CheckChain, ALeafIsNoAuthority) {
  const testing::TestCa ca("ca");
  const auto leaf = ca.issue("d");
  EXPECT_FALSE(check_chain(std::vector<Bytes>{ca.issue("e").certificate_der},
                           std::vector<Bytes>{leaf.certificate_der},
                           std::time(nullptr) * UnixMillis{1000}));
}

TEST(Thumbprint, BothDigestsAndNoOthers) {
  const Bytes leaf = to_bytes(as_bytes("abc"));  // the published vectors of FIPS 180
  EXPECT_TRUE(has_thumbprint(leaf, *from_hex("a9993e364706816aba3e25717850c26c9cd0d89d")));
  EXPECT_TRUE(has_thumbprint(
      leaf, *from_hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")));
  EXPECT_FALSE(has_thumbprint(leaf, *from_hex("a9993e364706816aba3e25717850c26c9cd0d89e")));
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{19}, std::size_t{64}})
    EXPECT_FALSE(has_thumbprint(leaf, Bytes(size)));
}

}  // namespace
}  // namespace pavise::hub
