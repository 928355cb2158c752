// What the launcher knows of the time. The clock decides whether certificates and grants hold, so
// that apps may set it where it can be, and nowhere else.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/clock.h"
#include "common/base/clock_ahead.h"
#include "protocol/app_wire/app_wire.h"

namespace pavise::device {

// Ahead of what the service said, counted on since: the other apps' TLS goes by what is set.
inline constexpr std::int64_t kAheadOfServiceMaxMs = 24LL * 3600 * 1000;
// Ahead of the time that only an image or an old certificate says, when no service was heard since
// the device was started: it may have been without one for so long.
inline constexpr std::int64_t kAheadOfImageMaxMs = 20LL * 365 * 24 * 3600 * 1000;
// The service is waited for so long: with its word there is a day, not years.
inline constexpr std::int64_t kWaitForServiceMs = 5LL * 60 * 1000;
// The agent speaks about as often.
inline constexpr std::int64_t kAgentSpeaksEveryMs = 60'000;

// As a clock it goes on from the device's start, or from what the agent says if that is later,
// whatever the wall clock is set to since: no app brings back what has expired, nor ends what
// holds. Not thread-safe.
class KnownTime final : public Clock {
 public:
  // `system` outlives it, and its steady time counts from the start of the device. Without
  // `ahead_ms` (common/base/clock_ahead.h) the wall clock is taken as it is now.
  explicit KnownTime(const Clock& system, std::optional<std::int64_t> ahead_ms = {})
      : system_(system),
        start_{.at_ms = ahead_ms.value_or(clock_ahead_ms(system)), .steady_ms = 0} {}

  // The agent's word: it is later than that. Vouched: the service said so since the device was
  // started, and it is not much later. Returns what is gone by now, which never falls.
  UnixSeconds hear(UnixSeconds later_than_s, bool vouched);

  // Whether an app may set the clock so: done; too_soon, and when; implausible.
  struct Verdict {
    app_wire::Outcome outcome = app_wire::Outcome::implausible;
    std::uint32_t wait_ms = 0;
  };
  Verdict judge(UnixMillis to_ms) const;

  UnixMillis now_ms() const override;
  std::int64_t steady_ms() const override { return system_.steady_ms(); }

 private:
  struct Point {
    UnixMillis at_ms = 0;
    std::int64_t steady_ms = 0;
  };
  UnixMillis counted_on(const Point& from) const {
    return from.at_ms + system_.steady_ms() - from.steady_ms;
  }

  const Clock& system_;
  Point start_;  // of the device, by a wall clock that no app had set
  Point floor_;  // it is later
  bool heard_ = false;
  bool vouched_ = false;
};

}  // namespace pavise::device
