#include "cloud/hub/transport/connection_table.h"

#include <gtest/gtest.h>

namespace pavise::hub {
namespace {

const DeviceId kDevice = *DeviceId::parse(std::string(DeviceId::kLength, 'a'));
constexpr ConnectionRef kFirst{0, 1, 1};
constexpr ConnectionRef kSecond{1, 1, 1};

TEST(ConnectionTable, TheNewerAnnouncementReplacesTheOlder) {
  ConnectionTable table;
  table.add(kDevice, kFirst);
  EXPECT_FALSE(table.info(kDevice)) << "not announced yet";
  EXPECT_TRUE(table.announce(kDevice, kFirst, {5, "01"}).empty());
  EXPECT_EQ(table.info(kDevice)->since_ms, 5);
  EXPECT_EQ(table.announced_count(), 1U);
  table.add(kDevice, kSecond);
  EXPECT_EQ(table.connections_of(kDevice).size(), 2U);
  EXPECT_EQ(table.announce(kDevice, kSecond, {6, "02"}), std::vector{kFirst});
  EXPECT_EQ(table.announced_count(), 1U);
  table.remove(kDevice, kFirst);
  EXPECT_EQ(table.info(kDevice)->certificate_serial, "02") << "the older's end changes nothing";
  table.remove(kDevice, kSecond);
  EXPECT_FALSE(table.info(kDevice));
  EXPECT_EQ(table.announced_count(), 0U);
  table.remove(kDevice, kSecond);
  EXPECT_EQ(table.announced_count(), 0U);
}

TEST(ConnectionTable, SubscriptionsOutliveConnections) {
  ConnectionTable table;
  EXPECT_FALSE(table.load_subscriptions(kDevice));
  table.store_subscriptions(kDevice, std::nullopt);
  table.add(kDevice, kFirst);
  EXPECT_FALSE(table.load_subscriptions(kDevice));
  table.store_subscriptions(kDevice, SubscriptionSet{8});
  table.remove(kDevice, kFirst);
  EXPECT_EQ(table.load_subscriptions(kDevice), 8);
  table.store_subscriptions(kDevice, std::nullopt);
  EXPECT_FALSE(table.load_subscriptions(kDevice));
}

}  // namespace
}  // namespace pavise::hub
