#include "device/boot/verity_superblock.h"

#include <gtest/gtest.h>

namespace pavise::device {
namespace {

// Field offsets of the on-disk format.
constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kHashTypeAt = 12;
constexpr std::size_t kAlgorithmAt = 32;
constexpr std::size_t kDataBlockAt = 64;
constexpr std::size_t kHashBlockAt = 68;
constexpr std::size_t kDataBlocksAt = 72;
constexpr std::size_t kSaltSizeAt = 80;
constexpr std::size_t kSaltAt = 88;

void put(Bytes& out, std::size_t at, std::uint64_t value, std::size_t size_bytes) {
  for (std::size_t i = 0; i < size_bytes; ++i)
    out[at + i] = static_cast<std::byte>(value >> (8 * i));
}

Bytes good() {
  Bytes out(kVeritySuperblockBytes);
  std::ranges::copy(as_bytes("verity"), out.begin());
  put(out, kVersionAt, 1, 4);
  put(out, kHashTypeAt, 1, 4);
  std::ranges::copy(as_bytes("sha256"), out.begin() + kAlgorithmAt);
  put(out, kDataBlockAt, 4096, 4);
  put(out, kHashBlockAt, 4096, 4);
  put(out, kDataBlocksAt, 1234, 8);
  put(out, kSaltSizeAt, kVeritySaltBytes, 2);
  out[kSaltAt] = std::byte{0x77};
  return out;
}

TEST(VeritySuperblock, ReadsOurShape) {
  const auto superblock = VeritySuperblock::parse(good());
  ASSERT_TRUE(superblock) << superblock.error().message();
  EXPECT_EQ(superblock->data_blocks(), 1234U);
  ASSERT_EQ(superblock->salt().size(), kVeritySaltBytes);
  EXPECT_EQ(superblock->salt()[0], std::byte{0x77});
}

struct Bad {
  const char* name;
  std::size_t at;
  std::uint64_t value;
  std::size_t size_bytes;
};
class BadVeritySuperblock : public testing::TestWithParam<Bad> {};

TEST_P(BadVeritySuperblock, IsRefused) {
  Bytes bytes = good();
  put(bytes, GetParam().at, GetParam().value, GetParam().size_bytes);
  const auto result = VeritySuperblock::parse(bytes);
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().is(kBadVeritySuperblock));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadVeritySuperblock,
    testing::Values(Bad{"signature", 0, 'V', 1}, Bad{"signature_end", 7, 1, 1},
                    Bad{"version", kVersionAt, 2, 4}, Bad{"hash_type", kHashTypeAt, 0, 4},
                    Bad{"sha1", kAlgorithmAt + 3, '1', 4},
                    Bad{"longer_name", kAlgorithmAt + 6, 'x', 1},
                    Bad{"data_block", kDataBlockAt, 512, 4},
                    Bad{"hash_block", kHashBlockAt, 8192, 4}, Bad{"empty", kDataBlocksAt, 0, 8},
                    Bad{"too_many", kDataBlocksAt, kVerityDataBlocksMax + 1, 8},
                    Bad{"overflowing", kDataBlocksAt, ~0ULL, 8}, Bad{"no_salt", kSaltSizeAt, 0, 2},
                    Bad{"salt_large", kSaltSizeAt, kVeritySaltBytes + 1, 2}),
    [](const auto& parameter) { return std::string(parameter.param.name); });

TEST(VeritySuperblock, MostDataBlocks) {
  Bytes bytes = good();
  put(bytes, kDataBlocksAt, kVerityDataBlocksMax, 8);
  EXPECT_TRUE(VeritySuperblock::parse(bytes));
}

TEST(VeritySuperblock, EveryOtherSizeIsRefused) {
  Bytes bytes = good();
  bytes.push_back(std::byte{});
  EXPECT_FALSE(VeritySuperblock::parse(bytes));
  bytes.resize(kVeritySuperblockBytes - 1);
  EXPECT_FALSE(VeritySuperblock::parse(bytes));
  EXPECT_FALSE(VeritySuperblock::parse({}));
}

}  // namespace
}  // namespace pavise::device
