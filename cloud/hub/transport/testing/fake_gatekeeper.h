// A Gatekeeper that knows the certificates and tokens it was told.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>

#include "cloud/hub/ports/gatekeeper.h"
#include "cloud/hub/session/close_reasons.h"

namespace pavise::hub::testing {

inline const iothub::HubName& test_hub() {
  static const iothub::HubName name = *iothub::HubName::parse("plant-1");
  return name;
}

class FakeGatekeeper final : public Gatekeeper {
 public:
  Result<Principal> authenticate(const Claim& claim, const TlsPeer& peer) override {
    const std::lock_guard lock(mutex_);
    ++asked_;
    // SASL says no host; the real one takes the TLS server name.
    if (!claim.device && !policy_token_.empty() && claim.sas_token == policy_token_)
      return Principal{.hub = test_hub(),
                       .tenant = *TenantId::parse("acme"),
                       .identity = std::nullopt,
                       .policy = "service",
                       .rights = static_cast<Rights>(Right::service_connect),
                       .expires_ms = INT64_MAX};
    if (claim.host != "hub.test") return kWrongHost;
    if (!claim.device) return kClientIdMismatch;
    const auto& known = claim.sas_token.empty() ? by_certificate_ : by_token_;
    const std::string proof =
        claim.sas_token.empty()
            ? (peer.chain.empty() ? std::string{} : std::string(as_text(peer.chain.front())))
            : std::string(claim.sas_token);
    const auto found = known.find(proof);
    if (found == known.end()) return kDeviceBarred;
    const Principal& principal = found->second;
    if (principal.identity->device() != *claim.device ||
        principal.identity->module_id() != claim.module_id)
      return kClientIdMismatch;
    return principal;
  }
  std::optional<iothub::HubName> hub_of(std::string_view host) const override {
    if (host != "hub.test") return std::nullopt;
    return test_hub();
  }
  void subscribe(std::function<void(const RightsChanged&)> changed) override {
    const std::lock_guard lock(mutex_);
    changed_ = std::move(changed);
  }

  void allow_certificate(ByteView leaf, std::string_view device, UnixMillis expires_ms) {
    const std::lock_guard lock(mutex_);
    by_certificate_.insert_or_assign(std::string(as_text(leaf)),
                                     principal(device, AuthMethod::attested, expires_ms));
  }
  void allow_token(const std::string& token, std::string_view device, UnixMillis expires_ms) {
    const std::lock_guard lock(mutex_);
    by_token_.insert_or_assign(token, principal(device, AuthMethod::sas, expires_ms));
  }
  // Of whom it allows from now on.
  void allow_faults() {
    const std::lock_guard lock(mutex_);
    faults_ = true;
  }
  void allow_policy(std::string_view token) {
    const std::lock_guard lock(mutex_);
    policy_token_ = token;
  }
  // As when a hub's keys are replaced: all that it let in has to prove itself anew.
  void change_hub(const iothub::HubName& hub) {
    std::function<void(const RightsChanged&)> changed;
    {
      const std::lock_guard lock(mutex_);
      changed = changed_;
    }
    if (changed) changed({.device = {}, .hub = hub, .reason = Error(kDeviceBarred)});
  }
  void revoke(const std::string& device) {
    std::function<void(const RightsChanged&)> changed;
    {
      const std::lock_guard lock(mutex_);
      for (auto* known : {&by_certificate_, &by_token_})
        std::erase_if(*known,
                      [&](const auto& item) { return item.second.identity->device() == device; });
      changed = changed_;
    }
    if (changed) changed({.device = device, .reason = Error(kDeviceBarred)});
  }
  int asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  Principal principal(std::string_view device, AuthMethod method, UnixMillis expires_ms) const {
    return {.hub = test_hub(),
            .tenant = *TenantId::parse("acme"),
            .identity = iothub::Identity::make(test_hub(), device),
            .rights = static_cast<Rights>(Right::device_connect),
            .method = method,
            .generation_id = "1",
            .expires_ms = expires_ms,
            .may_ask_for_faults = faults_};
  }

  mutable std::mutex mutex_;
  int asked_ = 0;
  std::string policy_token_;
  bool faults_ = false;
  std::map<std::string, Principal> by_certificate_;
  std::map<std::string, Principal> by_token_;
  std::function<void(const RightsChanged&)> changed_;
};

}  // namespace pavise::hub::testing
