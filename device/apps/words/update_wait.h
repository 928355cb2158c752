// How long an update waits for the app that it replaces.
#pragma once

#include <algorithm>
#include <cstdint>

namespace pavise::device {

// From the news of the update, an app that may defer it has this long to do so.
inline constexpr std::int64_t kUpdateNoticeMs = 5000;
// However often it asks, the update is put in place so long after the news.
inline constexpr std::int64_t kUpdateDeferralMsMax = 10LL * 60 * 1000;

// Pure. Not thread-safe.
class UpdateWait {
 public:
  explicit UpdateWait(std::int64_t now_ms)
      : last_ms_(now_ms + kUpdateDeferralMsMax), due_ms_(now_ms + kUpdateNoticeMs) {}

  // From now on; 0: at once.
  void defer(std::uint32_t ms, std::int64_t now_ms) { due_ms_ = std::min(now_ms + ms, last_ms_); }
  std::int64_t due_ms() const { return due_ms_; }
  std::int64_t last_ms() const { return last_ms_; }

 private:
  std::int64_t last_ms_;
  std::int64_t due_ms_;
};

}  // namespace pavise::device
