// Packets between an app and the device's agent: docs/formats/app-channels.md, descriptor 4. The
// app is hostile, so what it sends is parsed here; what it is sent is only written.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace pavise::app_channel {

inline constexpr std::size_t kPacketBytesMax = 65536;
inline constexpr std::size_t kContentTypeBytesMax = 128;
inline constexpr std::size_t kPropertiesBytesMax = 8192;
inline constexpr std::size_t kReasonBytesMax = 255;
inline constexpr std::size_t kMethodNameBytesMax = 255;
inline constexpr std::size_t kUnderWayMax = 16;  // messages without a result
// What fits beside the longest name.
inline constexpr std::size_t kPayloadBytesMax = kPacketBytesMax - 9 - kMethodNameBytesMax;

inline constexpr ErrorInfo kBadAppPacket{
    "PV-ACH-001", Retry::never, "an app sent its agent what is no packet",
    "Mend the app: docs/formats/app-channels.md says what it may send, and the SDK does."};

// Views into the packet that was parsed.
struct Telemetry {
  std::uint32_t id = 0;
  std::string_view content_type;  // may be empty
  std::string_view properties;    // percent-encoded pairs; may be empty
  ByteView body;
};
struct MethodAnswer {
  std::uint32_t id = 0;
  std::uint16_t status = 0;
  ByteView body;
};
// What an app answers when an agent takes over its channel from one before.
struct UnderWay {
  std::uint32_t last_call = 0;     // the latest that it was called with; 0: none
  std::vector<std::uint32_t> ids;  // of its messages without a result; each once
};
using FromApp = std::variant<Telemetry, MethodAnswer, UnderWay>;

// One whole packet. The content type is printable ASCII; the properties can be put into a topic as
// they are: each is name=value, percent-encoded, iothub::kPropertiesMax at most, and no name begins
// with '$', which are the device's own. Pure. kBadAppPacket.
Result<FromApp> parse_from_app(ByteView packet);

struct TelemetryResult {
  std::uint32_t id = 0;
  bool accepted = false;
  std::string_view reason;  // cut to kReasonBytesMax
};
struct MethodCall {
  std::uint32_t id = 0;
  std::string_view name;  // 1 to kMethodNameBytesMax bytes
  ByteView payload;       // up to kPayloadBytesMax
};

// Pure. The limits of a call are the caller's to keep; checked.
Bytes encode(const TelemetryResult& result);
Bytes encode(const MethodCall& call);
Bytes encode_connection(bool online);
Bytes encode_taken_over();

}  // namespace pavise::app_channel
