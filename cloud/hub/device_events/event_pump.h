// From the store's table of device events into the event log.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "cloud/hub/segment_log/segment_log.h"
#include "cloud/hub/store/store_queue.h"
#include "common/base/clock.h"

namespace pavise::hub {

inline constexpr std::int64_t kEventPumpEveryMs = 500;
inline constexpr std::size_t kEventPumpMax = 128;  // events of one commit: 32 MiB at most

// Thread-safe.
class EventPump {
 public:
  // All must outlive it. Looks for events at this interval on a thread of its own.
  EventPump(store::StoreQueue& queue, SegmentLog& log, const Clock& clock,
            std::int64_t every_ms = kEventPumpEveryMs);
  ~EventPump();  // takes what is there, if the log lets it
  EventPump(const EventPump&) = delete;
  EventPump& operator=(const EventPump&) = delete;

  // Takes all that is there now. Blocks until it is durable. Errors of the store and of the log:
  // what was not taken comes the next time.
  Status pump();

 private:
  Result<bool> pump_some();  // false: there was nothing
  void keep_pumping();

  store::StoreQueue& queue_;
  SegmentLog& log_;
  const Clock& clock_;
  const std::int64_t every_ms_;
  std::mutex pump_mutex_;    // one at a time: they would take the same events; guards the following
  std::int64_t in_log_ = 0;  // number of the last event that the log has
  std::mutex mutex_;
  std::condition_variable wakes_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace pavise::hub
