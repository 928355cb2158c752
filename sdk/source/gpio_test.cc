// A line that this program plays, by the rules of <linux/gpio.h>. A socket stands for its
// descriptor, so that edges are read as they are from the kernel. The kernel's own lines are in
// tests/e2e/apps_test.py.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/gpio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <pavise/pavise.hpp>
#include <string>
#include <vector>

#include "sdk/source/testing/played.h"

namespace {

class FakeLine : public sdk_testing::Played {
 public:
  FakeLine() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    app_ = pavise::Descriptor(ends[0]);
    ours_ = pavise::Descriptor(ends[1]);
    struct stat info{};
    ::fstat(app_.get(), &info);
    inode_ = info.st_ino;
  }

  std::string number() const { return std::to_string(app_.get()); }
  bool is_mine(int descriptor) const override {
    struct stat info{};
    return ::fstat(descriptor, &info) == 0 && info.st_ino == inode_;
  }
  int answer(unsigned long request, void* argument) override {
    if (request == GPIO_V2_LINE_SET_CONFIG_IOCTL)
      return set_config(*static_cast<gpio_v2_line_config*>(argument));
    auto& values = *static_cast<gpio_v2_line_values*>(argument);
    if (values.mask != 1) return EINVAL;
    if (request == GPIO_V2_LINE_GET_VALUES_IOCTL) {
      values.bits = level ? 1 : 0;
      return 0;
    }
    if (request != GPIO_V2_LINE_SET_VALUES_IOCTL) return EINVAL;
    if ((flags & GPIO_V2_LINE_FLAG_OUTPUT) == 0) return EPERM;
    level = values.bits == 1;
    return 0;
  }
  // From outside; the next edge has this number.
  void drive(bool value, std::uint32_t edge) {
    level = value;
    gpio_v2_line_event event{};
    event.timestamp_ns = 7'000'000'000;
    event.id = value ? GPIO_V2_LINE_EVENT_RISING_EDGE : GPIO_V2_LINE_EVENT_FALLING_EDGE;
    event.line_seqno = edge;
    ASSERT_EQ(::send(ours_.get(), &event, sizeof event, 0), ssize_t{sizeof event});
  }
  void say(const void* bytes, std::size_t size) const {
    ASSERT_EQ(::send(ours_.get(), bytes, size, 0), static_cast<ssize_t>(size));
  }

  std::uint64_t flags = 0;
  bool level = false;
  int refuse = 0;  // what the next settings are answered with

 private:
  int set_config(const gpio_v2_line_config& config) {
    constexpr std::uint64_t kDirections = GPIO_V2_LINE_FLAG_INPUT | GPIO_V2_LINE_FLAG_OUTPUT;
    constexpr std::uint64_t kDrives = GPIO_V2_LINE_FLAG_OPEN_DRAIN | GPIO_V2_LINE_FLAG_OPEN_SOURCE;
    constexpr std::uint64_t kEdges = GPIO_V2_LINE_FLAG_EDGE_RISING | GPIO_V2_LINE_FLAG_EDGE_FALLING;
    if (refuse != 0) return refuse;
    const bool output = (config.flags & GPIO_V2_LINE_FLAG_OUTPUT) != 0;
    if ((config.flags & kDirections) == 0 || (config.flags & kDirections) == kDirections)
      return EINVAL;
    if ((config.flags & (output ? kEdges : kDrives)) != 0) return EINVAL;
    if (config.num_attrs != (output ? 1U : 0U)) return EINVAL;
    if (output) {
      if (config.attrs[0].attr.id != GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES ||
          config.attrs[0].mask != 1)
        return EINVAL;
      level = config.attrs[0].attr.values == 1;
    }
    flags = config.flags;
    return 0;
  }

  pavise::Descriptor app_, ours_;
  ino_t inode_ = 0;
};
class SdkGpio : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::setenv("PAVISE_GPIO_LED", line_.number().c_str(), 1), 0); }
  void TearDown() override { ::unsetenv("PAVISE_GPIO_LED"); }

  FakeLine line_;
};

TEST_F(SdkGpio, AnOutputIsSetAndReadBack) {
  const pavise::Descriptor led(
      pavise_gpio_open_as_output("LED", PAVISE_GPIO_PUSH_PULL, PAVISE_GPIO_HIGH));
  ASSERT_TRUE(led) << led.get();
  EXPECT_EQ(line_.flags, std::uint64_t{GPIO_V2_LINE_FLAG_OUTPUT});
  EXPECT_TRUE(line_.level);
  EXPECT_EQ(pavise_gpio_get_value(led.get()), PAVISE_GPIO_HIGH);
  EXPECT_EQ(pavise_gpio_set_value(led.get(), PAVISE_GPIO_LOW), 0);
  EXPECT_FALSE(line_.level);
  EXPECT_EQ(pavise_gpio_get_value(led.get()), PAVISE_GPIO_LOW);
  EXPECT_EQ(::fcntl(led.get(), F_GETFD), FD_CLOEXEC);
}

TEST_F(SdkGpio, ModesBiasAndEdgesAreThoseOfTheKernel) {
  const auto flags = [this](int descriptor) {
    const pavise::Descriptor line(descriptor);
    EXPECT_TRUE(line) << line.get();
    return line_.flags;
  };
  const auto output = [&](pavise_gpio_output_mode mode) {
    return flags(pavise_gpio_open_as_output("LED", mode, PAVISE_GPIO_LOW));
  };
  const auto input = [&](pavise_gpio_bias bias, pavise_gpio_edges edges) {
    return flags(pavise_gpio_open_as_input("LED", bias, edges));
  };
  EXPECT_EQ(output(PAVISE_GPIO_OPEN_DRAIN),
            GPIO_V2_LINE_FLAG_OUTPUT | GPIO_V2_LINE_FLAG_OPEN_DRAIN);
  EXPECT_EQ(output(PAVISE_GPIO_OPEN_SOURCE),
            GPIO_V2_LINE_FLAG_OUTPUT | GPIO_V2_LINE_FLAG_OPEN_SOURCE);
  EXPECT_EQ(input(PAVISE_GPIO_BIAS_AS_IS, PAVISE_GPIO_NO_EDGES),
            std::uint64_t{GPIO_V2_LINE_FLAG_INPUT});
  EXPECT_EQ(input(PAVISE_GPIO_PULL_UP, PAVISE_GPIO_RISING), GPIO_V2_LINE_FLAG_INPUT |
                                                                GPIO_V2_LINE_FLAG_BIAS_PULL_UP |
                                                                GPIO_V2_LINE_FLAG_EDGE_RISING);
  EXPECT_EQ(input(PAVISE_GPIO_PULL_DOWN, PAVISE_GPIO_BOTH_EDGES),
            GPIO_V2_LINE_FLAG_INPUT | GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN |
                GPIO_V2_LINE_FLAG_EDGE_RISING | GPIO_V2_LINE_FLAG_EDGE_FALLING);
}

TEST_F(SdkGpio, AnInputIsNotSet) {
  const pavise::Descriptor line(
      pavise_gpio_open_as_input("LED", PAVISE_GPIO_BIAS_AS_IS, PAVISE_GPIO_NO_EDGES));
  ASSERT_TRUE(line);
  EXPECT_EQ(pavise_gpio_set_value(line.get(), PAVISE_GPIO_HIGH), -EPERM);
  line_.level = true;
  EXPECT_EQ(pavise_gpio_get_value(line.get()), PAVISE_GPIO_HIGH);
}

TEST_F(SdkGpio, EdgesAreReadOneByOne) {
  const pavise::Descriptor line(
      pavise_gpio_open_as_input("LED", PAVISE_GPIO_BIAS_AS_IS, PAVISE_GPIO_BOTH_EDGES));
  ASSERT_TRUE(line);
  pavise_gpio_edge edge{};
  EXPECT_EQ(pavise_gpio_read_edge(line.get(), &edge), -EAGAIN);  // and does not wait
  line_.drive(true, 1);
  line_.drive(false, 5);
  EXPECT_EQ(pavise_gpio_read_edge(line.get(), &edge), 0);
  EXPECT_EQ(edge.value, PAVISE_GPIO_HIGH);
  EXPECT_EQ(edge.at_ms, 7000);
  EXPECT_EQ(edge.number, 1U);
  EXPECT_EQ(pavise_gpio_read_edge(line.get(), &edge), 0);
  EXPECT_EQ(edge.value, PAVISE_GPIO_LOW);
  EXPECT_EQ(edge.number, 5U);
  EXPECT_EQ(pavise_gpio_read_edge(line.get(), &edge), -EAGAIN);
  EXPECT_EQ(pavise_gpio_read_edge(line.get(), nullptr), -EINVAL);
  line_.say("cut", 3);
  EXPECT_EQ(pavise_gpio_read_edge(line.get(), &edge), -ENOTTY);
}

TEST_F(SdkGpio, TheLoopCallsForEachEdge) {
  pavise::EventLoop loop;
  const auto button = pavise::GpioLine::input("LED", PAVISE_GPIO_PULL_UP, PAVISE_GPIO_BOTH_EDGES);
  ASSERT_TRUE(button) << button.error();
  std::vector<bool> seen;
  ASSERT_EQ(loop.on_edge(button,
                         [&](const pavise_gpio_edge& edge) {
                           seen.push_back(edge.value == PAVISE_GPIO_HIGH);
                           if (seen.size() == 3) loop.stop();
                         }),
            0);
  line_.drive(false, 1);
  line_.drive(true, 2);
  line_.drive(false, 3);
  EXPECT_EQ(loop.run(60'000), 0);
  EXPECT_EQ(seen, (std::vector<bool>{false, true, false}));
}

TEST_F(SdkGpio, OneThatWasClosedMayBeOpenedAgain) {
  {
    const auto led = pavise::GpioLine::output("LED", true);
    ASSERT_TRUE(led);
    EXPECT_EQ(led.value(), 1);
  }
  EXPECT_TRUE(line_.level);
  const auto led = pavise::GpioLine::output("LED", false);
  ASSERT_TRUE(led) << led.error();
  EXPECT_EQ(led.set(true), 0);
  EXPECT_TRUE(line_.level);
}

TEST_F(SdkGpio, WhatTheChipRefusesIsSaidAndNothingStaysOpen) {
  const int next = ::dup(0);
  ::close(next);
  line_.refuse = ENXIO;
  EXPECT_EQ(pavise_gpio_open_as_input("LED", PAVISE_GPIO_PULL_UP, PAVISE_GPIO_NO_EDGES), -ENXIO);
  EXPECT_EQ(pavise::GpioLine::output("LED").error(), -ENXIO);
  const int after = ::dup(0);
  ::close(after);
  EXPECT_EQ(after, next);
}

// As C may pass it.
template <class Enum>
Enum beyond(int value) {
  return static_cast<Enum>(value);  // NOLINT(clang-analyzer-optin.core.EnumCastOutOfRange)
}

TEST_F(SdkGpio, ArgumentsOutsideOfTheirEnumsAreRefused) {
  EXPECT_EQ(pavise_gpio_open_as_output("LED", beyond<pavise_gpio_output_mode>(3), PAVISE_GPIO_LOW),
            -EINVAL);
  EXPECT_EQ(pavise_gpio_open_as_output("LED", PAVISE_GPIO_PUSH_PULL, beyond<pavise_gpio_value>(2)),
            -EINVAL);
  EXPECT_EQ(pavise_gpio_open_as_input("LED", beyond<pavise_gpio_bias>(3), PAVISE_GPIO_NO_EDGES),
            -EINVAL);
  EXPECT_EQ(pavise_gpio_open_as_input("LED", PAVISE_GPIO_BIAS_AS_IS, beyond<pavise_gpio_edges>(4)),
            -EINVAL);
  EXPECT_EQ(pavise_gpio_set_value(0, beyond<pavise_gpio_value>(2)), -EINVAL);
}

TEST(SdkGpioNames, OnlyThoseThatWereGranted) {
  const auto open = [](const char* name) {
    return pavise_gpio_open_as_output(name, PAVISE_GPIO_PUSH_PULL, PAVISE_GPIO_LOW);
  };
  for (const char* name : {"", "A B", "A=B", "../LED", "L\xc3\x84", "LED\n"})
    EXPECT_EQ(open(name), -EINVAL) << name;
  EXPECT_EQ(open(nullptr), -EINVAL);
  EXPECT_EQ(open(std::string(32, 'n').c_str()), -ENOENT);
  EXPECT_EQ(open(std::string(33, 'n').c_str()), -EINVAL);
  EXPECT_EQ(open("LED"), -ENOENT);
  for (const char* number : {"", "x", "5x", "-1", "65536", "99999999999999999999", "60000"}) {
    ASSERT_EQ(::setenv("PAVISE_GPIO_LED", number, 1), 0);
    EXPECT_EQ(open("LED"), -ENOENT) << number;
  }
  ASSERT_EQ(::setenv("PAVISE_GPIO_LED", "0", 1), 0);
  EXPECT_LT(open("LED"), 0);  // a descriptor, and no line
  ::unsetenv("PAVISE_GPIO_LED");
  EXPECT_LT(pavise_gpio_get_value(-1), 0);
  EXPECT_EQ(pavise_gpio_set_value(-1, PAVISE_GPIO_LOW), -EBADF);
}

}  // namespace
