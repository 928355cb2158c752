// The durable event log of the hub: append-only segments with group commit.
//
// append() queues records and returns at once. A commit thread writes everything that is queued
// with one fdatasync and then tells the subscribers; only then is a record durable and may be
// acknowledged. While one sync runs the next group gathers.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "cloud/hub/segment_log/log_directory.h"
#include "cloud/hub/segment_log/record.h"
#include "cloud/hub/segment_log/segment.h"
#include "common/base/clock.h"
#include "common/metrics/metrics.h"

namespace pavise::hub {

struct SegmentLogOptions {
  std::size_t segment_size_max = 64UL * 1024 * 1024;   // a new segment starts beyond this
  std::size_t pending_bytes_max = 64UL * 1024 * 1024;  // queued for the disk; then kLogBusy
  std::uint64_t retention_bytes_max = 0;               // 0: keep all
  std::int64_t retention_age_ms = 0;                   // 0: keep all
};

// Offsets of the records of one append: [first, end).
struct AppendedRange {
  Offset first = 0;
  Offset end = 0;
};

// Told to subscribers in order. Without error: all records below durable_end are on the medium,
// except those named by an earlier failure. With error: the records of [durable_end, failed_end)
// are not stored and must not be acknowledged.
struct LogProgress {
  Offset durable_end = 0;
  Offset failed_end = 0;
  std::optional<Error> error;
};

// Written by the commit thread.
struct SegmentLogCounters {
  metrics::Counter records;              // made durable
  metrics::Counter bytes;                // with their heads
  metrics::Counter groups_failed;        // writes that did not succeed
  metrics::SizeHistogram group_records;  // that shared a sync
  metrics::LatencyHistogram write_us;    // write and sync of a group
};

// All functions are thread-safe.
class SegmentLog {
 public:
  // Recovers the last segment, starts the commit thread. Blocks on disk. kLogCorrupt, kLogIoFailed,
  // kDiskFull. `clock` must outlive the log.
  static Result<std::unique_ptr<SegmentLog>> open(std::unique_ptr<LogDirectory> directory,
                                                  const SegmentLogOptions& options,
                                                  const Clock& clock);
  // Commits what is queued, then stops. Precondition: nobody is subscribed any more.
  ~SegmentLog();
  SegmentLog(const SegmentLog&) = delete;
  SegmentLog& operator=(const SegmentLog&) = delete;

  // Takes the records out of `batch` (left empty); on an error the batch keeps them. Does not wait
  // for the disk. kLogBusy; kLogFailed after a failed write, until reopen().
  Result<AppendedRange> append(RecordBatch& batch);
  // append(), then waits until the records are durable or lost.
  Result<AppendedRange> append_and_wait(RecordBatch& batch);

  // `on_progress` is called from the commit thread after each commit and each failure; it must not
  // block nor call the log. Returns a number for unsubscribe(), which waits for a running call.
  using OnProgress = std::function<void(const LogProgress&)>;
  std::uint64_t subscribe(OnProgress on_progress);
  void unsubscribe(std::uint64_t subscription);

  // Durable records from offset `from` on, oldest first; what retention removed is skipped; empty
  // at the end. Blocks on disk. kLogCorrupt, kLogIoFailed.
  Result<std::vector<Record>> read(Offset from, const ReadBudget& budget = {});
  // Waits until a record at or above `from` is durable; false after `timeout_ms`.
  bool wait(Offset from, std::int64_t timeout_ms);

  Offset durable_end() const;
  Offset first_offset() const;        // oldest record that is still kept
  Offset next_offset() const;         // of what is appended next; beyond durable_end(): on its way
  std::size_t pending_bytes() const;  // queued for the disk
  std::uint64_t stored_bytes() const;
  const SegmentLogCounters& counters() const { return counters_; }
  // Why append() refuses, if it does.
  std::optional<Error> failure() const;

  // After a failure: cuts off what was not committed and accepts records again. Failed offsets are
  // not used again. The disk's error if it still fails.
  Status reopen();
  // Removes whole segments that the retention of the options no longer wants; also done when a
  // segment starts. The disk's error; what could not be removed is tried again the next time.
  Status apply_retention();
  // Removes whole segments of which every record is below `end`, from the front; never the last
  // one. Stops at the first that cannot be removed: kLogIoFailed. A crash at any point leaves a log
  // that opens; a power cut may bring removed segments back.
  Status drop_before(Offset end);

 private:
  SegmentLog(std::unique_ptr<LogDirectory> directory, const SegmentLogOptions& options,
             const Clock& clock);
  Status recover();
  void commit_loop();
  void commit(std::vector<RecordBatch>& group, Offset first, Offset end);
  Status write_group(std::vector<RecordBatch>& group, Offset first);
  Status remove_unwanted();  // disk_mutex_ is held
  Status start_segment_if_full(Offset first, std::size_t group_bytes);
  void tell(const LogProgress& progress);
  // The name of the first segment, if it may go.
  std::optional<std::string> removable(const std::function<bool()>& unwanted) const;
  Status remove_while(const std::function<bool()>& unwanted);  // disk_mutex_ is held

  const std::unique_ptr<LogDirectory> directory_;
  const SegmentLogOptions options_;
  const Clock& clock_;

  // Held while files are written, cut or removed, which may take as long as a disk hangs; taken
  // before mutex_, which nobody holds while the disk works. Guards what segments_ holds, too:
  // reading that takes either, changing it both.
  std::mutex disk_mutex_;
  mutable std::mutex mutex_;  // guards the following
  std::condition_variable work_;
  std::condition_variable progress_;
  std::vector<RecordBatch> pending_;
  std::size_t pending_bytes_ = 0;
  Offset pending_first_ = 0;
  Offset next_offset_ = 0;
  Offset durable_end_ = 0;
  std::uint64_t failures_ = 0;
  std::optional<Error> failure_;
  bool stopping_ = false;
  std::deque<std::shared_ptr<Segment>> segments_;  // the last one is written to

  std::mutex listeners_mutex_;
  std::uint64_t next_subscription_ = 1;
  std::vector<std::pair<std::uint64_t, OnProgress>> listeners_;

  SegmentLogCounters counters_;
  std::thread committer_;
};

}  // namespace pavise::hub
