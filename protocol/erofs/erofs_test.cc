#include "protocol/erofs/erofs.h"

#include <gtest/gtest.h>

#include <map>

#include "protocol/erofs/testing/images.h"

namespace pavise::erofs {
namespace {

using testing::dirent_of;
using testing::Folder;
using testing::get;
using testing::image_of;
using testing::inode_of;
using testing::put;
using testing::seal;

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

Folder& small_tree() {
  static Folder folder;
  static const bool once = [] {
    folder.write("app/bin/blink", std::string(5000, 'b'), 0755);
    folder.write("app/greeting", "hello\n");
    folder.write("app/nothing", "");
    folder.write("block", std::string(4096, 'x'));
    std::filesystem::create_symlink("../greeting", folder / "app/bin/link");
    std::filesystem::create_hard_link(folder / "app/greeting", folder / "twice");
    return true;
  }();
  EXPECT_TRUE(once);
  return folder;
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
  EXPECT_EQ(refusal(image_of(small_tree(), {"-zlz4"})).code(), kNotErofs.code);
  EXPECT_EQ(refusal(image_of(small_tree(), {"--chunksize=4096"})).code(), kNotErofs.code);
  const Bytes good = image_of(small_tree());
  const struct {
    const char* what;
    std::size_t at;
    std::uint64_t value;
    std::size_t bytes;
    const ErrorInfo& expected;
  } rows[] = {{"magic", 1024, 0, 4, kNotErofs},
              {"compatible feature", 1032, 7, 4, kNotErofs},
              {"no checksum", 1032, 2, 4, kDamaged},
              {"block bits", 1036, 13, 1, kNotErofs},
              {"extra slots", 1037, 1, 1, kNotErofs},
              {"root outside", 1038, 0xffff, 2, kDamaged},
              {"blocks", 1024 + 36, 1, 4, kDamaged},
              {"meta block", 1024 + 40, 0xffffffff, 4, kDamaged},
              {"shared attributes", 1024 + 44, 1, 4, kHasAttributes},
              {"incompatible feature", 1024 + 80, 1, 4, kNotErofs},
              {"extra devices", 1024 + 86, 1, 2, kNotErofs}};
  for (const auto& row : rows) {
    Bytes image = good;
    put(image, row.at, row.value, row.bytes);
    seal(image);
    EXPECT_EQ(refusal(image).code(), row.expected.code) << row.what;
  }
  Bytes unsealed = good;
  put(unsealed, 1024 + 24, 1, 4);
  EXPECT_EQ(refusal(unsealed).detail(), "checksum of the superblock");
}

TEST(Erofs, EveryContradictionOfAnInodeIsRefused) {
  const Bytes good = image_of(small_tree());
  const std::size_t big = inode_of(good, "blink");
  const std::size_t small = inode_of(good, "greeting");
  const struct {
    const char* what;
    std::size_t at;
    std::uint64_t value;
    std::size_t bytes;
    const ErrorInfo& expected;
  } rows[] = {{"compressed", big, 1U << 1U, 2, kNotErofs},
              {"chunks", big, 4U << 1U, 2, kNotErofs},
              {"unknown layout", big, 7U << 1U, 2, kNotErofs},
              {"high format bit", big, 1U << 9U, 2, kNotErofs},
              {"attributes", big + 2, 1, 2, kHasAttributes},
              {"no kind", big + 4, 0, 2, kDamaged},
              {"another kind", big + 4, 0040755, 2, kDamaged},
              {"size beyond", big + 8, 0xffffffff, 4, kDamaged},
              {"data beyond", big + 16, 0xfffffff0, 4, kDamaged},
              {"tail over a block", small + 8, 4095, 4, kDamaged}};
  for (const auto& row : rows) {
    Bytes image = good;
    put(image, row.at, row.value, row.bytes);
    seal(image);
    EXPECT_EQ(refusal(image).code(), row.expected.code) << row.what;
  }
}

TEST(Erofs, EveryContradictionOfADirectoryIsRefused) {
  const Bytes good = image_of(small_tree());
  const std::size_t entry = dirent_of(good, "greeting");
  const std::size_t link = dirent_of(good, "bin");  // of the same directory
  const auto changed = [&good](auto change) {
    Bytes image = good;
    change(image);
    seal(image);
    return refusal(image);
  };
  const auto at = [&](std::size_t offset, std::uint64_t value, std::size_t bytes) {
    return changed([=](Bytes& image) { put(image, offset, value, bytes); });
  };
  EXPECT_EQ(at(entry, 0xffffffffffff, 8).code(), kDamaged.code);  // inode outside
  EXPECT_EQ(at(entry + 8, 0xffff, 2).code(), kDamaged.code);      // name outside
  EXPECT_EQ(at(entry + 8, 0, 2).code(), kDamaged.code);           // names overlap
  EXPECT_EQ(at(entry + 10, 5, 1).code(), kDamaged.code);          // other kind
  EXPECT_EQ(at(entry + 10, 0, 1).code(), kDamaged.code);
  EXPECT_EQ(at(dirent_of(good, "..") + 0, 1, 8).code(), kDamaged.code);
  const auto name = [&](std::string_view wanted, char c) {
    return changed([=](Bytes& image) {
      const std::size_t begin = dirent_of(image, wanted);
      for (std::size_t i = begin; i < image.size(); ++i)
        if (as_text(ByteView(image).subspan(i, wanted.size())) == wanted) {
          image[i] = static_cast<std::byte>(c);
          return;
        }
    });
  };
  EXPECT_EQ(name("greeting", '/').detail(), "/app: a name");
  EXPECT_EQ(name("greeting", '\0').code(), kDamaged.code);
  EXPECT_EQ(name("greeting", 'a').detail(), "/app: order of names");
  // A directory below itself, and one that is in two places.
  const std::uint64_t root = get(good, 1038, 2);
  EXPECT_EQ(at(link, root, 8).code(), kDamaged.code);
  EXPECT_EQ(changed([&](Bytes& image) {
              put(image, entry, get(image, link, 8), 8);
              put(image, entry + 10, 2, 1);
            }).code(),
            kDamaged.code);
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
