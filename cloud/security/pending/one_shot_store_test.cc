#include "cloud/security/pending/one_shot_store.h"

#include <gtest/gtest.h>

#include <set>

namespace pavise::security {
namespace {

DeviceId device(int n) {
  std::string text = std::to_string(n);
  return *DeviceId::parse(std::string(64 - text.size(), '0') + text);
}

class OneShotStoreTest : public testing::Test {
 protected:
  SessionId ask(int n, int question) { return store_.ask(device(n), question).value().value(); }
  ManualClock clock_{0};
  OneShotStore<int> store_{clock_, 100, 3};
};

TEST_F(OneShotStoreTest, AnAnswerCountsOnce) {
  const SessionId id = ask(1, 42);
  EXPECT_EQ(store_.take(id), 42);
  EXPECT_EQ(store_.take(id), std::nullopt);
  EXPECT_EQ(store_.take(as_bytes("short")), std::nullopt);
}

TEST_F(OneShotStoreTest, TimeIsOverExactlyAtTheLimit) {
  SessionId id = ask(1, 42);
  clock_.advance_ms(99);
  EXPECT_EQ(store_.take(id), 42);
  id = ask(1, 43);
  clock_.advance_ms(100);
  EXPECT_EQ(store_.take(id), std::nullopt);
  EXPECT_EQ(store_.size(), 0U);
}

TEST_F(OneShotStoreTest, AWallClockSetBackChangesNothing) {
  const SessionId id = ask(1, 42);
  clock_.set_wall_ms(-1'000'000);
  clock_.advance_ms(100);
  EXPECT_EQ(store_.take(id), std::nullopt);
}

TEST_F(OneShotStoreTest, TheLaterQuestionOfADeviceWins) {
  const SessionId first = ask(1, 1);
  const SessionId second = ask(1, 2);
  EXPECT_EQ(store_.take(first), std::nullopt);
  EXPECT_EQ(store_.take(second), 2);
}

TEST_F(OneShotStoreTest, IsBoundedAndRecovers) {
  const SessionId first = ask(1, 1);
  ask(2, 2);
  ask(3, 3);
  EXPECT_EQ(store_.ask(device(4), 4).value(), std::nullopt);
  EXPECT_TRUE(store_.ask(device(3), 5).value()) << "a replacement needs no room";
  EXPECT_EQ(store_.take(first), 1);
  ask(4, 4);
  clock_.advance_ms(100);
  ask(5, 5);
  EXPECT_EQ(store_.size(), 1U) << "what is over makes room";
}

// CVE-2026-6420: Keylime's push mode used one constant nonce.
TEST_F(OneShotStoreTest, SessionIdsNeverRepeat) {
  std::set<SessionId> seen;
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(seen.insert(ask(1, i)).second);
}

}  // namespace
}  // namespace pavise::security
