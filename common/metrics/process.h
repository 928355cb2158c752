// What the system says about this process.
#pragma once

#include <cstdint>

namespace pavise::metrics {

struct ProcessUse {
  std::uint64_t resident_bytes = 0;  // 0: not known
  double cpu_seconds = 0;            // user and system
};

// To be called once before a sandbox closes /proc; without it the resident memory is not known.
void prepare_process_use();
// Thread-safe.
ProcessUse process_use();

}  // namespace pavise::metrics
