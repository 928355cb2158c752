#include "device/boot/boot_parameters.h"

#include <algorithm>
#include <array>

namespace pavise::device {
namespace {

constexpr std::string_view kPrefix = "pavise.";

enum Key : std::size_t { kRoot, kVerity, kData, kRootHash, kEpoch, kKeyCount };
constexpr std::array<std::string_view, kKeyCount> kKeys{
    "pavise.root", "pavise.verity", "pavise.data", "pavise.roothash", "pavise.epoch"};

// "/dev/" and then letters, digits and '-': no "..", no further folder.
bool is_device_path(std::string_view path) {
  constexpr std::string_view kFolder = "/dev/";
  if (path.size() > kDevicePathBytesMax || !path.starts_with(kFolder)) return false;
  path.remove_prefix(kFolder.size());
  return !path.empty() && std::ranges::all_of(path, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

std::optional<std::uint32_t> parse_epoch(std::string_view text) {
  if (text.empty() || text.front() == '0' || text.size() > 7) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (value > kEpochMax) return std::nullopt;
  return value;
}

// Cuts the next word off. Words are separated by spaces; /proc/cmdline ends with a line feed.
std::string_view next_word(std::string_view& rest) {
  constexpr std::string_view kSpace = " \n";
  const std::size_t begin = std::min(rest.find_first_not_of(kSpace), rest.size());
  const std::size_t end = std::min(rest.find_first_of(kSpace, begin), rest.size());
  const std::string_view word = rest.substr(begin, end - begin);
  rest.remove_prefix(end);
  return word;
}

Error bad(std::string_view key) {
  return {kBadCommandLine, std::string(key)};
}

}  // namespace

Result<BootParameters> BootParameters::parse(std::string_view command_line) {
  if (command_line.size() > kCommandLineBytesMax) return bad("too long");
  std::array<std::optional<std::string_view>, kKeyCount> values;
  for (std::string_view word = next_word(command_line); !word.empty();
       word = next_word(command_line)) {
    if (!word.starts_with(kPrefix)) continue;
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) return bad("a pavise. key without value");
    const auto* const key = std::ranges::find(kKeys, word.substr(0, equals));
    if (key == kKeys.end()) return bad("an unknown pavise. key");
    auto& value = values[static_cast<std::size_t>(key - kKeys.begin())];
    if (value) return bad(*key);
    value = word.substr(equals + 1);
  }
  for (std::size_t i = 0; i < kKeyCount; ++i)
    if (!values[i]) return bad(kKeys[i]);

  BootParameters out;
  const std::array<std::pair<Key, std::string*>, 3> devices{
      {{kRoot, &out.root_device_}, {kVerity, &out.verity_device_}, {kData, &out.data_device_}}};
  for (const auto& [key, field] : devices) {
    if (!is_device_path(*values[key])) return bad(kKeys[key]);
    *field = *values[key];
  }
  const auto hash = from_hex(*values[kRootHash]);
  if (!hash || hash->size() != out.root_hash_.size()) return bad(kKeys[kRootHash]);
  std::ranges::copy(*hash, out.root_hash_.begin());
  const auto epoch = parse_epoch(*values[kEpoch]);
  if (!epoch) return bad(kKeys[kEpoch]);
  out.epoch_ = *epoch;
  return out;
}

}  // namespace pavise::device
