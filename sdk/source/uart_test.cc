// A pseudo-terminal as the serial port: it does what a port does but parity, sizes and two stop
// bits.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <pavise/pavise.hpp>
#include <string>

namespace {

TEST(SdkUart, NamesAreOneWord) {
  const pavise_uart_config config = pavise_uart_usual();
  for (const char* name : {"", ".", "..", "pts/0", "../etc/passwd", "a/b"})
    EXPECT_EQ(pavise_uart_open(name, &config), -EINVAL) << name;
  EXPECT_EQ(pavise_uart_open(std::string(32, 'n').c_str(), &config), -ENOENT);
  EXPECT_EQ(pavise_uart_open(std::string(33, 'n').c_str(), &config), -EINVAL);
  EXPECT_EQ(pavise_uart_open("null", &config), -ENOTTY);
  EXPECT_EQ(pavise_uart_open("null", nullptr), -EINVAL);
}

class SdkUartLine : public testing::Test {
 protected:
  // Where a name of /dev can be the terminal's, for this process alone.
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root for a /dev of its own";
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    line_ = pavise::Descriptor(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_EQ(::grantpt(line_.get()), 0);
    ASSERT_EQ(::unlockpt(line_.get()), 0);
    const char* const port = ::ptsname(line_.get());
    kept_ = pavise::Descriptor(::open(port, O_RDWR | O_NOCTTY | O_CLOEXEC));  // no hang-up between
    ASSERT_EQ(::mount(port, kPath, nullptr, MS_BIND, nullptr), 0);
  }
  void TearDown() override {
    if (line_) EXPECT_EQ(::umount2(kPath, MNT_DETACH), 0);
  }
  static std::string read(const pavise::Descriptor& from) {
    pollfd polled{from.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&polled, 1, 60'000), 1);
    std::array<char, 16> bytes{};
    const ssize_t size = ::read(from.get(), bytes.data(), bytes.size());
    return size < 0 ? std::string() : std::string(bytes.data(), static_cast<std::size_t>(size));
  }

  static constexpr const char* kName = "full";
  static constexpr const char* kPath = "/dev/full";
  pavise::Descriptor line_, kept_;
};

TEST_F(SdkUartLine, BytesGoAsTheyAre) {
  const pavise_uart_config config = pavise_uart_usual();
  const pavise::Descriptor port(pavise_uart_open(kName, &config));
  ASSERT_TRUE(port) << port.get();
  ASSERT_EQ(::write(line_.get(), "\x03\r\n\x04", 4), 4);
  EXPECT_EQ(read(port), "\x03\r\n\x04");
  ASSERT_EQ(::write(port.get(), "a\nb", 3), 3);
  EXPECT_EQ(read(line_), "a\nb");  // and no echo of what came before
  std::array<char, 4> none{};
  EXPECT_EQ(::read(port.get(), none.data(), none.size()), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST_F(SdkUartLine, SettingsAreMadeOrRefused) {
  pavise_uart_config config = pavise_uart_usual();
  config.baud_rate = 9600;
  config.stop_bits = 2;
  config.flow_control = 1;
  const pavise::Descriptor port(pavise_uart_open(kName, &config));
  ASSERT_TRUE(port) << port.get();
  termios got{};
  ASSERT_EQ(::tcgetattr(port.get(), &got), 0);
  EXPECT_EQ(::cfgetospeed(&got), speed_t{B9600});
  EXPECT_NE(got.c_cflag & CSTOPB, 0U);
  EXPECT_NE(got.c_cflag & CRTSCTS, 0U);

  const auto refused = [](auto change) {
    pavise_uart_config bad = pavise_uart_usual();
    change(bad);
    return pavise_uart_open(kName, &bad) == -EINVAL;
  };
  EXPECT_TRUE(refused([](auto& c) { c.baud_rate = 9601; }));
  EXPECT_TRUE(refused([](auto& c) { c.data_bits = 4; }));
  EXPECT_TRUE(refused([](auto& c) { c.data_bits = 9; }));
  EXPECT_TRUE(refused([](auto& c) { c.stop_bits = 0; }));
  EXPECT_TRUE(refused([](auto& c) { c.stop_bits = 3; }));
  EXPECT_TRUE(refused([](auto& c) { c.flow_control = 2; }));
  // What the driver does not do is found out.
  EXPECT_TRUE(refused([](auto& c) { c.data_bits = 7; }));
  EXPECT_TRUE(refused([](auto& c) { c.parity = PAVISE_PARITY_EVEN; }));
}

}  // namespace
