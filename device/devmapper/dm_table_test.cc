#include "device/devmapper/dm_table.h"

#include <gtest/gtest.h>

#include "device/devmapper/device_mapper.h"

namespace pavise::device {
namespace {

std::string text(const DmTable& table) {
  return std::string(as_text(table.parameters.view()));
}

VerityTarget sample() {
  VerityTarget target;
  target.data_device = "/dev/vda2";
  target.hash_device = "/dev/vda3";
  target.block_bytes = 4096;
  target.data_blocks = 100;
  target.hash_start_block = 1;
  target.root_hash.fill(std::byte{0xab});
  target.salt = {std::byte{1}, std::byte{2}};
  return target;
}

TEST(DmTable, VerityLineNamesEverythingAndPanicsOnCorruption) {
  const DmTable table = verity_table(sample());
  EXPECT_EQ(table.type, "verity");
  EXPECT_EQ(table.sectors, 800U);
  std::string hash;
  for (int i = 0; i < 32; ++i) hash += "ab";
  EXPECT_EQ(text(table),
            "1 /dev/vda2 /dev/vda3 4096 4096 100 1 sha256 " + hash + " 0102 1 panic_on_corruption");
}

TEST(DmTable, VerityOfAppsMakesReadErrors) {
  VerityTarget target = sample();
  target.on_corruption = OnCorruption::read_error;
  EXPECT_TRUE(text(verity_table(target)).ends_with(" 0102"));
}

TEST(DmTable, VerityWithoutSaltUsesDash) {
  VerityTarget target = sample();
  target.salt.clear();
  EXPECT_NE(text(verity_table(target)).find(" - 1 panic"), std::string::npos);
}

TEST(DmTable, CryptLineHoldsKeyInHexAndOffset) {
  SecretBytes key(kXtsKeyBytes);
  for (auto& b : key.span()) b = std::byte{0x5a};
  const DmTable table = crypt_table("/dev/vda4", 128, 8 * 1000, key);
  std::string hex;
  for (std::size_t i = 0; i < kXtsKeyBytes; ++i) hex += "5a";
  EXPECT_EQ(table.type, "crypt");
  EXPECT_EQ(table.sectors, 8000U);
  EXPECT_EQ(text(table), "aes-xts-plain64 " + hex + " 0 /dev/vda4 128 1 sector_size:4096");
}

TEST(DmTableDeathTest, CryptRefusesAShortKeyAndAnUnalignedSize) {
  EXPECT_DEATH(crypt_table("/dev/x", 0, 8, SecretBytes(kXtsKeyBytes - 1)), "invariant");
  EXPECT_DEATH(crypt_table("/dev/x", 0, 9, SecretBytes(kXtsKeyBytes)), "invariant");
  EXPECT_DEATH(crypt_table("/dev/x", 1, 8, SecretBytes(kXtsKeyBytes)), "invariant");
}

TEST(DmRequest, TableRequestEndsInsideItsBufferAndIsAligned) {
  const auto request = dm_table_request("root", verity_table(sample()), true);
  ASSERT_TRUE(request) << request.error().message();
  EXPECT_EQ(request->size() % 8, 0U);
  EXPECT_NE(as_text(request->view()).find("panic_on_corruption"), std::string_view::npos);
}

TEST(DmRequest, NameAndParametersHaveLimits) {
  EXPECT_TRUE(dm_table_request(std::string(kDmNameMax, 'a'), verity_table(sample()), true));
  EXPECT_FALSE(dm_table_request(std::string(kDmNameMax + 1, 'a'), verity_table(sample()), true));
  EXPECT_FALSE(dm_table_request("", verity_table(sample()), true));
  DmTable table{8, "verity", SecretBytes(kDmParametersBytesMax)};
  EXPECT_TRUE(dm_table_request("a", table, false));
  DmTable large{8, "verity", SecretBytes(kDmParametersBytesMax + 1)};
  EXPECT_FALSE(dm_table_request("a", large, false));
}

}  // namespace
}  // namespace pavise::device
