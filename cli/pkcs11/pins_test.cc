#include "cli/pkcs11/pins.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <future>

#include "cli/pkcs11/errors.h"
#include "common/base/unique_fd.h"

namespace pavise::cli::pkcs11 {
namespace {

constexpr int kPatienceMs = 60'000;

class Pinning : public ::testing::Test {
 protected:
  Pinning() {
    std::string pattern = ::testing::TempDir() + "pavise-pins-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    folder = pattern;
  }
  ~Pinning() override {
    ::unsetenv(kPinVariable);
    std::filesystem::remove_all(folder);
  }
  std::string pin_file(const std::string& text, mode_t mode = 0600) const {
    const std::string path = folder / "pin";
    std::ofstream(path) << text;
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }
  static std::string answer(Pins& pins, const std::string& uri = "pkcs11:object=a") {
    const auto pin = pins.pin_for(*KeyUri::parse(uri), "t");
    return pin ? std::string(as_text(pin->view())) : std::string(pin.error().code());
  }
  std::string from_file(const std::string& text, mode_t mode = 0600) const {
    Pins pins(folder / "no-terminal");
    return answer(pins, "pkcs11:object=a?pin-source=file:" + pin_file(text, mode));
  }

  std::filesystem::path folder;
};

TEST_F(Pinning, TheEnvironmentIsEmptiedAndOverwritten) {
  ::setenv(kPinVariable, "473829", 1);
  const char* const memory = ::getenv(kPinVariable);
  Pins pins(folder / "no-terminal");
  pins.take_from_environment();
  EXPECT_EQ(::getenv(kPinVariable), nullptr);
  // What the environment's memory had is what /proc/PID/environ shows of a program's start.
  EXPECT_EQ(to_hex(std::as_bytes(std::span(memory, 6))), "000000000000");
  EXPECT_EQ(answer(pins), "473829");
  EXPECT_EQ(answer(pins), "473829");
  pins.take_from_environment();  // nothing new there
  EXPECT_EQ(answer(pins), "473829");
}

TEST_F(Pinning, AFileIsItsOwnersAlone) {
  EXPECT_EQ(from_file("1234\n"), "1234");
  EXPECT_EQ(from_file("1234"), "1234");
  EXPECT_EQ(from_file("12 34\r\nmore\n"), "12 34");
  EXPECT_EQ(from_file("1234\n", 0640), "PV-TOK-010");
  EXPECT_EQ(from_file("1234\n", 0604), "PV-TOK-010");
  EXPECT_EQ(from_file("\n"), "PV-TOK-009");
  EXPECT_EQ(from_file(""), "PV-TOK-009");
  EXPECT_EQ(from_file(std::string(kPinBytesMax, '1')), std::string(kPinBytesMax, '1'));
  EXPECT_EQ(from_file(std::string(kPinBytesMax + 1, '1')), "PV-TOK-009");
  Pins pins(folder / "no-terminal");
  EXPECT_EQ(answer(pins, "pkcs11:object=a?pin-source=/absent/pin"), "PV-TOK-009");
  EXPECT_EQ(answer(pins, "pkcs11:object=a?pin-source=" + folder.string()), "PV-TOK-009");
}

TEST_F(Pinning, TheFileGoesBeforeTheEnvironment) {
  ::setenv(kPinVariable, "2222", 1);
  Pins pins(folder / "no-terminal");
  pins.take_from_environment();
  EXPECT_EQ(answer(pins, "pkcs11:object=a?pin-source=" + pin_file("1111\n")), "1111");
  EXPECT_EQ(answer(pins), "2222");
}

TEST_F(Pinning, WhatWasRefusedIsNotOfferedAgain) {
  ::setenv(kPinVariable, "2222", 1);
  Pins pins(folder / "no-terminal");
  pins.take_from_environment();
  pins.refused("t");
  EXPECT_EQ(answer(pins), "PV-TOK-011");
  EXPECT_EQ(answer(pins, "pkcs11:object=a?pin-source=" + pin_file("1111\n")), "PV-TOK-011");
  const auto other = pins.pin_for(*KeyUri::parse("pkcs11:object=a"), "another token");
  EXPECT_TRUE(other.has_value());
}

TEST_F(Pinning, WithoutATerminalNobodyIsAsked) {
  Pins pins(folder / "no-terminal");
  EXPECT_EQ(answer(pins), "PV-TOK-009");
  EXPECT_EQ(ask_for_pin(pin_file("1234\n"), "?").error().detail(),
            (folder / "pin").string() + " is no terminal");
}

// A person at a terminal of the kernel's.
class Prompt : public ::testing::Test {
 protected:
  Prompt() {
    int master = -1;
    int slave = -1;
    std::array<char, 256> name{};
    EXPECT_EQ(::openpty(&master, &slave, name.data(), nullptr, nullptr), 0);
    master_.reset(master);
    slave_.reset(slave);
    terminal_ = name.data();
  }
  static tcflag_t echo(int fd) {
    termios now{};
    EXPECT_EQ(::tcgetattr(fd, &now), 0);
    return now.c_lflag & static_cast<tcflag_t>(ECHO);
  }
  // All that the terminal shows, until it ends with `end`.
  std::string shown_until(std::string_view end) {
    std::string out;
    while (!out.ends_with(end)) {
      pollfd waited{.fd = master_.get(), .events = POLLIN, .revents = 0};
      if (::poll(&waited, 1, kPatienceMs) != 1) return out + " (and then nothing)";
      char byte = 0;
      if (::read(master_.get(), &byte, 1) != 1) return out + " (and then the end)";
      out += byte;
    }
    return out;
  }
  // What the person gets for the keys that he types when he is asked.
  std::string typed(std::string_view keys) {
    auto answer = std::async(std::launch::async, [this] {
      const auto pin = ask_for_pin(terminal_, "PIN: ");
      return pin ? std::string(as_text(pin->view())) : pin.error().detail();
    });
    EXPECT_EQ(shown_until("PIN: "), "PIN: ");
    EXPECT_EQ(echo(slave_.get()), 0U);
    EXPECT_EQ(::write(master_.get(), keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
    EXPECT_EQ(shown_until("\n"), "\r\n");  // nothing of what was typed
    std::string out = answer.get();
    EXPECT_NE(echo(slave_.get()), 0U);
    return out;
  }

  UniqueFd master_, slave_;
  std::string terminal_;
};

TEST_F(Prompt, ShowsNothingAndLeavesTheTerminalAsItWas) {
  EXPECT_EQ(typed("1234\r"), "1234");
  EXPECT_EQ(typed("12x\x7f\x08"
                  "234\n"),
            "1234");
  EXPECT_EQ(typed("\x7f\x7f"
                  "1234\r"),
            "1234");
  EXPECT_EQ(typed("12\x03"), "given up");
  EXPECT_EQ(typed("\x04"), "given up");
  EXPECT_EQ(typed("\r"), "nothing was typed");
  EXPECT_EQ(typed("12\x1b[A\r"), "a key that is no character");
  EXPECT_EQ(typed(std::string(kPinBytesMax, '1') + "\r"), std::string(kPinBytesMax, '1'));
  EXPECT_EQ(typed(std::string(kPinBytesMax + 1, '1') + "\r"), "more than 255 bytes");
}

}  // namespace
}  // namespace pavise::cli::pkcs11
