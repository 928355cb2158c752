#include "common/base/time_text.h"

#include <array>
#include <cstdio>

namespace pavise {
namespace {

// Takes characters from the front of a text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : left_(text) {}

  bool take(char wanted) {
    if (left_.empty() || left_.front() != wanted) return false;
    left_.remove_prefix(1);
    return true;
  }
  // Exactly `digits` of them.
  std::optional<int> number(std::size_t digits) {
    if (left_.size() < digits) return std::nullopt;
    int out = 0;
    for (const char c : left_.substr(0, digits)) {
      if (c < '0' || c > '9') return std::nullopt;
      out = out * 10 + (c - '0');
    }
    left_.remove_prefix(digits);
    return out;
  }
  // One to nine digits, as milliseconds.
  std::optional<int> fraction_ms() {
    int out = 0;
    std::size_t digits = 0;
    for (; digits < left_.size() && left_[digits] >= '0' && left_[digits] <= '9'; ++digits)
      if (digits < 3) out = out * 10 + (left_[digits] - '0');
    if (digits == 0 || digits > 9) return std::nullopt;
    for (std::size_t i = digits; i < 3; ++i) out *= 10;
    left_.remove_prefix(digits);
    return out;
  }
  bool done() const { return left_.empty(); }

 private:
  std::string_view left_;
};

std::optional<std::chrono::sys_days> date_of(Scanner& text) {
  using namespace std::chrono;
  const auto years = text.number(4);
  if (!years || !text.take('-')) return std::nullopt;
  const auto months = text.number(2);
  if (!months || !text.take('-')) return std::nullopt;
  const auto days = text.number(2);
  if (!days) return std::nullopt;
  const year_month_day date{year{*years}, month{static_cast<unsigned>(*months)},
                            day{static_cast<unsigned>(*days)}};
  if (*years < 1970 || !date.ok()) return std::nullopt;
  return sys_days(date);
}

// Hours, minutes and seconds, which may have a fraction.
std::optional<std::int64_t> time_of_day_ms(Scanner& text) {
  const auto hours = text.number(2);
  if (!hours || *hours > 23 || !text.take(':')) return std::nullopt;
  const auto minutes = text.number(2);
  if (!minutes || *minutes > 59 || !text.take(':')) return std::nullopt;
  const auto seconds = text.number(2);
  if (!seconds || *seconds > 59) return std::nullopt;
  std::int64_t out = ((*hours * 60LL + *minutes) * 60 + *seconds) * 1000;
  if (!text.take('.')) return out;
  const auto fraction = text.fraction_ms();
  if (!fraction) return std::nullopt;
  return out + *fraction;
}

std::optional<std::int64_t> offset_ms(Scanner& text) {
  if (text.done() || text.take('Z') || text.take('z')) return 0;
  const int sign = text.take('+') ? 1 : text.take('-') ? -1 : 0;
  const auto hours = sign == 0 ? std::nullopt : text.number(2);
  if (!hours || *hours > 23 || !text.take(':')) return std::nullopt;
  const auto minutes = text.number(2);
  if (!minutes || *minutes > 59) return std::nullopt;
  return sign * (*hours * 60LL + *minutes) * 60'000;
}

}  // namespace

std::optional<UnixMillis> parse_utc_text(std::string_view given) {
  Scanner text(given);
  const auto date = date_of(text);
  if (!date || (!text.take('T') && !text.take('t') && !text.take(' '))) return std::nullopt;
  const auto time_ms = time_of_day_ms(text);
  if (!time_ms) return std::nullopt;
  const auto offset = offset_ms(text);
  if (!offset || !text.done()) return std::nullopt;
  const UnixMillis day_ms = std::chrono::milliseconds(date->time_since_epoch()).count();
  const UnixMillis out = day_ms + *time_ms - *offset;
  if (out < 0) return std::nullopt;
  return out;
}

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
