#include "device/apps/hardware/hardware_definition.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <set>

#include "common/base/unique_fd.h"

namespace pavise::device {
namespace {

using manifest::Hardware;

constexpr std::string_view kFolder = "/dev/";

// What a compartment's /dev has of its own.
constexpr std::array<std::string_view, 6> kTakenNames{"fd",   "full",   "null",
                                                      "zero", "random", "urandom"};

// How the kernel names the nodes of each kind, up to what numbers them. So a definition gives apps
// peripherals, never a disk, the memory or the TPM.
constexpr std::array<std::string_view, manifest::kHardwareKinds> kNodeNames{
    "gpiochip", "tty", "i2c-", "spidev", "pwmchip", "iio:device"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_digit);
}

bool is_node(Hardware kind, std::string_view path) {
  const std::string_view begin = kNodeNames.at(static_cast<std::size_t>(kind));
  if (path.size() > kHardwareNodeLengthMax || !path.starts_with(kFolder)) return false;
  path.remove_prefix(kFolder.size());
  if (!path.starts_with(begin)) return false;
  path.remove_prefix(begin.size());
  if (kind == Hardware::spi) {
    const std::size_t dot = path.find('.');
    return dot != std::string_view::npos && is_digits(path.substr(0, dot)) &&
           is_digits(path.substr(dot + 1));
  }
  if (kind != Hardware::uart) return is_digits(path);
  // ttyS1, ttyAMA0, ttymxc2; a number alone is a virtual terminal.
  const std::size_t letters =
      static_cast<std::size_t>(std::ranges::find_if_not(path, is_letter) - path.begin());
  return letters > 0 && is_digits(path.substr(letters));
}

std::optional<Hardware> parse_kind(std::string_view word) {
  for (std::size_t kind = 0; kind < manifest::kHardwareKinds; ++kind)
    if (word == to_string(static_cast<Hardware>(kind))) return static_cast<Hardware>(kind);
  return {};
}

class Reader {
 public:
  Status take(std::string_view line) {
    ++number_;
    if (line.empty()) return wrong("an empty line");
    if (!std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; }))
      return wrong("a byte that is no printable ASCII");
    if (line.front() == '#') return {};
    const std::size_t first = line.find(' ');
    const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
    if (second == std::string_view::npos) return wrong("not KIND NAME NODE");
    return add(line.substr(0, first), std::string(line.substr(first + 1, second - first - 1)),
               std::string(line.substr(second + 1)));
  }
  HardwareDefinition take_all() { return std::move(out_); }

 private:
  Status add(std::string_view kind_word, const std::string& name, const std::string& node) {
    const auto kind = parse_kind(kind_word);
    if (!kind) return wrong("no kind of hardware");
    if (!manifest::is_hardware_name(name)) return wrong("no name that a manifest can have");
    if (std::ranges::count(kTakenNames, name) != 0)
      return wrong("a name that every app has in its /dev");
    if (!is_node(*kind, node)) return wrong("no node of this kind");
    if (names_.size() == kHardwareRowsMax) return wrong("too many rows");
    // An app may have hardware of two kinds, all in one /dev.
    if (!names_.insert(name).second) return wrong("a name that stands above");
    if (!nodes_.insert(node).second) return wrong("a node that stands above");
    out_.at(static_cast<std::size_t>(*kind)).emplace(name, node);
    return {};
  }
  Error wrong(std::string_view what) const {
    return {kBadHardwareDefinition, "line " + std::to_string(number_) + ": " + std::string(what)};
  }

  std::size_t number_ = 0;
  std::set<std::string> names_, nodes_;
  HardwareDefinition out_;
};

}  // namespace

Result<HardwareDefinition> parse_hardware_definition(std::string_view text) {
  if (text.size() > kHardwareDefinitionBytesMax)
    return Error(kBadHardwareDefinition,
                 "over " + std::to_string(kHardwareDefinitionBytesMax) + " bytes");
  if (!text.empty() && !text.ends_with('\n'))
    return Error(kBadHardwareDefinition, "the last line has no end: the file was cut");
  Reader reader;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    PAVISE_TRY(reader.take(text.substr(0, end)));
    text.remove_prefix(end + 1);
  }
  return reader.take_all();
}

Result<HardwareDefinition> read_hardware_definition(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file && errno == ENOENT) return HardwareDefinition{};
  std::string text(kHardwareDefinitionBytesMax + 1, '\0');
  const ssize_t size = file ? ::read(file.get(), text.data(), text.size()) : -1;
  if (size < 0) return Error(kBadHardwareDefinition, path + ": " + std::strerror(errno));
  text.resize(static_cast<std::size_t>(size));
  return parse_hardware_definition(text);
}

}  // namespace pavise::device
