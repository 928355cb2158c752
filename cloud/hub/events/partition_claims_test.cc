#include "cloud/hub/events/partition_claims.h"

#include <gtest/gtest.h>

#include "cloud/hub/events/partition.h"

namespace pavise::hub {
namespace {

const iothub::HubName kHub = *iothub::HubName::parse("plant-1");
using Claims = PartitionClaims<int>;
using Readers = std::vector<Claims::Reader>;

TEST(Partition, IsStableAndSpread) {
  EXPECT_EQ(partition_of("dev", 1), 0U);
  EXPECT_EQ(partition_of("", 4), 1U) << "computed by hand: must not change between versions";
  std::vector<int> counts(4);
  for (int i = 0; i < 4'000; ++i) ++counts[partition_of("device-" + std::to_string(i), 4)];
  for (const int count : counts) {
    EXPECT_GT(count, 800);
    EXPECT_LT(count, 1'200);
  }
}

TEST(PartitionClaims, ReadersWithoutEpochShareUpToTheLimit) {
  Claims claims;
  for (std::size_t i = 0; i < kReadersPerPartitionMax; ++i)
    EXPECT_EQ(claims.claim(kHub, "g", 0, {}, {static_cast<int>(i), 1}).grant,
              PartitionGrant::granted);
  EXPECT_EQ(claims.claim(kHub, "g", 0, {}, {99, 1}).grant, PartitionGrant::too_many_readers);
  EXPECT_EQ(claims.claim(kHub, "g", 1, {}, {99, 1}).grant, PartitionGrant::granted)
      << "another partition";
  EXPECT_EQ(claims.claim(kHub, "h", 0, {}, {99, 1}).grant, PartitionGrant::granted)
      << "another group";
  claims.release(kHub, "g", 0, {0, 1});
  EXPECT_EQ(claims.claim(kHub, "g", 0, {}, {99, 1}).grant, PartitionGrant::granted);
}

TEST(PartitionClaims, AHigherEpochDisplacesAndALowerIsRefused) {
  Claims claims;
  claims.claim(kHub, "g", 0, {}, {1, 1});
  const auto first = claims.claim(kHub, "g", 0, 5, {2, 1});
  EXPECT_EQ(first.grant, PartitionGrant::granted);
  EXPECT_EQ(first.displaced, (Readers{{1, 1}}));
  EXPECT_EQ(claims.claim(kHub, "g", 0, 4, {3, 1}).grant, PartitionGrant::epoch_reads);
  EXPECT_EQ(claims.claim(kHub, "g", 0, {}, {3, 1}).grant, PartitionGrant::epoch_reads);
  const auto same = claims.claim(kHub, "g", 0, 5, {4, 1});
  EXPECT_EQ(same.grant, PartitionGrant::granted)
      << "the same epoch takes over: a reader that came back";
  EXPECT_EQ(same.displaced, (Readers{{2, 1}}));
  claims.release_all(4);
  EXPECT_EQ(claims.claim(kHub, "g", 0, {}, {5, 1}).grant, PartitionGrant::granted)
      << "the epoch goes with its reader";
}

TEST(PartitionClaims, ADisplacedReadersReleaseChangesNothing) {
  Claims claims;
  claims.claim(kHub, "g", 0, 1, {1, 1});
  claims.claim(kHub, "g", 0, 2, {2, 1});
  claims.release(kHub, "g", 0, {1, 1});
  claims.release_all(1);
  EXPECT_EQ(claims.claim(kHub, "g", 0, {}, {3, 1}).grant, PartitionGrant::epoch_reads);
}

}  // namespace
}  // namespace pavise::hub
