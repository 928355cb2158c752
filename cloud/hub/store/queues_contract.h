// The part of the contract suite that is about queues, jobs and configurations.
#pragma once

#include "cloud/hub/store/hub_store_contract.h"

namespace pavise::hub::store {

inline constexpr LockOwner kOwner = 7;

// A hub "acme" with a device "d1".
class QueuesContract : public HubStoreContract {
 protected:
  void SetUp() override {
    HubStoreContract::SetUp();
    make_hub(store());
    make_device(store());
  }
  Result<std::uint64_t> enqueue(const MessageToDevice& message = sample_message()) {
    return run([&](HubTransaction& tx) { return tx.enqueue_message(hub_name(), message); });
  }
  std::optional<DeviceMessage> lock(LockOwner owner = kOwner) {
    return run([&](HubTransaction& tx) { return tx.lock_message(device_id(), owner); })->message;
  }
  Result<Settled> settle(std::string token, Settlement settlement) {
    return run(
        [&](HubTransaction& tx) { return tx.settle_message(device_id(), token, settlement); });
  }
  std::uint32_t waiting() {
    return *run([](HubTransaction& tx) { return tx.messages_waiting(device_id()); });
  }
  Released sweep() {
    return *run([](HubTransaction& tx) { return tx.sweep(1000); });
  }
  std::optional<UnixMillis> next_sweep() {
    return *run([](HubTransaction& tx) { return tx.next_sweep_ms(); });
  }
  std::optional<ServiceMessage> lock_feedback() {
    return *run([](HubTransaction& tx) {
      return tx.lock_service_message(hub_name(), ServiceQueue::feedback, kOwner);
    });
  }
  // All outcomes in the feedback that is due.
  std::string feedback() {
    clock_.advance_ms(kFeedbackDelayMs);
    const auto found = lock_feedback();
    return found ? found->body_json : "";
  }
  // A hub whose messages are given up after `count` deliveries.
  void set_delivery_count(std::uint32_t count) {
    ASSERT_TRUE(run([&](HubTransaction& tx) {
      return tx.update_hub(hub_name(), {.delivery_count_max = count}, {});
    }));
  }
};

}  // namespace pavise::hub::store
