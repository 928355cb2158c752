// The body of Put Block List: which blocks a file is made of, in order.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cloud/hub/files/errors.h"

namespace pavise::hub::files {

inline constexpr std::size_t kBlocksMax = 4096;     // of one file
inline constexpr std::size_t kBlockIdSizeMax = 64;  // decoded
inline constexpr std::size_t kBlockListSizeMax = 1024UL * 1024;

// Where a block is looked for: among those of this upload, in the file that is there, or first in
// the one and then in the other.
enum class BlockFrom { uncommitted, committed, latest };

struct BlockName {
  BlockFrom from = BlockFrom::latest;
  std::string id;  // base64, as sent
};

// kBadBlockId.
Status check_block_id(std::string_view base64);

// The XML that storage clients send: a prolog if there is one, <BlockList>, and in it <Latest>,
// <Uncommitted> and <Committed> with one id each. No comments, entities, attributes with content or
// anything else of XML. kBadBlockList, kBadBlockId, kTooManyBlocks.
Result<std::vector<BlockName>> parse_block_list(std::string_view xml);

}  // namespace pavise::hub::files
