// How many words an app can cause: what its walls refuse is told, and it may try as often as it
// likes, while console and log are shared or short.
#pragma once

#include <cstdint>

namespace pavise::device {

inline constexpr int kRefusalsToldPerMinute = 30;

// Pure. Not thread-safe. Times are of a clock that does not go back.
class WordBudget {
 public:
  // Whether one more may be told now; else it is counted.
  bool take(std::int64_t now_ms) {
    begin_minute(now_ms);
    if (told_ < kRefusalsToldPerMinute) return ++told_, true;
    ++untold_;
    return false;
  }
  // How many of the minutes before were not told; 0: none, or it is too early to say.
  std::uint64_t take_untold(std::int64_t now_ms) {
    begin_minute(now_ms);
    const std::uint64_t out = due_;
    due_ = 0;
    return out;
  }

 private:
  void begin_minute(std::int64_t now_ms) {
    if (now_ms / 60'000 == minute_) return;
    minute_ = now_ms / 60'000;
    told_ = 0;
    due_ += untold_;
    untold_ = 0;
  }

  std::int64_t minute_ = -1;
  int told_ = 0;
  std::uint64_t untold_ = 0;
  std::uint64_t due_ = 0;
};

}  // namespace pavise::device
