#include "cloud/hub/events/partition_tails.h"

#include <gtest/gtest.h>

#include "cloud/hub/events/partition.h"

namespace pavise::hub {
namespace {

const iothub::HubName kHub = *iothub::HubName::parse("plant-1");

Record record(Offset offset, const std::string& device, const std::string& hub = "plant-1",
              const std::string& tenant = "acme") {
  Record out;
  out.offset = offset;
  out.time_ms = static_cast<UnixMillis>(offset) * 10;
  out.device = device;
  out.hub = hub;
  out.tenant = tenant;
  return out;
}

TEST(PartitionTails, KnowTheNewestRecordForEveryCountOfPartitions) {
  PartitionTails tails;
  std::vector<std::string> devices;
  for (Offset i = 0; i < 200; ++i) {
    devices.push_back("dev-" + std::to_string(i % 70));
    tails.add(record(i, devices.back()));
    tails.add(record(i, "dev", "plant-2"));
    tails.add(record(i, "dev", "plant-1", "other"));
  }
  for (unsigned count = 1; count <= kPartitionsMax; ++count) {
    std::map<unsigned, Offset> newest;
    for (Offset i = 0; i < devices.size(); ++i) newest[partition_of(devices[i], count)] = i;
    for (unsigned partition = 0; partition < count; ++partition) {
      const auto tail = tails.find({kHub, "acme", 0, partition, count});
      ASSERT_EQ(tail.has_value(), newest.contains(partition)) << count << "/" << partition;
      if (tail) EXPECT_EQ(tail->last_offset, newest.at(partition)) << count << "/" << partition;
    }
  }
  EXPECT_FALSE(tails.find({kHub, "", 0, 0, 1})) << "a hub that is gone";
}

TEST(PartitionTails, HoldWhatManyDevicesSaidInTheRoomOfOneHub) {
  PartitionTails tails;
  for (Offset i = 0; i < 2'000; ++i) tails.add(record(i, "dev-" + std::to_string(i)));
  EXPECT_EQ(tails.hub_count(), 1U);
  EXPECT_EQ(tails.find({kHub, "acme", 0, 0, 1})->last_offset, 1'999U);
}

TEST(PartitionTails, ForgetWhatIsNoLongerKept) {
  PartitionTails tails;
  tails.add(record(1, "dev", "plant-2"));
  tails.add(record(2, "dev"));
  tails.forget_before(2);
  EXPECT_EQ(tails.hub_count(), 1U);
  EXPECT_EQ(tails.find({kHub, "acme", 0, 0, 1})->last_offset, 2U);
  EXPECT_FALSE(tails.find({kHub, "acme", 21, 0, 1})) << "of an earlier hub";
  EXPECT_TRUE(tails.find({kHub, "acme", 20, 0, 1}));
  tails.forget_before(3);
  EXPECT_EQ(tails.hub_count(), 0U);
  EXPECT_FALSE(tails.find({kHub, "acme", 0, 0, 1}));
}

}  // namespace
}  // namespace pavise::hub
