// WebSocket frames (RFC 6455 section 5): a decoder for what clients send, an encoder for what a
// server sends. Pure; not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "protocol/websocket/errors.h"

namespace pavise::websocket {

inline constexpr std::uint64_t kFrameSizeMax = 1024UL * 1024;
inline constexpr std::size_t kControlSizeMax = 125;

enum class Opcode : std::uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10
};

// Status of a close (section 7.4).
enum class CloseCode : std::uint16_t {
  normal = 1000,
  going_away = 1001,
  protocol_error = 1002,
  unsupported_data = 1003,
  policy_violation = 1008,
  too_big = 1009,
  internal_error = 1011,
};
// True for codes that an endpoint may send (section 7.4.1 and 7.4.2).
bool is_valid_close_code(std::uint16_t code);
// What to close with after an error of the decoder.
CloseCode close_code_of(const Error& error);

enum class FrameEvent {
  need_more,  // all bytes were taken
  payload,    // data was appended
  ping,       // control() is its payload
  pong,
  close,  // control() is its payload; the decoder takes no more
};

class FrameDecoder {
 public:
  // Takes bytes off the front until there is something to tell; data is unmasked and appended to
  // `payload`. kBadFrame, kTextMessage, kFrameTooLarge; after an error or a close the decoder takes
  // and tells nothing more.
  Result<FrameEvent> next(ByteView& bytes, Bytes& payload);

  ByteView control() const { return ByteView(control_).first(control_size_); }

 private:
  static constexpr std::size_t kHeadSizeMax = 14;  // 2, length 8, mask 4

  bool take_head(ByteView& bytes);  // true: head_ is complete
  std::size_t head_size() const;
  Status read_head();
  Status check_opcode(Opcode opcode, bool final);
  void unmask(ByteView masked, std::byte* out);
  Result<FrameEvent> finish_control();

  std::array<std::byte, kHeadSizeMax> head_{};
  std::array<std::byte, kControlSizeMax> control_{};
  std::uint8_t head_filled_ = 0;
  std::uint8_t control_size_ = 0;
  bool in_payload_ = false;
  bool in_message_ = false;  // a message was begun and its last fragment has not come
  bool ended_ = false;
  Opcode opcode_ = Opcode::continuation;
  std::uint64_t rest_ = 0;
  std::uint8_t mask_at_ = 0;
};

// One whole unmasked frame. Precondition for control frames: at most kControlSizeMax bytes.
void write_frame(Opcode opcode, ByteView payload, Bytes& out);

}  // namespace pavise::websocket
