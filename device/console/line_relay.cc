#include "device/console/line_relay.h"

#include <algorithm>

namespace pavise::device {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;

// How many bytes of UTF-8 the character that `line` ends with still wants; 0: none.
int wanted(std::string_view line) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, line.size()); ++back) {
    const auto code = static_cast<unsigned char>(line[line.size() - back]);
    if (code >= 0x80 && code < 0xc0) continue;  // a further byte
    const int length = code < 0xc0 ? 1 : code < 0xe0 ? 2 : code < 0xf0 ? 3 : 4;
    return std::max(0, length - static_cast<int>(back));
  }
  return 0;
}

// Bytes of UTF-8 pass. What could steer a terminal does not: neither the control characters of
// ASCII, nor those from 0x80 on, as UTF-8 or alone.
bool is_control(std::string_view line, unsigned char code) {
  if (code < 0x20 || code == 0x7f) return true;
  if (code < 0x80 || code >= 0xa0) return false;
  return wanted(line) == 0 || line.back() == '\xc2';
}

}  // namespace

void LineRelay::feed(ByteView bytes, std::int64_t now_ms) {
  for (const std::byte b : bytes) {
    const char c = static_cast<char>(b);
    if (c == '\n') {
      emit(now_ms);
      continue;
    }
    if (line_.size() == kRelayLineBytesMax) continue;  // the rest of a long line is dropped
    line_ += is_control(line_, static_cast<unsigned char>(c)) ? '?' : c;
  }
}

void LineRelay::end(std::int64_t now_ms) {
  if (!line_.empty()) emit(now_ms);
}

void LineRelay::emit(std::int64_t now_ms) {
  const std::int64_t minute = now_ms / kMinuteMs;
  if (minute != minute_) {
    minute_ = minute;
    lines_this_minute_ = 0;
  }
  ++lines_this_minute_;
  if (lines_this_minute_ <= lines_per_minute_)
    sink_(name_ + ": " + line_ + '\n');
  else if (lines_this_minute_ == lines_per_minute_ + 1)
    sink_(name_ + ": (prints too much; silent for the rest of the minute)\n");
  line_.clear();
}

}  // namespace pavise::device
