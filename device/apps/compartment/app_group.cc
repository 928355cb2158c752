#include "device/apps/compartment/app_group.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

namespace pavise::device {
namespace {

constexpr int kClearMs = 1000;  // for the processes of an earlier group to go

Error failed(const std::string& what) {
  return {kGroupNotMade, what + ": " + std::strerror(errno)};
}

Status write_file(int folder, const char* name, std::string_view text) {
  const UniqueFd file(::openat(folder, name, O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return failed(name);
  return {};
}

std::string read_file(int folder, const char* name) {
  const UniqueFd file(::openat(folder, name, O_RDONLY | O_CLOEXEC));
  std::array<char, 512> text{};
  const ssize_t size = file ? ::read(file.get(), text.data(), text.size()) : -1;
  return size <= 0 ? std::string() : std::string(text.data(), static_cast<std::size_t>(size));
}

std::uint64_t number(std::string_view text) {
  std::uint64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

// The kernel's flat keyed files: "name value" lines.
std::uint64_t value_of(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ')
      return number(line.substr(key.size() + 1));
  }
  return 0;
}

Status write_budget(int folder, const AppBudget& budget) {
  PAVISE_TRY(write_file(folder, "memory.max", std::to_string(budget.memory_bytes_max)));
  // One process out of memory is the app out of memory: no half of it goes on.
  PAVISE_TRY(write_file(folder, "memory.oom.group", "1"));
  return write_file(folder, "pids.max", std::to_string(budget.processes_max));
}

}  // namespace

AppGroup::AppGroup(std::string path, UniqueFd folder)
    : path_(std::move(path)), folder_(std::move(folder)) {}

Result<AppGroup> AppGroup::create(const std::string& root, const std::string& name,
                                  const AppBudget& budget) {
  PAVISE_TRY_ASSIGN(AppGroup group, without_controllers(root, name));
  PAVISE_TRY(group.set_budget(budget));
  return group;
}

Status AppGroup::set_budget(const AppBudget& budget) {
  PAVISE_TRY(write_budget(folder(), budget));
  cpu_per_mille_ = budget.cpu_per_mille;
  return set_processor_limit();
}

Status AppGroup::lift_processor_limit() {
  if (cpu_per_mille_ == 0) return {};
  return write_file(folder_.get(), "cpu.max", "max " + std::to_string(kBudgetPeriodUs));
}

Status AppGroup::set_processor_limit() {
  if (cpu_per_mille_ == 0) return {};
  const std::uint64_t quota_us = std::uint64_t{cpu_per_mille_} * kBudgetPeriodUs / 1000;
  return write_file(folder_.get(), "cpu.max",
                    std::to_string(quota_us) + ' ' + std::to_string(kBudgetPeriodUs));
}

Result<AppGroup> AppGroup::without_controllers(const std::string& root, const std::string& name) {
  std::string path = root + '/' + name;
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return failed(path);
  UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return failed(path);
  return AppGroup(std::move(path), std::move(folder));
}

Status AppGroup::clear(const std::string& root, const std::string& name) {
  std::string path = root + '/' + name;
  UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) {
    if (errno == ENOENT) return {};
    return failed(path);
  }
  AppGroup group(std::move(path), std::move(folder));
  PAVISE_TRY(group.kill());
  if (!group.wait_empty(kClearMs)) return Error(kGroupNotMade, name + ": an earlier app stays");
  return group.remove();
}

bool AppGroup::wait_empty(int timeout_ms) const {
  const UniqueFd events(::openat(folder_.get(), "cgroup.events", O_RDONLY | O_CLOEXEC));
  std::array<char, 512> text{};
  while (events) {
    const ssize_t size = ::pread(events.get(), text.data(), text.size(), 0);
    if (size <= 0) return false;
    if (value_of({text.data(), static_cast<std::size_t>(size)}, "populated") == 0) return true;
    pollfd changed{events.get(), POLLPRI, 0};
    if (::poll(&changed, 1, timeout_ms) <= 0) return false;
  }
  return false;
}

BudgetEvents AppGroup::events() const {
  const std::string memory = read_file(folder_.get(), "memory.events");
  return {.memory_reached = value_of(memory, "max"),
          .killed_for_memory = value_of(memory, "oom_kill"),
          .processes_refused = value_of(read_file(folder_.get(), "pids.events"), "max"),
          .periods_held_back = value_of(read_file(folder_.get(), "cpu.stat"), "nr_throttled")};
}

std::uint64_t AppGroup::memory_bytes() const {
  return number(read_file(folder_.get(), "memory.current"));
}

Status AppGroup::kill() {
  return write_file(folder_.get(), "cgroup.kill", "1");
}

Status AppGroup::remove() {
  if (::rmdir(path_.c_str()) != 0) return failed(path_);
  return {};
}

}  // namespace pavise::device
