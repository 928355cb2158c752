#include "device/apps/words/update_wait.h"

#include <gtest/gtest.h>

namespace pavise::device {
namespace {

TEST(UpdateWait, WaitsForAWordAndThenAsLongAsItSays) {
  UpdateWait wait(1000);
  EXPECT_EQ(wait.due_ms(), 1000 + kUpdateNoticeMs);
  wait.defer(60'000, 1500);
  EXPECT_EQ(wait.due_ms(), 61'500);
  wait.defer(10, 2000);  // less, too
  EXPECT_EQ(wait.due_ms(), 2010);
  wait.defer(0, 2005);
  EXPECT_EQ(wait.due_ms(), 2005);
}

TEST(UpdateWait, NeverLongerThanTheLimitHoweverOften) {
  UpdateWait wait(1000);
  const std::int64_t last = 1000 + kUpdateDeferralMsMax;
  wait.defer(static_cast<std::uint32_t>(kUpdateDeferralMsMax), 1000);
  EXPECT_EQ(wait.due_ms(), last);
  wait.defer(static_cast<std::uint32_t>(kUpdateDeferralMsMax) + 1, 1000);
  EXPECT_EQ(wait.due_ms(), last);
  wait.defer(UINT32_MAX, last - 1);
  EXPECT_EQ(wait.due_ms(), last);
}

}  // namespace
}  // namespace pavise::device
