#include "device/root_of_trust/fake/fake.h"

#include <gtest/gtest.h>

#include "device/root_of_trust/testing/contract.h"

namespace pavise::root_of_trust {
namespace {

using testing::RootOfTrustContract;

std::shared_ptr<const FakeMaker> maker() {
  static const auto shared = FakeMaker::create().value();
  return shared;
}

class FakeBench final : public testing::ContractBench {
 public:
  RootOfTrust& root() override { return *fake_; }
  void power_cycle() override { fake_->power_cycle(); }

 private:
  std::unique_ptr<FakeRootOfTrust> fake_ = FakeRootOfTrust::create(maker()).value();
};

INSTANTIATE_TEST_SUITE_P(Fake, RootOfTrustContract,
                         ::testing::Values(testing::ContractParameter{
                             "fake", [] { return std::make_unique<FakeBench>(); }}),
                         [](const auto& info) { return info.param.name; });

TEST(FakeRootOfTrust, FailsWhenTold) {
  const auto fake = FakeRootOfTrust::create(maker()).value();
  fake->fail_call(kBusy, 1);
  EXPECT_TRUE(fake->provision());
  EXPECT_TRUE(fake->read_counter().error().is(kBusy));
  EXPECT_TRUE(fake->read_counter());
  fake->fail_always(kFailureMode);
  EXPECT_TRUE(fake->identity().error().is(kFailureMode));
  EXPECT_TRUE(fake->keys().error().is(kFailureMode));
  fake->mend();
  EXPECT_TRUE(fake->keys());
}

TEST(FakeRootOfTrust, TwoAreTwoDevices) {
  const auto one = FakeRootOfTrust::create(maker()).value();
  const auto two = FakeRootOfTrust::create(maker()).value();
  EXPECT_NE(one->identity()->device, two->identity()->device);
  const auto key = crypto::P256PrivateKey::generate().value();
  const auto blob = one->seal(Bytes(8), key.public_key());
  const auto policy = pcr_policy::SignedPcrPolicy::sign(
      key, std::vector<PcrValues>{*one->read_pcrs(PcrMask::from_bits(1).value())});
  EXPECT_TRUE(one->unseal(*blob, *policy));
  EXPECT_TRUE(two->unseal(*blob, *policy).error().is(kBadSealedBlob));
}

}  // namespace
}  // namespace pavise::root_of_trust
