#include "device/apps/machine/known_time.h"

#include <algorithm>

#include "device/init_wire/init_wire.h"

namespace pavise::device {

using app_wire::Outcome;

UnixSeconds KnownTime::hear(UnixSeconds later_than_s, bool vouched) {
  const UnixMillis said_ms = std::clamp(later_than_s, UnixSeconds{0}, kClockLatestMs / 1000) * 1000;
  floor_ = {.at_ms = std::max(said_ms, counted_on(floor_)), .steady_ms = system_.steady_ms()};
  heard_ = true;
  vouched_ = vouched_ || vouched;
  return floor_.at_ms / 1000;
}

KnownTime::Verdict KnownTime::judge(UnixMillis to_ms) const {
  const std::int64_t since_start_ms = system_.steady_ms();
  if (!heard_) return {Outcome::too_soon, kAgentSpeaksEveryMs};
  if (!vouched_ && since_start_ms < kWaitForServiceMs)
    return {Outcome::too_soon, static_cast<std::uint32_t>(kWaitForServiceMs - since_start_ms)};
  const UnixMillis first_ms = std::max(counted_on(floor_), kClockEarliestMs);
  const UnixMillis last_ms =
      std::min(first_ms + (vouched_ ? kAheadOfServiceMaxMs : kAheadOfImageMaxMs), kClockLatestMs);
  return {to_ms >= first_ms && to_ms <= last_ms ? Outcome::done : Outcome::implausible, 0};
}

UnixMillis KnownTime::now_ms() const {
  return heard_ ? std::max(counted_on(start_), counted_on(floor_)) : counted_on(start_);
}

}  // namespace pavise::device
