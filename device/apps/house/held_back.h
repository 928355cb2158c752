// When it is worth a word that an app wanted more processor time than its budget.
#pragma once

#include <cstdint>
#include <optional>

namespace pavise::device {

// Every program needs much now and then, at its start for instance. From so many held back periods
// (kBudgetPeriodUs) within kHeldBackSpanMs on it is told, and then not again for kHeldBackSpanMs.
inline constexpr std::uint64_t kHeldBackFrom = 5;
inline constexpr std::int64_t kHeldBackSpanMs = 30'000;

// Pure. Not thread-safe.
class HeldBack {
 public:
  // `periods`: in how many the kernel has held the app back, since whenever.
  HeldBack(std::uint64_t periods, std::int64_t now_ms) : before_(periods), since_ms_(now_ms) {}

  // In how many it was held back since the last word; nullopt: nothing that is to be told now.
  std::optional<std::uint64_t> take(std::uint64_t periods, std::int64_t now_ms);

 private:
  std::uint64_t before_;
  std::int64_t since_ms_;
  bool told_ = false;  // within the span that began then
};

}  // namespace pavise::device
