// What the server tells its operator: one JSON object per line on standard error. Never a token, a
// key or a nonce.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace pavise::server {

inline constexpr std::size_t kFieldBytesMax = 1024;  // the rest of a value is cut off: "..."

enum class Level { info, warning, error };

struct Field {
  std::string_view key;  // "device", "tenant", "code", "reason", "tracking_id", ...
  std::string value;
};

// Thread-safe, does not block.
class Log {
 public:
  virtual ~Log() = default;
  // `event` is a stable word such as "request.refused".
  virtual void write(Level level, std::string_view event, std::span<const Field> fields) = 0;
  void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
    write(level, event, std::span<const Field>(fields.begin(), fields.size()));
  }
};

// {"time":"...","level":"info","event":"...",fields...}. Written by a thread of its own; failures
// are ignored and, when nobody reads, the oldest waiting lines are lost: neither a full log disk
// nor a stuck reader may stop the service. The end of the log waits for its lines. The clock
// outlives the log.
std::unique_ptr<Log> make_stderr_log(const Clock& clock);

// The line without its end, for tests and other sinks.
std::string format_line(UnixMillis now_ms, Level level, std::string_view event,
                        std::span<const Field> fields);

// RFC 3339 in UTC with a trailing Z, to the second or the millisecond.
std::string rfc3339(UnixSeconds time);
std::string rfc3339_ms(UnixMillis time_ms);

}  // namespace pavise::server
