#include "protocol/image/hash_tree.h"

#include <gtest/gtest.h>

#include "protocol/image/testing/packages.h"

namespace pavise::image {
namespace {

using erofs::testing::Folder;

Bytes pattern(std::size_t blocks) {
  Bytes out(blocks * kBlockBytes);
  std::uint32_t state = 1;
  for (std::byte& b : out) {
    state = state * 1664525U + 1013904223U;
    b = static_cast<std::byte>(state >> 24U);
  }
  return out;
}

Header header_of(const Bytes& content, const HashTree& tree, const Digest256& salt) {
  Header out(*manifest::ComponentId::parse("6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e01"),
             *TenantId::parse("acme"));
  out.manifest_bytes = 1;
  out.content_blocks = static_cast<std::uint32_t>(content.size() / kBlockBytes);
  out.root_hash = tree.root;
  out.salt = salt;
  return out;
}

struct Whole {
  Header header;
  Bytes bytes;  // tree, then content
};
Whole whole(std::size_t blocks) {
  const Bytes content = pattern(blocks);
  const Digest256 salt = crypto::sha256(as_bytes("salt"));
  const HashTree tree = build_tree(content, salt);
  Whole out{header_of(content, tree, salt), tree.blocks};
  append(out.bytes, content);
  return out;
}

Status feed_in(const Whole& from, std::size_t piece_bytes) {
  ContentVerifier verifier(from.header);
  for (ByteView rest = from.bytes; !rest.empty();) {
    const ByteView piece = rest.first(std::min(rest.size(), piece_bytes));
    PAVISE_TRY(verifier.feed(piece));
    rest = rest.subspan(piece.size());
  }
  EXPECT_EQ(verifier.verified_bytes(), from.bytes.size());
  return verifier.finish();
}

TEST(HashTree, HasAsManyBlocksAsDmVerity) {
  const struct {
    std::uint32_t content;
    std::uint32_t tree;
  } rows[] = {{2, 1},       {128, 1},         {129, 3},        {16384, 129},
              {16385, 132}, {32768, 256 + 3}, {65536, 512 + 5}};
  for (const auto& row : rows) EXPECT_EQ(tree_blocks(row.content), row.tree) << row.content;
}

// The kernel's side of the format, as cryptsetup has it.
TEST(HashTree, IsWhatVeritysetupWrites) {
  for (const std::size_t blocks : {2U, 128U, 129U, 300U}) {
    const Whole ours = whole(blocks);
    const Folder folder;
    const auto content = ByteView(ours.bytes).subspan(ours.header.tree_bytes());
    folder.write("content", std::string(as_text(content)));
    folder.write("tree",
                 std::string(as_text(ByteView(ours.bytes).first(ours.header.tree_bytes()))));
    const std::vector<std::string> options{"--no-superblock",
                                           "--hash=sha256",
                                           "--data-block-size=4096",
                                           "--hash-block-size=4096",
                                           "--data-blocks=" + std::to_string(blocks),
                                           "--salt=" + to_hex(ours.header.salt)};
    const auto veritysetup = [&](std::vector<std::string> command) {
      command.insert(command.begin(), "/usr/sbin/veritysetup");
      command.insert(command.end(), options.begin(), options.end());
      return erofs::testing::run(command);
    };
    EXPECT_EQ(
        veritysetup({"verify", folder / "content", folder / "tree", to_hex(ours.header.root_hash)}),
        0)
        << blocks;
    ASSERT_EQ(veritysetup({"format", folder / "content", folder / "theirs",
                           "--root-hash-file=" + (folder / "root").string()}),
              0);
    EXPECT_EQ(as_text(erofs::testing::read_file(folder / "root")).substr(0, 64),
              to_hex(ours.header.root_hash));
    EXPECT_EQ(erofs::testing::read_file(folder / "theirs"),
              to_bytes(ByteView(ours.bytes).first(ours.header.tree_bytes())));
  }
}

TEST(ContentVerifier, TakesPiecesOfAnySize) {
  for (const std::size_t blocks : {2U, 127U, 128U, 129U, 260U}) {
    const Whole good = whole(blocks);
    for (const std::size_t piece :
         {std::size_t{1000}, kBlockBytes, std::size_t{4097}, std::size_t{1} << 20U}) {
      const Status outcome = feed_in(good, piece);
      EXPECT_TRUE(outcome) << blocks << " " << piece;
    }
  }
}

TEST(ContentVerifier, OneChangedBitAnywhereIsFoundWhereItIs) {
  const Whole good = whole(130);
  const std::size_t tree = good.header.tree_bytes();
  for (std::size_t at = 0; at < good.bytes.size(); at += 3001) {
    Whole bad = good;
    bad.bytes[at] ^= std::byte{0x10};
    ContentVerifier verifier(bad.header);
    const Status outcome = verifier.feed(bad.bytes);
    ASSERT_FALSE(outcome) << at;
    EXPECT_TRUE(outcome.error().is(kDamagedContent));
    const std::string expected = at < tree ? "hash tree, block " + std::to_string(at / kBlockBytes)
                                           : "block " + std::to_string((at - tree) / kBlockBytes);
    EXPECT_EQ(outcome.error().detail(), expected);
    EXPECT_EQ(verifier.verified_bytes(), at / kBlockBytes * kBlockBytes);
    EXPECT_FALSE(verifier.feed(ByteView(good.bytes).first(1)));
    EXPECT_FALSE(verifier.finish());
  }
}

TEST(ContentVerifier, NeitherMoreNorLessWillDo) {
  const Whole good = whole(5);
  ContentVerifier short_one(good.header);
  EXPECT_TRUE(short_one.feed(ByteView(good.bytes).first(good.bytes.size() - 1)));
  EXPECT_TRUE(short_one.finish().error().is(kBadSize));
  ContentVerifier long_one(good.header);
  EXPECT_TRUE(long_one.feed(good.bytes));
  EXPECT_TRUE(long_one.finish());
  EXPECT_TRUE(long_one.feed(ByteView(good.bytes).first(1)).error().is(kBadSize));
  EXPECT_FALSE(long_one.finish());
  Whole other_root = good;
  other_root.header.root_hash[0] ^= std::byte{1};
  EXPECT_EQ(feed_in(other_root, 1 << 20).error().detail(), "hash tree, block 0");
  Whole other_salt = good;
  other_salt.header.salt[0] ^= std::byte{1};
  EXPECT_FALSE(feed_in(other_salt, 1 << 20));
}

}  // namespace
}  // namespace pavise::image
