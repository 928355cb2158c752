// Time as a dependency: production code asks a Clock, tests own one.
#pragma once

#include <chrono>
#include <cstdint>

namespace pavise {

using UnixSeconds = std::int64_t;
using UnixMillis = std::int64_t;

// Thread-safe: implementations may be asked from any thread. Never blocks.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual UnixMillis now_ms() const = 0;       // wall clock, may jump
  virtual std::int64_t steady_ms() const = 0;  // never goes back; origin unspecified
  UnixSeconds now_s() const { return now_ms() / 1000; }
};

class SystemClock final : public Clock {
 public:
  UnixMillis now_ms() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  std::int64_t steady_ms() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
};

// A clock that stands still until a test moves it. Not thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(UnixMillis start_ms) : now_ms_(start_ms) {}
  UnixMillis now_ms() const override { return now_ms_; }
  std::int64_t steady_ms() const override { return steady_ms_; }
  void advance_ms(std::int64_t delta_ms) {
    now_ms_ += delta_ms;
    steady_ms_ += delta_ms;
  }
  void set_wall_ms(UnixMillis now_ms) { now_ms_ = now_ms; }

 private:
  UnixMillis now_ms_;
  std::int64_t steady_ms_ = 0;
};

}  // namespace pavise
