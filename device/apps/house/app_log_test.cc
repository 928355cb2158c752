#include "device/apps/house/app_log.h"

#include <gtest/gtest.h>

namespace pavise::device {
namespace {

TEST(AppLog, GivesWhatIsBehindASequence) {
  AppLog log;
  EXPECT_TRUE(log.after(0).empty());
  EXPECT_EQ(log.newest(), 0U);
  log.add("one", 10);
  log.add("two", 20);
  ASSERT_EQ(log.after(0).size(), 2U);
  const auto behind = log.after(1);
  ASSERT_EQ(behind.size(), 1U);
  EXPECT_EQ(behind[0].sequence, 2U);
  EXPECT_EQ(behind[0].steady_ms, 20);
  EXPECT_EQ(behind[0].text, "two");
  EXPECT_TRUE(log.after(2).empty());
  EXPECT_TRUE(log.after(UINT64_MAX).empty());
}

TEST(AppLog, LinesAtNAndNPlusOne) {
  AppLog log;
  for (std::size_t i = 0; i < kAppLogLinesMax; ++i) log.add("x", 0);
  EXPECT_EQ(log.after(0).size(), kAppLogLinesMax);
  EXPECT_EQ(log.oldest(), 1U);
  log.add("x", 0);
  EXPECT_EQ(log.after(0).size(), kAppLogLinesMax);
  EXPECT_EQ(log.oldest(), 2U);
  EXPECT_EQ(log.newest(), kAppLogLinesMax + 1);
  EXPECT_EQ(log.after(0).front().sequence, 2U);
}

TEST(AppLog, BytesAtNAndNPlusOne) {
  AppLog log;
  log.add(std::string(kAppLogBytesMax - 1, 'a'), 0);
  log.add("b", 0);
  EXPECT_EQ(log.after(0).size(), 2U);
  log.add("c", 0);
  EXPECT_EQ(log.after(0).size(), 2U);
  EXPECT_EQ(log.after(0).front().text, "b");
  log.add(std::string(2 * kAppLogBytesMax, 'd'), 0);
  ASSERT_EQ(log.after(0).size(), 1U);
  EXPECT_EQ(log.after(0).front().text.size(), kAppLogBytesMax);
}

}  // namespace
}  // namespace pavise::device
