#include "cloud/hub/files/block_list.h"

#include <gtest/gtest.h>

#include "common/base/bytes.h"

namespace pavise::hub::files {
namespace {

std::string list_of(const std::string& inner) {
  return "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>" + inner + "</BlockList>";
}
std::string block(std::size_t number) {
  return "<Latest>" + to_base64(as_bytes(std::to_string(number))) + "</Latest>";
}

TEST(BlockList, WhatClientsSend) {
  const auto one = parse_block_list(
      "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
      "<BlockList>\n  <Latest>QUFB</Latest>\r\n\t<Uncommitted>QkJC</Uncommitted>"
      "<Committed> Q0ND </Committed></BlockList>\n");
  ASSERT_TRUE(one);
  ASSERT_EQ(one->size(), 3U);
  EXPECT_EQ((*one)[0].id, "QUFB");
  EXPECT_EQ((*one)[0].from, BlockFrom::latest);
  EXPECT_EQ((*one)[1].from, BlockFrom::uncommitted);
  EXPECT_EQ((*one)[2].id, "Q0ND");
  EXPECT_EQ((*one)[2].from, BlockFrom::committed);
  EXPECT_TRUE(parse_block_list("<BlockList/>")->empty());
  EXPECT_TRUE(parse_block_list("<BlockList></BlockList>")->empty());
}

TEST(BlockList, WhatNoClientSends) {
  for (const std::string& text : {
           std::string(),
           std::string("<?xml"),
           std::string("<BlockList>"),
           list_of("x"),
           list_of("<Latest>QUFB"),
           list_of("<Latest>QUFB</latest>"),
           list_of("<Latest/>"),
           list_of("<Newest>QUFB</Newest>"),
           list_of("<Latest a=\"1\">QUFB</Latest>"),
           list_of("<!-- c --><Latest>QUFB</Latest>"),
           list_of("<Latest>QUFB</Latest>") + "x",
           std::string("<BlockList/>x"),
           std::string("<!DOCTYPE a [<!ENTITY b \"QUFB\">]><BlockList>&b;</BlockList>"),
           list_of("<Latest>QUFB</Latest><Committed>QUFB</Committed>"),
       })
    EXPECT_TRUE(parse_block_list(text).error().is(kBadBlockList)) << text;
  for (const char* id : {"", "&b;", "QUF", "QUFB QkJC", "QQ=A"})
    EXPECT_TRUE(parse_block_list(list_of(std::string("<Latest>") + id + "</Latest>"))
                    .error()
                    .is(kBadBlockId))
        << id;
}

TEST(BlockList, IdsHaveUpTo64Bytes) {
  EXPECT_TRUE(check_block_id(to_base64(Bytes(kBlockIdSizeMax))));
  EXPECT_FALSE(check_block_id(to_base64(Bytes(kBlockIdSizeMax + 1))));
  EXPECT_FALSE(check_block_id(""));
}

TEST(BlockList, HasUpTo4096Blocks) {
  std::string inner;
  for (std::size_t i = 0; i < kBlocksMax; ++i) inner += block(i);
  EXPECT_EQ(parse_block_list(list_of(inner))->size(), kBlocksMax);
  EXPECT_TRUE(parse_block_list(list_of(inner + block(kBlocksMax))).error().is(kTooManyBlocks));
}

TEST(BlockList, HasUpToOneMebibyte) {
  std::string text = list_of("");
  text.insert(text.size() - std::string_view("</BlockList>").size(),
              kBlockListSizeMax - text.size(), ' ');
  EXPECT_TRUE(parse_block_list(text));
  EXPECT_FALSE(parse_block_list(text + " "));
}

}  // namespace
}  // namespace pavise::hub::files
