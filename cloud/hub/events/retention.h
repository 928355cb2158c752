// How long the one event log keeps what belongs to many hubs, each with settings of its own.
//
// Each hub has a floor: the first record that it still keeps, by age and by size. Its readers see
// nothing below it. A segment goes when it lies below the floors of all hubs, so the longest
// retention keeps it for all, and no hub can push out what belongs to another.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "cloud/hub/segment_log/segment_log.h"
#include "common/base/clock.h"
#include "protocol/iothub/identity.h"

namespace pavise::hub {

// Records that one apply() counts for retention by size; a long log takes several.
inline constexpr std::size_t kRetentionCountedMax = 100'000;
// What is kept is counted in this many parts of the hub's bound: the floor moves in such steps.
inline constexpr std::uint64_t kRetentionParts = 64;

struct HubRetention {
  std::string hub;  // its name
  // Older records are of a former hub of that name: its readers do not see them, but they stay as
  // long as others of their age, in case that the hub was made again after a mishap.
  UnixMillis created_ms = 0;
  std::int64_t age_ms = 0;
  std::uint64_t bytes_max = 0;  // of payloads and properties; 0: no bound
};

// The first offset from `low` on whose record is not older; the log's end if there is none. Times
// grow with offsets but for steps of the clock, which halving bears: it ends where they cross.
// Errors of SegmentLog::read.
Result<Offset> find_time(SegmentLog& log, Offset low, UnixMillis at_or_after);

// Thread-safe.
class Retention {
 public:
  // All must outlive it. `hubs` is asked with every apply().
  Retention(SegmentLog& log, const Clock& clock, std::function<std::vector<HubRetention>()> hubs);

  // Moves the floors and drops the segments that no hub wants by its age and size; with no hub at
  // all, none. Blocks on disk. Errors of the log; what was not done is done next time.
  Status apply();

  // The first offset that a reader of this hub may see. A hub of which apply() does not know yet
  // has the log's beginning.
  Offset floor(const std::string& hub) const;

 private:
  // Bytes of a hub's records in the order of the log.
  struct Part {
    Offset first = 0;
    std::uint64_t bytes = 0;
  };
  struct Counted {
    std::deque<Part> parts;
    std::uint64_t bytes = 0;
    Offset walked_to = 0;
  };

  Status count(const std::vector<HubRetention>& hubs);
  void add(Counted& counted, const HubRetention& hub, const Record& record) const;
  static Offset floor_by_size(Counted& counted, std::uint64_t bytes_max);

  SegmentLog& log_;
  const Clock& clock_;
  const std::function<std::vector<HubRetention>()> hubs_;
  std::mutex apply_mutex_;                  // one at a time; guards counted_
  std::map<std::string, Counted> counted_;  // hubs with a bound by size
  mutable std::mutex floors_mutex_;
  std::map<std::string, Offset> floors_;
};

}  // namespace pavise::hub
