// Cuts a byte stream into MQTT control packets.
#pragma once

#include <optional>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "protocol/mqtt/decode.h"

namespace pavise::mqtt {

// Largest telemetry message: 256 KiB of payload, and room for the topic and headers.
inline constexpr std::size_t kTelemetryPayloadMax = 256UL * 1024;
inline constexpr std::size_t kPacketSizeMaxDefault = kTelemetryPayloadMax + 66'000;

// Usage, once per read from the transport:
//   stream.feed(bytes);
//   for (;;) { auto packet = stream.next(); if (!packet) close; else if (!*packet) break; ... }
//
// Packets that lie whole in the fed bytes are decoded in place; only an incomplete tail is copied,
// and only as fast as bytes arrive, so a peer cannot make this allocate by announcing a length.
// Not thread-safe. Holds no heap memory between packets.
class PacketStream {
 public:
  // `packet_size_max` counts the whole packet, header included.
  explicit PacketStream(std::size_t packet_size_max = kPacketSizeMaxDefault)
      : packet_size_max_(packet_size_max) {}

  // Borrows `bytes` until next() has returned nullopt or an error. Precondition: the previous
  // bytes are used up.
  void feed(ByteView bytes);

  // The next packet, nullopt if the fed bytes are used up, or the error after which the connection
  // must be closed (repeated by every further call): errors of decode() and kPacketTooLarge.
  // The packet is valid until the next call of next() or feed().
  Result<std::optional<Packet>> next();

  void set_packet_size_max(std::size_t packet_size_max) { packet_size_max_ = packet_size_max; }
  std::size_t buffered_bytes() const { return stash_.size(); }

 private:
  Result<std::optional<Packet>> next_from_input();
  Result<std::optional<Packet>> next_from_stash();
  Result<std::optional<FixedHeader>> checked_header(ByteView bytes) const;
  void take_into_stash(std::size_t size_bytes);

  std::size_t packet_size_max_;
  ByteView input_;
  Bytes stash_;                 // start of an incomplete packet
  bool stash_used_up_ = false;  // its packet was handed out; free it at the next call
  std::optional<Error> failed_;
};

}  // namespace pavise::mqtt
