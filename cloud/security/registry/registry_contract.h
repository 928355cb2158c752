// The contract suite: what every implementation of Registry must hold. An implementation's test
// instantiates RegistryContract with a way to make an empty registry and to open it again.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "cloud/security/registry/registry.h"

namespace pavise::security {

class RegistryUnderTest {
 public:
  virtual ~RegistryUnderTest() = default;
  virtual Registry& get() = 0;
  virtual void reopen() = 0;  // as after a restart of the server
};

using RegistryMaker = std::function<std::unique_ptr<RegistryUnderTest>()>;

class RegistryContract : public testing::TestWithParam<RegistryMaker> {
 protected:
  void SetUp() override { under_test_ = GetParam()(); }
  Registry& registry() { return under_test_->get(); }
  void reopen() { under_test_->reopen(); }

 private:
  std::unique_ptr<RegistryUnderTest> under_test_;
};

// Well-formed records for tests, distinguished by one character.
AuditRecord sample_audit(std::string_view action = "test");
TenantId sample_tenant_id(std::string_view name = "acme");
TenantRecord sample_tenant(std::string_view name = "acme");
DeviceId sample_device_id(char c = 'a');
DeviceRecord sample_device(char c = 'a');
VerdictRecord sample_refusal(const DeviceId& id, std::string_view code);
// An acceptance of the device as it is now, with certificate serial c repeated.
inline constexpr std::string_view kSampleRelease = "release";  // of make_claimed_device()
AttestationCommit sample_acceptance(const DeviceRecord& device, const TenantId& tenant, char c);
// A device that is registered, bound and claimed.
DeviceRecord make_claimed_device(Registry& registry, char c, const TenantId& tenant);

}  // namespace pavise::security
