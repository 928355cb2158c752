// Turns what a child prints into console lines under its name. A child cannot write lines that look
// like somebody else's, move the cursor, or flood the console.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"

namespace pavise::device {

inline constexpr std::size_t kRelayLineBytesMax = 400;
inline constexpr int kRelayLinesPerMinute = 120;

// Pure but for the sink. Not thread-safe.
class LineRelay {
 public:
  using Sink = std::function<void(std::string_view line)>;

  // The sink gets whole lines "name: text\n".
  LineRelay(std::string name, Sink sink, int lines_per_minute = kRelayLinesPerMinute)
      : name_(std::move(name)), sink_(std::move(sink)), lines_per_minute_(lines_per_minute) {}

  // now_ms: any clock that does not go back.
  void feed(ByteView bytes, std::int64_t now_ms);
  void end(std::int64_t now_ms);  // the child has ended: its last line, if unfinished

 private:
  void emit(std::int64_t now_ms);

  std::string name_;
  Sink sink_;
  std::string line_;
  std::int64_t minute_ = -1;
  int lines_per_minute_;
  int lines_this_minute_ = 0;
};

}  // namespace pavise::device
