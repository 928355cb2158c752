// Counters and histograms. Those with one writer cost a load and a store in memory that no other
// thread writes; readers see values that are a moment old.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

#include "common/base/result.h"

namespace pavise::metrics {

// A counter with one writer; anyone may read.
class Counter {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// A counter that several threads write; not for the way of a message.
class SharedCounter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// For durations, which nothing depends on; what decides asks a Clock.
inline std::uint64_t steady_us() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())
                                        .count());
}

// Upper bounds, inclusive.
inline constexpr std::array<std::uint64_t, 15> kLatencyBoundsUs = {
    100,    250,     500,     1'000,   2'500,     5'000,     10'000,    25'000,
    50'000, 100'000, 250'000, 500'000, 1'000'000, 2'500'000, 10'000'000};
inline constexpr std::array<std::uint64_t, 12> kSizeBounds = {1,  2,   4,   8,     16,    32,
                                                              64, 128, 256, 1'024, 4'096, 16'384};

// What was counted, summed over writers. counts has one more than bounds: what is above them all.
struct HistogramCounts {
  std::vector<std::uint64_t> bounds{};
  std::vector<std::uint64_t> counts{};
  std::uint64_t sum = 0;
};

template <const auto& kBounds, class C = Counter>
class Histogram {
 public:
  void add(std::uint64_t value, std::uint64_t times = 1) {
    std::size_t at = 0;
    while (at < kBounds.size() && value > kBounds[at]) ++at;
    counts_[at].add(times);
    sum_.add(value * times);
  }
  void add_to(HistogramCounts& out) const {
    if (out.bounds.empty()) {
      out.bounds.assign(kBounds.begin(), kBounds.end());
      out.counts.resize(counts_.size());
    }
    for (std::size_t i = 0; i < counts_.size(); ++i) out.counts[i] += counts_[i].get();
    out.sum += sum_.get();
  }
  HistogramCounts counts() const {
    HistogramCounts out;
    add_to(out);
    return out;
  }

 private:
  std::array<C, kBounds.size() + 1> counts_;
  C sum_;
};

using LatencyHistogram = Histogram<kLatencyBoundsUs>;  // one writer, microseconds
using SharedLatencyHistogram = Histogram<kLatencyBoundsUs, SharedCounter>;
using SizeHistogram = Histogram<kSizeBounds>;  // one writer

inline constexpr ErrorInfo kOtherCodes{"PV-MET-001", Retry::never,
                                       "errors of more kinds than are counted apart",
                                       "See the log for each of them."};

// Counts by row of an error table, with one writer. Bounded: rows beyond `kSlots` are counted
// together as kOtherCodes.
template <std::size_t kSlots>
class CodeCounters {
 public:
  void add(const ErrorInfo& info) {
    for (Slot& slot : slots_) {
      const ErrorInfo* const held = slot.info.load(std::memory_order_relaxed);
      if (held == nullptr) slot.info.store(&info, std::memory_order_release);
      if (held == nullptr || held == &info) return slot.count.add();
    }
    others_.add();
  }
  template <class F>
  void for_each(F&& tell) const {
    for (const Slot& slot : slots_)
      if (const ErrorInfo* const info = slot.info.load(std::memory_order_acquire))
        tell(*info, slot.count.get());
    if (others_.get() != 0) tell(kOtherCodes, others_.get());
  }

 private:
  struct Slot {
    std::atomic<const ErrorInfo*> info{nullptr};
    Counter count;
  };
  std::array<Slot, kSlots> slots_;
  Counter others_;
};

}  // namespace pavise::metrics
