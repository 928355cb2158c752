// The contract of RootOfTrust as a test suite. A test program adds contract.cc to its sources and
// instantiates RootOfTrustContract with its own bench.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "device/root_of_trust/root_of_trust.h"

namespace pavise::root_of_trust::testing {

// One implementation under test, fresh from its maker: not provisioned.
class ContractBench {
 public:
  virtual ~ContractBench() = default;
  virtual RootOfTrust& root() = 0;
  virtual void power_cycle() = 0;  // references to root() end
  // Fails the test if the chip holds anything that a call left behind. References to root() end.
  virtual void expect_nothing_left_behind() {}
};

struct ContractParameter {
  std::string name;
  std::function<std::unique_ptr<ContractBench>()> make;
};

class RootOfTrustContract : public ::testing::TestWithParam<ContractParameter> {
 protected:
  void SetUp() override {
    bench_ = GetParam().make();
    ASSERT_NE(bench_, nullptr);
  }
  RootOfTrust& root() { return bench_->root(); }
  void provision();
  void extend(unsigned pcr, int value);
  // A policy that allows the PCRs 16 and 23 as they are now.
  pcr_policy::SignedPcrPolicy policy_for_now();

  crypto::P256PrivateKey policy_key_ = crypto::P256PrivateKey::generate().value();
  std::unique_ptr<ContractBench> bench_;
};

}  // namespace pavise::root_of_trust::testing
