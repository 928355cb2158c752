#include "device/init/data_header.h"

#include <gtest/gtest.h>

namespace pavise::device {
namespace {

const Bytes kBlank(kHeaderCopyBytes);

DataHeader header(std::uint64_t generation, std::size_t blob_bytes = 100) {
  return {generation, Bytes(blob_bytes, std::byte{0x42})};
}

Bytes torn(Bytes copy) {
  copy[30] ^= std::byte{1};
  return copy;
}

TEST(DataHeader, RoundTrip) {
  const auto parsed = parse_header_copy(header(7).encode());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->generation, 7U);
  EXPECT_EQ(parsed->blob, header(7).blob);
}

TEST(DataHeader, ChecksumIsTheOneOfRfc3720) {
  // The copy is "PVDATA01", generation 0, one byte 0x42; CRC-32C computed independently.
  const Bytes copy = DataHeader{0, {std::byte{0x42}}}.encode();
  EXPECT_EQ(to_hex(ByteView(copy).subspan(21, 4)), "bcf0a8f8");
}

TEST(DataHeader, EveryFlippedBitInUseIsNoticed) {
  const Bytes good = header(1, 20).encode();
  const std::size_t used = 8 + 8 + 4 + 20 + 4;
  for (std::size_t bit = 0; bit < used * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    EXPECT_FALSE(parse_header_copy(bad)) << bit;
  }
}

TEST(DataHeader, BlobSizeAtItsLimitAndOneMore) {
  EXPECT_TRUE(parse_header_copy(header(1, kSealedBlobBytesMax).encode()));
  ByteWriter large;
  large.raw(as_bytes("PVDATA01")).be<std::uint64_t>(1).be<std::uint32_t>(kSealedBlobBytesMax + 1);
  Bytes copy = large.take();
  copy.resize(kHeaderCopyBytes);
  EXPECT_FALSE(parse_header_copy(copy));
}

TEST(DataHeader, OtherSizesAreRefused) {
  Bytes copy = header(1).encode();
  copy.push_back(std::byte{});
  EXPECT_FALSE(parse_header_copy(copy));
  copy.resize(kHeaderCopyBytes - 1);
  EXPECT_FALSE(parse_header_copy(copy));
}

TEST(ChooseHeader, HigherGenerationCounts) {
  for (const bool swap : {false, true}) {
    const Bytes low = header(3).encode();
    const Bytes high = header(4).encode();
    const auto chosen = choose_header(swap ? high : low, swap ? low : high);
    ASSERT_TRUE(chosen && *chosen);
    EXPECT_EQ((*chosen)->generation, 4U);
  }
}

TEST(ChooseHeader, OneSoundCopyIsEnough) {
  const Bytes good = header(5).encode();
  for (const Bytes& bad : {torn(good), kBlank}) {
    const auto second = choose_header(bad, good);
    ASSERT_TRUE(second && *second);
    const auto first = choose_header(good, bad);
    ASSERT_TRUE(first && *first);
  }
}

TEST(ChooseHeader, NeverUsedOrCutAtItsFirstWriteIsBlank) {
  const auto never = choose_header(kBlank, kBlank);
  ASSERT_TRUE(never);
  EXPECT_FALSE(*never);
  const auto cut = choose_header(torn(header(1).encode()), kBlank);
  ASSERT_TRUE(cut);
  EXPECT_FALSE(*cut);
}

TEST(ChooseHeader, TwoDamagedCopiesAreAnErrorAndNeverBlank) {
  const Bytes bad = torn(header(1).encode());
  for (const Bytes& first : {bad, kBlank}) {
    const auto chosen = choose_header(first, bad);
    ASSERT_FALSE(chosen);
    EXPECT_TRUE(chosen.error().is(kDataHeaderBroken));
  }
}

}  // namespace
}  // namespace pavise::device
