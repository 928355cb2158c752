// What happened, told so that nobody can flood it: the same thing from the same peer is one line at
// once and one count per period, and each peer has its share of the lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace modbus_guardian {

inline constexpr std::int64_t kRecordPeriodMs = 60'000;
inline constexpr std::size_t kRecordThingsMax = 24;  // in one period
inline constexpr std::size_t kRecordThingsOfOnePeerMax = 6;

// Not thread-safe.
class Record {
 public:
  using Write = std::function<void(const std::string& line)>;  // without its end
  explicit Record(Write write) : write_(std::move(write)) {}

  // `what` is the thing that is counted, `detail` is of this one time.
  void note(std::string_view peer, std::string_view what, std::string_view detail,
            std::int64_t now_ms);
  // What happens seldom, and not because a peer wants it.
  void tell(const std::string& line) { write_(line); }
  void time_passed(std::int64_t now_ms);  // call it at least once a period

 private:
  void end_period();

  Write write_;
  std::map<std::string, std::uint64_t, std::less<>> repeats_;  // of "peer: what"
  std::map<std::string, std::size_t, std::less<>> things_of_;
  std::uint64_t untold_ = 0;
  std::int64_t period_ends_ms_ = 0;
};

}  // namespace modbus_guardian
