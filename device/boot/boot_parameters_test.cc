#include "device/boot/boot_parameters.h"

#include <gtest/gtest.h>

namespace pavise::device {
namespace {

std::string repeat(std::string_view piece, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += piece;
  return out;
}

std::string good() {
  return "console=ttyS0 pavise.root=/dev/vda2 pavise.verity=/dev/vda3 pavise.data=/dev/vda4 "
         "pavise.roothash=" +
         repeat("0f", 32) + " pavise.epoch=7\n";
}

std::string with(std::string_view from, std::string_view to) {
  std::string line = good();
  line.replace(line.find(from), from.size(), to);
  return line;
}

TEST(BootParameters, ReadsAllFields) {
  const auto parameters = BootParameters::parse(good());
  ASSERT_TRUE(parameters) << parameters.error().message();
  EXPECT_EQ(parameters->root_device(), "/dev/vda2");
  EXPECT_EQ(parameters->verity_device(), "/dev/vda3");
  EXPECT_EQ(parameters->data_device(), "/dev/vda4");
  EXPECT_EQ(to_hex(parameters->root_hash()), repeat("0f", 32));
  EXPECT_EQ(parameters->epoch(), 7U);
}

TEST(BootParameters, EveryKeyIsRequired) {
  for (const char* key :
       {"pavise.root=", "pavise.verity=", "pavise.data=", "pavise.roothash=", "pavise.epoch="}) {
    const auto result = BootParameters::parse(with(key, "other="));
    ASSERT_FALSE(result) << key;
    EXPECT_TRUE(result.error().is(kBadCommandLine));
    EXPECT_NE((result.error().detail() + '=').find(key), std::string::npos);
  }
}

struct Bad {
  const char* name;
  const char* from;
  const char* to;
};
class BadCommandLine : public testing::TestWithParam<Bad> {};

TEST_P(BadCommandLine, IsRefused) {
  const auto result = BootParameters::parse(with(GetParam().from, GetParam().to));
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().is(kBadCommandLine));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadCommandLine,
    testing::Values(
        Bad{"repeated", "console=ttyS0", "pavise.epoch=7"},
        Bad{"unknown", "console=ttyS0", "pavise.debug=1"},
        Bad{"no_value", "console=ttyS0", "pavise.root"}, Bad{"path_up", "/dev/vda2", "/dev/../x"},
        Bad{"path_empty", "/dev/vda2", "/dev/"}, Bad{"path_elsewhere", "/dev/vda4", "/tmp/vda4"},
        Bad{"path_folder", "/dev/vda4", "/dev/a/b"}, Bad{"hash_short", "0f0f", "0f"},
        Bad{"hash_long", "0f0f", "0f0f0f"}, Bad{"hash_foreign", "0f0f", "0g0f"},
        Bad{"epoch_zero", "epoch=7", "epoch=0"}, Bad{"epoch_lead", "epoch=7", "epoch=07"},
        Bad{"epoch_sign", "epoch=7", "epoch=-7"}, Bad{"epoch_large", "epoch=7", "epoch=1000001"},
        Bad{"epoch_huge", "epoch=7", "epoch=99999999999999999999"},
        Bad{"epoch_text", "epoch=7", "epoch=7x"}, Bad{"epoch_empty", "epoch=7", "epoch="}),
    [](const auto& parameter) { return std::string(parameter.param.name); });

TEST(BootParameters, EpochAtItsLimit) {
  const auto parameters = BootParameters::parse(with("epoch=7", "epoch=1000000"));
  ASSERT_TRUE(parameters);
  EXPECT_EQ(parameters->epoch(), kEpochMax);
}

TEST(BootParameters, LengthLimitAtNAndOneMore) {
  std::string line = good();
  line += std::string(kCommandLineBytesMax - line.size(), ' ');
  EXPECT_TRUE(BootParameters::parse(line));
  line += ' ';
  EXPECT_FALSE(BootParameters::parse(line));
}

TEST(BootParameters, DevicePathLimitAtNAndOneMore) {
  const std::string longest = "/dev/" + std::string(kDevicePathBytesMax - 5, 'a');
  EXPECT_TRUE(BootParameters::parse(with("/dev/vda4", longest)));
  EXPECT_FALSE(BootParameters::parse(with("/dev/vda4", longest + "a")));
}

}  // namespace
}  // namespace pavise::device
