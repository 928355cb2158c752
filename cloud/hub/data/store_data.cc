#include "cloud/hub/data/store_data.h"

#include <chrono>

namespace pavise::hub {

using store::HubTransaction;

namespace {

void tell_feedback(const DataListener& listener, const iothub::HubName& hub) {
  if (listener.service_message_waiting)
    listener.service_message_waiting(hub, ServiceQueue::feedback);
}

void tell(const DataListener& listener, const store::Released& released) {
  if (listener.message_waiting)
    for (const iothub::Identity& identity : released.messages) listener.message_waiting(identity);
  for (const iothub::HubName& hub : released.feedback) tell_feedback(listener, hub);
  // Which queue it was is not said; asking in vain costs a look.
  for (const iothub::HubName& hub : released.service_messages) {
    tell_feedback(listener, hub);
    if (listener.service_message_waiting)
      listener.service_message_waiting(hub, ServiceQueue::file_notifications);
  }
}

}  // namespace

StoreData::StoreData(store::StoreQueue& queue, const Clock& clock, DataListener listener)
    : queue_(queue),
      clock_(clock),
      listener_(std::make_shared<const DataListener>(std::move(listener))),
      activity_(queue, clock, [asked = listener_](const iothub::Identity& identity) {
        return asked->is_connected && asked->is_connected(identity);
      }) {
  sweeper_ = std::thread([this] { keep_sweeping(); });
}

StoreData::~StoreData() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wakes_.notify_all();
  sweeper_.join();
}

void StoreData::ensure_attested(const iothub::Identity& identity) {
  // Without its entry the device's twin requests say why.
  queue_.submit(
      [identity](HubTransaction& transaction) -> Status {
        PAVISE_TRY(transaction.ensure_attested(identity));
        return {};
      },
      [](const Status&) {});
}

void StoreData::keep_subscriptions(const iothub::Identity& identity, std::uint8_t subscriptions) {
  // What could not be kept is asked for again by a client that finds no session present.
  queue_.submit([kept = store::KeptSubscriptions{identity, subscriptions}](
                    HubTransaction& transaction) { return transaction.keep_subscriptions(kept); },
                [](const Status&) {});
}

Status StoreData::restore_subscriptions(
    const std::function<void(const iothub::Identity&, std::uint8_t)>& each) {
  return queue_.store().read([&](store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(const auto kept, reader.kept_subscriptions());
    for (const store::KeptSubscriptions& one : kept) each(one.id, one.subscriptions);
    return {};
  });
}

void StoreData::twin(const iothub::Identity& identity, TwinRequest request, Done<TwinReply> done) {
  queue_.submit<TwinReply>(
      [identity, request = std::move(request)](HubTransaction& transaction) -> Result<TwinReply> {
        TwinReply reply;
        if (request.kind == TwinRequest::Kind::get) {
          PAVISE_TRY_ASSIGN(reply.body, transaction.device_twin(identity));
        } else {
          PAVISE_TRY_ASSIGN(reply.version, transaction.merge_reported(identity, request.patch_json,
                                                                      request.if_version));
        }
        return reply;
      },
      std::move(done));
}

void StoreData::next_message(const iothub::Identity& identity, LockOwner owner,
                             Done<std::optional<DeviceMessage>> done) {
  queue_.submit<HubTransaction::Offer>(
      [identity, owner](HubTransaction& transaction) {
        return transaction.lock_message(identity, owner);
      },
      [listener = listener_, hub = identity.hub(),
       done = std::move(done)](Result<HubTransaction::Offer> offer) {
        if (!offer) return done(offer.error());
        if (offer->feedback_added) tell_feedback(*listener, hub);
        done(std::move(offer->message));
      });
}

void StoreData::settle_message(const iothub::Identity& identity, std::string lock_token,
                               Settlement settlement, Done<void> done) {
  queue_.submit<store::Settled>(
      [identity, lock_token = std::move(lock_token), settlement](HubTransaction& transaction) {
        return transaction.settle_message(identity, lock_token, settlement);
      },
      [listener = listener_, identity, settlement,
       done = std::move(done)](const Result<store::Settled>& settled) {
        if (!settled) return done(settled.error());
        if (settled->feedback_added) tell_feedback(*listener, identity.hub());
        if (settlement == Settlement::abandon && listener->message_waiting)
          listener->message_waiting(identity);
        done(Status{});
      });
}

void StoreData::send_message(const iothub::HubName& hub, MessageToDevice message, Done<void> done) {
  // An id that is none names no device.
  auto receiver = iothub::Identity::make(hub, message.device, message.module_id);
  if (!receiver) return done(store::kDeviceNotFound);
  queue_.submit(
      [hub, message = std::move(message)](HubTransaction& transaction) -> Status {
        PAVISE_TRY(transaction.enqueue_message(hub, message));
        return {};
      },
      [listener = listener_, receiver = *std::move(receiver),
       done = std::move(done)](const Status& outcome) {
        if (outcome && listener->message_waiting) listener->message_waiting(receiver);
        done(outcome);
      });
}

void StoreData::next_service_message(const iothub::HubName& hub, ServiceQueue queue,
                                     LockOwner owner, Done<std::optional<ServiceMessage>> done) {
  queue_.submit<std::optional<ServiceMessage>>(
      [hub, queue, owner](HubTransaction& transaction) {
        return transaction.lock_service_message(hub, queue, owner);
      },
      std::move(done));
}

void StoreData::settle_service_message(const iothub::HubName& hub, ServiceQueue queue,
                                       std::string lock_token, Settlement settlement,
                                       Done<void> done) {
  queue_.submit(
      [hub, queue, lock_token = std::move(lock_token), settlement](HubTransaction& transaction) {
        return transaction.settle_service_message(hub, queue, lock_token, settlement);
      },
      [listener = listener_, hub, queue, settlement,
       done = std::move(done)](const Status& outcome) {
        // To others that wait; at its last delivery it is gone, and asking in vain costs a look.
        if (outcome && settlement == Settlement::abandon && listener->service_message_waiting)
          listener->service_message_waiting(hub, queue);
        done(outcome);
      });
}

HubData::HubFacts StoreData::facts(const iothub::HubName& hub) {
  const auto known = queue_.store().index().hub(hub);
  if (known == nullptr) return {};
  return {known->hub.settings.partition_count, known->hub.created_ms, known->hub.tenant.text()};
}

void StoreData::release_messages(LockOwner owner) {
  queue_.submit<store::Released>(
      [owner](HubTransaction& transaction) { return transaction.release_locks(owner); },
      [listener = listener_](const Result<store::Released>& released) {
        if (released) tell(*listener, *released);
      });
}

Status StoreData::sweep() {
  std::optional<UnixMillis> due_ms;
  PAVISE_TRY(queue_.store().read([&](store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(due_ms, reader.next_sweep_ms());
    return {};
  }));
  if (!due_ms || *due_ms > clock_.now_ms()) return {};
  PAVISE_TRY_ASSIGN(const auto released,
                    queue_.call<store::Released>(
                        [](HubTransaction& transaction) { return transaction.sweep(kSweepMax); }));
  tell(*listener_, released);
  return {};
}

void StoreData::keep_sweeping() {
  std::unique_lock lock(mutex_);
  while (!wakes_.wait_for(lock, std::chrono::milliseconds(kSweepEveryMs),
                          [this] { return stopping_; })) {
    lock.unlock();
    // A failing disk is said by every other call; this one comes again in a second.
    (void)sweep().has_value();
    lock.lock();
  }
}

}  // namespace pavise::hub
