#include "protocol/websocket/frame.h"

#include <algorithm>
#include <cstring>

namespace pavise::websocket {
namespace {

constexpr unsigned kFinal = 0x80;
constexpr unsigned kReserved = 0x70;
constexpr unsigned kOpcodeBits = 0x0f;
constexpr unsigned kMasked = 0x80;
constexpr unsigned kLength16 = 126;
constexpr unsigned kLength64 = 127;

bool is_control(Opcode opcode) {
  return static_cast<unsigned>(opcode) >= 8;
}

}  // namespace

bool is_valid_close_code(std::uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

CloseCode close_code_of(const Error& error) {
  if (error.is(kTextMessage)) return CloseCode::unsupported_data;
  if (error.is(kFrameTooLarge)) return CloseCode::too_big;
  return CloseCode::protocol_error;
}

std::size_t FrameDecoder::head_size() const {
  constexpr std::size_t kStart = 2;
  constexpr std::size_t kMask = 4;
  if (head_filled_ < kStart) return kStart;
  const unsigned length = std::to_integer<unsigned>(head_[1]) & ~kMasked;
  const std::size_t extended = length == kLength64 ? 8 : (length == kLength16 ? 2 : 0);
  return kStart + extended + kMask;
}

bool FrameDecoder::take_head(ByteView& bytes) {
  while (!bytes.empty() && head_filled_ < head_size()) {
    head_.at(head_filled_++) = bytes.front();
    bytes = bytes.subspan(1);
    // Everything that can be wrong in the first two bytes is refused with them, so that a client
    // that does not mask is not waited for.
    if (head_filled_ == 2) break;
  }
  return head_filled_ == head_size();
}

Status FrameDecoder::check_opcode(Opcode opcode, bool final) {
  switch (opcode) {
    case Opcode::continuation:
      if (!in_message_) return Error(kBadFrame, "a continuation of nothing");
      in_message_ = !final;
      return {};
    case Opcode::binary:
      if (in_message_) return Error(kBadFrame, "a new message inside another");
      in_message_ = !final;
      return {};
    case Opcode::text:
      return in_message_ ? Error(kBadFrame, "a new message inside another") : Error(kTextMessage);
    case Opcode::close:
    case Opcode::ping:
    case Opcode::pong:
      if (!final) return Error(kBadFrame, "a control frame in fragments");
      return {};
  }
  return Error(kBadFrame, "an unknown opcode");
}

// Called with two bytes, then with the whole head.
Status FrameDecoder::read_head() {
  const auto first = std::to_integer<unsigned>(head_[0]);
  const auto second = std::to_integer<unsigned>(head_[1]);
  const unsigned length = second & ~kMasked;
  const auto opcode = static_cast<Opcode>(first & kOpcodeBits);
  if (head_filled_ == 2) {
    if ((first & kReserved) != 0) return Error(kBadFrame, "a reserved bit");
    PAVISE_TRY(check_opcode(opcode, (first & kFinal) != 0));
    if ((second & kMasked) == 0) return Error(kBadFrame, "not masked");
    if (is_control(opcode) && length > kControlSizeMax)
      return Error(kBadFrame, "a control frame of more than 125 bytes");
    return {};
  }
  rest_ = length;
  if (length >= kLength16) {
    ByteReader reader(ByteView(head_).subspan(2));
    const std::optional<std::uint64_t> wide =
        length == kLength16 ? std::optional<std::uint64_t>(reader.be<std::uint16_t>())
                            : reader.be<std::uint64_t>();
    PAVISE_CHECK(wide.has_value());  // the head is as long as it says
    rest_ = *wide;
    if (rest_ < kLength16 || (length == kLength64 && rest_ <= 0xffff))
      return Error(kBadFrame, "a length that is not in its shortest form");
    if (rest_ > kFrameSizeMax) return kFrameTooLarge;
  }
  opcode_ = opcode;
  mask_at_ = static_cast<std::uint8_t>(head_filled_ - 4);
  in_payload_ = true;
  if (is_control(opcode_)) control_size_ = 0;
  return {};
}

// Rotates the mask with what it has covered, so that pieces of any size may come.
void FrameDecoder::unmask(ByteView masked, std::byte* out) {
  std::array<std::byte, 4> mask{};
  std::copy_n(head_.begin() + mask_at_, mask.size(), mask.begin());
  std::size_t i = 0;
  std::uint64_t wide = 0;
  std::memcpy(&wide, mask.data(), mask.size());
  std::memcpy(reinterpret_cast<char*>(&wide) + mask.size(), mask.data(), mask.size());
  for (; i + sizeof wide <= masked.size(); i += sizeof wide) {
    std::uint64_t word = 0;
    std::memcpy(&word, masked.data() + i, sizeof word);
    word ^= wide;
    std::memcpy(out + i, &word, sizeof word);
  }
  for (; i < masked.size(); ++i) out[i] = masked[i] ^ mask.at(i % 4);
  std::rotate(mask.begin(), mask.begin() + static_cast<std::ptrdiff_t>(masked.size() % 4),
              mask.end());
  std::copy(mask.begin(), mask.end(), head_.begin() + mask_at_);
}

Result<FrameEvent> FrameDecoder::next(ByteView& bytes, Bytes& payload) {
  while (!ended_) {
    if (!in_payload_) {
      const bool had_start = head_filled_ >= 2;
      const bool whole = take_head(bytes);
      if (whole || (!had_start && head_filled_ == 2)) {
        if (const Status status = read_head(); !status) {
          ended_ = true;
          return status.error();
        }
      }
      if (!in_payload_) {
        if (bytes.empty()) return FrameEvent::need_more;
        continue;
      }
    }
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(rest_, bytes.size()));
    const ByteView masked = bytes.first(size);
    bytes = bytes.subspan(size);
    rest_ -= size;
    std::byte* target = nullptr;
    if (is_control(opcode_)) {
      target = control_.data() + control_size_;
      control_size_ = static_cast<std::uint8_t>(control_size_ + size);
    } else {
      payload.resize(payload.size() + size);
      target = payload.data() + (payload.size() - size);
    }
    unmask(masked, target);
    if (rest_ == 0) {
      in_payload_ = false;
      head_filled_ = 0;
      if (is_control(opcode_)) return finish_control();
    }
    if (size != 0 && !is_control(opcode_)) return FrameEvent::payload;
    if (rest_ != 0) return FrameEvent::need_more;
  }
  bytes = {};
  return FrameEvent::need_more;
}

Result<FrameEvent> FrameDecoder::finish_control() {
  if (opcode_ == Opcode::ping) return FrameEvent::ping;
  if (opcode_ == Opcode::pong) return FrameEvent::pong;
  ended_ = true;
  if (control_size_ == 1) return Error(kBadFrame, "half a close code");
  if (control_size_ >= 2 && !is_valid_close_code(*ByteReader(control()).be<std::uint16_t>()))
    return Error(kBadFrame, "an invalid close code");
  return FrameEvent::close;
}

void write_frame(Opcode opcode, ByteView payload, Bytes& out) {
  PAVISE_CHECK(!is_control(opcode) || payload.size() <= kControlSizeMax);
  out.reserve(out.size() + payload.size() + 10);
  out.push_back(static_cast<std::byte>(kFinal | static_cast<unsigned>(opcode)));
  const auto put_length = [&](std::size_t bytes) {
    for (std::size_t i = bytes; i-- > 0;)
      out.push_back(static_cast<std::byte>(static_cast<std::uint64_t>(payload.size()) >> (8 * i)));
  };
  if (payload.size() < kLength16) {
    put_length(1);
  } else if (payload.size() <= 0xffff) {
    out.push_back(static_cast<std::byte>(kLength16));
    put_length(2);
  } else {
    out.push_back(static_cast<std::byte>(kLength64));
    put_length(8);
  }
  append(out, payload);
}

}  // namespace pavise::websocket
