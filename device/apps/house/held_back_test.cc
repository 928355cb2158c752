#include "device/apps/house/held_back.h"

#include <gtest/gtest.h>

namespace pavise::device {
namespace {

constexpr std::uint64_t kBefore = 1'000;  // what the kernel counted before this app

TEST(HeldBack, IsToldAtNAndNotBelow) {
  HeldBack below(kBefore, 0);
  EXPECT_EQ(below.take(kBefore + kHeldBackFrom - 1, 2'000), std::nullopt);
  HeldBack at(kBefore, 0);
  EXPECT_EQ(at.take(kBefore + kHeldBackFrom, 2'000), kHeldBackFrom);
}

TEST(HeldBack, IsToldOnceInASpanWithAllOfIt) {
  HeldBack app(kBefore, 0);
  ASSERT_EQ(app.take(kBefore + 10, 2'000), 10U);
  std::uint64_t periods = kBefore + 10;
  for (std::int64_t now_ms = 4'000; now_ms < 2'000 + kHeldBackSpanMs; now_ms += 2'000)
    EXPECT_EQ(app.take(periods += 20, now_ms), std::nullopt) << now_ms;
  EXPECT_EQ(app.take(periods, 2'000 + kHeldBackSpanMs - 1), std::nullopt);
  EXPECT_EQ(app.take(periods, 2'000 + kHeldBackSpanMs), periods - kBefore - 10);
  EXPECT_EQ(app.take(periods, 2'001 + kHeldBackSpanMs), std::nullopt);
}

TEST(HeldBack, NowAndThenIsNoNews) {
  HeldBack app(0, 0);
  std::uint64_t periods = 0;
  for (std::int64_t span = 1; span <= 100; ++span)
    EXPECT_EQ(app.take(periods += kHeldBackFrom - 1, span * kHeldBackSpanMs), std::nullopt);
  // Afterwards it is told as soon as ever.
  EXPECT_EQ(app.take(periods + kHeldBackFrom, 100 * kHeldBackSpanMs + 1), kHeldBackFrom);
}

TEST(HeldBack, ACountThatCannotBeReadIsNone) {
  HeldBack app(kBefore, 0);
  EXPECT_EQ(app.take(0, kHeldBackSpanMs), std::nullopt);
  EXPECT_EQ(app.take(kBefore, kHeldBackSpanMs + 1), kBefore);  // counted from what was read last
}

}  // namespace
}  // namespace pavise::device
