#include "cloud/hub/files/block_list.h"

#include <optional>
#include <set>

#include "common/base/bytes.h"

namespace pavise::hub::files {
namespace {

constexpr std::string_view kBlank = " \t\r\n";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

void skip_blank(std::string_view& text) {
  const std::size_t first = text.find_first_not_of(kBlank);
  text.remove_prefix(first == std::string_view::npos ? text.size() : first);
}

// Whether the text goes on with this; if so it is passed.
bool take(std::string_view& text, std::string_view what) {
  if (!text.starts_with(what)) return false;
  text.remove_prefix(what.size());
  return true;
}

// What stands before `end`, which is passed too.
std::optional<std::string_view> take_until(std::string_view& text, std::string_view end) {
  const std::size_t at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view out = text.substr(0, at);
  text.remove_prefix(at + end.size());
  return out;
}

struct Tag {
  std::string_view name;
  BlockFrom from;
};
constexpr Tag kTags[] = {{"Latest", BlockFrom::latest},
                         {"Uncommitted", BlockFrom::uncommitted},
                         {"Committed", BlockFrom::committed}};

Result<BlockName> take_block(std::string_view& rest) {
  if (!take(rest, "<")) return Error(kBadBlockList, "text where a block is expected");
  const auto name = take_until(rest, ">");
  if (!name) return Error(kBadBlockList, "a tag does not end");
  for (const Tag& tag : kTags) {
    if (*name != tag.name) continue;
    auto id = take_until(rest, "<");
    if (!id || !take(rest, "/") || !take(rest, tag.name) || !take(rest, ">"))
      return Error(kBadBlockList, "a block does not end");
    skip_blank(*id);
    const std::size_t last = id->find_last_not_of(kBlank);
    const std::string_view text = id->substr(0, last == std::string_view::npos ? 0 : last + 1);
    PAVISE_TRY(check_block_id(text));
    return BlockName{tag.from, std::string(text)};
  }
  return Error(kBadBlockList, "a tag that is not known");
}

}  // namespace

Status check_block_id(std::string_view base64) {
  const auto bytes = from_base64(base64);
  if (!bytes || bytes->empty() || bytes->size() > kBlockIdSizeMax) return kBadBlockId;
  return {};
}

Result<std::vector<BlockName>> parse_block_list(std::string_view xml) {
  if (xml.size() > kBlockListSizeMax) return Error(kBadBlockList, "too long");
  std::string_view rest = xml;
  take(rest, kByteOrderMark);
  if (take(rest, "<?xml") && !take_until(rest, "?>")) return Error(kBadBlockList, "prolog");
  skip_blank(rest);
  if (take(rest, "<BlockList/>") || take(rest, "<BlockList />")) {
    skip_blank(rest);
    if (!rest.empty()) return Error(kBadBlockList, "something follows the list");
    return std::vector<BlockName>();
  }
  if (!take(rest, "<BlockList>")) return Error(kBadBlockList, "no BlockList");
  std::vector<BlockName> out;
  std::set<std::string, std::less<>> seen;
  for (;;) {
    skip_blank(rest);
    if (take(rest, "</BlockList>")) break;
    PAVISE_TRY_ASSIGN(BlockName block, take_block(rest));
    if (out.size() == kBlocksMax) return kTooManyBlocks;
    if (!seen.insert(block.id).second) return Error(kBadBlockList, "a block is named twice");
    out.push_back(std::move(block));
  }
  skip_blank(rest);
  if (!rest.empty()) return Error(kBadBlockList, "something follows the list");
  return out;
}

}  // namespace pavise::hub::files
