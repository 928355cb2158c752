// The part of the contract suite that is about message routes.
#pragma once

#include "cloud/hub/store/hub_store_contract.h"

namespace pavise::hub::store {

class RoutingContract : public HubStoreContract {
 protected:
  void SetUp() override {
    HubStoreContract::SetUp();
    make_hub(store());
  }
  Result<RoutingEndpointRecord> create(const RoutingEndpointRecord& record,
                                       std::string_view hub = "acme");
  Result<RoutingEndpointRecord> update(const RoutingEndpointRecord& record,
                                       const IfMatch& if_match);
  Result<RouteRecord> create(const RouteRecord& record);
  RoutingEndpointRecord endpoint(std::string_view name);
  Status execute(const HubStore::Operation& operation);
};

}  // namespace pavise::hub::store
