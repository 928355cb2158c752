// What the agent tells about its machine, read from /proc and /etc/os-release.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace pavise::agent {

// Values that could not be read stay unset and are left out of the telemetry.
struct SystemInfo {
  std::optional<std::int64_t> uptime_s;
  std::optional<std::string> load_1m;  // as the kernel prints it: "0.42"
  std::optional<std::int64_t> memory_total_kib;
  std::optional<std::int64_t> memory_free_kib;  // MemAvailable: what could still be used
  std::optional<std::int64_t> agent_pss_kib;
  std::optional<std::int64_t> init_pss_kib;  // as init itself says (device/init/memory_note)
  std::string os_release;                    // PRETTY_NAME, or NAME
  std::string boot_id;
};

// Pure: texts of /proc/uptime, /proc/loadavg, /proc/meminfo, /proc/PID/smaps_rollup,
// /etc/os-release. Anything unexpected yields nullopt (or an empty text).
std::optional<std::int64_t> parse_uptime_s(std::string_view text);
std::optional<std::string> parse_load_1m(std::string_view text);
std::optional<std::int64_t> parse_kib_line(std::string_view text, std::string_view name);
std::string parse_os_release(std::string_view text);

// Reads at most `size_max` bytes; nullopt if it cannot be opened or read.
std::optional<std::string> read_file(const char* path, std::size_t size_max);

class SystemProbe {
 public:
  virtual ~SystemProbe() = default;
  virtual SystemInfo read() = 0;
  virtual std::int64_t since_kernel_start_ms() = 0;
};

// Blocks only as /proc does.
class LinuxSystemProbe final : public SystemProbe {
 public:
  SystemInfo read() override;
  std::int64_t since_kernel_start_ms() override;
};

}  // namespace pavise::agent
