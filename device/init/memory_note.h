// Init's own memory use, for telemetry. The agent may not look at PID 1: the kernel's report names
// addresses, and reading it is the right of a debugger. So init says the number itself, in a file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "device/memory/memory_report.h"

namespace pavise::device {

inline constexpr ErrorInfo kNoMemoryNote{"PV-INI-010", Retry::later,
                                         "init cannot say how much memory it uses",
                                         "Telemetry goes on without it; see the detail."};

inline constexpr std::int64_t kMemoryNoteEveryMs = 10'000;
// "Pss:      123 kB\n", as the kernel writes it. Every note is as long, so one write replaces it.
inline constexpr std::size_t kMemoryNoteBytes = 32;

class MemoryNote {
 public:
  // Opens all it needs, before the sandbox closes. `path` is made anew, readable for everybody.
  // kNoMemoryNote.
  // `processes`: whose memory counts, as the folders of /proc are named.
  static Result<MemoryNote> create(const std::string& path,
                                   const std::vector<std::string>& processes = {"self"});

  // Writes the present number if the last one is old. Blocks only as /proc does. kMemoryUnknown,
  // kNoMemoryNote.
  Status keep(std::int64_t now_ms);

 private:
  explicit MemoryNote(UniqueFd file) : file_(std::move(file)) {}

  std::vector<MemoryReport> reports_;
  UniqueFd file_;
  std::int64_t due_ms_ = 0;
};

}  // namespace pavise::device
