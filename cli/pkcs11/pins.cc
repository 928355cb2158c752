#include "cli/pkcs11/pins.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "cli/pkcs11/errors.h"
#include "common/base/unique_fd.h"

namespace pavise::cli::pkcs11 {
namespace {

constexpr std::byte kBackspace{0x08};
constexpr std::byte kDelete{0x7f};
constexpr std::byte kCtrlC{0x03};
constexpr std::byte kCtrlD{0x04};
constexpr std::byte kEscape{0x1b};
constexpr std::byte kNewline{'\n'};
constexpr std::byte kReturn{'\r'};

Error too_long() {
  return {kNoPin, "more than " + std::to_string(kPinBytesMax) + " bytes"};
}

// A line that grows to its limit without leaving copies behind.
class Line {
 public:
  bool add(std::byte byte) {
    if (size_ == kPinBytesMax) return false;
    bytes_.span()[size_++] = byte;
    return true;
  }
  void drop_last() {
    if (size_ > 0) bytes_.span()[--size_] = std::byte{0};
  }
  bool empty() const { return size_ == 0; }
  SecretBytes take() const { return SecretBytes::copy_of(bytes_.view().first(size_)); }

 private:
  SecretBytes bytes_{kPinBytesMax};
  std::size_t size_ = 0;
};

// nullopt: the end, or a failure with errno.
std::optional<std::byte> read_byte(int fd) {
  std::byte byte{};
  for (;;) {
    errno = 0;
    const ssize_t got = ::read(fd, &byte, 1);
    if (got == 1) return byte;
    if (got == 0 || errno != EINTR) return std::nullopt;
  }
}

// The first line of a file, or of a pipe.
Result<SecretBytes> read_pin_file(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info{};
  if (!file || ::fstat(file.get(), &info) != 0)
    return Error(kNoPin, path + ": " + std::strerror(errno));
  if ((info.st_mode & 077U) != 0) return Error(kPinOpenToOthers, path);
  Line line;
  for (;;) {
    const auto byte = read_byte(file.get());
    if (!byte && errno != 0) return Error(kNoPin, path + ": " + std::strerror(errno));
    if (!byte || *byte == kNewline) break;
    if (*byte == kReturn) continue;
    if (!line.add(*byte)) return too_long();
  }
  if (line.empty()) return Error(kNoPin, path + " is empty");
  return line.take();
}

// No echo, no signals from keys: a Ctrl-C would end the program and leave the terminal mute.
class QuietTerminal {
 public:
  explicit QuietTerminal(int fd) : fd_(fd) {
    if (::tcgetattr(fd, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | ISIG);
    quiet.c_cc[VMIN] = 1;
    quiet.c_cc[VTIME] = 0;
    is_quiet_ = ::tcsetattr(fd, TCSAFLUSH, &quiet) == 0;
  }
  ~QuietTerminal() {
    if (is_quiet_) (void)::tcsetattr(fd_, TCSAFLUSH, &before_);
  }
  QuietTerminal(const QuietTerminal&) = delete;
  QuietTerminal& operator=(const QuietTerminal&) = delete;
  bool is_quiet() const { return is_quiet_; }

 private:
  int fd_;
  termios before_{};
  bool is_quiet_ = false;
};

void say(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
}

Result<SecretBytes> read_line(int fd) {
  Line line;
  for (;;) {
    const auto byte = read_byte(fd);
    if (!byte || *byte == kCtrlC || *byte == kCtrlD) return Error(kNoPin, "given up");
    if (*byte == kNewline || *byte == kReturn) break;
    if (*byte == kBackspace || *byte == kDelete)
      line.drop_last();
    else if (*byte == kEscape)  // of an arrow key: never what is meant
      return Error(kNoPin, "a key that is no character");
    else if (!line.add(*byte))
      return too_long();
  }
  if (line.empty()) return Error(kNoPin, "nothing was typed");
  return line.take();
}

}  // namespace

Result<SecretBytes> ask_for_pin(const std::string& terminal, const std::string& prompt) {
  const UniqueFd fd(::open(terminal.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!fd) return Error(kNoPin, "there is no terminal to ask at");
  const QuietTerminal quiet(fd.get());
  if (!quiet.is_quiet()) return Error(kNoPin, terminal + " is no terminal");
  say(fd.get(), prompt);
  auto out = read_line(fd.get());
  say(fd.get(), "\n");
  return out;
}

void Pins::take_from_environment() {
  const std::scoped_lock lock(mutex_);
  char* const value = std::getenv(kPinVariable);  // NOLINT(concurrency-mt-unsafe)
  if (value == nullptr) return;
  const std::span<std::byte> bytes = std::as_writable_bytes(std::span(value, std::strlen(value)));
  from_environment_ = SecretBytes::copy_of(bytes);
  wipe(bytes);
  ::unsetenv(kPinVariable);  // NOLINT(concurrency-mt-unsafe)
}

Result<SecretBytes> Pins::pin_for(const KeyUri& uri, const std::string& token) {
  SecretBytes pin;
  bool was_refused = false;
  {
    const std::scoped_lock lock(mutex_);
    pin = SecretBytes::copy_of(from_environment_.view());
    was_refused = refused_.contains(token);
  }
  if (!uri.pin_file().empty()) {
    PAVISE_TRY_ASSIGN(pin, read_pin_file(uri.pin_file()));
  }
  if (pin.empty()) return ask_for_pin(terminal_, "PIN of the token " + token + ": ");
  if (pin.size() > kPinBytesMax) return too_long();
  if (was_refused) return Error(kWrongPin, "it was refused before, and is not tried again");
  return pin;
}

void Pins::refused(const std::string& token) {
  const std::scoped_lock lock(mutex_);
  refused_.insert(token);
}

Pins& process_pins() {
  static Pins pins;
  static const bool taken = [] {
    pins.take_from_environment();
    return true;
  }();
  (void)taken;
  return pins;
}

}  // namespace pavise::cli::pkcs11
