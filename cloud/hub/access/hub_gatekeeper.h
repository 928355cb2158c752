// The Gatekeeper of a hub server: every way of proving who one is, behind one decision.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "cloud/hub/access/errors.h"
#include "cloud/hub/ports/gatekeeper.h"
#include "cloud/hub/store/identity_index.h"
#include "cloud/security/authority/device_authority.h"
#include "common/base/clock.h"

namespace pavise::hub {

// A client names its hub by host name, in the protocol or else in SNI. The server's own host name
// stands for the hub of the device's tenant (HubName::of_tenant), which only attested devices use.
class HubGatekeeper final : public Gatekeeper {
 public:
  // All must outlive it. `service_host` is compared without case.
  HubGatekeeper(const store::IdentityIndex& index, security::DeviceAuthority& authority,
                std::string service_host, const Clock& clock);

  // PV-HAC, PV-SAS, PV-AUT.
  Result<Principal> authenticate(const Claim& claim, const TlsPeer& peer) override;
  std::optional<iothub::HubName> hub_of(std::string_view host) const override;
  void subscribe(std::function<void(const RightsChanged&)> changed) override;

  // To be called after a commit that may have taken rights: an entry changed or went.
  void rights_changed(const RightsChanged& change) const;

 private:
  Result<Principal> attested(const Claim& claim, const security::AdmittedDevice& device,
                             std::string_view host) const;
  Result<Principal> by_own_certificate(const Claim& claim, const TlsPeer& peer,
                                       std::string_view host) const;
  Result<Principal> by_policy_key(const Claim& claim, std::string_view host) const;
  Result<Principal> by_token(const Claim& claim, std::string_view host) const;
  bool is_service_host(std::string_view host) const;

  const store::IdentityIndex& index_;
  security::DeviceAuthority& authority_;
  const std::string service_host_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::vector<std::function<void(const RightsChanged&)>> listeners_;
};

}  // namespace pavise::hub
