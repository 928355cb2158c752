#include "cloud/hub/device_events/event_pump.h"

#include <algorithm>
#include <chrono>

#include "protocol/iothub/hub_error.h"
#include "protocol/iothub/property_bag.h"

namespace pavise::hub {
namespace {

using store::DeviceEvent;
using store::EventSource;

std::string_view schema_of(const DeviceEvent& event) {
  switch (event.source) {
    case EventSource::twin_changes:
      return "twinChangeNotification";
    case EventSource::device_lifecycle:
      return event.id.is_module() ? "moduleLifecycleNotification" : "deviceLifecycleNotification";
    case EventSource::connection_state:
      return event.id.is_module() ? "moduleConnectionStateNotification"
                                  : "deviceConnectionStateNotification";
  }
  return {};
}

std::string properties_of(const DeviceEvent& event) {
  iothub::PropertyBag bag;
  bag.add("$.ct", "application/json");
  bag.add("$.ce", "utf-8");
  bag.add("deviceId", event.id.device());
  if (event.id.is_module()) bag.add("moduleId", event.id.module_id());
  bag.add("hubName", event.id.hub().text());
  bag.add("opType", event.operation);
  bag.add("operationTimestamp", iothub::to_iso8601(event.at_ms));
  bag.add("iothub-message-schema", schema_of(event));
  return bag.encode();
}

Status add(RecordBatch& batch, const DeviceEvent& event, UnixMillis now_ms) {
  const std::string properties = properties_of(event);
  const std::string origin = RecordOrigin{event.id.module_id(),
                                          {},
                                          event.generation_id,
                                          std::string(store::event_source_name(event.source))}
                                 .encode();
  return batch.add({now_ms, event.tenant.text(), event.id.device(), properties,
                    as_bytes(event.body_json), event.id.hub().text(), origin});
}

}  // namespace

EventPump::EventPump(store::StoreQueue& queue, SegmentLog& log, const Clock& clock,
                     std::int64_t every_ms)
    : queue_(queue), log_(log), clock_(clock), every_ms_(every_ms) {
  thread_ = std::thread([this] { keep_pumping(); });
}

EventPump::~EventPump() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wakes_.notify_all();
  thread_.join();
  (void)pump().has_value();  // what stays comes after the next start
}

Status EventPump::pump() {
  const std::lock_guard lock(pump_mutex_);
  for (;;) {
    PAVISE_TRY_ASSIGN(const bool more, pump_some());
    if (!more) return {};
  }
}

Result<bool> EventPump::pump_some() {
  std::vector<DeviceEvent> events;
  PAVISE_TRY(queue_.store().read([&](store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(events, reader.device_events(kEventPumpMax));
    return {};
  }));
  if (events.empty()) return false;
  RecordBatch batch;
  const UnixMillis now_ms = clock_.now_ms();
  for (const DeviceEvent& event : events)
    if (event.number > in_log_) PAVISE_TRY(add(batch, event, now_ms));
  PAVISE_TRY(log_.append_and_wait(batch));
  in_log_ = std::max(in_log_, events.back().number);  // a store that is full refuses what follows
  PAVISE_TRY(queue_.call([last = events.back().number](store::HubTransaction& transaction) {
    return transaction.delete_device_events(last);
  }));
  return true;
}

void EventPump::keep_pumping() {
  std::unique_lock lock(mutex_);
  while (
      !wakes_.wait_for(lock, std::chrono::milliseconds(every_ms_), [this] { return stopping_; })) {
    lock.unlock();
    // A log or store that fails is said by every other call; the events wait.
    (void)pump().has_value();
    lock.lock();
  }
}

}  // namespace pavise::hub
