// HubData for tests and benchmarks: twins and messages in memory, answered at once.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include "cloud/hub/ports/hub_data.h"
#include "cloud/hub/session/close_reasons.h"
#include "protocol/twin/twin.h"

namespace pavise::hub::testing {

class MemoryHubData final : public HubData {
 public:
  void ensure_attested(const iothub::Identity& identity) override {
    const std::lock_guard lock(mutex_);
    ensured_.push_back(identity);
  }
  void note_active(const iothub::Identity& identity) override { note(identity, " active"); }
  void note_connection(const iothub::Identity& identity, bool connected) override {
    note(identity, connected ? " came" : " went");
  }
  void keep_subscriptions(const iothub::Identity& identity, std::uint8_t subscriptions) override {
    const std::lock_guard lock(mutex_);
    kept_.insert_or_assign(identity, subscriptions);
    ++keepings_;
  }
  Status restore_subscriptions(
      const std::function<void(const iothub::Identity&, std::uint8_t)>& each) override {
    const std::lock_guard lock(mutex_);
    for (const auto& [identity, subscriptions] : kept_) each(identity, subscriptions);
    return {};
  }
  // How often keep_subscriptions() was called.
  std::size_t keepings() const {
    const std::lock_guard lock(mutex_);
    return keepings_;
  }
  void twin(const iothub::Identity& identity, TwinRequest request, Done<TwinReply> done) override {
    std::unique_lock lock(mutex_);
    if (full_) {
      lock.unlock();
      return done(kNotStored);
    }
    twin::Twin& twin = twins_[identity];
    TwinReply reply;
    if (request.kind == TwinRequest::Kind::get) {
      reply.body = twin.device_json();
    } else {
      const Status merged =
          twin.merge(twin::Section::reported, request.patch_json, 0, request.if_version);
      if (!merged) {
        lock.unlock();
        return done(merged.error());
      }
      reply.version = twin.version(twin::Section::reported);
    }
    lock.unlock();
    done(std::move(reply));
  }
  void next_message(const iothub::Identity& identity, LockOwner owner,
                    Done<std::optional<DeviceMessage>> done) override {
    std::optional<DeviceMessage> out;
    {
      const std::lock_guard lock(mutex_);
      for (Queued& queued : queues_[identity]) {
        if (queued.owner != 0) continue;
        queued.owner = owner;
        queued.message.lock_token = std::to_string(++locks_);
        out = queued.message;
        break;
      }
    }
    done(std::move(out));
  }
  void settle_message(const iothub::Identity& identity, std::string lock_token,
                      Settlement settlement, Done<void> done) override {
    {
      const std::lock_guard lock(mutex_);
      auto& queue = queues_[identity];
      for (auto at = queue.begin(); at != queue.end(); ++at) {
        if (at->owner == 0 || at->message.lock_token != lock_token) continue;
        if (settlement == Settlement::abandon) {
          at->owner = 0;
        } else {
          queue.erase(at);
        }
        break;
      }
    }
    done(Status{});
  }
  void send_message(const iothub::HubName& hub, MessageToDevice message, Done<void> done) override {
    enqueue(*iothub::Identity::make(hub, message.device, message.module_id),
            as_text(message.payload));
    done(Status{});
  }
  void next_service_message(const iothub::HubName&, ServiceQueue, LockOwner,
                            Done<std::optional<ServiceMessage>> done) override {
    done(std::optional<ServiceMessage>{});
  }
  void settle_service_message(const iothub::HubName&, ServiceQueue, std::string, Settlement,
                              Done<void> done) override {
    done(Status{});
  }
  HubFacts facts(const iothub::HubName&) override { return {4, 1, "acme"}; }
  void release_messages(LockOwner owner) override {
    const std::lock_guard lock(mutex_);
    for (auto& [identity, queue] : queues_)
      for (Queued& queued : queue)
        if (queued.owner == owner) {
          queued.owner = 0;
          ++queued.message.delivery_count;
        }
  }

  // ---- the service's side
  void set_full(bool full) {
    const std::lock_guard lock(mutex_);
    full_ = full;
  }
  // Returns the new version and the notification.
  std::pair<std::uint64_t, std::string> merge_desired(const iothub::Identity& identity,
                                                      std::string_view patch) {
    const std::lock_guard lock(mutex_);
    twin::Twin& twin = twins_[identity];
    PAVISE_CHECK(twin.merge(twin::Section::desired, patch, 0).has_value());
    const std::uint64_t version = twin.version(twin::Section::desired);
    return {version, *twin::desired_notification(patch, version)};
  }
  std::string twin_json(const iothub::Identity& identity) {
    const std::lock_guard lock(mutex_);
    return twins_[identity].device_json();
  }
  void enqueue(const iothub::Identity& identity, std::string_view payload) {
    const std::lock_guard lock(mutex_);
    queues_[identity].push_back(
        {DeviceMessage{{}, ++sequence_, 0, 0, "%24.mid=1", to_bytes(as_bytes(payload))}, 0});
  }
  std::size_t waiting(const iothub::Identity& identity) {
    const std::lock_guard lock(mutex_);
    return queues_[identity].size();
  }
  // "dev came", "dev active", "dev went", in their order.
  std::vector<std::string> noted() {
    const std::lock_guard lock(mutex_);
    return noted_;
  }
  std::vector<iothub::Identity> ensured() {
    const std::lock_guard lock(mutex_);
    return ensured_;
  }

 private:
  void note(const iothub::Identity& identity, std::string_view what) {
    const std::lock_guard lock(mutex_);
    noted_.push_back(identity.client_id() + std::string(what));
  }
  struct Queued {
    DeviceMessage message;
    LockOwner owner;
  };
  mutable std::mutex mutex_;
  bool full_ = false;
  std::uint64_t sequence_ = 0;
  std::uint64_t locks_ = 0;
  std::map<iothub::Identity, twin::Twin> twins_;
  std::map<iothub::Identity, std::deque<Queued>> queues_;
  std::map<iothub::Identity, std::uint8_t> kept_;
  std::size_t keepings_ = 0;
  std::vector<iothub::Identity> ensured_;
  std::vector<std::string> noted_;
};

}  // namespace pavise::hub::testing
