// When there is an alarm. No I/O, no clock: times are milliseconds that never go back, given by who
// calls.
#pragma once

#include <cstdint>
#include <optional>

#include "samples/refrigeration_monitor/reading.h"

namespace refrigeration_monitor {

inline constexpr int kWarmAboveMin = -3000, kWarmAboveMax = 3000;  // hundredths of a degree
inline constexpr std::uint32_t kSecondsMin = 1, kSecondsMax = 86'400;

struct Limits {
  int warm_above_centi_celsius = 800;
  std::uint32_t warm_for_s = 600;
  std::uint32_t door_for_s = 120;
  std::uint32_t silent_for_s = 30;

  bool valid() const;
  bool operator==(const Limits&) const = default;
};

struct Alarms {
  bool warm = false;    // above the limit for too long
  bool door = false;    // open for too long
  bool sensor = false;  // no good reading for too long, whatever else came

  bool any() const { return warm || door || sensor; }
  bool operator==(const Alarms&) const = default;
};

struct LineCounts {
  std::uint64_t good = 0, broken = 0, impossible = 0;
};

// What is not known counts as it was: only a good reading ends a warm time, an open door or an
// alarm about them, and a sensor that fell silent gets an alarm of its own.
class Watch {
 public:
  // Valid limits.
  Watch(const Limits& limits, std::int64_t now_ms) : limits_(limits), heard_ms_(now_ms) {}

  void take(const Line& line, std::int64_t now_ms);
  void set_limits(const Limits& limits) { limits_ = limits; }

  Alarms alarms(std::int64_t now_ms) const;
  const Limits& limits() const { return limits_; }
  const LineCounts& counts() const { return counts_; }
  // The last good one since the start.
  const std::optional<Reading>& reading() const { return reading_; }

 private:
  Limits limits_;
  LineCounts counts_;
  std::optional<Reading> reading_;
  std::int64_t heard_ms_;  // of the last good reading; at first, of the start
  // Since when it was so without a good reading that said otherwise. Warm is by the limit of then.
  std::optional<std::int64_t> warm_since_ms_, door_since_ms_;
};

}  // namespace refrigeration_monitor
