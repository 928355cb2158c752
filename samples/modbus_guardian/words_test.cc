#include "samples/modbus_guardian/words.h"

#include <gtest/gtest.h>

namespace modbus_guardian {
namespace {

std::string problem(std::string_view text) {
  const auto statements = read_statements(text);
  return statements ? "" : statements.error();
}

TEST(Statements, LinesOfWords) {
  const auto statements = read_statements("# a remark\n\nread unit 1\nb\n");
  ASSERT_TRUE(statements);
  ASSERT_EQ(statements->size(), 2U);
  EXPECT_EQ((*statements)[0].line, 3U);
  EXPECT_EQ((*statements)[0].words, (std::vector<std::string_view>{"read", "unit", "1"}));
  EXPECT_TRUE(read_statements("")->empty());
}

TEST(Statements, OneSpelling) {
  EXPECT_EQ(problem("a"), "the last line has no end: the file was cut");
  for (const char* line : {" a\n", "a \n", "a  b\n", " \n", " # a\n"})
    EXPECT_EQ(problem(line), "line 1: words have one space between them and none around them");
  using std::string_view_literals::operator""sv;
  for (const std::string_view line :
       {"b\r\n"sv, "a\tb\n"sv, "a\0b\n"sv, "\xc3\xa9\n"sv, "# \x7f\n"sv})
    EXPECT_EQ(problem(line), "line 1: a byte that is no printable ASCII");
}

TEST(Statements, HaveTheirLimits) {
  std::string lines;
  for (std::size_t i = 0; i < kStatementsMax; ++i) lines += "a\n";
  EXPECT_EQ(problem(lines), "");
  EXPECT_EQ(problem(lines + "a\n"), "line 257: over 256 statements");
  const std::string remark = "#" + std::string(kFileBytesMax - 2, ' ') + "\n";
  EXPECT_EQ(problem(remark), "");
  EXPECT_EQ(problem(remark + "\n"), "over 16384 bytes");
}

TEST(Words, Numbers) {
  EXPECT_EQ(parse_number("0", 0, 9), 0U);
  EXPECT_EQ(parse_number("9", 0, 9), 9U);
  for (const char* word : {"", "10", "-1", "+1", "01", "0x1", "1.0", "1 ", "4294967296"})
    EXPECT_FALSE(parse_number(word, 0, 9)) << word;
}

TEST(Words, AddressesAndSubnets) {
  EXPECT_EQ(parse_address("192.0.2.1"), 0xc0000201U);
  EXPECT_EQ(address_text(0xc0000201U), "192.0.2.1");
  for (const char* word : {"", "192.0.2", "192.0.2.256", "192.0.2.01", "1.2.3.4.5", "::1", "a"})
    EXPECT_FALSE(parse_address(word)) << word;
  const auto subnet = parse_subnet("192.0.2.128/25");
  ASSERT_TRUE(subnet);
  EXPECT_TRUE(subnet->has(0xc0000280U));
  EXPECT_TRUE(subnet->has(0xc00002ffU));
  EXPECT_FALSE(subnet->has(0xc000027fU));
  EXPECT_TRUE(parse_subnet("10.0.0.0/8"));
  EXPECT_FALSE(parse_subnet("10.0.0.0/7"));
  EXPECT_TRUE(parse_subnet("10.0.0.0/31"));
  EXPECT_FALSE(parse_subnet("10.0.0.0/32"));  // is written without
  EXPECT_FALSE(parse_subnet("192.0.2.1/24"));
  EXPECT_FALSE(parse_subnet("192.0.2.0/"));
}

TEST(Words, UnitsAndRanges) {
  EXPECT_FALSE(parse_unit("0"));
  EXPECT_EQ(parse_unit("1"), 1);
  EXPECT_EQ(parse_unit("247"), 247);
  EXPECT_FALSE(parse_unit("248"));
  EXPECT_FALSE(parse_unit("254"));
  EXPECT_EQ(parse_unit("255"), 255);
  EXPECT_EQ(parse_range(Table::coils, "0-65535"), (Range{Table::coils, 0, 65535}));
  EXPECT_EQ(parse_range(Table::coils, "7"), (Range{Table::coils, 7, 7}));
  for (const char* word : {"", "-", "1-", "-1", "2-1", "7-7", "0-65536", "1-2-3"})
    EXPECT_FALSE(parse_range(Table::coils, word)) << word;
}

TEST(Words, Times) {
  EXPECT_EQ(parse_time("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_time("2026-11-26T08:00:01Z"), 1795680001);
  EXPECT_EQ(parse_time("2099-12-31T23:59:59Z"), 4102444799);
  for (const char* word : {"", "2026-11-26", "2026-11-26T08:00:00", "2026-11-26 08:00:00Z",
                           "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-26T24:00:00Z",
                           "2026-11-26T08:60:00Z", "2026-11-26T08:00:60Z", "1969-12-31T23:59:59Z",
                           "2100-01-01T00:00:00Z", "2026-11-26T08:00:0-Z"})
    EXPECT_FALSE(parse_time(word)) << word;
}

}  // namespace
}  // namespace modbus_guardian
