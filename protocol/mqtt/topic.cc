#include "protocol/mqtt/topic.h"

#include <cstddef>
#include <cstdint>

namespace pavise::mqtt {
namespace {

bool is_continuation(unsigned char c) {
  return (c & 0xC0U) == 0x80U;
}

// Length of the sequence that starts at text[at], 0 if it is ill-formed. Table 3-7 of Unicode.
std::size_t utf8_sequence(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> unsigned char {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const unsigned char first = byte(at);
  if (first == 0) return 0;
  if (first < 0x80) return 1;
  const unsigned char second = byte(at + 1);
  if (first >= 0xC2 && first <= 0xDF) return is_continuation(second) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (first == 0xE0 && second < 0xA0) return 0;  // overlong
    if (first == 0xED && second > 0x9F) return 0;  // surrogates
    return is_continuation(second) && is_continuation(byte(at + 2)) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (first == 0xF0 && second < 0x90) return 0;  // overlong
    if (first == 0xF4 && second > 0x8F) return 0;  // beyond U+10FFFF
    const bool tail =
        is_continuation(second) && is_continuation(byte(at + 2)) && is_continuation(byte(at + 3));
    return tail ? 4 : 0;
  }
  return 0;
}

// Takes the next level off the front of `rest`; `more` tells whether a separator followed it.
std::string_view next_level(std::string_view& rest, bool& more) {
  const std::size_t slash = rest.find('/');
  more = slash != std::string_view::npos;
  const std::string_view level = rest.substr(0, slash);
  rest = more ? rest.substr(slash + 1) : std::string_view{};
  return level;
}

}  // namespace

bool is_valid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = utf8_sequence(text, at);
    if (size == 0) return false;
    at += size;
  }
  return true;
}

bool is_valid_topic_name(std::string_view topic) {
  return !topic.empty() && topic.size() <= kStringSizeMax &&
         topic.find_first_of("+#") == std::string_view::npos;
}

bool is_valid_topic_filter(std::string_view filter) {
  if (filter.empty() || filter.size() > kStringSizeMax) return false;
  std::string_view rest = filter;
  bool more = true;
  while (more) {
    const std::string_view level = next_level(rest, more);
    if (level.find('+') != std::string_view::npos && level != "+") return false;
    if (level.find('#') != std::string_view::npos && (level != "#" || more)) return false;
  }
  return true;
}

bool matches(std::string_view filter, std::string_view topic) {
  if (topic.starts_with('$') && !filter.starts_with('$')) {
    if (filter.starts_with('+') || filter.starts_with('#')) return false;
  }
  bool more_filter = true;
  bool more_topic = true;
  while (more_filter && more_topic) {
    const std::string_view wanted = next_level(filter, more_filter);
    if (wanted == "#") return true;
    const std::string_view level = next_level(topic, more_topic);
    if (wanted != "+" && wanted != level) return false;
  }
  if (more_topic) return false;
  // "sport/#" also matches "sport": '#' includes the parent level (section 4.7.1.2).
  return !more_filter || filter == "#";
}

}  // namespace pavise::mqtt
