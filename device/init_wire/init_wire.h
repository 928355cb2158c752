// What the launcher of apps may ask of init: packets on its descriptor 3. It asks for apps whose
// manifests grant it, and has judged that. Init judges only what is below: it is PID 1.
#pragma once

#include <cstdint>
#include <variant>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/result.h"

namespace pavise::device {

inline constexpr ErrorInfo kBadInitWord{"PV-INW-001", Retry::never,
                                        "the launcher of apps asked init for what it does not do",
                                        "Use the launcher and init of one image."};

// Whatever the launcher says, init sets no clock to a time outside of these: before this release
// was made, or where 32 bits of seconds end. What apps may is less (device/apps/machine).
inline constexpr UnixMillis kClockEarliestMs = 1'767'225'600'000;  // 2026-01-01T00:00:00Z
inline constexpr UnixMillis kClockLatestMs = 4'102'444'800'000;    // 2100-01-01T00:00:00Z

struct RestartDevice {};
struct PowerOffDevice {};
struct SetClock {
  UnixMillis to_ms = kClockEarliestMs;  // kClockEarliestMs to kClockLatestMs
};
using InitWord = std::variant<RestartDevice, PowerOffDevice, SetClock>;

// One packet: a byte that says what, of a clock then 8 bytes with the time, little-endian.
inline constexpr std::size_t kInitWordBytesMax = 9;
Bytes encode(const InitWord& word);
// Pure; thread-safe. kBadInitWord: another length, no word, a time out of range.
Result<InitWord> parse_init_word(ByteView packet);

}  // namespace pavise::device
