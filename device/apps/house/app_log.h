// The latest lines of one app: what it printed, and what happened to it.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace pavise::device {

inline constexpr std::size_t kAppLogLinesMax = 128;
inline constexpr std::size_t kAppLogBytesMax = 24UL * 1024;

struct AppLogLine {
  std::uint64_t sequence = 0;  // from 1, without gaps, per app and boot
  std::int64_t steady_ms = 0;
  std::string text;
};

// Pure. Not thread-safe.
class AppLog {
 public:
  // The oldest go when either limit is passed. A line beyond kAppLogBytesMax is cut.
  void add(std::string_view text, std::int64_t steady_ms);
  // Those behind `sequence`; 0: all that are kept.
  std::vector<AppLogLine> after(std::uint64_t sequence) const;
  // Numbers of the lines that are kept; 0: none.
  std::uint64_t oldest() const { return lines_.empty() ? 0 : lines_.front().sequence; }
  std::uint64_t newest() const { return next_ - 1; }

 private:
  std::deque<AppLogLine> lines_;
  std::size_t bytes_ = 0;
  std::uint64_t next_ = 1;
};

}  // namespace pavise::device
