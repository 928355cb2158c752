#include "device/agent/system_info.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ctime>

namespace pavise::agent {
namespace {

constexpr std::size_t kProcSizeMax = 8192;

std::string_view next_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

std::optional<std::int64_t> parse_digits(std::string_view text) {
  std::int64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end == text.data() || out < 0) return std::nullopt;
  return out;
}

std::string_view unquoted(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    return value.substr(1, value.size() - 2);
  return value;
}

std::optional<std::int64_t> pss_kib(const char* path) {
  const auto text = read_file(path, kProcSizeMax);
  return text ? parse_kib_line(*text, "Pss:") : std::nullopt;
}

}  // namespace

std::optional<std::int64_t> parse_uptime_s(std::string_view text) {
  return parse_digits(text.substr(0, text.find('.')));
}

std::optional<std::string> parse_load_1m(std::string_view text) {
  const std::string_view load = text.substr(0, text.find(' '));
  const bool fits =
      !load.empty() && load.size() <= 16 && load.front() != '.' && load.back() != '.' &&
      std::ranges::count(load, '.') <= 1 &&
      std::ranges::all_of(load, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  // It goes into JSON as it stands, where a number may not begin with a needless zero.
  if (!fits || (load.size() > 1 && load[0] == '0' && load[1] != '.')) return std::nullopt;
  return std::string(load);
}

std::optional<std::int64_t> parse_kib_line(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    std::string_view line = next_line(text);
    if (!line.starts_with(name)) continue;
    line.remove_prefix(name.size());
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    return line.ends_with(" kB") ? parse_digits(line) : std::nullopt;
  }
  return std::nullopt;
}

std::string parse_os_release(std::string_view text) {
  std::string name;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    if (line.starts_with("PRETTY_NAME=")) return std::string(unquoted(line.substr(12)));
    if (line.starts_with("NAME=")) name = unquoted(line.substr(5));
  }
  return name;
}

std::optional<std::string> read_file(const char* path, std::size_t size_max) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::string out(size_max, '\0');
  std::size_t size = 0;
  while (size < size_max) {
    const ssize_t got = read(fd, out.data() + size, size_max - size);
    if (got <= 0) {
      if (got == 0) break;
      close(fd);
      return std::nullopt;
    }
    size += static_cast<std::size_t>(got);
  }
  close(fd);
  out.resize(size);
  return out;
}

SystemInfo LinuxSystemProbe::read() {
  SystemInfo out;
  if (const auto text = read_file("/proc/uptime", kProcSizeMax))
    out.uptime_s = parse_uptime_s(*text);
  if (const auto text = read_file("/proc/loadavg", kProcSizeMax))
    out.load_1m = parse_load_1m(*text);
  if (const auto text = read_file("/proc/meminfo", kProcSizeMax)) {
    out.memory_total_kib = parse_kib_line(*text, "MemTotal:");
    out.memory_free_kib = parse_kib_line(*text, "MemAvailable:");
  }
  out.agent_pss_kib = pss_kib("/proc/self/smaps_rollup");
  out.init_pss_kib = pss_kib("/run/pavise/init-memory");
  if (const auto text = read_file("/etc/os-release", kProcSizeMax))
    out.os_release = parse_os_release(*text);
  if (auto text = read_file("/proc/sys/kernel/random/boot_id", 64)) {
    while (!text->empty() && text->back() == '\n') text->pop_back();
    out.boot_id = *std::move(text);
  }
  return out;
}

std::int64_t LinuxSystemProbe::since_kernel_start_ms() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace pavise::agent
