#include "device/init/restart_policy.h"

#include <gtest/gtest.h>

namespace pavise::device {
namespace {

TEST(RestartPolicy, DelayDoublesUpToItsLimit) {
  RestartPolicy policy;
  std::int64_t expected_ms = kRestartFirstMs;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(policy.next_delay_ms(0), expected_ms);
    expected_ms = std::min(expected_ms * 2, kRestartMostMs);
  }
  EXPECT_EQ(policy.next_delay_ms(0), kRestartMostMs);
}

TEST(RestartPolicy, CalmRunStartsAnew) {
  RestartPolicy policy;
  for (int i = 0; i < 5; ++i) (void)policy.next_delay_ms(0);
  EXPECT_GT(policy.next_delay_ms(kRestartCalmMs - 1), kRestartFirstMs);
  EXPECT_EQ(policy.next_delay_ms(kRestartCalmMs), kRestartFirstMs);
}

}  // namespace
}  // namespace pavise::device
