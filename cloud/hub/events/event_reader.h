// Reads the records of one partition of one hub out of the event log.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cloud/hub/events/retention.h"
#include "cloud/hub/ports/service_port.h"
#include "cloud/hub/segment_log/segment_log.h"

namespace pavise::hub {

// Records looked at for one page, of whatever hub and partition: a page may be empty and still move
// its reader on.
inline constexpr std::size_t kEventsScannedMax = 20'000;
inline constexpr std::size_t kEventReadsWaitingMax = 10'000;

inline constexpr ErrorInfo kPartitionUnknown{
    "PV-HEV-001", Retry::never, "the hub has no such partition", "Ask the hub for its partitions."};
inline constexpr ErrorInfo kEventReadsBusy{
    "PV-HEV-002", Retry::later, "too many reads of events wait", "Read again in a second."};

struct PartitionKey {
  iothub::HubName hub;
  unsigned partition = 0;
  unsigned partition_count = 1;
};

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
  // The first call for a hub walks over the whole log, later ones over what came since.
  void describe(PartitionKey key, Done<PartitionInfo> done);
  // The first offset whose record, of whatever partition, is not older than this and still kept.
  void find(PartitionKey key, UnixMillis at_or_after, Done<std::uint64_t> done);

 private:
  struct Tail {
    std::uint64_t last_offset = 0;
    UnixMillis last_ms = 0;
  };

  template <class T>
  void submit(std::function<Result<T>()> work, Done<T> done);
  void run();
  Result<EventPage> read_now(const PartitionKey& key, const EventQuery& query);
  Result<PartitionInfo> describe_now(const PartitionKey& key);
  Offset first_kept(const iothub::HubName& hub) const;

  SegmentLog& log_;
  const Retention* const retention_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<std::function<void()>> items_;
  bool stopping_ = false;

  std::mutex tails_mutex_;  // guards the following; held during a walk, so that one walks for all
  std::map<std::string, std::map<std::string, Tail>> tails_;  // by hub, then device
  std::uint64_t walked_to_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace pavise::hub
