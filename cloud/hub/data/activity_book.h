// Who was active and who came or went, gathered in memory and written to the store a few seconds
// apart, so that telemetry costs no SQL.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "cloud/hub/store/store_queue.h"
#include "common/base/clock.h"

namespace pavise::hub {

inline constexpr std::int64_t kActivityWriteEveryMs = 5'000;
inline constexpr std::size_t kActivityKnownMax = 100'000;     // identities in memory
inline constexpr std::size_t kActivityPerWriteMax = 20'000;   // identities that one write() takes
inline constexpr std::size_t kActivityPerOperationMax = 256;  // of them in one store operation

// Thread-safe. What is noted is in the store after the next write(); a crash loses what was noted
// since the last one.
class ActivityBook {
 public:
  // Queue and clock must outlive it. Writes at this interval on a thread of its own.
  ActivityBook(store::StoreQueue& queue, const Clock& clock,
               std::int64_t write_every_ms = kActivityWriteEveryMs);
  ~ActivityBook();  // writes what is left
  ActivityBook(const ActivityBook&) = delete;
  ActivityBook& operator=(const ActivityBook&) = delete;

  // The identity connected, sent or received something now. Does not block. With
  // kActivityKnownMax others waiting it is not noted.
  void note_active(const iothub::Identity& identity);
  // It connected or went now. As note_active().
  void note_connection(const iothub::Identity& identity, bool connected);

  // Writes now. Blocks until it is durable; what was not written waits for the next time. Errors of
  // the store.
  Status write();

  std::size_t waiting() const;

 private:
  struct Noted {
    UnixMillis connection_updated_ms = 0;
    UnixMillis last_activity_ms = 0;
  };

  Noted* note_of(const iothub::Identity& identity);
  std::vector<store::Activity> take();
  void put_back(std::span<const store::Activity> activities);
  void keep_writing();

  store::StoreQueue& queue_;
  const Clock& clock_;
  const std::int64_t write_every_ms_;
  mutable std::mutex mutex_;  // guards the following
  std::condition_variable wakes_;
  std::unordered_map<iothub::Identity, Noted> noted_;
  bool stopping_ = false;
  std::thread writer_;
};

}  // namespace pavise::hub
