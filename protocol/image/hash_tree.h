// The hash tree of dm-verity (Documentation/admin-guide/device-mapper/verity.rst): SHA-256, format
// 1, 4 KiB blocks, a salt of 32 bytes before what is hashed, no superblock. The order of blocks is
// that of `veritysetup format --no-superblock`: the top first, what covers the content last.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "protocol/image/header.h"

namespace pavise::image {

// Blocks of the tree over so many blocks of content (kContentBlocksMin to kContentBlocksMax).
std::uint32_t tree_blocks(std::uint32_t content_blocks);

struct HashTree {
  Digest256 root{};
  Bytes blocks;
};
// `content` is whole blocks within the limits; checked. Pure; thread-safe.
HashTree build_tree(ByteView content, const Digest256& salt);

// Checks tree and content against the root as they arrive, in the order of the file: the tree
// stands first, so each piece of content is good or bad when it is there, not at the end.
// Memory: one block, and the digests of one level of the tree (2 MiB for the largest content).
// Not thread-safe.
class ContentVerifier {
 public:
  // Trusts the root hash, the salt and the size of `header`: verify its signature first.
  explicit ContentVerifier(const Header& header);

  // The next bytes from tree_offset() on, in pieces of any size. kDamagedContent with the number of
  // the block, kBadSize for bytes after the last; every later call fails in the same way.
  Status feed(ByteView bytes);
  // Bytes that are known to be good, tree included.
  std::uint64_t verified_bytes() const { return verified_blocks_ * kBlockBytes; }
  // kBadSize unless all of it was fed.
  Status finish() const;

 private:
  Status take_block(ByteView block);
  void start_level();

  Digest256 salt_;
  std::uint32_t content_blocks_;
  std::vector<std::uint32_t> level_blocks_;  // top first, the content itself last
  std::size_t level_ = 0;
  std::uint32_t block_in_level_ = 0;
  std::vector<Digest256> expected_, next_;
  Bytes partial_;
  std::uint64_t verified_blocks_ = 0;
  bool failed_ = false;
};

}  // namespace pavise::image
