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
// The connection of an identity is told as an event this often, at most; the last state wins.
inline constexpr std::int64_t kConnectionReportEveryMs = 60'000;
inline constexpr std::size_t kActivityKnownMax = 100'000;     // identities in memory
inline constexpr std::size_t kActivityPerWriteMax = 20'000;   // identities that one write() takes
inline constexpr std::size_t kActivityPerOperationMax = 256;  // of them in one store operation

// Whether the identity has a connection now. From memory; does not call the book.
using IsConnected = std::function<bool(const iothub::Identity&)>;

// Thread-safe. What is noted is in the store after the next write(); a crash loses what was noted
// since the last one.
class ActivityBook {
 public:
  // Queue and clock must outlive it. Writes at this interval on a thread of its own.
  ActivityBook(store::StoreQueue& queue, const Clock& clock, IsConnected is_connected,
               std::int64_t write_every_ms = kActivityWriteEveryMs);
  ~ActivityBook();  // writes what is left
  ActivityBook(const ActivityBook&) = delete;
  ActivityBook& operator=(const ActivityBook&) = delete;

  // The identity connected, sent or received something now. Does not block. With
  // kActivityKnownMax others waiting it is not noted.
  void note_active(const iothub::Identity& identity);
  // It connected or went now. As note_active(). Its state is reported to the store (see
  // store::Activity) with the next write, or when kConnectionReportEveryMs are over since the last
  // report: as it is then, whatever happened in between.
  void note_connection(const iothub::Identity& identity, bool connected);

  // Writes now. Blocks until it is durable; what was not written waits for the next time. Errors of
  // the store.
  Status write() { return write(false); }

  std::size_t waiting() const;  // identities that the next writes will take

 private:
  struct Noted {
    UnixMillis connection_updated_ms = 0;
    UnixMillis last_activity_ms = 0;
    bool report = false;  // its connection
  };
  struct Report {
    std::int64_t last_ms = kNever;  // steady
    UnixMillis changed_ms = 0;      // what is to be reported happened then; 0: nothing
  };
  using Notes = std::unordered_map<iothub::Identity, Noted>;
  static constexpr std::int64_t kNever = INT64_MIN / 2;

  Noted* note_of(const iothub::Identity& identity);
  std::vector<store::Activity> take(bool at_end);
  void take_due_reports(std::int64_t now_ms, std::vector<store::Activity>& out);
  bool may_report(const iothub::Identity& identity, const Noted& noted, std::int64_t now_ms);
  void put_back(std::span<const store::Activity> activities);
  Status write(bool at_end);
  void keep_writing();

  store::StoreQueue& queue_;
  const Clock& clock_;
  const IsConnected is_connected_;
  const std::int64_t write_every_ms_;
  mutable std::mutex mutex_;  // guards the following
  std::condition_variable wakes_;
  Notes noted_;
  Notes round_;  // being written; what is noted meanwhile waits for the next round
  std::unordered_map<iothub::Identity, Report> reports_;  // of the last minute, or to come
  bool stopping_ = false;
  std::thread writer_;
};

}  // namespace pavise::hub
