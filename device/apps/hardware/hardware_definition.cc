#include "device/apps/hardware/hardware_definition.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <set>

#include "common/base/unique_fd.h"

namespace pavise::device {
namespace {

using manifest::Hardware;

constexpr std::string_view kFolder = "/dev/";
constexpr std::string_view kSimulated = "simulated";

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

// Decimal, in the one spelling that it has.
std::optional<std::uint32_t> parse_number(std::string_view text, std::uint32_t max) {
  std::uint32_t out = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failed != std::errc() || end != text.data() + text.size() || out > max) return {};
  if (text.size() > 1 && text.front() == '0') return {};
  return out;
}

// What stands before the first space, and what is behind it; without a space there is no second.
struct Cut {
  std::string_view word;
  std::optional<std::string_view> rest;
};
Cut cut(std::string_view text) {
  const std::size_t at = text.find(' ');
  if (at == std::string_view::npos) return {text, {}};
  return {text.substr(0, at), text.substr(at + 1)};
}

class Reader {
 public:
  Status take(std::string_view line) {
    ++number_;
    if (line.empty()) return wrong("an empty line");
    if (!std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; }))
      return wrong("a byte that is no printable ASCII");
    if (line.front() == '#') return {};
    if (++rows_ > kHardwareRowsMax) return wrong("too many rows");
    const Cut first = cut(line);
    if (!first.rest) return wrong("not KIND NAME NODE");
    if (first.word == kSimulated) return simulate(cut(*first.rest));
    const Cut second = cut(*first.rest);
    if (!second.rest) return wrong("not KIND NAME NODE");
    return add(first.word, std::string(second.word), *second.rest);
  }
  HardwareDefinition take_all() { return std::move(out_); }

 private:
  Status add(std::string_view kind_word, const std::string& name, std::string_view where) {
    const auto kind = parse_kind(kind_word);
    if (!kind) return wrong("no kind of hardware");
    if (!manifest::is_hardware_name(name)) return wrong("no name that a manifest can have");
    if (std::ranges::count(kTakenNames, name) != 0)
      return wrong("a name that every app has in its /dev");
    HardwarePlace place;
    PAVISE_TRY_ASSIGN(place, *kind == Hardware::gpio ? read_line(where) : read_node(*kind, where));
    // An app may have hardware of two kinds, all in one /dev.
    if (!names_.insert(name).second) return wrong("a name that stands above");
    out_.by_kind.at(static_cast<std::size_t>(*kind)).emplace(name, std::move(place));
    return {};
  }
  Result<HardwarePlace> read_node(Hardware kind, std::string_view where) {
    if (!is_node(kind, where)) return wrong("no node of this kind");
    if (!nodes_.emplace(where).second) return wrong("a node that stands above");
    return HardwarePlace{.node = std::string(where)};
  }
  // A chip has many lines, each of them one peripheral.
  Result<HardwarePlace> read_line(std::string_view where) {
    const Cut words = cut(where);
    if (!is_node(Hardware::gpio, words.word)) return wrong("no node of this kind");
    const auto line = parse_number(words.rest.value_or(""), kGpioLineMax);
    if (!line) return wrong("no line of a chip after its node");
    HardwarePlace out{.node = std::string(words.word), .line = *line};
    const auto chip = std::ranges::find(out_.simulated, out.node, &SimulatedChip::node);
    if (chip != out_.simulated.end() && *line >= chip->lines)
      return wrong("a line that the simulated chip does not have");
    if (!lines_[out.node].insert(*line).second) return wrong("a line that stands above");
    return out;
  }
  Status simulate(const Cut& words) {
    if (!is_node(Hardware::gpio, words.word)) return wrong("no node of this kind");
    const auto lines = parse_number(words.rest.value_or(""), kSimulatedLinesMax);
    if (!lines || *lines == 0) return wrong("no number of lines after the node");
    SimulatedChip chip{.node = std::string(words.word), .lines = *lines};
    if (lines_.contains(chip.node)) return wrong("a chip whose lines stand above");
    if (std::ranges::find(out_.simulated, chip.node, &SimulatedChip::node) != out_.simulated.end())
      return wrong("a node that stands above");
    if (out_.simulated.size() == kSimulatedChipsMax) return wrong("too many simulated chips");
    out_.simulated.push_back(std::move(chip));
    return {};
  }
  Error wrong(std::string_view what) const {
    return {kBadHardwareDefinition, "line " + std::to_string(number_) + ": " + std::string(what)};
  }

  std::size_t number_ = 0;
  std::size_t rows_ = 0;
  std::set<std::string> names_, nodes_;
  std::map<std::string, std::set<std::uint32_t>> lines_;  // by the node of their chip
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
