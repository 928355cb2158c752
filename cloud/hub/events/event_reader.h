// Reads the records of one partition of one hub out of the event log.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cloud/hub/events/partition_tails.h"
#include "cloud/hub/events/retention.h"
#include "cloud/hub/ports/service_port.h"
#include "cloud/hub/segment_log/segment_log.h"

namespace pavise::hub {

// Records looked at for one page, of whatever hub and partition: a page may be empty and still move
// its reader on.
inline constexpr std::size_t kEventsScannedMax = 20'000;
// Their payloads and properties: a page is a turn at one of the few threads that all hubs share.
inline constexpr std::size_t kEventsScannedBytesMax = 16UL * 1024 * 1024;
inline constexpr std::size_t kEventReadsWaitingMax = 10'000;

inline constexpr ErrorInfo kPartitionUnknown{
    "PV-HEV-001", Retry::never, "the hub has no such partition", "Ask the hub for its partitions."};
inline constexpr ErrorInfo kEventReadsBusy{
    "PV-HEV-002", Retry::later, "too many reads of events wait", "Read again in a second."};

// Thread-safe. Every `done` is called exactly once, on a thread of the reader's own, or at once
// with kEventReadsBusy; it must not block.
class EventReader {
 public:
  template <class T>
  using Done = std::function<void(Result<T>)>;

  // Both must outlive it. Without a retention every hub has what the log has.
  EventReader(SegmentLog& log, const Retention* retention, unsigned threads);
  ~EventReader();  // answers what waits, then stops
  EventReader(const EventReader&) = delete;
  EventReader& operator=(const EventReader&) = delete;

  // Besides the log's errors: kPartitionUnknown.
  void read(PartitionKey key, EventQuery query, Done<EventPage> done);
  // The first call walks over the whole log, later ones over what came since; by turns, so that
  // others are answered meanwhile.
  void describe(PartitionKey key, Done<PartitionInfo> done);
  // The first offset whose record, of whatever partition, is not older than this and still kept.
  void find(PartitionKey key, UnixMillis at_or_after, Done<std::uint64_t> done);

 private:
  template <class T>
  void submit(std::function<Result<T>()> work, Done<T> done);
  void run();
  Result<EventPage> read_now(const PartitionKey& key, const EventQuery& query);
  // Walks one turn on; true: all below `until` was walked over.
  Result<bool> walk(Offset until);
  void describe_by_turns(const PartitionKey& key, Offset until, const Done<PartitionInfo>& done);
  PartitionInfo tail_of(const PartitionKey& key);
  Offset first_kept(const iothub::HubName& hub) const;

  SegmentLog& log_;
  const Retention* const retention_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<std::function<void()>> items_;
  bool stopping_ = false;

  std::mutex tails_mutex_;  // guards the following; held during a turn of the walk
  PartitionTails tails_;
  std::uint64_t walked_to_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace pavise::hub
