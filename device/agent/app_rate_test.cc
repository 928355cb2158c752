#include "device/agent/app_rate.h"

#include <gtest/gtest.h>

namespace pavise::agent {
namespace {

constexpr std::int64_t kStart = 5'000;
constexpr std::int64_t kUnitMs = 1000 / kAppUnitsPerSecond;

AppRate emptied() {
  AppRate rate(kStart);
  for (std::int64_t unit = 0; unit < kAppUnitsMax; ++unit) {
    EXPECT_TRUE(rate.may_read(kStart)) << unit;
    rate.take(1, kStart);
  }
  return rate;
}

TEST(AppRate, AtOnceAtNAndNPlusOne) {
  const AppRate rate = emptied();
  EXPECT_FALSE(rate.may_read(kStart));
  EXPECT_EQ(rate.ready_at_ms(), kStart + kUnitMs);
  EXPECT_FALSE(rate.may_read(kStart + kUnitMs - 1));
  EXPECT_TRUE(rate.may_read(kStart + kUnitMs));
}

TEST(AppRate, ThenSoManyInASecond) {
  AppRate rate = emptied();
  std::int64_t read = 0;
  for (std::int64_t now = kStart + 1; now <= kStart + 60'000; ++now) {
    if (!rate.may_read(now)) continue;
    rate.take(kAppUnitBytes, now);
    ++read;
  }
  EXPECT_EQ(read, 60 * kAppUnitsPerSecond);
}

TEST(AppRate, APacketCountsByItsStartedUnits) {
  for (const auto& [bytes, units] : {std::pair{std::size_t{0}, 1},
                                     {kAppUnitBytes, 1},
                                     {kAppUnitBytes + 1, 2},
                                     {std::size_t{65'536}, 16}}) {
    AppRate rate = emptied();
    const std::int64_t now = rate.ready_at_ms();
    rate.take(bytes, now);
    EXPECT_EQ(rate.ready_at_ms(), now + units * kUnitMs) << bytes;
  }
}

TEST(AppRate, FillsWithTimeAndNotBeyond) {
  AppRate rate = emptied();
  const std::int64_t full_ms = kStart + kAppUnitsMax * kUnitMs;
  EXPECT_FALSE(rate.is_full(full_ms - 1));
  EXPECT_TRUE(rate.is_full(full_ms));
  std::int64_t read = 0;
  for (; rate.may_read(full_ms * 100); ++read) rate.take(1, full_ms * 100);
  EXPECT_EQ(read, kAppUnitsMax);
}

TEST(AppRate, IsToldOnceInAWhile) {
  AppRate rate(kStart);
  EXPECT_TRUE(rate.is_news(kStart));
  EXPECT_FALSE(rate.is_news(kStart + kAppHeldBackToldMs - 1));
  EXPECT_TRUE(rate.is_news(kStart + kAppHeldBackToldMs));
}

}  // namespace
}  // namespace pavise::agent
