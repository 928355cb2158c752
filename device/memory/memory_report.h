// A program's own memory use, from /proc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace pavise::device {

inline constexpr ErrorInfo kMemoryUnknown{"PV-MON-011", Retry::later,
                                          "a program's own memory use cannot be read",
                                          "Mount /proc before the program starts."};

// Value of the line "Pss:" of smaps_rollup (proc(5)) in KiB. kMemoryUnknown.
Result<std::uint64_t> parse_pss_kib(std::string_view smaps_rollup);

// Keeps the report open, so that it can be read inside the sandbox.
class MemoryReport {
 public:
  // Of this process, or of another one that we may trace. Without /proc the report is empty and
  // pss_kib() fails with kMemoryUnknown.
  explicit MemoryReport(const std::string& process = "self");
  Result<std::uint64_t> pss_kib() const;

 private:
  UniqueFd fd_;
};

}  // namespace pavise::device
