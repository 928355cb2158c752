// When programs that ended are started again.
#pragma once

#include <algorithm>
#include <cstdint>

namespace pavise::device {

inline constexpr std::int64_t kRestartFirstMs = 500;
inline constexpr std::int64_t kRestartMostMs = 60'000;
inline constexpr std::int64_t kRestartCalmMs =
    120'000;  // having run so long, a program starts anew

// Pure: it is told how long the programs ran. Not thread-safe.
class RestartPolicy {
 public:
  // Milliseconds to wait before the next start: doubles up to kRestartMostMs.
  std::int64_t next_delay_ms(std::int64_t ran_ms) {
    if (ran_ms >= kRestartCalmMs) delay_ms_ = kRestartFirstMs;
    const std::int64_t delay_ms = delay_ms_;
    delay_ms_ = std::min(delay_ms_ * 2, kRestartMostMs);
    return delay_ms;
  }

 private:
  std::int64_t delay_ms_ = kRestartFirstMs;
};

}  // namespace pavise::device
