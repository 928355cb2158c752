// How much one app may send its agent: a bucket that runs out with each packet and fills with time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace pavise::agent {

// A packet is one unit for each started 4 KiB, as hubs count messages. At 4 in a second an app that
// sends all it may stays below the 400,000 messages a day that a small hub takes.
inline constexpr std::size_t kAppUnitBytes = 4096;
inline constexpr std::int64_t kAppUnitsPerSecond = 4;
inline constexpr std::int64_t kAppUnitsMax = 64;  // at once, after a silence
inline constexpr std::int64_t kAppHeldBackToldMs = 60'000;

// Pure. Not thread-safe. Times are of a steady clock.
class AppRate {
 public:
  explicit AppRate(std::int64_t now_ms) : at_ms_(now_ms) {}

  // Whether another packet may be read: a whole unit is left. A packet may take more than is left;
  // the app waits the longer.
  bool may_read(std::int64_t now_ms) const { return now_ms >= ready_at_ms(); }
  // When it may be, if nothing else is taken.
  std::int64_t ready_at_ms() const {
    return at_ms_ +
           std::max<std::int64_t>(0, kUnit - left_ + kAppUnitsPerSecond - 1) / kAppUnitsPerSecond;
  }
  void take(std::size_t packet_bytes, std::int64_t now_ms) {
    left_ = left(now_ms) - kUnit * static_cast<std::int64_t>(std::max<std::size_t>(
                                       1, (packet_bytes + kAppUnitBytes - 1) / kAppUnitBytes));
    at_ms_ = std::max(at_ms_, now_ms);
  }
  // As if the app had never sent anything.
  bool is_full(std::int64_t now_ms) const { return left(now_ms) == kFull; }

  // True if it is to be said that the app has to wait: not again for kAppHeldBackToldMs.
  bool is_news(std::int64_t now_ms) {
    if (told_ms_ && now_ms - *told_ms_ < kAppHeldBackToldMs) return false;
    told_ms_ = now_ms;
    return true;
  }

 private:
  static constexpr std::int64_t kUnit = 1000;  // so that a millisecond brings a whole number
  static constexpr std::int64_t kFull = kAppUnitsMax * kUnit;
  std::int64_t left(std::int64_t now_ms) const {
    return std::min(kFull, left_ + std::max<std::int64_t>(0, now_ms - at_ms_) * kAppUnitsPerSecond);
  }

  std::int64_t left_ = kFull;  // below zero: it owes
  std::int64_t at_ms_;
  std::optional<std::int64_t> told_ms_;
};

}  // namespace pavise::agent
