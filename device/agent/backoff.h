// How long to wait before the next try: doubling, with jitter, by the class of the failure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>

#include "common/base/result.h"

namespace pavise::agent {

struct BackoffRange {
  std::int64_t first_ms;
  std::int64_t max_ms;
};

// No class stops for ever: nothing may strand a device, and what was wrong may be mended at the
// other end.
constexpr BackoffRange backoff_range(Retry retry) {
  switch (retry) {
    case Retry::never:
      return {60'000, 3'600'000};
    case Retry::needs_operator:
      return {10'000, 600'000};
    case Retry::later:
    case Retry::after_reattest:
      break;
  }
  return {1'000, 300'000};
}

// Not thread-safe.
class Backoff {
 public:
  // `random` yields any 32 bits.
  explicit Backoff(std::function<std::uint32_t()> random) : random_(std::move(random)) {}

  // Between half and the whole of first * 2^failures, at most max: a fleet that lost its hub at one
  // moment does not come back at one moment.
  std::int64_t next_ms(Retry retry) {
    const BackoffRange range = backoff_range(retry);
    const int doublings = std::min(failures_, 20);
    ++failures_;
    const std::int64_t whole = std::min(range.first_ms << doublings, range.max_ms);
    const std::int64_t half = whole / 2;
    return half + static_cast<std::int64_t>(random_()) % (half + 1);
  }
  void reset() { failures_ = 0; }

 private:
  std::function<std::uint32_t()> random_;
  int failures_ = 0;
};

}  // namespace pavise::agent
