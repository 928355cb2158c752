// The development grants that hold.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "common/base/clock.h"
#include "protocol/dev_grant/dev_grant.h"

namespace pavise::device {

inline constexpr std::size_t kGrantsHeldMax = 32;

inline constexpr ErrorInfo kTooManyGrants{"PV-DBG-001", Retry::later,
                                          "the device holds as many development grants as it can",
                                          "Wait until one has expired, or start the device again."};

// In memory only. Not thread-safe.
class Grants {
 public:
  // Who may grant, and which device this is: asked at the first grant. A failure of it refuses that
  // grant. `clock` outlives it.
  using WhichDevice = std::function<Result<DeviceId>()>;
  Grants(std::vector<crypto::P256PublicKey> owner_keys, WhichDevice device, const Clock& clock)
      : keys_(std::move(owner_keys)), device_(std::move(device)), clock_(clock) {}

  // Of two for one app the longer one holds. Errors of protocol/dev_grant and of WhichDevice;
  // kTooManyGrants.
  Result<dev_grant::Terms> take(ByteView grant);

  // Until when, in Unix seconds, the app may be debugged; nothing: not now.
  std::optional<UnixSeconds> until(const manifest::ComponentId& component);

 private:
  struct Held {
    dev_grant::Terms terms;
    // The wall clock may be set back, this one not.
    std::int64_t ends_steady_ms;
  };
  void forget_expired();

  std::vector<crypto::P256PublicKey> keys_;
  WhichDevice device_;
  const Clock& clock_;
  std::optional<DeviceId> here_;
  std::vector<Held> held_;
};

}  // namespace pavise::device
