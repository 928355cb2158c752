#include "device/agent/app_outbox.h"

#include <gtest/gtest.h>

namespace pavise::agent {
namespace {

AppMessage message(const std::string& app, std::uint32_t id, std::size_t bytes = 1) {
  return {.id = {1, id}, .app = app, .properties = {}, .body = Bytes(bytes)};
}

// Sends until the window is full: "app id" of each. Packet ids count on from `packet_id`.
std::vector<std::string> send_all(AppOutbox& outbox, std::uint16_t packet_id) {
  std::vector<std::string> out;
  while (const AppMessage* next = outbox.next_to_send()) {
    out.push_back(next->app + " " + std::to_string(next->id.id));
    outbox.mark_sent(packet_id++, 0);
  }
  return out;
}
using Words = std::vector<std::string>;

TEST(AppOutbox, KeepsUntilAcknowledgedAndSendsAgainInOrder) {
  AppOutbox outbox;
  EXPECT_EQ(outbox.next_to_send(), nullptr);
  ASSERT_TRUE(outbox.push(message("a", 1)) && outbox.push(message("a", 2)));
  outbox.mark_sent(5, 100);
  outbox.mark_sent(6, 200);
  EXPECT_EQ(outbox.next_to_send(), nullptr);
  EXPECT_TRUE(outbox.in_flight(5) && outbox.in_flight(6));
  EXPECT_FALSE(outbox.in_flight(0) || outbox.in_flight(7));
  EXPECT_EQ(outbox.oldest_sent_at_ms(), 100);
  EXPECT_EQ(outbox.acknowledge(6), (AppMessageId{1, 2}));
  EXPECT_FALSE(outbox.acknowledge(6));
  EXPECT_FALSE(outbox.acknowledge(0));
  ASSERT_TRUE(outbox.push(message("a", 3)));
  outbox.connection_lost();
  EXPECT_EQ(outbox.oldest_sent_at_ms(), -1);
  EXPECT_EQ(send_all(outbox, 10), (Words{"a 1", "a 3"}));
  EXPECT_TRUE(outbox.acknowledge(10) && outbox.acknowledge(11));
  EXPECT_EQ(outbox.size(), 0U);
}

TEST(AppOutbox, AnAppWithMuchToSayDoesNotKeepOthersFromBeingHeard) {
  AppOutbox outbox({.app_bytes_max = 100, .app_count_max = 10, .in_flight_max = 4});
  for (std::uint32_t id = 1; id <= 10; ++id) ASSERT_TRUE(outbox.push(message("loud", id)));
  ASSERT_TRUE(outbox.push(message("quiet", 1)) && outbox.push(message("shy", 1)));
  EXPECT_EQ(send_all(outbox, 1), (Words{"loud 1", "quiet 1", "shy 1", "loud 2"}));
  // One that comes late waits for one message of each other at most, and cannot jump the queue by
  // having nothing to say in between.
  for (std::uint16_t id = 1; id <= 4; ++id) ASSERT_TRUE(outbox.acknowledge(id));
  ASSERT_TRUE(outbox.push(message("quiet", 2)) && outbox.push(message("quiet", 3)));
  EXPECT_EQ(send_all(outbox, 5), (Words{"loud 3", "quiet 2", "loud 4", "quiet 3"}));
}

TEST(AppOutbox, EachAppHasARoomOfItsOwnAtNAndNPlusOne) {
  AppOutbox outbox({.app_bytes_max = 10, .app_count_max = 3, .in_flight_max = 8});
  EXPECT_FALSE(outbox.push(message("a", 1, 11)));
  EXPECT_EQ(outbox.size(), 0U);
  ASSERT_TRUE(outbox.push(message("a", 1, 10)));
  EXPECT_FALSE(outbox.push(message("a", 2, 1)));
  for (std::uint32_t id = 1; id <= 3; ++id) ASSERT_TRUE(outbox.push(message("b", id)));
  EXPECT_FALSE(outbox.push(message("b", 4)));
  outbox.mark_sent(1, 0);
  outbox.mark_sent(2, 0);
  ASSERT_EQ(outbox.acknowledge(1), (AppMessageId{1, 1}));  // room again
  EXPECT_TRUE(outbox.push(message("a", 3, 10)));
  // The largest packet of an app fits, whatever the limits of properties become.
  AppOutbox usual;
  EXPECT_TRUE(usual.push(message("a", 1, app_channel::kPacketBytesMax)));
}

TEST(AppOutbox, TheWindowHoldsForAllAppsTogether) {
  AppOutbox outbox({.app_bytes_max = 10, .app_count_max = 3, .in_flight_max = 2});
  ASSERT_TRUE(outbox.push(message("a", 1)) && outbox.push(message("b", 1)) &&
              outbox.push(message("c", 1)));
  EXPECT_EQ(send_all(outbox, 1), (Words{"a 1", "b 1"}));
  ASSERT_TRUE(outbox.acknowledge(1));
  EXPECT_EQ(send_all(outbox, 3), (Words{"c 1"}));
}

TEST(AppOutbox, WhatIsSentAtOnceIsBoundedInBytesAtNAndNPlusOne) {
  AppOutbox outbox(
      {.app_bytes_max = 20, .app_count_max = 3, .in_flight_max = 8, .in_flight_bytes_max = 10});
  ASSERT_TRUE(outbox.push(message("a", 1, 4)) && outbox.push(message("b", 1, 6)) &&
              outbox.push(message("c", 1, 11)) && outbox.push(message("d", 1, 1)));
  EXPECT_EQ(send_all(outbox, 1), (Words{"a 1", "b 1"}));
  ASSERT_TRUE(outbox.acknowledge(1));
  EXPECT_EQ(send_all(outbox, 3), Words{}) << "nobody goes before the large one";
  ASSERT_TRUE(outbox.acknowledge(2));
  EXPECT_EQ(send_all(outbox, 3), (Words{"c 1"})) << "it goes alone";
  outbox.connection_lost();
  EXPECT_EQ(send_all(outbox, 4).size(), 1U);
  ASSERT_TRUE(outbox.acknowledge(4));
  EXPECT_EQ(send_all(outbox, 5).size(), 1U);
}

}  // namespace
}  // namespace pavise::agent
