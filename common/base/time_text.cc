#include "common/base/time_text.h"

#include <array>
#include <cstdio>

namespace pavise {

std::string utc_text(UnixMillis ms) {
  using namespace std::chrono;
  constexpr UnixMillis kEnd = 253'402'300'800'000;  // the year 10000
  if (ms <= 0 || ms >= kEnd) return "0001-01-01T00:00:00Z";
  const sys_time<milliseconds> time{milliseconds(ms)};
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  std::array<char, 48> text{};
  const int size = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
      static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()),
      static_cast<int>(clock.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

}  // namespace pavise
