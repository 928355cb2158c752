#include "cloud/hub/transport/connection_table.h"

#include <gtest/gtest.h>

namespace pavise::hub {
namespace {

const iothub::Identity kDevice = *iothub::Identity::make(*iothub::HubName::parse("plant-1"), "dev");
constexpr ConnectionRef kFirst{0, 1, 1};
constexpr ConnectionRef kSecond{1, 1, 1};
constexpr auto kMethods = static_cast<Channels>(Channel::methods);
constexpr auto kTwin = static_cast<Channels>(Channel::twin);

TEST(ConnectionTable, TheNewerConnectionReplacesTheOlder) {
  ConnectionTable table;
  EXPECT_FALSE(table.find(kDevice));
  EXPECT_FALSE(table.attach(kDevice, kFirst, kTwin, {5, "01"}));
  EXPECT_EQ(table.find(kDevice)->info.since_ms, 5);
  EXPECT_EQ(table.count(), 1U);
  EXPECT_EQ(table.attach(kDevice, kSecond, kTwin, {6, "02"}), kFirst);
  EXPECT_EQ(table.count(), 1U);
  EXPECT_FALSE(table.remove(kDevice, kFirst)) << "the older's end changes nothing";
  EXPECT_EQ(table.find(kDevice)->info.certificate_serial, "02");
  EXPECT_TRUE(table.remove(kDevice, kSecond));
  EXPECT_FALSE(table.find(kDevice));
  EXPECT_EQ(table.count(), 0U);
  EXPECT_FALSE(table.remove(kDevice, kSecond));
  EXPECT_EQ(table.count(), 0U);
}

TEST(ConnectionTable, ChannelsOpenAndEndOneByOne) {
  ConnectionTable table;
  table.attach(kDevice, kFirst, kTwin, {5, {}});
  EXPECT_FALSE(table.find(kDevice, Channel::methods));
  EXPECT_FALSE(table.attach(kDevice, kFirst, kMethods, {9, {}}));
  EXPECT_EQ(table.find(kDevice, Channel::methods), kFirst);
  EXPECT_EQ(table.find(kDevice, Channel::twin), kFirst);
  EXPECT_EQ(table.find(kDevice)->info.since_ms, 5);
  table.detach(kDevice, kSecond, kMethods);
  EXPECT_TRUE(table.find(kDevice, Channel::methods)) << "not its own";
  table.detach(kDevice, kFirst, kMethods);
  EXPECT_FALSE(table.find(kDevice, Channel::methods));
  EXPECT_TRUE(table.find(kDevice)) << "still connected";
}

TEST(ConnectionTable, ANewConnectionDoesNotInheritChannels) {
  ConnectionTable table;
  table.attach(kDevice, kFirst, kAllChannels, {});
  table.attach(kDevice, kSecond, kTwin, {});
  EXPECT_FALSE(table.find(kDevice, Channel::methods));
}

TEST(ConnectionTable, TheSubscriptionsOfOneHubAreDropped) {
  ConnectionTable table;
  const auto of = [](std::string_view hub, int number) {
    return *iothub::Identity::make(*iothub::HubName::parse(hub), "d" + std::to_string(number));
  };
  for (int i = 0; i < 200; ++i) {
    table.store_subscriptions(of("plant-1", i), std::uint8_t{8});
    table.store_subscriptions(of("plant-2", i), std::uint8_t{8});
  }
  table.attach(of("plant-1", 7), kFirst, kTwin, {5, {}});
  table.drop_subscriptions(*iothub::HubName::parse("plant-1"));
  for (int i = 0; i < 200; ++i) {
    EXPECT_FALSE(table.load_subscriptions(of("plant-1", i)));
    EXPECT_TRUE(table.load_subscriptions(of("plant-2", i)));
  }
  EXPECT_TRUE(table.find(of("plant-1", 7))) << "connected until it is told to end";
  EXPECT_EQ(table.count(), 1U);
}

TEST(ConnectionTable, SubscriptionsOutliveConnections) {
  ConnectionTable table;
  EXPECT_FALSE(table.load_subscriptions(kDevice));
  EXPECT_FALSE(table.store_subscriptions(kDevice, std::nullopt));
  table.attach(kDevice, kFirst, kTwin, {});
  EXPECT_FALSE(table.load_subscriptions(kDevice));
  EXPECT_FALSE(table.store_subscriptions(kDevice, std::uint8_t{0}));
  EXPECT_TRUE(table.store_subscriptions(kDevice, std::uint8_t{8}));
  EXPECT_FALSE(table.store_subscriptions(kDevice, std::uint8_t{8}));
  table.remove(kDevice, kFirst);
  EXPECT_EQ(table.load_subscriptions(kDevice), 8);
  EXPECT_TRUE(table.store_subscriptions(kDevice, std::nullopt));
  EXPECT_FALSE(table.load_subscriptions(kDevice));
}

}  // namespace
}  // namespace pavise::hub
