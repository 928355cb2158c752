#include "protocol/http1/syntax.h"

#include <algorithm>
#include <charconv>

namespace pavise::http1 {
int status_of(const Error& error) {
  if (error.is(kTargetTooLong)) return 414;
  if (error.is(kHeadTooLarge)) return 431;
  if (error.is(kBodyTooLarge)) return 413;
  if (error.is(kUnknownCoding)) return 501;
  if (error.is(kUnknownVersion)) return 505;
  if (error.is(kUnknownExpectation)) return 417;
  return 400;
}

bool is_token(std::string_view text) {
  if (text.empty()) return false;
  return std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') ||
           std::string_view("!#$%&'*+-.^_`|~").contains(c);
  });
}

bool is_field_text(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto value = static_cast<unsigned char>(c);
    return c == '\t' || (value >= 0x20 && value != 0x7f);
  });
}

std::string lowered(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), ascii_lower);
  return out;
}

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

bool list_has(std::string_view list, std::string_view item) {
  while (true) {
    const std::size_t comma = list.find(',');
    if (equal_folded(trimmed(list.substr(0, comma)), item)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

std::optional<std::uint64_t> parse_number(std::string_view text, int base) {
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return out;
}

}  // namespace pavise::http1
