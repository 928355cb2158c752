// Packets between an app and the launcher: docs/formats/app-channels.md, descriptor 3. The app is
// hostile, so what it sends is parsed here; what it is sent is only written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace pavise::app_wire {

inline constexpr std::size_t kPeerNameBytesMax = 32;  // manifest::kNameLengthMax
inline constexpr std::size_t kVersionBytesMax = 32;
// 9999-12-31T23:59:59.999Z
inline constexpr std::uint64_t kUnixMsMax = 253'402'300'799'999;
// From an app: the longest is a request to connect.
inline constexpr std::size_t kPacketBytesMax = 1 + 4 + 2 + kPeerNameBytesMax;

inline constexpr ErrorInfo kBadWord{
    "PV-AWI-001", Retry::never, "an app sent its launcher what is no packet",
    "Mend the app: docs/formats/app-channels.md says what it may send, and the SDK does."};

enum class PowerAction : std::uint8_t {
  restart = 1,
  power_off = 2,
  high_performance = 3,  // this and the next two are power profiles
  balanced = 4,
  power_saver = 5,
};
constexpr bool is_profile(PowerAction action) {
  return action >= PowerAction::high_performance;
}

struct Well {};
// Ids are the app's own, from 1.
struct Connect {
  std::uint32_t id = 0;
  std::string peer;  // an app's name: manifest::is_app_name()
};
struct Power {
  std::uint32_t id = 0;
  PowerAction action = PowerAction::restart;
};
struct Defer {
  std::uint32_t id = 0;
  std::uint32_t ms = 0;  // from now on; 0: not any longer
};
struct SetTime {
  std::uint32_t id = 0;
  std::uint64_t unix_ms = 0;  // up to kUnixMsMax
};
// Of a later release: it gets an answer that says so.
struct Unknown {
  std::uint32_t id = 0;
};
using FromApp = std::variant<Well, Connect, Power, Defer, SetTime, Unknown>;

// One whole packet. Pure; thread-safe. kBadWord.
Result<FromApp> parse_from_app(ByteView packet);

enum class Outcome : std::uint8_t {
  done = 0,
  not_granted = 1,    // the manifest does not grant it
  absent = 2,         // the device has no such app
  one_sided = 3,      // the other app does not list this one
  not_running = 4,    // the other app does not run now
  too_many = 5,       // a limit is reached
  too_soon = 6,       // once more in `value` milliseconds
  nothing_waits = 7,  // no update waits
  failed = 8,         // the device could not
  unknown = 9,        // a request that this release does not know
  implausible = 10,   // a time that cannot be
};

struct Answer {
  std::uint32_t id = 0;
  Outcome outcome = Outcome::done;
  std::uint32_t value = 0;
};
// Goes with two descriptors: what the peer writes can be read from the first, what is written to
// the second the peer reads.
struct Connection {
  std::uint32_t id = 0;   // of the request; 0: the peer asked
  std::string_view peer;  // 1 to kPeerNameBytesMax bytes
};
enum class Cause : std::uint8_t { app_stops = 1, device_restarts = 2, device_goes_off = 3 };
struct GoingDown {
  Cause cause = Cause::app_stops;
  std::uint32_t ms = 0;  // until the app is killed
};
struct UpdateWaits {
  std::string_view version;  // of the update, up to kVersionBytesMax bytes
  std::uint32_t ms = 0;      // until it is put in place
  std::uint32_t ms_max = 0;  // until that with the longest deferral; 0: it may not be deferred
};

// Pure; thread-safe. The lengths are the caller's to keep; checked.
Bytes encode(const Answer& answer);
Bytes encode(const Connection& connection);
Bytes encode(const GoingDown& event);
Bytes encode(const UpdateWaits& event);

}  // namespace pavise::app_wire
