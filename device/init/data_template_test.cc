#include "device/init/data_template.h"

#include <gtest/gtest.h>

namespace pavise::device {
namespace {

struct TemplateRun {
  std::uint32_t first;
  std::uint32_t count;
  std::uint8_t kind;
};

constexpr std::uint32_t kBlock = 512;

Bytes file(std::uint32_t blocks, const std::vector<TemplateRun>& runs, std::size_t data_bytes,
           std::uint32_t block_bytes = kBlock) {
  ByteWriter out;
  out.raw(as_bytes("PVDATFS1")).be(block_bytes).be(blocks);
  out.be(static_cast<std::uint32_t>(runs.size()));
  for (const auto& run : runs) out.be(run.first).be(run.count).be(run.kind);
  out.raw(Bytes(data_bytes, std::byte{0x33}));
  return out.take();
}

TEST(DataTemplate, ReadsZerosAndData) {
  const Bytes bytes = file(16, {{0, 2, 0}, {2, 1, 1}, {5, 2, 1}}, 3 * kBlock);
  const auto parsed = DataTemplate::parse(bytes);
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->size_bytes(), 16 * kBlock);
  ASSERT_EQ(parsed->runs().size(), 3U);
  EXPECT_FALSE(parsed->runs()[0].data);
  EXPECT_EQ(parsed->runs()[0].size_bytes, 2 * kBlock);
  EXPECT_EQ(parsed->runs()[2].offset_bytes, 5 * kBlock);
  EXPECT_EQ(parsed->runs()[2].data->size(), 2 * kBlock);
}

TEST(DataTemplate, WhatDoesNotFitIsRefused) {
  const std::vector<TemplateRun> good{{0, 1, 1}};
  EXPECT_TRUE(DataTemplate::parse(file(16, good, kBlock)));
  EXPECT_FALSE(DataTemplate::parse({}));
  EXPECT_FALSE(DataTemplate::parse(file(16, good, kBlock - 1)));           // data cut
  EXPECT_FALSE(DataTemplate::parse(file(16, good, kBlock + 1)));           // bytes behind
  EXPECT_FALSE(DataTemplate::parse(file(0, good, kBlock)));                // no blocks
  EXPECT_FALSE(DataTemplate::parse(file(16, {}, 0)));                      // no runs
  EXPECT_FALSE(DataTemplate::parse(file(16, {{0, 0, 0}}, 0)));             // empty run
  EXPECT_FALSE(DataTemplate::parse(file(16, {{0, 1, 2}}, 0)));             // unknown kind
  EXPECT_FALSE(DataTemplate::parse(file(16, {{15, 2, 0}}, 0)));            // past the end
  EXPECT_FALSE(DataTemplate::parse(file(16, {{~0U, ~0U, 0}}, 0)));         // overflow
  EXPECT_FALSE(DataTemplate::parse(file(16, {{4, 2, 0}, {5, 1, 0}}, 0)));  // overlap
  EXPECT_FALSE(DataTemplate::parse(file(16, good, 1000, 1000)));           // not a power of two
  EXPECT_FALSE(DataTemplate::parse(file(16, good, 256, 256)));
  EXPECT_FALSE(DataTemplate::parse(file(16, good, 8192, 8192)));
}

TEST(DataTemplate, LimitsAtNAndOneMore) {
  EXPECT_TRUE(DataTemplate::parse(file(kTemplateBlocksMax, {{0, 1, 0}}, 0)));
  EXPECT_FALSE(DataTemplate::parse(file(kTemplateBlocksMax + 1, {{0, 1, 0}}, 0)));
  std::vector<TemplateRun> runs;
  for (std::uint32_t i = 0; i < kTemplateRunsMax; ++i) runs.push_back({i, 1, 0});
  EXPECT_TRUE(DataTemplate::parse(file(kTemplateBlocksMax, runs, 0)));
  runs.push_back({kTemplateRunsMax, 1, 0});
  EXPECT_FALSE(DataTemplate::parse(file(kTemplateBlocksMax, runs, 0)));
  const std::size_t head = file(16, {{0, 1, 0}}, 0).size();
  const auto refusal = DataTemplate::parse(Bytes(kTemplateBytesMax + 1));
  ASSERT_FALSE(refusal);
  EXPECT_EQ(refusal.error().detail(), "size");
  const auto at_limit = DataTemplate::parse(file(16, {{0, 1, 0}}, kTemplateBytesMax - head));
  ASSERT_FALSE(at_limit);
  EXPECT_EQ(at_limit.error().detail(), "bytes after the data");
}

}  // namespace
}  // namespace pavise::device
