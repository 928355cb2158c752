#include "device/apps/house/word_budget.h"

#include <gtest/gtest.h>

namespace pavise::device {
namespace {

TEST(WordBudget, TellsNInAMinuteAndCountsTheRest) {
  WordBudget words;
  for (int i = 0; i < kRefusalsToldPerMinute; ++i) EXPECT_TRUE(words.take(i)) << i;
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(words.take(59'999));
  EXPECT_EQ(words.take_untold(59'999), 0U);
  EXPECT_EQ(words.take_untold(60'000), 5U);
  EXPECT_EQ(words.take_untold(60'000), 0U);
  EXPECT_TRUE(words.take(60'000));
}

TEST(WordBudget, WhatWasNotToldIsKeptUntilItIs) {
  WordBudget words;
  for (std::int64_t minute = 0; minute < 3; ++minute)
    for (int i = 0; i < kRefusalsToldPerMinute + 1; ++i) words.take(minute * 60'000);
  EXPECT_EQ(words.take_untold(120'000), 2U);
  EXPECT_EQ(words.take_untold(180'000), 1U);
}

}  // namespace
}  // namespace pavise::device
