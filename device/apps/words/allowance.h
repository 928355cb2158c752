// How often somebody may do something: so many times at once, then one more each so often.
#pragma once

#include <algorithm>
#include <cstdint>

namespace pavise::device {

// Pure. Not thread-safe. Times are of one clock that never goes back.
class Allowance {
 public:
  constexpr Allowance(std::int64_t at_once, std::int64_t every_ms)
      : at_once_(at_once), every_ms_(every_ms), left_(at_once) {}

  bool take(std::int64_t now_ms) {
    refill(now_ms);
    if (left_ == 0) return false;
    --left_;
    return true;
  }
  // When take() says yes again; a time that has passed: now.
  std::int64_t next_ms() const { return left_ > 0 ? since_ms_ : since_ms_ + every_ms_; }

 private:
  void refill(std::int64_t now_ms) {
    const std::int64_t more = (now_ms - since_ms_) / every_ms_;
    left_ = std::min(at_once_, left_ + more);
    since_ms_ = left_ == at_once_ ? now_ms : since_ms_ + more * every_ms_;
  }

  std::int64_t at_once_;
  std::int64_t every_ms_;
  std::int64_t left_;
  std::int64_t since_ms_ = 0;
};

}  // namespace pavise::device
