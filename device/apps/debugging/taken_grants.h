// Which development grants this device has taken, and how late it was when they were last known to
// hold: on the data partition, so that a clock that is set back makes none longer and none anew.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/result.h"
#include "protocol/dev_grant/dev_grant.h"

namespace pavise::device {

inline constexpr ErrorInfo kGrantSpent{
    "PV-DBG-008", Retry::never, "the time of this grant has passed on this device already",
    "Correct the device's clock, and make a new grant: pavise app grant create."};
inline constexpr ErrorInfo kTakenUnreadable{
    "PV-DBG-009", Retry::needs_operator, "the list of the grants that were taken is damaged",
    "Give the device a new data partition; until then nothing is debugged on it."};
inline constexpr ErrorInfo kTakenNotKept{
    "PV-DBG-010", Retry::later, "it cannot be kept which grants were taken",
    "See the detail: the data partition may be closed or full."};

// So many are remembered one by one. What expires before the earliest of more is spent.
inline constexpr std::size_t kTakenGrantsMax = 64;
inline constexpr std::size_t kTakenListBytesMax = 8192;

// The device and the signature do not count: of two grants with the same terms each is the other.
struct TakenGrant {
  manifest::ComponentId component;
  UnixSeconds not_before = 0;
  UnixSeconds not_after = 0;
  UnixSeconds seen = 0;  // the latest second known to have begun

  bool operator==(const TakenGrant&) const = default;
};
struct TakenList {
  UnixSeconds spent_until = 0;  // who expires then, or earlier, and is not listed
  std::vector<TakenGrant> grants;

  bool operator==(const TakenList&) const = default;
};

// One spelling for each list. Pure. kTakenUnreadable.
Result<TakenList> parse_taken_list(ByteView content);
std::string text_of(const TakenList& list);

// Not thread-safe. Calls block on the disk.
class TakenGrants {
 public:
  // No file is an empty list. Only its owner can write into the folder of `path`.
  // kTakenUnreadable; kTakenNotKept: it could not be read now.
  static Result<TakenGrants> open(std::string path);

  // The grant is taken at `now_s`, or later by what was seen of it: that second is what its rest is
  // counted from. It is on the disk afterwards. kGrantSpent, kTakenNotKept.
  Result<UnixSeconds> take(const dev_grant::Terms& terms, UnixSeconds now_s);
  // It was as late as this while the grant was held, or it has ended: also for the others of that
  // app, which it stood for. Nothing for one that was not taken. kTakenNotKept; the next call
  // writes it.
  Status see(const dev_grant::Terms& terms, UnixSeconds now_s);

 private:
  TakenGrants(std::string path, TakenList list) : path_(std::move(path)), list_(std::move(list)) {}
  Status write() const;
  TakenGrant* find(const dev_grant::Terms& terms);

  std::string path_;
  TakenList list_;
};

}  // namespace pavise::device
