#include "samples/refrigeration_monitor/reading.h"

#include <algorithm>
#include <charconv>

namespace refrigeration_monitor {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Removes `label` and the word behind it, up to a space.
std::optional<std::string_view> take_field(std::string_view& text, std::string_view label) {
  if (!text.starts_with(label)) return {};
  text.remove_prefix(label.size());
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) return {};
  const std::string_view word = text.substr(0, space);
  text.remove_prefix(space + 1);
  return word;
}

std::optional<unsigned> parse_number(std::string_view word) {
  constexpr std::size_t kDigitsMax = 3;
  if (word.empty() || word.size() > kDigitsMax || !std::ranges::all_of(word, is_digit)) return {};
  if (word.size() > 1 && word.front() == '0') return {};
  unsigned value = 0;
  std::from_chars(word.data(), word.data() + word.size(), value);
  return value;
}

}  // namespace

std::string checksum(std::string_view before_star) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  unsigned value = 0;
  for (const char byte : before_star) value ^= static_cast<unsigned char>(byte);
  return {kDigits[value >> 4U], kDigits[value & 15U]};
}

std::string celsius_text(int centi_celsius) {
  const int size = centi_celsius < 0 ? -centi_celsius : centi_celsius;
  const std::string cents = std::to_string(size % 100);
  return (centi_celsius < 0 ? "-" : "") + std::to_string(size / 100) +
         (cents.size() == 1 ? ".0" : ".") + cents;
}

std::optional<int> parse_celsius(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  if (point == std::string_view::npos) return {};
  const auto whole = parse_number(text.substr(0, point));
  const std::string_view cents = text.substr(point + 1);
  if (!whole || cents.size() != 2 || !std::ranges::all_of(cents, is_digit)) return {};
  const int size = static_cast<int>(*whole) * 100 + (cents[0] - '0') * 10 + (cents[1] - '0');
  if (negative && size == 0) return {};
  return negative ? -size : size;
}

Line parse_line(std::string_view text) {
  if (text.size() > kLineBytesMax) return {};
  const std::size_t star = text.find('*');
  if (star == std::string_view::npos || text.substr(star + 1) != checksum(text.substr(0, star)))
    return {};
  text = text.substr(0, star);
  const auto temperature = take_field(text, "T=");
  const auto humidity = take_field(text, "H=");
  const auto door = take_field(text, "DOOR=");
  if (!temperature || !humidity || !door || !text.empty()) return {};
  const auto centi_celsius = parse_celsius(*temperature);
  const auto percent = parse_number(*humidity);
  if (!centi_celsius || !percent || (*door != "0" && *door != "1")) return {};
  if (*centi_celsius < kCentiCelsiusMin || *centi_celsius > kCentiCelsiusMax ||
      *percent > kHumidityPercentMax)
    return {.reading = {}, .fault = LineFault::impossible};
  return {.reading = Reading{.centi_celsius = *centi_celsius,
                             .humidity_percent = *percent,
                             .door_open = *door == "1"}};
}

std::optional<std::string_view> LineBuffer::take(char byte) {
  if (ended_) line_.clear();
  ended_ = byte == '\n';
  if (ended_) return line_;
  // One byte more than fits is enough to know that it did not.
  if (line_.size() <= kLineBytesMax) line_.push_back(byte);
  return {};
}

}  // namespace refrigeration_monitor
