#include "device/memory/memory_report.h"

#include <gtest/gtest.h>

namespace pavise::device {
namespace {

TEST(MemoryReport, ReadsThePssLineAndNoOther) {
  const auto pss = parse_pss_kib(
      "5581-7ffd ---p 00000000 00:00 0    [rollup]\n"
      "Rss:                3276 kB\nPss:                1234 kB\nPss_Dirty:   92 kB\n");
  ASSERT_TRUE(pss);
  EXPECT_EQ(*pss, 1234U);
}

TEST(MemoryReport, AnythingElseIsUnknown) {
  for (const std::string_view text :
       {"", "Pss: 1 kB\n", "x\nPss:", "x\nPss:   ", "x\nPss: 1", "x\nPss: 1 MB\n",
        "x\nPss: -1 kB\n", "x\nPss: 99999999999999999999999 kB\n"})
    EXPECT_TRUE(parse_pss_kib(text).error().is(kMemoryUnknown)) << text;
}

TEST(MemoryReport, ReadsTwice) {
  const MemoryReport report;
  EXPECT_GT(report.pss_kib().value_or(0), 0U);
  EXPECT_GT(report.pss_kib().value_or(0), 0U);
}

}  // namespace
}  // namespace pavise::device
