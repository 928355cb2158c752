#include "device/apps/words/allowance.h"

#include <gtest/gtest.h>

namespace pavise::device {
namespace {

TEST(Allowance, SoManyAtOnceThenOneAtATime) {
  Allowance allowance(2, 100);
  EXPECT_TRUE(allowance.take(1000));
  EXPECT_TRUE(allowance.take(1000));
  EXPECT_FALSE(allowance.take(1000));
  EXPECT_EQ(allowance.next_ms(), 1100);
  EXPECT_FALSE(allowance.take(1099));
  EXPECT_TRUE(allowance.take(1100));
  EXPECT_FALSE(allowance.take(1100));
  EXPECT_FALSE(allowance.take(1199));
  EXPECT_TRUE(allowance.take(1250));  // the half that was over counts for the next
  EXPECT_TRUE(allowance.take(1300));
}

TEST(Allowance, NeverMoreThanAtOnce) {
  Allowance allowance(2, 100);
  EXPECT_TRUE(allowance.take(1'000'000));
  EXPECT_TRUE(allowance.take(9'000'000));
  EXPECT_TRUE(allowance.take(9'000'000));
  EXPECT_FALSE(allowance.take(9'000'000));
}

}  // namespace
}  // namespace pavise::device
