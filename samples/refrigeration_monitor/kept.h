// What outlives a restart, and what the hub is told and asks: texts, no I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "samples/refrigeration_monitor/watch.h"

namespace refrigeration_monitor {

inline constexpr std::size_t kKeptBytesMax = 256;
inline constexpr std::size_t kLimitsTextBytesMax = 512;

struct Kept {
  Limits limits;
  std::uint64_t not_accepted = 0;  // messages that the hub did not take
  std::optional<Reading> last;

  std::string text() const;
  // nullopt: not wholly as text() writes it.
  static std::optional<Kept> parse(std::string_view text);
  bool operator==(const Kept&) const = default;
};

// The payload of the method set_limits: a JSON object of
//   "warm_above_c": a number with up to two digits behind the point, "warm_for_s", "door_for_s",
//   "silent_for_s": whole numbers;
// one or more, each once, nothing else. Members that it does not have stay as in `before`. nullopt:
// anything else, or out of range.
std::optional<Limits> parse_limits(std::string_view json, const Limits& before);

// The body of telemetry and of the answer to the method status: JSON.
struct Report {
  const Watch& watch;
  const Kept& kept;
  std::int64_t now_ms = 0;
};
std::string report_json(const Report& report);

}  // namespace refrigeration_monitor
