#include "samples/modbus_guardian/words.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <chrono>

namespace modbus_guardian {
namespace {

// Seconds since 1970 that 32 bits hold.
constexpr std::chrono::year kFirstYear{1970}, kLastYear{2099};

bool split_words(std::string_view line, std::vector<std::string_view>& out) {
  while (true) {
    const std::size_t space = line.find(' ');
    const std::string_view word = line.substr(0, space);
    if (word.empty()) return false;
    out.push_back(word);
    if (space == std::string_view::npos) return true;
    line.remove_prefix(space + 1);
  }
}

}  // namespace

std::unexpected<std::string> wrong(const Statement& statement, std::string_view what) {
  return std::unexpected("line " + std::to_string(statement.line) + ": " + std::string(what));
}

Parsed<std::vector<Statement>> read_statements(std::string_view text) {
  if (text.size() > kFileBytesMax)
    return std::unexpected("over " + std::to_string(kFileBytesMax) + " bytes");
  if (!text.empty() && !text.ends_with('\n'))
    return std::unexpected("the last line has no end: the file was cut");
  std::vector<Statement> out;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    Statement statement{.line = number, .words = {}};
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (!std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; }))
      return wrong(statement, "a byte that is no printable ASCII");
    if (line.empty() || line.starts_with('#')) continue;
    if (!split_words(line, statement.words))
      return wrong(statement, "words have one space between them and none around them");
    if (out.size() == kStatementsMax)
      return wrong(statement, "over " + std::to_string(kStatementsMax) + " statements");
    out.push_back(std::move(statement));
  }
  return out;
}

std::string address_text(Ipv4 address) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8)
    out +=
        std::to_string((address >> static_cast<unsigned>(shift)) & 0xffU) + (shift == 0 ? "" : ".");
  return out;
}

std::optional<std::uint32_t> parse_number(std::string_view word, std::uint32_t min,
                                          std::uint32_t max) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size()) return {};
  if (word.size() > 1 && word.front() == '0') return {};
  if (value < min || value > max) return {};
  return value;
}

std::optional<Ipv4> parse_address(std::string_view word) {
  in_addr address{};
  if (::inet_pton(AF_INET, std::string(word).c_str(), &address) != 1) return {};
  const Ipv4 out = ntohl(address.s_addr);
  if (address_text(out) != word) return {};
  return out;
}

std::optional<Subnet> parse_subnet(std::string_view word) {
  const std::size_t slash = word.find('/');
  const auto address = parse_address(word.substr(0, slash));
  if (!address) return {};
  if (slash == std::string_view::npos) return Subnet{.address = *address, .prefix_bits = 32};
  const auto bits = parse_number(word.substr(slash + 1), 8, 31);
  if (!bits || (*address & (0xffffffffU >> *bits)) != 0) return {};
  return Subnet{.address = *address, .prefix_bits = *bits};
}

std::optional<std::uint8_t> parse_unit(std::string_view word) {
  const auto unit = parse_number(word, 1, 255);
  if (!unit || (*unit > 247 && *unit != 255)) return {};
  return static_cast<std::uint8_t>(*unit);
}

std::optional<Table> parse_table(std::string_view word) {
  for (const Table table : {Table::coils, Table::discrete, Table::input, Table::holding})
    if (word == to_string(table)) return table;
  return {};
}

std::optional<Range> parse_range(Table table, std::string_view word) {
  const std::size_t dash = word.find('-');
  const auto first = parse_number(word.substr(0, dash), 0, 0xffff);
  if (!first) return {};
  auto last = first;
  if (dash != std::string_view::npos) {
    last = parse_number(word.substr(dash + 1), 0, 0xffff);
    if (!last || *last <= *first) return {};
  }
  return Range{table, static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
}

std::optional<std::int64_t> parse_time(std::string_view word) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00Z";
  if (word.size() != kForm.size()) return {};
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const bool digit = word[i] >= '0' && word[i] <= '9';
    if (kForm[i] == '0' ? !digit : word[i] != kForm[i]) return {};
  }
  const auto field = [word](std::size_t at, std::size_t size) {
    unsigned value = 0;
    for (const char digit : word.substr(at, size))
      value = value * 10 + static_cast<unsigned>(digit - '0');
    return value;
  };
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(field(0, 4))),
                                         std::chrono::month(field(5, 2)),
                                         std::chrono::day(field(8, 2))};
  const std::int64_t hour = field(11, 2);
  const std::int64_t minute = field(14, 2);
  const std::int64_t second = field(17, 2);
  if (!date.ok() || date.year() < kFirstYear || date.year() > kLastYear || hour > 23 ||
      minute > 59 || second > 59)
    return {};
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return days * 86'400 + hour * 3600 + minute * 60 + second;
}

}  // namespace modbus_guardian
