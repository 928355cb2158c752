#include "cloud/hub/transfers/line_cutter.h"

#include <gtest/gtest.h>

#include <string>

namespace pavise::hub::transfers {
namespace {

std::string shown(std::string_view window, bool at_file_end, std::size_t count = 10) {
  const auto lines = cut_lines(window, at_file_end, count);
  if (!lines) return std::string(lines.error().code());
  std::string out;
  for (const CutLine& line : *lines)
    out.append(line.text).append("|").append(std::to_string(line.end)).append(" ");
  return out;
}

TEST(CutLines, TakesWholeLinesOnly) {
  EXPECT_EQ(shown("a\nbc\r\n\nd", false), "a|2 bc|6 |7 ");
  EXPECT_EQ(shown("a\nbc\r\n\nd", true), "a|2 bc|6 |7 d|8 ");
  EXPECT_EQ(shown("a\nb\nc\n", false, 2), "a|2 b|4 ");
  EXPECT_EQ(shown("", true), "");
  EXPECT_EQ(shown("a", false), "");
  EXPECT_EQ(shown("\r", true), "|1 ");
  EXPECT_EQ(shown("a\n", true), "a|2 ") << "no empty line behind the last end";
}

TEST(CutLines, ALineMayHave256KiB) {
  const std::string most(kLineSizeMax, 'x');
  EXPECT_EQ(cut_lines(most + "\n", false, 1)->size(), 1U);
  EXPECT_EQ(cut_lines(most, true, 1)->size(), 1U);
  EXPECT_EQ(cut_lines(most, false, 1)->size(), 0U);
  EXPECT_EQ(shown(most + "x\n", false), "PV-HTF-002");
  EXPECT_EQ(shown(most + "x", false), "PV-HTF-002");
  EXPECT_EQ(shown(most + "x", true), "PV-HTF-002");
}

}  // namespace
}  // namespace pavise::hub::transfers
