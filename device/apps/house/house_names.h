// Names for apps: between the resolver, a process without privileges, and the guards of the apps.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/clock.h"
#include "device/apps/house/house.h"
#include "device/apps/names/name_service.h"

namespace pavise::device {

// A resolver that ends at once is not started more often than this.
inline constexpr std::int64_t kNamesRestartMs = 2000;

// Not thread-safe.
class HouseNames {
 public:
  HouseNames(NameService::Spec spec, const Clock& clock, Tell tell)
      : spec_(std::move(spec)), clock_(clock), tell_(std::move(tell)) {}

  // Starts the resolver at the first call. Null: it cannot be started, which is told.
  NameService* service();

  int descriptor() const { return service_ ? service_->descriptor() : -1; }  // to be polled
  // Pins what the resolver found, tells what it refused.
  void serve(House& house);
  // Starts it again when it has ended. Call it each turn.
  void look_after();
  // When look_after() may have something to do; a large number: it runs, or is not wanted.
  std::int64_t wait_ms() const;

 private:
  NameService::Spec spec_;
  const Clock& clock_;
  Tell tell_;
  std::optional<NameService> service_;
  std::int64_t started_ms_ = 0;
};

}  // namespace pavise::device
