// Decodes one MQTT 3.1.1 control packet. Pure functions; never throw, never block.
#pragma once

#include <optional>

#include "common/base/result.h"
#include "protocol/mqtt/errors.h"
#include "protocol/mqtt/packet.h"

namespace pavise::mqtt {

// Fixed header (section 2.2).
struct FixedHeader {
  std::uint8_t first_byte = 0;      // type and flags
  std::size_t header_size = 0;      // 2 to 5 bytes
  std::size_t remaining_bytes = 0;  // of the variable header and payload
};

// nullopt: more bytes are needed (at most five). kBadRemainingLength: a fifth length byte follows.
Result<std::optional<FixedHeader>> parse_fixed_header(ByteView bytes);

// `body` is exactly the remaining length. The packet borrows `body`. Any error of errors.h except
// kPacketTooLarge and kFieldTooLong.
Result<Packet> decode(std::uint8_t first_byte, ByteView body);

}  // namespace pavise::mqtt
