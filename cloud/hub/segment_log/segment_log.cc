#include "cloud/hub/segment_log/segment_log.h"

#include <algorithm>
#include <utility>

namespace pavise::hub {

SegmentLog::SegmentLog(std::unique_ptr<LogDirectory> directory, const SegmentLogOptions& options,
                       const Clock& clock)
    : directory_(std::move(directory)), options_(options), clock_(clock) {}

Result<std::unique_ptr<SegmentLog>> SegmentLog::open(std::unique_ptr<LogDirectory> directory,
                                                     const SegmentLogOptions& options,
                                                     const Clock& clock) {
  std::unique_ptr<SegmentLog> log(new SegmentLog(std::move(directory), options, clock));
  PAVISE_TRY(log->recover());
  log->committer_ = std::thread([raw = log.get()] { raw->commit_loop(); });
  return log;
}

SegmentLog::~SegmentLog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  if (committer_.joinable()) committer_.join();
}

Status SegmentLog::recover() {
  PAVISE_TRY_ASSIGN(const auto names, directory_->list());
  std::vector<Offset> bases;
  for (const std::string& name : names) {
    if (const auto base = Segment::parse_name(name)) {
      bases.push_back(*base);
    } else if (name.ends_with(".seg.tmp")) {
      PAVISE_TRY(directory_->remove(name));  // a segment whose creation did not finish
    }
  }
  std::ranges::sort(bases);
  for (const Offset base : bases) {
    PAVISE_TRY_ASSIGN(auto segment, Segment::open(*directory_, Segment::name_of(base)));
    segments_.push_back(std::move(segment));
  }
  if (segments_.empty()) {
    PAVISE_TRY_ASSIGN(auto segment, Segment::create(*directory_, 0, clock_.now_ms()));
    segments_.push_back(std::move(segment));
  }
  PAVISE_TRY_ASSIGN(next_offset_, segments_.back()->recover());
  // A segment that has just begun holds nothing: then the one before it was written last.
  for (std::size_t i = segments_.size() - 1; i > 0 && !segments_[i]->has_records(); --i) {
    PAVISE_TRY_ASSIGN(const Offset end, segments_[i - 1]->recover());
    if (end > next_offset_) return Error(kLogCorrupt, "segments overlap");
  }
  // Whoever was killed may have named a segment and not come to sync that.
  PAVISE_TRY(directory_->sync());
  durable_end_ = next_offset_;
  pending_first_ = next_offset_;
  return {};
}

Result<AppendedRange> SegmentLog::append(RecordBatch& batch) {
  const std::lock_guard lock(mutex_);
  if (failure_) return Error(kLogFailed, std::string(failure_->code()));
  if (batch.empty()) return AppendedRange{next_offset_, next_offset_};
  if (pending_bytes_ + batch.size_bytes() > options_.pending_bytes_max) return kLogBusy;
  const AppendedRange range{next_offset_, next_offset_ + batch.count()};
  if (pending_.empty()) pending_first_ = range.first;
  next_offset_ = range.end;
  pending_bytes_ += batch.size_bytes();
  pending_.push_back(std::exchange(batch, RecordBatch{}));
  work_.notify_one();
  return range;
}

Result<AppendedRange> SegmentLog::append_and_wait(RecordBatch& batch) {
  std::uint64_t failures_before = 0;
  {
    const std::lock_guard lock(mutex_);
    failures_before = failures_;
  }
  PAVISE_TRY_ASSIGN(const AppendedRange range, append(batch));
  std::unique_lock lock(mutex_);
  progress_.wait(lock, [&] { return failures_ != failures_before || durable_end_ >= range.end; });
  if (failures_ != failures_before) return Error(kLogFailed, failure_ ? failure_->detail() : "");
  return range;
}

std::uint64_t SegmentLog::subscribe(OnProgress on_progress) {
  const std::lock_guard lock(listeners_mutex_);
  listeners_.emplace_back(next_subscription_, std::move(on_progress));
  return next_subscription_++;
}

void SegmentLog::unsubscribe(std::uint64_t subscription) {
  const std::lock_guard lock(listeners_mutex_);
  std::erase_if(listeners_, [&](const auto& entry) { return entry.first == subscription; });
}

void SegmentLog::tell(const LogProgress& progress) {
  const std::lock_guard lock(listeners_mutex_);
  for (const auto& [number, on_progress] : listeners_) on_progress(progress);
}

void SegmentLog::commit_loop() {
  for (;;) {
    std::vector<RecordBatch> group;
    Offset first = 0;
    Offset end = 0;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [&] { return stopping_ || !pending_.empty(); });
      if (pending_.empty()) return;
      group.swap(pending_);
      first = pending_first_;
      end = next_offset_;
    }
    commit(group, first, end);
  }
}

void SegmentLog::commit(std::vector<RecordBatch>& group, Offset first, Offset end) {
  std::size_t group_bytes = 0;
  for (const RecordBatch& batch : group) group_bytes += batch.size_bytes();
  LogProgress progress;
  {
    const std::lock_guard disk_lock(disk_mutex_);
    const std::uint64_t begun_us = metrics::steady_us();
    const Status written = write_group(group, first);
    if (written) {
      counters_.write_us.add(metrics::steady_us() - begun_us);
      counters_.group_records.add(end - first);
      counters_.records.add(end - first);
      counters_.bytes.add(group_bytes);
    } else {
      counters_.groups_failed.add();
    }
    std::unique_lock lock(mutex_);
    pending_bytes_ -= group_bytes;
    if (written) {
      segments_.back()->commit(first);
      durable_end_ = end;
      progress = {end, 0, std::nullopt};
    } else {
      // What gathered meanwhile would leave a hole that looks acknowledged: it fails, too.
      pending_.clear();
      pending_bytes_ = 0;
      failure_ = written.error();
      ++failures_;
      progress = {durable_end_, next_offset_, written.error()};
      lock.unlock();
      const Status cut = segments_.back()->rollback();
      (void)cut.has_value();  // reopen() repeats it and reports
    }
  }
  progress_.notify_all();
  tell(progress);
}

Status SegmentLog::write_group(std::vector<RecordBatch>& group, Offset first) {
  std::size_t group_bytes = 0;
  for (const RecordBatch& batch : group) group_bytes += batch.size_bytes();
  PAVISE_TRY(start_segment_if_full(first, group_bytes));
  std::shared_ptr<Segment> segment;
  {
    const std::lock_guard lock(mutex_);
    segment = segments_.back();
  }
  const std::uint32_t salted = segment->header().salted_crc();
  std::size_t batch_back = 0;
  for (RecordBatch& batch : group) {
    PAVISE_TRY(segment->append(BatchSealer::seal(batch, salted, first, batch_back)));
    batch_back += batch.size_bytes();
    first += batch.count();
  }
  return segment->sync();
}

Status SegmentLog::start_segment_if_full(Offset first, std::size_t group_bytes) {
  {
    const std::lock_guard lock(mutex_);
    const Segment& current = *segments_.back();
    if (!current.has_records() || current.size() + group_bytes <= options_.segment_size_max)
      return {};
  }
  PAVISE_TRY_ASSIGN(auto segment, Segment::create(*directory_, first, clock_.now_ms()));
  {
    const std::lock_guard lock(mutex_);
    segments_.push_back(std::move(segment));
  }
  // Records that are stored need no file to be gone: what stays is removed the next time.
  (void)remove_unwanted().has_value();
  return {};
}

std::optional<std::string> SegmentLog::removable(const std::function<bool()>& unwanted) const {
  const std::lock_guard lock(mutex_);
  if (segments_.size() < 2 || !unwanted()) return std::nullopt;
  return Segment::name_of(segments_.front()->header().base_offset);
}

// Files go one by one and without the lock, so that records are taken meanwhile; the segment is
// forgotten after its file, so that what could not be removed is tried again.
Status SegmentLog::remove_while(const std::function<bool()>& unwanted) {
  bool removed = false;
  while (const auto name = removable(unwanted)) {
    PAVISE_TRY(directory_->remove(*name));
    removed = true;
    const std::lock_guard lock(mutex_);
    segments_.pop_front();  // a running read keeps the open file
  }
  return removed ? directory_->sync() : Status{};
}

Status SegmentLog::apply_retention() {
  const std::lock_guard disk_lock(disk_mutex_);
  return remove_unwanted();
}

Status SegmentLog::remove_unwanted() {
  const UnixMillis now_ms = clock_.now_ms();
  return remove_while([this, now_ms] {
    std::uint64_t total = 0;
    for (const auto& segment : segments_) total += segment->committed_size();
    // A segment is as young as the moment at which its successor began.
    const bool too_old = options_.retention_age_ms > 0 &&
                         segments_[1]->header().created_ms + options_.retention_age_ms < now_ms;
    return too_old || (options_.retention_bytes_max > 0 && total > options_.retention_bytes_max);
  });
}

Status SegmentLog::drop_before(Offset end) {
  const std::lock_guard disk_lock(disk_mutex_);
  return remove_while([this, end] { return segments_[1]->header().base_offset <= end; });
}

Result<std::vector<Record>> SegmentLog::read(Offset from, const ReadBudget& budget) {
  std::vector<std::shared_ptr<Segment>> wanted;
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < segments_.size(); ++i) {
      const bool ends_before =
          i + 1 < segments_.size() && segments_[i + 1]->header().base_offset <= from;
      if (!ends_before) wanted.push_back(segments_[i]);
    }
  }
  std::vector<Record> out;
  std::size_t bytes_used = 0;
  for (const auto& segment : wanted) {
    if (out.size() >= budget.records_max || bytes_used >= budget.bytes_max) break;
    PAVISE_TRY(segment->read(from, budget, bytes_used, out));
  }
  return out;
}

bool SegmentLog::wait(Offset from, std::int64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  return progress_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                            [&] { return durable_end_ > from; });
}

Offset SegmentLog::durable_end() const {
  const std::lock_guard lock(mutex_);
  return durable_end_;
}

Offset SegmentLog::next_offset() const {
  const std::lock_guard lock(mutex_);
  return next_offset_;
}

std::size_t SegmentLog::pending_bytes() const {
  const std::lock_guard lock(mutex_);
  return pending_bytes_;
}

Offset SegmentLog::first_offset() const {
  const std::lock_guard lock(mutex_);
  return segments_.front()->header().base_offset;
}

std::uint64_t SegmentLog::stored_bytes() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t total = 0;
  for (const auto& segment : segments_) total += segment->committed_size();
  return total;
}

std::optional<Error> SegmentLog::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

Status SegmentLog::reopen() {
  const std::lock_guard disk_lock(disk_mutex_);
  if (!failure()) return {};
  PAVISE_TRY(segments_.back()->rollback());
  const std::lock_guard lock(mutex_);
  failure_.reset();
  return {};
}

}  // namespace pavise::hub
