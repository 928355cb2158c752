// The permission to issue one certificate. Only AttestationService can make one, at one place
// (grep "AttestationGrant("), after the verifier has accepted the evidence.
#pragma once

#include <array>
#include <utility>

#include "common/base/ids.h"

namespace pavise::security {

class AttestationService;

class AttestationGrant {
 public:
  AttestationGrant(const AttestationGrant&) = delete;
  AttestationGrant& operator=(const AttestationGrant&) = delete;

  const DeviceId& device() const { return device_; }
  const TenantId& tenant() const { return tenant_; }
  // The TLS key that the evidence proved to live in the device's TPM: P-256, x ‖ y.
  const std::array<std::byte, 64>& public_xy() const { return public_xy_; }

 private:
  friend class AttestationService;  // the whole point: nobody else makes one
  AttestationGrant(DeviceId device, TenantId tenant, const std::array<std::byte, 64>& public_xy)
      : device_(std::move(device)), tenant_(std::move(tenant)), public_xy_(public_xy) {}

  DeviceId device_;
  TenantId tenant_;
  std::array<std::byte, 64> public_xy_;
};

}  // namespace pavise::security
