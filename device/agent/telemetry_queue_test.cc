#include "device/agent/telemetry_queue.h"

#include <gtest/gtest.h>

namespace pavise::agent {
namespace {

TEST(TelemetryQueue, KeepsUntilAcknowledgedAndSendsAgainInOrder) {
  TelemetryQueue queue;
  EXPECT_EQ(queue.next_to_send(), nullptr);
  queue.push("a");
  queue.push("b");
  EXPECT_EQ(*queue.next_to_send(), "a");
  queue.mark_sent(1, 100);
  EXPECT_EQ(*queue.next_to_send(), "b");
  queue.mark_sent(2, 200);
  EXPECT_EQ(queue.next_to_send(), nullptr);
  EXPECT_EQ(queue.oldest_sent_at_ms(), 100);
  EXPECT_TRUE(queue.acknowledge(2));
  EXPECT_FALSE(queue.acknowledge(2));
  EXPECT_FALSE(queue.acknowledge(0));
  queue.connection_lost();
  EXPECT_EQ(queue.oldest_sent_at_ms(), -1);
  EXPECT_EQ(*queue.next_to_send(), "a");
  EXPECT_EQ(queue.dropped(), 0U);
}

TEST(TelemetryQueue, LimitsHoldAtNAndNPlusOne) {
  TelemetryQueue queue({.count_max = 3, .bytes_max = 10, .in_flight_max = 2});
  queue.push("1");
  queue.push("2");
  queue.push("3");
  EXPECT_EQ(queue.dropped(), 0U);
  queue.push("4");  // "1" gives way
  EXPECT_EQ(queue.dropped(), 1U);
  EXPECT_EQ(*queue.next_to_send(), "2");
  queue.push("12345678");  // ten bytes with two others
  EXPECT_EQ(queue.size(), 3U);
  queue.push("123456789");
  EXPECT_EQ(queue.size(), 1U);
  queue.push(std::string(10, 'x'));
  EXPECT_EQ(queue.size(), 1U);
  const auto dropped = queue.dropped();
  queue.push(std::string(11, 'x'));
  EXPECT_EQ(queue.dropped(), dropped + 1);
  EXPECT_EQ(queue.size(), 1U);
}

TEST(TelemetryQueue, WindowAndInFlightAreRespected) {
  TelemetryQueue queue({.count_max = 2, .bytes_max = 100, .in_flight_max = 2});
  queue.push("a");
  queue.push("b");
  queue.mark_sent(1, 0);
  queue.mark_sent(2, 0);
  queue.push("c");  // both others are in flight
  EXPECT_EQ(queue.dropped(), 1U);
  EXPECT_TRUE(queue.in_flight(1));
  EXPECT_TRUE(queue.acknowledge(1));
  queue.push("d");
  EXPECT_EQ(*queue.next_to_send(), "d");
}

}  // namespace
}  // namespace pavise::agent
