#include "device/init/memory_note.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>

namespace pavise::device {

Result<MemoryNote> MemoryNote::create(const std::string& path,
                                      const std::vector<std::string>& processes) {
  (void)::unlink(path.c_str());
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444));
  // The mode at open() passes through the umask.
  if (!file || ::fchmod(file.get(), 0444) != 0)
    return Error(kNoMemoryNote, path + ": " + std::strerror(errno));
  MemoryNote note(std::move(file));
  for (const std::string& process : processes) note.reports_.emplace_back(process);
  return note;
}

Status MemoryNote::keep(std::int64_t now_ms) {
  if (now_ms < due_ms_) return {};
  due_ms_ = now_ms + kMemoryNoteEveryMs;
  std::uint64_t pss_kib = 0;
  for (const MemoryReport& report : reports_) {
    PAVISE_TRY_ASSIGN(const std::uint64_t one, report.pss_kib());
    pss_kib += one;
  }
  std::array<char, kMemoryNoteBytes + 1> note{};
  std::snprintf(note.data(), note.size(), "Pss: %23" PRIu64 " kB\n", pss_kib);
  if (::lseek(file_.get(), 0, SEEK_SET) != 0 ||
      ::write(file_.get(), note.data(), kMemoryNoteBytes) != static_cast<ssize_t>(kMemoryNoteBytes))
    return Error(kNoMemoryNote, std::strerror(errno));
  return {};
}

}  // namespace pavise::device
