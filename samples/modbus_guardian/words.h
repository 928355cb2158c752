// The line format of rules and grants: one statement a line, words with one space between them,
// "#" at a line's beginning for a remark. Strict: one spelling for everything, and a file that is
// not wholly understood is refused as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "samples/modbus_guardian/frame.h"

namespace modbus_guardian {

inline constexpr std::size_t kFileBytesMax = 16384;
inline constexpr std::size_t kStatementsMax = 256;

struct Statement {
  std::size_t line = 0;
  std::vector<std::string_view> words;  // into the text
};

template <class T>
using Parsed = std::expected<T, std::string>;  // else what is wrong, for a person

// Refuses files over the limits, bytes that are neither printable ASCII nor the end of a line, a
// last line without its end (the file was cut), and spaces where none belong.
Parsed<std::vector<Statement>> read_statements(std::string_view text);
std::unexpected<std::string> wrong(const Statement& statement, std::string_view what);

using Ipv4 = std::uint32_t;  // 192.0.2.1 is 0xc0000201
std::string address_text(Ipv4 address);

struct Subnet {
  Ipv4 address = 0;
  unsigned prefix_bits = 32;

  bool has(Ipv4 other) const {
    return prefix_bits == 0 || ((address ^ other) >> (32 - prefix_bits)) == 0;
  }
  bool operator==(const Subnet&) const = default;
};

// Each has one spelling: no sign, no leading zero, no bits behind a prefix.
std::optional<std::uint32_t> parse_number(std::string_view word, std::uint32_t min,
                                          std::uint32_t max);
std::optional<Ipv4> parse_address(std::string_view word);
std::optional<Subnet> parse_subnet(std::string_view word);  // 192.0.2.0/24, 192.0.2.7
// 1 to 247, and 255, a machine without units. 0 is everybody on a serial line, so never a target.
std::optional<std::uint8_t> parse_unit(std::string_view word);
std::optional<Table> parse_table(std::string_view word);
std::optional<Range> parse_range(Table table, std::string_view word);  // 7, 0-99
// 2026-11-26T08:00:00Z, in seconds since 1970; until 2099.
std::optional<std::int64_t> parse_time(std::string_view word);

}  // namespace modbus_guardian
