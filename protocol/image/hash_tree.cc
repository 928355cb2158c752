#include "protocol/image/hash_tree.h"

#include <algorithm>

#include "common/crypto/crypto.h"

namespace pavise::image {
namespace {

constexpr std::uint32_t kDigestsPerBlock = kBlockBytes / 32;

// Blocks of each level above the content, top first.
std::vector<std::uint32_t> levels_above(std::uint32_t content_blocks) {
  PAVISE_CHECK(content_blocks >= kContentBlocksMin && content_blocks <= kContentBlocksMax);
  std::vector<std::uint32_t> out;
  for (std::uint32_t blocks = content_blocks; blocks > 1;) {
    blocks = (blocks + kDigestsPerBlock - 1) / kDigestsPerBlock;
    out.insert(out.begin(), blocks);
  }
  return out;
}

Digest256 digest_of(const Digest256& salt, ByteView block) {
  return crypto::sha256({ByteView(salt), block});
}

}  // namespace

std::uint32_t tree_blocks(std::uint32_t content_blocks) {
  std::uint32_t out = 0;
  for (const std::uint32_t blocks : levels_above(content_blocks)) out += blocks;
  return out;
}

HashTree build_tree(ByteView content, const Digest256& salt) {
  PAVISE_CHECK(content.size() % kBlockBytes == 0);
  const auto content_blocks = static_cast<std::uint32_t>(content.size() / kBlockBytes);
  std::vector<Bytes> levels;  // the one over the content first
  ByteView below = content;
  do {
    Bytes level;
    for (std::size_t at = 0; at < below.size(); at += kBlockBytes)
      append(level, digest_of(salt, below.subspan(at, kBlockBytes)));
    level.resize((level.size() + kBlockBytes - 1) / kBlockBytes * kBlockBytes);
    levels.push_back(std::move(level));
    below = levels.back();
  } while (below.size() > kBlockBytes);
  HashTree out;
  out.root = digest_of(salt, below);
  for (auto level = levels.rbegin(); level != levels.rend(); ++level) append(out.blocks, *level);
  PAVISE_CHECK(out.blocks.size() == std::size_t{tree_blocks(content_blocks)} * kBlockBytes);
  return out;
}

ContentVerifier::ContentVerifier(const Header& header)
    : salt_(header.salt),
      content_blocks_(header.content_blocks),
      level_blocks_(levels_above(header.content_blocks)) {
  level_blocks_.push_back(content_blocks_);
  next_.push_back(header.root_hash);
  start_level();
}

void ContentVerifier::start_level() {
  expected_ = std::move(next_);
  next_.clear();
  block_in_level_ = 0;
  if (level_ + 1 < level_blocks_.size()) next_.reserve(level_blocks_[level_ + 1]);
}

Status ContentVerifier::feed(ByteView bytes) {
  while (!bytes.empty()) {
    if (failed_) return Error(kDamagedContent, "an earlier block");
    if (level_ == level_blocks_.size()) {
      failed_ = true;
      return Error(kBadSize, "bytes after the content");
    }
    if (partial_.empty() && bytes.size() >= kBlockBytes) {
      PAVISE_TRY(take_block(bytes.first(kBlockBytes)));
      bytes = bytes.subspan(kBlockBytes);
      continue;
    }
    const std::size_t more = std::min(bytes.size(), kBlockBytes - partial_.size());
    append(partial_, bytes.first(more));
    bytes = bytes.subspan(more);
    if (partial_.size() < kBlockBytes) return {};
    const Status taken = take_block(partial_);
    partial_.clear();
    PAVISE_TRY(taken);
  }
  return {};
}

Status ContentVerifier::take_block(ByteView block) {
  const bool is_content = level_ + 1 == level_blocks_.size();
  if (digest_of(salt_, block) != expected_[block_in_level_]) {
    failed_ = true;
    return Error(kDamagedContent, is_content
                                      ? "block " + std::to_string(block_in_level_)
                                      : "hash tree, block " + std::to_string(verified_blocks_));
  }
  if (!is_content) {
    const std::size_t wanted = level_blocks_[level_ + 1] - next_.size();
    for (std::size_t i = 0; i < std::min<std::size_t>(wanted, kDigestsPerBlock); ++i) {
      Digest256& digest = next_.emplace_back();
      std::ranges::copy(block.subspan(i * digest.size(), digest.size()), digest.begin());
    }
  }
  ++verified_blocks_;
  if (++block_in_level_ < level_blocks_[level_]) return {};
  ++level_;
  if (level_ < level_blocks_.size()) start_level();
  return {};
}

Status ContentVerifier::finish() const {
  if (failed_) return Error(kDamagedContent, "an earlier block");
  if (level_ != level_blocks_.size() || !partial_.empty())
    return Error(kBadSize, std::to_string(verified_bytes()) + " bytes of tree and content");
  return {};
}

}  // namespace pavise::image
