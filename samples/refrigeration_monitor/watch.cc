#include "samples/refrigeration_monitor/watch.h"

namespace refrigeration_monitor {
namespace {

bool is_over(const std::optional<std::int64_t>& since_ms, std::uint32_t for_s,
             std::int64_t now_ms) {
  return since_ms && now_ms - *since_ms >= std::int64_t{for_s} * 1000;
}

bool is_time(std::uint32_t seconds) {
  return seconds >= kSecondsMin && seconds <= kSecondsMax;
}

void note(std::optional<std::int64_t>& since_ms, bool holds, std::int64_t now_ms) {
  if (!holds)
    since_ms.reset();
  else if (!since_ms)
    since_ms = now_ms;
}

}  // namespace

bool Limits::valid() const {
  return warm_above_centi_celsius >= kWarmAboveMin && warm_above_centi_celsius <= kWarmAboveMax &&
         is_time(warm_for_s) && is_time(door_for_s) && is_time(silent_for_s);
}

void Watch::take(const Line& line, std::int64_t now_ms) {
  if (!line.reading) {
    ++(line.fault == LineFault::broken ? counts_.broken : counts_.impossible);
    return;
  }
  ++counts_.good;
  reading_ = line.reading;
  heard_ms_ = now_ms;
  note(warm_since_ms_, reading_->centi_celsius > limits_.warm_above_centi_celsius, now_ms);
  note(door_since_ms_, reading_->door_open, now_ms);
}

Alarms Watch::alarms(std::int64_t now_ms) const {
  return {.warm = is_over(warm_since_ms_, limits_.warm_for_s, now_ms),
          .door = is_over(door_since_ms_, limits_.door_for_s, now_ms),
          .sensor = is_over(heard_ms_, limits_.silent_for_s, now_ms)};
}

}  // namespace refrigeration_monitor
