#include "common/metrics/process.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <string_view>

namespace pavise::metrics {
namespace {

// Open for the life of the process: /proc cannot be opened from inside the sandbox.
std::atomic<int> statm{-1};

// "size resident shared ...", in pages.
std::uint64_t resident_pages(std::string_view text) {
  const std::size_t begin = text.find(' ');
  if (begin == std::string_view::npos) return 0;
  std::uint64_t pages = 0;
  std::from_chars(text.data() + begin + 1, text.data() + text.size(), pages);
  return pages;
}

}  // namespace

void prepare_process_use() {
  if (statm.load() >= 0) return;
  statm = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
}

ProcessUse process_use() {
  ProcessUse out;
  std::array<char, 128> text{};
  const ssize_t size = statm.load() < 0 ? -1 : ::pread(statm.load(), text.data(), text.size(), 0);
  if (size > 0)
    out.resident_bytes = resident_pages({text.data(), static_cast<std::size_t>(size)}) *
                         static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  rusage use{};
  if (::getrusage(RUSAGE_SELF, &use) == 0) {
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    out.cpu_seconds = seconds(use.ru_utime) + seconds(use.ru_stime);
  }
  return out;
}

}  // namespace pavise::metrics
