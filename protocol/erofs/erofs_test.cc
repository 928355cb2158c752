#include "protocol/erofs/erofs.h"

#include <gtest/gtest.h>

#include <map>

#include "protocol/erofs/testing/malformed_images.h"

namespace pavise::erofs {
namespace {

using testing::Folder;
using testing::image_of;
using testing::small_tree;

// "path kind size" for each entry.
Result<std::vector<std::string>> listing(ByteView image) {
  std::vector<std::string> out;
  PAVISE_TRY(walk(image, [&out](const Entry& entry) -> Status {
    out.push_back(std::string(entry.path) + " " + std::string(to_string(entry.kind)) + " " +
                  (entry.kind == Kind::directory ? "" : std::to_string(entry.size_bytes)));
    return {};
  }));
  return out;
}

Error refusal(ByteView image) {
  const auto outcome = listing(image);
  EXPECT_FALSE(outcome);
  return outcome ? Error(kNotErofs, "accepted") : outcome.error();
}

void expect_refusals(const std::vector<testing::MalformedImage>& rows) {
  for (const testing::MalformedImage& row : rows) {
    const Error said = refusal(row.image);
    EXPECT_EQ(said.code(), row.expected.code) << row.what;
    if (!row.detail.empty()) EXPECT_EQ(said.detail(), row.detail) << row.what;
  }
}

TEST(Erofs, ListsWhatMkfsWrote) {
  const Bytes image = image_of(small_tree());
  const auto out = listing(image);
  ASSERT_TRUE(out) << out.error().message();
  EXPECT_EQ(*out,
            (std::vector<std::string>{"/ directory ", "/app directory ", "/app/bin directory ",
                                      "/app/bin/blink file 5000", "/app/bin/link symbolic link 11",
                                      "/app/greeting file 6", "/app/nothing file 0",
                                      "/block file 4096", "/twice file 6"}));
  EXPECT_EQ(blocks_of(image) * kBlockBytes, image.size());
}

TEST(Erofs, HandsOutTheBytesOfFilesAndLinks) {
  std::map<std::string, std::string> found;
  for (const auto& more :
       {std::vector<std::string>{}, {"-Eforce-inode-extended"}, {"-Enoinline_data"}}) {
    const Bytes image = image_of(small_tree(), more);
    found.clear();
    const Status outcome = walk(image, [&found](const Entry& entry) -> Status {
      EXPECT_EQ(entry.uid, 0U);
      found[std::string(entry.path)] =
          std::string(as_text(entry.head)) + std::string(as_text(entry.tail));
      return {};
    });
    ASSERT_TRUE(outcome) << outcome.error().message();
    EXPECT_EQ(found["/app/bin/blink"], std::string(5000, 'b'));
    EXPECT_EQ(found["/app/greeting"], "hello\n");
    EXPECT_EQ(found["/twice"], "hello\n");
    EXPECT_EQ(found["/app/bin/link"], "../greeting");
    EXPECT_EQ(found["/block"], std::string(4096, 'x'));
  }
}

TEST(Erofs, DirectoriesOfSeveralBlocksAreReadWhole) {
  const Folder folder;
  for (int i = 0; i < 600; ++i)
    folder.write("a/file-with-a-rather-long-name-" + std::to_string(i), std::to_string(i));
  const auto out = listing(image_of(folder));
  ASSERT_TRUE(out) << out.error().message();
  EXPECT_EQ(out->size(), 602U);
}

TEST(Erofs, TheVisitorEndsTheWalk) {
  const Bytes image = image_of(small_tree());
  int seen = 0;
  const Status outcome = walk(image, [&seen](const Entry&) -> Status {
    if (++seen == 3) return kOverLimit;
    return {};
  });
  ASSERT_FALSE(outcome);
  EXPECT_EQ(seen, 3);
}

TEST(Erofs, WhatOurImagesDoNotUseIsRefused) {
  expect_refusals(testing::malformed_superblocks());
}

TEST(Erofs, EveryContradictionOfAnInodeIsRefused) {
  expect_refusals(testing::malformed_inodes());
}

TEST(Erofs, EveryContradictionOfADirectoryIsRefused) {
  expect_refusals(testing::malformed_directories());
}

TEST(Erofs, DepthAndLinkLengthHoldAtNAndNPlusOne) {
  for (const unsigned depth : {kDepthMax, kDepthMax + 1}) {
    const Folder folder;
    std::string path;
    for (unsigned i = 0; i < depth; ++i) path += "d/";
    folder.write(path + "f", "x");
    const auto out = listing(image_of(folder));
    EXPECT_EQ(out.has_value(), depth == kDepthMax);
    if (!out) EXPECT_TRUE(out.error().is(kOverLimit));
  }
  for (const std::size_t length : {kTargetBytesMax, kTargetBytesMax + 1}) {
    const Folder folder;
    std::filesystem::create_symlink(std::string(length, 'x'), folder / "l");
    EXPECT_EQ(listing(image_of(folder)).has_value(), length == kTargetBytesMax);
  }
}

TEST(Erofs, EntriesHoldAtNAndNPlusOne) {
  const Folder folder;
  folder.write("0", "x");
  for (std::size_t i = 1; i < kEntriesMax; ++i)
    ASSERT_EQ(::link((folder / "0").c_str(), (folder / std::to_string(i)).c_str()), 0);
  const auto full = listing(image_of(folder));
  ASSERT_TRUE(full) << full.error().message();
  EXPECT_EQ(full->size(), kEntriesMax + 1);
  folder.write("one-more", "x");
  EXPECT_TRUE(refusal(image_of(folder)).is(kOverLimit));
}

TEST(Erofs, SizesHoldAtTheirLimits) {
  EXPECT_EQ(refusal(Bytes(kBlockBytes)).detail(), "size");
  EXPECT_EQ(refusal(Bytes(kBlocksMin * kBlockBytes + 1)).detail(), "size");
  EXPECT_EQ(refusal(Bytes(kBlocksMin * kBlockBytes)).detail(), "magic");
  EXPECT_EQ(refusal(Bytes(kBlocksMax * kBlockBytes)).detail(), "magic");
  EXPECT_EQ(refusal(Bytes((kBlocksMax + 1) * kBlockBytes)).detail(), "size");
  EXPECT_EQ(blocks_of(Bytes(1024)), 0U);
}

}  // namespace
}  // namespace pavise::erofs
