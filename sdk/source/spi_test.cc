// A controller that this program plays, by the rules of <linux/spi/spidev.h>, with a device that
// answers each byte with its complement one byte later, as a shift register does.
#include <gtest/gtest.h>
#include <linux/spi/spidev.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <pavise/pavise.hpp>
#include <span>
#include <vector>

#include "sdk/source/testing/played.h"

namespace {

class FakeDevice : public sdk_testing::Played {
 public:
  bool is_mine(int descriptor) const override { return sdk_testing::is_null_node(descriptor); }
  int answer(unsigned long request, void* argument) override {
    switch (request) {
      case SPI_IOC_RD_MODE32:
        *static_cast<std::uint32_t*>(argument) = mode;
        return 0;
      case SPI_IOC_WR_MODE32:
        mode = *static_cast<std::uint32_t*>(argument);
        return (mode & SPI_LSB_FIRST) != 0 && !reverses ? EINVAL : 0;
      case SPI_IOC_WR_BITS_PER_WORD:
        bits = *static_cast<std::uint8_t*>(argument);
        return 0;
      case SPI_IOC_WR_MAX_SPEED_HZ:
        speed_hz = *static_cast<std::uint32_t*>(argument);
        return 0;
      case SPI_IOC_MESSAGE(1):
        return run({static_cast<spi_ioc_transfer*>(argument), 1});
      case SPI_IOC_MESSAGE(2):
        return run({static_cast<spi_ioc_transfer*>(argument), 2});
      default:
        return ENOTTY;
    }
  }

  std::uint32_t mode = SPI_CS_HIGH | SPI_CPHA;  // as the board's description has it
  std::uint8_t bits = 0;
  std::uint32_t speed_hz = 0;
  bool reverses = true;
  std::vector<std::uint8_t> heard;

 private:
  int run(std::span<const spi_ioc_transfer> transfers) {
    constexpr std::size_t kBytesMax = 4096;
    std::size_t all = 0;
    for (const spi_ioc_transfer& transfer : transfers) all += transfer.len;
    if (all > kBytesMax) return EMSGSIZE;
    std::uint8_t last = 0;
    for (const spi_ioc_transfer& transfer : transfers) {
      const auto* const written = reinterpret_cast<const std::uint8_t*>(transfer.tx_buf);
      auto* const read = reinterpret_cast<std::uint8_t*>(transfer.rx_buf);
      for (std::size_t i = 0; i < transfer.len; ++i) {
        if (read != nullptr) read[i] = static_cast<std::uint8_t>(~last);
        last = written != nullptr ? written[i] : 0;
        heard.push_back(last);
      }
    }
    return -static_cast<int>(all);
  }
};

class SdkSpi : public testing::Test {
 protected:
  FakeDevice fake_;
};

TEST_F(SdkSpi, TheBoardsChipSelectStays) {
  pavise_spi_config config = pavise_spi_usual();
  const pavise::Descriptor usual(pavise_spi_open("null", &config));
  ASSERT_TRUE(usual) << usual.get();
  EXPECT_EQ(fake_.mode, std::uint32_t{SPI_CS_HIGH});
  EXPECT_EQ(fake_.bits, 8);
  EXPECT_EQ(fake_.speed_hz, 1'000'000U);
  config = {.speed_hz = 5000, .mode = 3, .bit_order = PAVISE_SPI_LEAST_FIRST};
  const pavise::Descriptor other(pavise_spi_open("null", &config));
  ASSERT_TRUE(other) << other.get();
  EXPECT_EQ(fake_.mode, SPI_CS_HIGH | SPI_MODE_3 | SPI_LSB_FIRST);
  EXPECT_EQ(fake_.speed_hz, 5000U);
}

TEST_F(SdkSpi, BytesGoBothWays) {
  const pavise_spi_config config = pavise_spi_usual();
  const pavise::Descriptor device(pavise_spi_open("null", &config));
  const std::array<std::uint8_t, 3> written{1, 2, 3};
  std::array<std::uint8_t, 3> read{};
  EXPECT_EQ(pavise_spi_transfer(device.get(), written.data(), read.data(), 3), 0);
  EXPECT_EQ(read, (std::array<std::uint8_t, 3>{0xff, 0xfe, 0xfd}));
  EXPECT_EQ(pavise_spi_transfer(device.get(), written.data(), nullptr, 3), 0);
  EXPECT_EQ(pavise_spi_transfer(device.get(), nullptr, read.data(), 1), 0);
  EXPECT_EQ(fake_.heard, (std::vector<std::uint8_t>{1, 2, 3, 1, 2, 3, 0}));
  EXPECT_EQ(pavise_spi_write_then_read(device.get(), written.data(), 2, read.data(), 2), 0);
  EXPECT_EQ(read[0], 0xfd);
  EXPECT_EQ(read[1], 0xff);
}

TEST_F(SdkSpi, ErrorsAreTold) {
  pavise_spi_config config = pavise_spi_usual();
  const pavise::Descriptor device(pavise_spi_open("null", &config));
  std::vector<std::uint8_t> bytes(4097);
  EXPECT_EQ(pavise_spi_transfer(device.get(), bytes.data(), bytes.data(), 4096), 0);
  EXPECT_EQ(pavise_spi_transfer(device.get(), bytes.data(), bytes.data(), 4097), -EMSGSIZE);
  EXPECT_EQ(pavise_spi_transfer(device.get(), nullptr, nullptr, 1), -EINVAL);
  EXPECT_EQ(pavise_spi_transfer(device.get(), bytes.data(), nullptr, 0), -EINVAL);
  EXPECT_EQ(pavise_spi_write_then_read(device.get(), bytes.data(), 1, nullptr, 1), -EINVAL);
  EXPECT_EQ(pavise_spi_write_then_read(device.get(), bytes.data(), 1, bytes.data(), 0), -EINVAL);
  EXPECT_EQ(pavise_spi_transfer(-1, bytes.data(), nullptr, 1), -EBADF);
  fake_.reverses = false;
  config.bit_order = PAVISE_SPI_LEAST_FIRST;
  EXPECT_EQ(pavise_spi_open("null", &config), -EINVAL);
}

TEST(SdkSpiOpen, OnlyADeviceOfTheManifestAndASettingThatIsOne) {
  const pavise_spi_config usual = pavise_spi_usual();
  EXPECT_EQ(pavise_spi_open("null", &usual), -ENOTTY);
  EXPECT_EQ(pavise_spi_open("DISPLAY", &usual), -ENOENT);
  EXPECT_EQ(pavise_spi_open("../null", &usual), -EINVAL);
  EXPECT_EQ(pavise_spi_open("null", nullptr), -EINVAL);
  for (const pavise_spi_config& wrong :
       {pavise_spi_config{0, 0, PAVISE_SPI_MOST_SIGNIFICANT_FIRST},
        pavise_spi_config{1, 4, PAVISE_SPI_MOST_SIGNIFICANT_FIRST},
        pavise_spi_config{1, 0, static_cast<pavise_spi_bit_order>(2)}})
    EXPECT_EQ(pavise_spi_open("null", &wrong), -EINVAL);
}

}  // namespace
