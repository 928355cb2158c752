#include "cloud/hub/transport/body_room.h"

#include <gtest/gtest.h>

namespace pavise::hub {
namespace {

constexpr std::size_t kCallsLeft = kHttpBodiesBytesMax - kHttpFileBodiesBytesMax;

TEST(BodyRoomTest, CallsHaveAllOfIt) {
  BodyRoom room;
  EXPECT_FALSE(room.take(kHttpBodiesBytesMax + 1, HttpBodyKind::call));
  ASSERT_TRUE(room.take(kHttpBodiesBytesMax, HttpBodyKind::call));
  EXPECT_FALSE(room.take(1, HttpBodyKind::call));
  EXPECT_FALSE(room.take(1, HttpBodyKind::file));
  room.give(1, HttpBodyKind::call);
  EXPECT_FALSE(room.take(2, HttpBodyKind::file));
  EXPECT_TRUE(room.take(1, HttpBodyKind::file));
}

TEST(BodyRoomTest, PartsOfFilesLeaveSomeToCalls) {
  BodyRoom room;
  EXPECT_FALSE(room.take(kHttpFileBodiesBytesMax + 1, HttpBodyKind::file));
  ASSERT_TRUE(room.take(kHttpFileBodiesBytesMax, HttpBodyKind::file));
  EXPECT_FALSE(room.take(1, HttpBodyKind::file));
  EXPECT_FALSE(room.take(kCallsLeft + 1, HttpBodyKind::call));
  ASSERT_TRUE(room.take(kCallsLeft, HttpBodyKind::call));
  EXPECT_FALSE(room.take(1, HttpBodyKind::call));
  room.give(kCallsLeft, HttpBodyKind::call);
  EXPECT_FALSE(room.take(1, HttpBodyKind::file)) << "what calls give back is not for files";
  room.give(kHttpFileBodiesBytesMax, HttpBodyKind::file);
  EXPECT_TRUE(room.take(kHttpBodiesBytesMax, HttpBodyKind::call));
}

}  // namespace
}  // namespace pavise::hub
