// HubData over the hub's database.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "cloud/hub/data/activity_book.h"
#include "cloud/hub/ports/hub_data.h"
#include "cloud/hub/ports/service_port.h"
#include "cloud/hub/store/store_queue.h"
#include "common/base/clock.h"

namespace pavise::hub {

// How often the database is asked for what ends by time. Message locks last a minute and feedback
// batches wait 15 seconds, so a second is no loss.
inline constexpr std::int64_t kSweepEveryMs = 1'000;
inline constexpr std::size_t kSweepMax = 1'000;  // messages per commit

// Who is told when something can be taken, and asked. Called on threads of the data and the queue;
// must not block. What the queue still holds when a StoreData ends is told afterwards: what the
// functions use must outlive the queue.
struct DataListener {
  std::function<void(const iothub::Identity&)> message_waiting = {};
  std::function<void(const iothub::HubName&, ServiceQueue)> service_message_waiting = {};
  IsConnected is_connected = {};  // empty: nobody is
};

class StoreData final : public HubData {
 public:
  // Queue and clock must outlive it. The sweeps begin at once.
  StoreData(store::StoreQueue& queue, const Clock& clock, DataListener listener);
  ~StoreData() override;

  void ensure_attested(const iothub::Identity& identity) override;
  void note_active(const iothub::Identity& identity) override { activity_.note_active(identity); }
  void note_connection(const iothub::Identity& identity, bool connected) override {
    activity_.note_connection(identity, connected);
  }
  void keep_subscriptions(const iothub::Identity& identity, std::uint8_t subscriptions) override;
  Status restore_subscriptions(
      const std::function<void(const iothub::Identity&, std::uint8_t)>& each) override;
  void twin(const iothub::Identity& identity, TwinRequest request, Done<TwinReply> done) override;
  void next_message(const iothub::Identity& identity, LockOwner owner,
                    Done<std::optional<DeviceMessage>> done) override;
  void settle_message(const iothub::Identity& identity, std::string lock_token,
                      Settlement settlement, Done<void> done) override;
  void send_message(const iothub::HubName& hub, MessageToDevice message, Done<void> done) override;
  void next_service_message(const iothub::HubName& hub, ServiceQueue queue, LockOwner owner,
                            Done<std::optional<ServiceMessage>> done) override;
  void settle_service_message(const iothub::HubName& hub, ServiceQueue queue,
                              std::string lock_token, Settlement settlement,
                              Done<void> done) override;
  HubFacts facts(const iothub::HubName& hub) override;
  void release_messages(LockOwner owner) override;

  // Ends what is over by time, now. Blocks until it is durable.
  Status sweep();
  // Who was active, now. See ActivityBook.
  Status write_activity() { return activity_.write(); }

 private:
  void keep_sweeping();

  store::StoreQueue& queue_;
  const Clock& clock_;
  // Callbacks that the queue holds share it: they may come after the end of this object.
  const std::shared_ptr<const DataListener> listener_;
  ActivityBook activity_;
  std::mutex mutex_;
  std::condition_variable wakes_;
  bool stopping_ = false;
  std::thread sweeper_;
};

}  // namespace pavise::hub
