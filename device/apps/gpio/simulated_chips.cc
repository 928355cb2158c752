#include "device/apps/gpio/simulated_chips.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "common/base/unique_fd.h"

namespace pavise::device {
namespace {

Error failed(const std::string& what) {
  return {kChipNotSimulated, what + ": " + std::strerror(errno)};
}

Status make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return failed(path);
  return {};
}

// The one line of an attribute.
Result<std::string> read_attribute(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 64> text{};
  const ssize_t size = file ? ::read(file.get(), text.data(), text.size()) : -1;
  if (size < 0) return failed(path);
  const std::string_view all(text.data(), static_cast<std::size_t>(size));
  return std::string(all.substr(0, all.find('\n')));
}

Status write_attribute(const std::string& path, const std::string& value) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), value.data(), value.size()) < 0) return failed(path);
  return {};
}

}  // namespace

Status simulate_chip(const SimulatedChip& chip, const std::string& configfs) {
  const std::string name = chip.node.substr(chip.node.rfind('/') + 1);
  const std::string device = configfs + "/gpio-sim/" + name;
  const std::string bank = device + "/lines";
  PAVISE_TRY(make_folder(device));
  PAVISE_TRY_ASSIGN(const std::string live, read_attribute(device + "/live"));
  // A launcher before this one may have made it.
  if (live == "0") {
    PAVISE_TRY(make_folder(bank));
    PAVISE_TRY(write_attribute(bank + "/num_lines", std::to_string(chip.lines)));
    PAVISE_TRY(write_attribute(device + "/live", "1"));
  }
  PAVISE_TRY_ASSIGN(const std::string got, read_attribute(bank + "/chip_name"));
  if (got != name) return Error(kChipNotSimulated, name + ": the kernel calls it " + got);
  return {};
}

Status simulate_chips(std::span<const SimulatedChip> chips, const std::string& folder) {
  if (chips.empty()) return {};
  PAVISE_TRY(make_folder(folder));
  if (::mount("configfs", folder.c_str(), "configfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) !=
      0)
    return failed(folder);
  Status out;
  for (const SimulatedChip& chip : chips)
    if (out) out = simulate_chip(chip, folder);
  // What was made there stays without the mount.
  if (::umount2(folder.c_str(), 0) != 0 && out) return failed(folder);
  return out;
}

}  // namespace pavise::device
