#include "device/console/line_relay.h"

namespace pavise::device {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;

}  // namespace

void LineRelay::feed(ByteView bytes, std::int64_t now_ms) {
  for (const std::byte b : bytes) {
    const char c = static_cast<char>(b);
    if (c == '\n') {
      emit(now_ms);
      continue;
    }
    if (line_.size() == kRelayLineBytesMax) continue;  // the rest of a long line is dropped
    // Bytes of UTF-8 pass; control characters could steer a terminal.
    const auto code = static_cast<unsigned char>(c);
    line_ += code < 0x20 || code == 0x7f ? '?' : c;
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
