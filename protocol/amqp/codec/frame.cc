#include "protocol/amqp/codec/frame.h"

namespace pavise::amqp {
namespace {

// What an idle connection may keep.
constexpr std::size_t kIdleCapacity = 512;

}  // namespace

Bytes protocol_header(ProtocolId id) {
  Bytes out = to_bytes(as_bytes("AMQP"));
  out.insert(out.end(), {static_cast<std::byte>(id), std::byte{1}, std::byte{0}, std::byte{0}});
  return out;
}

void FrameStream::feed(ByteView bytes) {
  give_back();
  append(buffer_, bytes);
}

void FrameStream::give_back() {
  if (start_ == 0) return;
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(start_));
  start_ = 0;
  if (buffer_.empty() && buffer_.capacity() > kIdleCapacity) Bytes().swap(buffer_);
}

Result<std::optional<ProtocolId>> FrameStream::next_header() {
  const ByteView bytes = rest();
  // A wrong start is refused at its first wrong byte, so that other protocols do not hang.
  const Bytes amqp = protocol_header(ProtocolId::amqp);
  for (std::size_t i = 0; i < std::min(bytes.size(), amqp.size()); ++i) {
    const bool right =
        i == 4 ? bytes[i] == std::byte{0} || bytes[i] == std::byte{3} : bytes[i] == amqp[i];
    if (!right) return kBadProtocolHeader;
  }
  if (bytes.size() < amqp.size()) return std::optional<ProtocolId>();
  start_ += amqp.size();
  return std::optional(static_cast<ProtocolId>(bytes[4]));
}

Result<std::optional<Frame>> FrameStream::next_frame(std::size_t size_max) {
  ByteReader reader(rest());
  const auto size = reader.be<std::uint32_t>();
  if (!size) return std::optional<Frame>();
  if (*size < kFrameHeaderSize) return kBadFrame;
  if (*size > size_max) return kFrameTooLarge;
  if (rest().size() < *size) return std::optional<Frame>();
  const auto offset_words = reader.be<std::uint8_t>();
  const auto type = reader.be<std::uint8_t>();
  const auto channel = reader.be<std::uint16_t>();
  if (!offset_words || !type || !channel) return kBadFrame;
  const std::size_t body_at = std::size_t{*offset_words} * 4;
  if (body_at < kFrameHeaderSize || body_at > *size || *type > 1) return kBadFrame;
  Frame frame;
  frame.sasl = *type == 1;
  frame.channel = frame.sasl ? std::uint16_t{0} : *channel;
  frame.whole = rest().first(*size);
  frame.body = frame.whole.subspan(body_at);
  start_ += *size;
  return std::optional(frame);
}

void encode_frame(bool sasl, std::uint16_t channel, ByteView performative, Bytes& out) {
  ByteWriter writer;
  writer.be(static_cast<std::uint32_t>(kFrameHeaderSize + performative.size()))
      .be(std::uint8_t{2})
      .be(static_cast<std::uint8_t>(sasl ? 1 : 0))
      .be(channel)
      .raw(performative);
  append(out, writer.bytes());
}

}  // namespace pavise::amqp
