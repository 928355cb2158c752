// How far the wall clock is ahead of the steady one. Init takes it before any app could set the
// clock and says it to the programs that it starts, again and again: they then have a wall clock
// that no app sets, also when they are started anew.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/clock.h"

namespace pavise {

inline constexpr const char* kClockAheadOption = "--clock-ahead-ms";
inline constexpr std::int64_t kClockAheadMsMax = 253'402'300'799'999;  // the end of 9999

// As it is now, in milliseconds, 0 to kClockAheadMsMax. Thread-safe.
inline std::int64_t clock_ahead_ms(const Clock& clock) {
  return std::clamp<std::int64_t>(clock.now_ms() - clock.steady_ms(), 0, kClockAheadMsMax);
}

// Decimal digits, 0 to kClockAheadMsMax; nothing else. Thread-safe.
inline std::optional<std::int64_t> parse_clock_ahead_ms(std::string_view text) {
  std::int64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size() || text.starts_with('-') ||
      out > kClockAheadMsMax)
    return std::nullopt;
  return out;
}

}  // namespace pavise
