#include "device/memory/memory_report.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>

namespace pavise::device {
namespace {

constexpr std::string_view kLine = "\nPss:";

}  // namespace

Result<std::uint64_t> parse_pss_kib(std::string_view report) {
  const std::size_t line = report.find(kLine);
  if (line == std::string_view::npos) return kMemoryUnknown;
  report.remove_prefix(line + kLine.size());
  const std::size_t digits = report.find_first_not_of(' ');
  if (digits == std::string_view::npos) return kMemoryUnknown;
  report.remove_prefix(digits);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(report.data(), report.data() + report.size(), value);
  const std::string_view unit(end, static_cast<std::size_t>(report.data() + report.size() - end));
  if (error != std::errc{} || !unit.starts_with(" kB\n")) return kMemoryUnknown;
  return value;
}

MemoryReport::MemoryReport(const std::string& process)
    : fd_(::open(("/proc/" + process + "/smaps_rollup").c_str(), O_RDONLY | O_CLOEXEC)) {}

Result<std::uint64_t> MemoryReport::pss_kib() const {
  std::array<char, 4096> text{};
  const ssize_t size = ::pread(fd_.get(), text.data(), text.size(), 0);
  if (size <= 0) return kMemoryUnknown;
  return parse_pss_kib({text.data(), static_cast<std::size_t>(size)});
}

}  // namespace pavise::device
