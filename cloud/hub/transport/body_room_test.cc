#include "cloud/hub/transport/body_room.h"

#include <gtest/gtest.h>

namespace pavise::hub {
namespace {

// Many owners, none of which has more than its share.
class Crowd {
 public:
  explicit Crowd(BodyRoom& room) : room_(room) {}
  bool take(std::size_t bytes, HttpBodyKind kind) {
    const bool file = kind == HttpBodyKind::file;
    const std::size_t share = file ? kHttpFileBodiesShareBytes : kHttpBodiesShareBytes;
    for (int i = 0; bytes != 0; ++i) {
      const std::size_t part = std::min(bytes, share);
      if (!room_.take(part, kind, std::to_string(i))) return false;
      bytes -= part;
    }
    return true;
  }

 private:
  BodyRoom& room_;
};

constexpr std::size_t kCallsLeft = kHttpBodiesBytesMax - kHttpFileBodiesBytesMax;

TEST(BodyRoomTest, CallsHaveAllOfIt) {
  BodyRoom room;
  EXPECT_FALSE(room.take(kHttpBodiesBytesMax + 1, HttpBodyKind::call, "a"));
  ASSERT_TRUE(Crowd(room).take(kHttpBodiesBytesMax, HttpBodyKind::call));
  EXPECT_FALSE(room.take(1, HttpBodyKind::call, "a"));
  EXPECT_FALSE(room.take(1, HttpBodyKind::file, "a"));
  room.give(1, HttpBodyKind::call, "0");
  EXPECT_FALSE(room.take(2, HttpBodyKind::file, "a"));
  EXPECT_TRUE(room.take(1, HttpBodyKind::file, "a"));
}

TEST(BodyRoomTest, PartsOfFilesLeaveSomeToCalls) {
  BodyRoom room;
  EXPECT_FALSE(room.take(kHttpFileBodiesBytesMax + 1, HttpBodyKind::file, "a"));
  ASSERT_TRUE(Crowd(room).take(kHttpFileBodiesBytesMax, HttpBodyKind::file));
  EXPECT_FALSE(room.take(1, HttpBodyKind::file, "a"));
  EXPECT_FALSE(room.take(kCallsLeft + 1, HttpBodyKind::call, "a"));
  ASSERT_TRUE(Crowd(room).take(kCallsLeft, HttpBodyKind::call));
  EXPECT_FALSE(room.take(1, HttpBodyKind::call, "a"));
  room.give(kHttpBodiesShareBytes, HttpBodyKind::call, "0");
  EXPECT_FALSE(room.take(1, HttpBodyKind::file, "a")) << "what calls give back is not for files";
  room.give(kHttpFileBodiesShareBytes, HttpBodyKind::file, "0");
  EXPECT_TRUE(room.take(kHttpFileBodiesShareBytes, HttpBodyKind::file, "a"));
}

struct Kind {
  HttpBodyKind kind;
  std::size_t all, share, reserve;
};
constexpr Kind kKinds[] = {
    {HttpBodyKind::call, kHttpBodiesBytesMax, kHttpBodiesShareBytes, kHttpBodiesReserveBytes},
    {HttpBodyKind::file, kHttpFileBodiesBytesMax, kHttpFileBodiesShareBytes,
     kHttpFileBodiesReserveBytes}};

TEST(BodyRoomTest, WhateverOneTakesOthersHaveTheirShare) {
  for (const Kind& each : kKinds) {
    BodyRoom room;
    const std::size_t most = each.all - each.reserve;
    EXPECT_FALSE(room.take(most + 1, each.kind, "hog"));
    ASSERT_TRUE(room.take(most, each.kind, "hog"));
    EXPECT_FALSE(room.take(1, each.kind, "hog"));
    EXPECT_FALSE(room.take(each.share + 1, each.kind, "honest"));
    ASSERT_TRUE(room.take(each.share, each.kind, "honest"));
    EXPECT_FALSE(room.take(1, each.kind, "honest")) << "more than its share";
    EXPECT_TRUE(room.take(each.share, each.kind, "another"));
    room.give(each.share + 1, each.kind, "hog");
    EXPECT_FALSE(room.take(1, each.kind, "hog")) << "others live on what was kept for them";
    room.give(most - each.share - 1, each.kind, "hog");
    const std::size_t again = each.all - 2 * each.share - each.reserve;
    EXPECT_FALSE(room.take(again + 1, each.kind, "hog"));
    EXPECT_TRUE(room.take(again, each.kind, "hog"));
  }
}

TEST(BodyRoomTest, WhatWasGivenBackIsNobodysAnyMore) {
  for (const Kind& each : kKinds) {
    BodyRoom room;
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(room.take(each.all - each.reserve, each.kind, "a"));
      room.give(each.all - each.reserve, each.kind, "a");
    }
    ASSERT_TRUE(room.take(each.all - each.reserve, each.kind, "b"));
    EXPECT_TRUE(room.take(each.share, each.kind, "a"));
  }
}

}  // namespace
}  // namespace pavise::hub
