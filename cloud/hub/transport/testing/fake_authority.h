// A DeviceAuthority that knows the certificates it was told.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>

#include "cloud/security/authority/device_authority.h"

namespace pavise::hub::testing {

class FakeAuthority final : public security::DeviceAuthority {
 public:
  explicit FakeAuthority(std::vector<Bytes> issuers) : issuers_(std::move(issuers)) {}

  Result<security::AdmittedDevice> admit(ByteView leaf) override {
    const std::lock_guard lock(mutex_);
    ++asked_;
    const auto found = devices_.find(std::string(as_text(leaf)));
    if (found == devices_.end()) return security::kUnknownCertificate;
    if (found->second.revoked) return security::kCertificateRevoked;
    return found->second.device;
  }
  std::vector<Bytes> issuer_certificates() override {
    const std::lock_guard lock(mutex_);
    return issuers_;
  }
  void subscribe(std::function<void(const DeviceId&)> barred,
                 std::function<void(ByteView)> issuer_added) override {
    const std::lock_guard lock(mutex_);
    barred_ = std::move(barred);
    issuer_added_ = std::move(issuer_added);
  }

  void allow(ByteView leaf, const DeviceId& device, UnixSeconds not_after) {
    const std::lock_guard lock(mutex_);
    devices_.insert_or_assign(
        std::string(as_text(leaf)),
        Known{security::AdmittedDevice{device, *TenantId::parse("acme"), "01", not_after}, false});
  }
  void revoke(const DeviceId& device) {
    std::function<void(const DeviceId&)> barred;
    {
      const std::lock_guard lock(mutex_);
      for (auto& [leaf, known] : devices_)
        if (known.device.device == device) known.revoked = true;
      barred = barred_;
    }
    if (barred) barred(device);
  }
  void add_issuer(ByteView issuer) {
    std::function<void(ByteView)> added;
    {
      const std::lock_guard lock(mutex_);
      issuers_.push_back(to_bytes(issuer));
      added = issuer_added_;
    }
    if (added) added(issuer);
  }
  int asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  struct Known {
    security::AdmittedDevice device;
    bool revoked;
  };
  mutable std::mutex mutex_;
  int asked_ = 0;
  std::vector<Bytes> issuers_;
  std::map<std::string, Known> devices_;
  std::function<void(const DeviceId&)> barred_;
  std::function<void(ByteView)> issuer_added_;
};

}  // namespace pavise::hub::testing
