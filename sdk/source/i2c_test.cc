// Two controllers that this program plays, by the rules of <linux/i2c-dev.h>: one of I2C and one of
// SMBus, with a chip of 256 registers at 0x50. The kernel's own bus is in tests/e2e/apps_test.py.
#include <gtest/gtest.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <pavise/pavise.hpp>
#include <span>
#include <thread>
#include <vector>

#include "sdk/source/testing/played.h"

namespace {

constexpr std::uint8_t kChip = 0x50;
constexpr unsigned long kSmbusAll =
    I2C_FUNC_SMBUS_BYTE | I2C_FUNC_SMBUS_BYTE_DATA | I2C_FUNC_SMBUS_I2C_BLOCK;

class FakeBus : public sdk_testing::Played {
 public:
  FakeBus() {
    for (unsigned i = 0; i < registers.size(); ++i)
      registers.at(i) = static_cast<uint8_t>(i ^ 0xa5U);
  }
  bool is_mine(int descriptor) const override { return sdk_testing::is_null_node(descriptor); }
  int answer(unsigned long request, void* argument) override {
    if (request == I2C_SMBUS) std::this_thread::yield();  // another thread, if it may
    const std::lock_guard one_at_a_time(mutex_);          // as in the kernel
    switch (request) {
      case I2C_FUNCS:
        *static_cast<unsigned long*>(argument) = functions;
        return 0;
      case I2C_RDWR:
        return free_transfer(*static_cast<i2c_rdwr_ioctl_data*>(argument));
      case I2C_SLAVE:
        address_ = static_cast<std::uint8_t>(reinterpret_cast<std::uintptr_t>(argument));
        return busy ? EBUSY : 0;
      case I2C_SMBUS:
        return smbus(*static_cast<i2c_smbus_ioctl_data*>(argument));
      default:
        return ENOTTY;
    }
  }

  unsigned long functions = I2C_FUNC_I2C;
  std::array<std::uint8_t, 256> registers{};
  bool busy = false;
  bool cut = false;  // each transfer ends before its end
  int transfers = 0;

 private:
  int free_transfer(const i2c_rdwr_ioctl_data& all) {
    if ((functions & I2C_FUNC_I2C) == 0) return EOPNOTSUPP;
    ++transfers;
    for (const i2c_msg& message : std::span(all.msgs, all.nmsgs)) {
      if (message.addr != kChip) return ENXIO;
      const std::span bytes(message.buf, message.len);
      if ((message.flags & I2C_M_RD) != 0) {
        for (std::uint8_t& byte : bytes) byte = registers.at(at_++);
      } else {
        at_ = bytes[0];
        for (const std::uint8_t byte : bytes.subspan(1)) registers.at(at_++) = byte;
      }
    }
    return -static_cast<int>(all.nmsgs - (cut ? 1 : 0));
  }
  int smbus(const i2c_smbus_ioctl_data& request) {
    if (address_ != kChip) return ENXIO;
    ++transfers;
    const bool reads = request.read_write == I2C_SMBUS_READ;
    if (request.size != I2C_SMBUS_BYTE || !reads) at_ = request.command;
    if (request.size != I2C_SMBUS_I2C_BLOCK_DATA) {
      if (reads)
        request.data->byte = registers.at(at_++);
      else if (request.size == I2C_SMBUS_BYTE_DATA)
        registers.at(at_++) = request.data->byte;
      return 0;
    }
    const std::span bytes(request.data->block + 1, request.data->block[0]);
    for (std::uint8_t& byte : bytes)
      (reads ? byte : registers.at(at_)) = reads ? registers.at(at_) : byte, ++at_;
    if (cut) --request.data->block[0];
    return 0;
  }

  std::mutex mutex_;
  std::uint8_t address_ = 0;
  std::uint8_t at_ = 0;
};

class SdkI2c : public testing::TestWithParam<unsigned long> {
 protected:
  void SetUp() override {
    fake_.functions = GetParam();
    bus_ = pavise::Descriptor(pavise_i2c_open("null"));
    ASSERT_TRUE(bus_) << bus_.get();
  }
  std::vector<std::uint8_t> registers(std::uint8_t from, std::size_t count) {
    std::vector<std::uint8_t> out(count);
    EXPECT_EQ(pavise_i2c_write_then_read(bus_.get(), kChip, &from, 1, out.data(), count), 0);
    return out;
  }
  int write(const std::vector<std::uint8_t>& bytes, std::uint8_t address = kChip) {
    return pavise_i2c_write(bus_.get(), address, bytes.data(), bytes.size());
  }

  FakeBus fake_;
  pavise::Descriptor bus_;
};
INSTANTIATE_TEST_SUITE_P(Controllers, SdkI2c, testing::Values(I2C_FUNC_I2C, kSmbusAll),
                         [](const auto& controller) {
                           return controller.param == I2C_FUNC_I2C ? "I2c" : "SmBus";
                         });

TEST_P(SdkI2c, RegistersAreReadAndWritten) {
  EXPECT_EQ(registers(7, 1), std::vector<std::uint8_t>{7 ^ 0xa5});
  EXPECT_EQ(registers(1, 32).back(), 32 ^ 0xa5);
  EXPECT_EQ(write({9, 1}), 0);
  EXPECT_EQ(write({10, 2, 3, 4}), 0);
  EXPECT_EQ(registers(9, 4), (std::vector<std::uint8_t>{1, 2, 3, 4}));
  std::vector<std::uint8_t> most(33, 0x11);
  most[0] = 64;
  EXPECT_EQ(write(most), 0);
  EXPECT_EQ(fake_.registers[64 + 31], 0x11);
  EXPECT_EQ(fake_.registers[64 + 32], (64 + 32) ^ 0xa5);
  // What reads on, reads where the last transfer ended.
  EXPECT_EQ(write({200}), 0);
  std::uint8_t byte = 0;
  EXPECT_EQ(pavise_i2c_read(bus_.get(), kChip, &byte, 1), 0);
  EXPECT_EQ(byte, 200 ^ 0xa5);
}

TEST_P(SdkI2c, WhatADriverHasIsItsOwn) {
  fake_.busy = true;
  EXPECT_EQ(write({9, 1}), -EBUSY);
  EXPECT_EQ(fake_.registers[9], 9 ^ 0xa5);
  EXPECT_EQ(fake_.transfers, 0);
}

// One descriptor, two chips: whoever is told to write to the one writes there.
TEST_P(SdkI2c, ThreadsDoNotMix) {
  const auto write_often = [&](std::uint8_t address, int expected) {
    const std::array<std::uint8_t, 2> bytes{9, 1};
    for (int i = 0; i < 1000; ++i)
      EXPECT_EQ(pavise_i2c_write(bus_.get(), address, bytes.data(), bytes.size()), expected);
  };
  std::thread other(write_often, std::uint8_t{kChip + 1}, -ENXIO);
  write_often(kChip, 0);
  other.join();
}

TEST_P(SdkI2c, ErrorsAreTold) {
  EXPECT_EQ(write({1}, 0x51), -ENXIO);
  fake_.cut = true;
  std::array<std::uint8_t, 4> read{};
  const std::uint8_t at = 0;
  EXPECT_EQ(pavise_i2c_write_then_read(bus_.get(), kChip, &at, 1, read.data(), read.size()), -EIO);
}

TEST_P(SdkI2c, WrongArgumentsDoNotReachTheBus) {
  std::uint8_t byte = 0;
  const int before = fake_.transfers;
  for (const int address : {0, 7, 0x78, 0xff})
    EXPECT_EQ(write({1}, static_cast<uint8_t>(address)), -EINVAL);
  EXPECT_EQ(write({}), -EINVAL);
  EXPECT_EQ(pavise_i2c_read(bus_.get(), kChip, nullptr, 1), -EINVAL);
  EXPECT_EQ(pavise_i2c_write(bus_.get(), kChip, nullptr, 1), -EINVAL);
  EXPECT_EQ(pavise_i2c_write_then_read(bus_.get(), kChip, &byte, 1, &byte, 0), -EINVAL);
  EXPECT_EQ(pavise_i2c_write_then_read(bus_.get(), kChip, &byte, 0, &byte, 1), -EINVAL);
  EXPECT_EQ(write(std::vector<std::uint8_t>(PAVISE_I2C_BYTES_MAX + 1)), -EINVAL);
  EXPECT_EQ(fake_.transfers, before);
}

class SdkI2cBus : public testing::Test {
 protected:
  FakeBus fake_;
};

TEST_F(SdkI2cBus, TheAddressesThatMayBeUsed) {
  const pavise::Descriptor bus(pavise_i2c_open("null"));
  const std::uint8_t byte = 0;
  for (const int address : {0x08, 0x77})
    EXPECT_EQ(pavise_i2c_write(bus.get(), static_cast<std::uint8_t>(address), &byte, 1), -ENXIO);
}

TEST_F(SdkI2cBus, SmBusDoesNotDoAll) {
  fake_.functions = kSmbusAll;
  const pavise::Descriptor bus(pavise_i2c_open("null"));
  std::array<std::uint8_t, 40> bytes{};
  EXPECT_EQ(pavise_i2c_write(bus.get(), kChip, bytes.data(), 34), -EOPNOTSUPP);
  EXPECT_EQ(pavise_i2c_read(bus.get(), kChip, bytes.data(), 2), -EOPNOTSUPP);
  EXPECT_EQ(pavise_i2c_write_then_read(bus.get(), kChip, bytes.data(), 1, bytes.data(), 33),
            -EOPNOTSUPP);
  EXPECT_EQ(pavise_i2c_write_then_read(bus.get(), kChip, bytes.data(), 2, bytes.data(), 1),
            -EOPNOTSUPP);
  fake_.functions = I2C_FUNC_SMBUS_BYTE;
  EXPECT_EQ(pavise_i2c_write(bus.get(), kChip, bytes.data(), 2), -EOPNOTSUPP);
  EXPECT_EQ(pavise_i2c_write(bus.get(), kChip, bytes.data(), 1), 0);
  fake_.busy = true;
  EXPECT_EQ(pavise_i2c_write(bus.get(), kChip, bytes.data(), 1), -EBUSY);
}

TEST(SdkI2cOpen, OnlyABusOfTheManifest) {
  EXPECT_EQ(pavise_i2c_open("null"), -ENOTTY);
  EXPECT_EQ(pavise_i2c_open("SENSORS"), -ENOENT);
  for (const char* name : {"", ".", "../null", "a/b"}) EXPECT_EQ(pavise_i2c_open(name), -EINVAL);
  EXPECT_EQ(pavise_i2c_open(nullptr), -EINVAL);
  const std::uint8_t byte = 0;
  EXPECT_EQ(pavise_i2c_write(-1, kChip, &byte, 1), -EBADF);
}

}  // namespace
