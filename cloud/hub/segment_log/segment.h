// One segment file of the event log.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "cloud/hub/segment_log/log_directory.h"
#include "cloud/hub/segment_log/record.h"

namespace pavise::hub {

// What a read may return at most.
struct ReadBudget {
  std::size_t records_max = 1000;
  std::size_t bytes_max = 4UL * 1024 * 1024;
};

// One thread appends (append, commit, rollback, recover); any thread may read what is committed.
class Segment {
 public:
  static std::string name_of(Offset base_offset);  // "00000000000000000042.seg"
  static std::optional<Offset> parse_name(std::string_view name);

  // Writes the header to a temporary name, syncs, renames: a .seg file always has a whole header.
  static Result<std::shared_ptr<Segment>> create(LogDirectory& directory, Offset base_offset,
                                                 UnixMillis now_ms);
  // kLogCorrupt if the header is damaged. All bytes count as committed until recover().
  static Result<std::shared_ptr<Segment>> open(LogDirectory& directory, const std::string& name);

  // Checks every record. Cuts off a torn tail: a last commit that was not written completely.
  // kLogCorrupt if a damaged record is followed by a later commit, because then it had been
  // acknowledged. What is left is on the medium. Returns the offset after the last record.
  Result<Offset> recover();

  Status append(ByteView bytes);  // not yet committed
  Status sync() { return file_->sync(); }
  // The appended bytes are durable from now on; `first_offset` is the first of them.
  void commit(Offset first_offset);
  Status rollback();  // forgets what is not committed

  // Adds records from `from` on until the budget is used; kLogCorrupt, kLogIoFailed.
  Status read(Offset from, const ReadBudget& budget, std::size_t& bytes_used,
              std::vector<Record>& out);

  const SegmentHeader& header() const { return header_; }
  std::uint64_t committed_size() const { return committed_size_.load(std::memory_order_acquire); }
  std::uint64_t uncommitted_size() const { return size_ - committed_size(); }
  std::uint64_t size() const { return size_; }
  bool has_records() const { return committed_size() > kSegmentHeaderSize; }

 private:
  struct IndexEntry {
    Offset offset;
    std::uint64_t position;
  };
  // Called for each whole record; false ends the scan.
  using OnRecord = std::function<bool(const RecordHeader&, ByteView body, std::uint64_t position)>;

  Segment(std::string name, std::unique_ptr<LogFile> file, SegmentHeader header,
          std::uint64_t size);
  // Position after the last whole record before `end`, or where on_record said stop.
  Result<std::uint64_t> scan(std::uint64_t from, std::uint64_t end,
                             const OnRecord& on_record) const;
  Result<bool> later_commit_follows(std::uint64_t damaged_at) const;
  void index(Offset offset, std::uint64_t position);
  std::uint64_t position_before(Offset offset) const;
  Error corrupt(std::uint64_t position) const;

  const std::string name_;
  const std::unique_ptr<LogFile> file_;
  const SegmentHeader header_;
  std::uint64_t size_;  // written, appending thread only
  std::atomic<std::uint64_t> committed_size_;
  mutable std::mutex index_mutex_;
  std::vector<IndexEntry> index_;  // sparse; guarded by index_mutex_
};

}  // namespace pavise::hub
