// The part of the contract suite that is about events of devices.
#pragma once

#include <boost/json.hpp>

#include "cloud/hub/store/hub_store_contract.h"

namespace pavise::hub::store {

class DeviceEventsContract : public HubStoreContract {
 protected:
  void make_hub_with(EventSources sources) {
    ASSERT_TRUE(run([&](HubTransaction& tx) {
      return tx.create_hub(hub_name(), *TenantId::parse("tenant"), {.event_sources = sources});
    }));
  }
  std::vector<DeviceEvent> events(std::size_t limit = 1000) {
    return *run([&](HubTransaction& tx) { return tx.device_events(limit); });
  }
  std::vector<std::string> told() {
    std::vector<std::string> out;
    for (const DeviceEvent& event : events()) out.push_back(event.operation);
    return out;
  }
  boost::json::object last_body() {
    return boost::json::parse(events().back().body_json).as_object();
  }
  Status report(bool connected, UnixMillis at_ms = kTestTime) {
    const Activity activities[] = {{device_id(), at_ms, 0, connected}};
    return run_status([&](HubTransaction& tx) { return tx.note_activity(activities); });
  }
  Status run_status(const HubStore::Operation& operation) { return store().execute(operation); }
};

}  // namespace pavise::hub::store
