// The development grants that hold.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "common/base/clock.h"
#include "device/apps/debugging/taken_grants.h"
#include "protocol/dev_grant/dev_grant.h"

namespace pavise::device {

inline constexpr std::size_t kGrantsHeldMax = 32;

inline constexpr ErrorInfo kTooManyGrants{"PV-DBG-001", Retry::later,
                                          "the device holds as many development grants as it can",
                                          "Wait until one has expired, or start the device again."};

// How often it is kept how late it is while a grant holds: so much of its time a device that ends
// without warning may have again.
inline constexpr std::int64_t kSeenEveryMs = 60'000;

// Those that hold are in memory only; what has passed of their time is kept. Not thread-safe.
class Grants {
 public:
  struct Surroundings {
    std::vector<crypto::P256PublicKey> owner_keys;  // who may grant
    // Which device this is: asked at the first grant. A failure of it refuses that grant.
    std::function<Result<DeviceId>()> device;
    // Where it is kept which were taken. A failure of it refuses a grant.
    std::function<Result<TakenGrants*>()> taken;
    const Clock& clock;  // outlives it
  };
  explicit Grants(Surroundings around) : around_(std::move(around)) {}

  // Of two for one app the longer one holds. Errors of protocol/dev_grant, of Surroundings and of
  // TakenGrants; kTooManyGrants.
  Result<dev_grant::Terms> take(ByteView grant);
  // Forgets those that have expired, and keeps how late it is. Call it now and then.
  void on_time();

  // Until when, in Unix seconds, the app may be debugged; nothing: not now.
  std::optional<UnixSeconds> until(const manifest::ComponentId& component);

 private:
  struct Held {
    dev_grant::Terms terms;
    // The wall clock may be set back, this one not.
    std::int64_t ends_steady_ms;
  };
  // The latest second that has begun for it, by either clock.
  UnixSeconds second_of(const Held& held) const;
  bool has_expired(const Held& held) const { return second_of(held) >= held.terms.not_after; }
  void forget_expired();
  void see(const Held& held) const;

  Surroundings around_;
  std::optional<DeviceId> here_;
  std::vector<Held> held_;
  std::int64_t seen_at_ms_ = 0;  // by the steady clock
};

}  // namespace pavise::device
