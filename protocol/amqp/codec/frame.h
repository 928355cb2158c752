// Protocol headers and frames (OASIS AMQP 1.0 part 2, 2.2 and 2.3): cuts a byte stream into whole
// frames, which are bounded before anything is kept.
#pragma once

#include "protocol/amqp/codec/value.h"

namespace pavise::amqp {

// What the hub takes and advertises.
inline constexpr std::size_t kFrameSizeMax = 64UL * 1024;
inline constexpr std::size_t kFrameHeaderSize = 8;
// SASL frames are small by the specification (5.3.1), but a token may be in them.
inline constexpr std::size_t kSaslFrameSizeMax = 8UL * 1024;

inline constexpr ErrorInfo kBadProtocolHeader{
    "PV-AMQ-010", Retry::never, "the connection does not begin with a header of AMQP 1.0",
    "Connect with AMQP 1.0, with or without SASL."};
inline constexpr ErrorInfo kBadFrame{"PV-AMQ-011", Retry::never,
                                     "an AMQP frame is malformed or not allowed here",
                                     "Correct the client."};
inline constexpr ErrorInfo kFrameTooLarge{"PV-AMQ-012", Retry::never,
                                          "an AMQP frame exceeds the advertised limit",
                                          "Keep to max-frame-size of the hub's open frame."};

enum class ProtocolId : std::uint8_t { amqp = 0, sasl = 3 };
Bytes protocol_header(ProtocolId id);

struct Frame {
  bool sasl = false;
  std::uint16_t channel = 0;
  ByteView body;   // performative and payload; empty: a heartbeat
  ByteView whole;  // with its header
};

// Bytes in, headers and frames out. What next() yields is borrowed until the next call.
class FrameStream {
 public:
  void feed(ByteView bytes);
  // kBadProtocolHeader. nullopt: not there yet.
  Result<std::optional<ProtocolId>> next_header();
  // kBadFrame, kFrameTooLarge. nullopt: not there yet.
  Result<std::optional<Frame>> next_frame(std::size_t size_max);
  std::size_t buffered_bytes() const { return buffer_.size() - start_; }

 private:
  ByteView rest() const { return ByteView(buffer_).subspan(start_); }
  void give_back();

  Bytes buffer_;
  std::size_t start_ = 0;  // up to here it was handed out
};

// Appends a frame around `performative` and `payload`.
void encode_frame(bool sasl, std::uint16_t channel, ByteView performative, Bytes& out);

}  // namespace pavise::amqp
