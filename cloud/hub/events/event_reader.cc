#include "cloud/hub/events/event_reader.h"

#include <algorithm>

#include "cloud/hub/events/partition.h"

namespace pavise::hub {
namespace {

bool holds(const PartitionKey& key, const Record& record) {
  return record.hub == key.hub.text() && record.tenant == key.tenant &&
         record.time_ms >= key.created_ms &&
         partition_of(record.device, key.partition_count) == key.partition;
}

}  // namespace

EventReader::EventReader(SegmentLog& log, const Retention* retention, unsigned threads)
    : log_(log), retention_(retention) {
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

EventReader::~EventReader() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void EventReader::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [this] { return stopping_ || !items_.empty(); });
    if (items_.empty()) return;
    const auto item = std::move(items_.front());
    items_.pop_front();
    lock.unlock();
    item();
    lock.lock();
  }
}

template <class T>
void EventReader::submit(std::function<Result<T>()> work, Done<T> done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && items_.size() < kEventReadsWaitingMax) {
      items_.emplace_back([work = std::move(work), done = std::move(done)] { done(work()); });
      work_.notify_one();
      return;
    }
  }
  done(kEventReadsBusy);
}

void EventReader::read(PartitionKey key, EventQuery query, Done<EventPage> done) {
  submit<EventPage>([this, key = std::move(key), query] { return read_now(key, query); },
                    std::move(done));
}

void EventReader::describe(PartitionKey key, Done<PartitionInfo> done) {
  if (key.partition >= key.partition_count || key.partition_count > kPartitionsMax)
    return done(kPartitionUnknown);
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && items_.size() < kEventReadsWaitingMax) {
      items_.emplace_back([this, key = std::move(key), until = log_.durable_end(),
                           done = std::move(done)] { describe_by_turns(key, until, done); });
      work_.notify_one();
      return;
    }
  }
  done(kEventReadsBusy);
}

void EventReader::describe_by_turns(const PartitionKey& key, Offset until,
                                    const Done<PartitionInfo>& done) {
  const auto walked = walk(until);
  if (!walked) return done(walked.error());
  if (*walked) return done(tail_of(key));
  {
    // Behind all that waits. It was let in before, so the limit is not asked again.
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      items_.emplace_back([this, key, until, done] { describe_by_turns(key, until, done); });
      work_.notify_one();
      return;
    }
  }
  done(kEventReadsBusy);
}

void EventReader::find(PartitionKey key, UnixMillis at_or_after, Done<std::uint64_t> done) {
  submit<std::uint64_t>([this, key = std::move(key),
                         at_or_after] { return find_time(log_, first_kept(key.hub), at_or_after); },
                        std::move(done));
}

Offset EventReader::first_kept(const iothub::HubName& hub) const {
  return retention_ == nullptr ? log_.first_offset() : retention_->floor(hub.text());
}

Result<EventPage> EventReader::read_now(const PartitionKey& key, const EventQuery& query) {
  if (key.partition >= key.partition_count) return kPartitionUnknown;
  EventPage page;
  page.next = std::max<std::uint64_t>(query.from, first_kept(key.hub));
  std::size_t bytes = 0;
  std::size_t scanned_bytes = 0;
  for (std::size_t scanned = 0; scanned < kEventsScannedMax;) {
    PAVISE_TRY_ASSIGN(auto records, log_.read(page.next));
    if (records.empty()) {
      page.at_end = true;
      return page;
    }
    for (Record& record : records) {
      page.next = record.offset + 1;
      ++scanned;
      const std::size_t size = record.payload.size() + record.properties.size();
      scanned_bytes += size;
      if (!holds(key, record)) {
        if (scanned_bytes >= kEventsScannedBytesMax) return page;
        continue;
      }
      bytes += size;
      page.records.push_back(std::move(record));
      if (page.records.size() >= query.records_max || bytes >= query.bytes_max) return page;
    }
  }
  return page;
}

Result<bool> EventReader::walk(Offset until) {
  const std::lock_guard lock(tails_mutex_);
  walked_to_ = std::max(walked_to_, log_.first_offset());
  if (walked_to_ >= until) return true;
  PAVISE_TRY_ASSIGN(const auto records, log_.read(walked_to_));
  for (const Record& record : records) {
    walked_to_ = record.offset + 1;
    tails_.add(record);
  }
  if (records.empty()) walked_to_ = until;
  return walked_to_ >= until;
}

PartitionInfo EventReader::tail_of(const PartitionKey& key) {
  PartitionInfo out;
  out.first_offset = first_kept(key.hub);
  const std::lock_guard lock(tails_mutex_);
  out.next_offset = std::max(walked_to_, out.first_offset);
  tails_.forget_before(log_.first_offset());
  if (const auto tail = tails_.find(key); tail && tail->last_offset >= out.first_offset) {
    out.empty = false;
    out.last_offset = tail->last_offset;
    out.last_enqueued_ms = tail->last_ms;
  }
  return out;
}

}  // namespace pavise::hub
