// Twins of attested devices for the management API, from the hub's database.
#pragma once

#include <functional>

#include "cloud/hub/ports/gatekeeper.h"
#include "cloud/hub/store/store_queue.h"
#include "cloud/server/routes/hub_ports.h"

namespace pavise::server {

// Who hears of changes; as hub::Hub and hub::HubGatekeeper have it. None of these blocks.
struct HubCalls {
  std::function<void(const iothub::Identity&, std::uint64_t version, std::string body)>
      desired_changed;
  std::function<void(const iothub::Identity&)> forget;
  std::function<void(const hub::RightsChanged&)> rights_changed;
};

class HubTwins final : public Twins {
 public:
  HubTwins(hub::store::StoreQueue& queue, HubCalls calls)  // the queue outlives it
      : queue_(queue), calls_(std::move(calls)) {}

  // Errors: those of hub::store and of protocol/twin; change_desired also kTwinChanged.
  Result<TwinDocument> read(const TenantId& tenant, const DeviceId& device) override;
  Result<TwinDocument> change_desired(const TenantId& tenant, const DeviceId& device,
                                      const std::string& patch,
                                      std::optional<std::uint64_t> if_version) override;
  Status forget(const DeviceId& device) override;
  Status tenant_created(const TenantId& tenant) override;

 private:
  hub::store::StoreQueue& queue_;
  const HubCalls calls_;
};

}  // namespace pavise::server
