#include "protocol/amqp/engine/full_frames.h"

#include "protocol/amqp/engine/performative.h"

namespace pavise::amqp {
namespace {

constexpr std::byte kNull{0x40};
constexpr std::byte kDescribed{0x00};
constexpr std::byte kSmallUlong{0x53};
constexpr std::byte kList0{0x45};
constexpr std::byte kList8{0xc0};
constexpr std::byte kList32{0xd0};
constexpr std::byte kUint{0x70};
constexpr std::size_t kDescriptorSize = 3;
constexpr std::size_t kHeaderSize = 8;
constexpr std::uint8_t kBegin = 0x11;
// Proton never says how many links it takes; the limit of ConnectionGuard is ours to say.
constexpr std::size_t kHandleMaxPlace = 4;
constexpr std::uint8_t kError = 0x1d;
constexpr std::uint8_t kRejected = 0x25;

// How many fields it has, and at which place one that is itself described and to be full (-1:
// none).
struct Shape {
  std::uint8_t code;
  std::uint8_t fields;
  std::int8_t nested = -1;
};
constexpr Shape kShapes[] = {
    {0x10, 10},    // open
    {kBegin, 8},   // begin
    {0x12, 14},    // attach
    {0x13, 11},    // flow
    {0x14, 11},    // transfer
    {0x15, 6, 4},  // disposition: its state
    {0x16, 3, 2},  // detach: its error
    {0x17, 1, 0},  // end
    {0x18, 1, 0},  // close
    {kError, 3},  {kRejected, 1, 0},
};

std::uint32_t read_u32(ByteView bytes) {
  return ByteReader(bytes).be<std::uint32_t>().value_or(0);
}

const Shape* shape_of(ByteView described) {
  if (described.size() <= kDescriptorSize || described[0] != kDescribed ||
      described[1] != kSmallUlong)
    return nullptr;
  for (const Shape& shape : kShapes)
    if (described[2] == static_cast<std::byte>(shape.code)) return &shape;
  return nullptr;
}

// Of the value at the beginning, by its constructor (part 1, 1.2); nullopt: it is not all there.
std::optional<std::size_t> encoded_size(ByteView bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && bytes[at] == kDescribed) {  // the descriptor, then the value
    const auto descriptor = encoded_size(bytes.subspan(at + 1));
    if (!descriptor) return std::nullopt;
    at += 1 + *descriptor;
  }
  if (at >= bytes.size()) return std::nullopt;
  const auto kind = std::to_integer<unsigned>(bytes[at]) >> 4U;
  const ByteView body = bytes.subspan(at + 1);
  std::size_t size = 0;
  if (kind >= 5 && kind <= 9) {
    size = std::size_t{1} << (kind - 5);
  } else if (kind == 0xa || kind == 0xc || kind == 0xe) {
    if (body.empty()) return std::nullopt;
    size = 1 + std::to_integer<std::size_t>(body[0]);
  } else if (kind == 0xb || kind == 0xd || kind == 0xf) {
    if (body.size() < 4) return std::nullopt;
    size = 4 + std::size_t{read_u32(body)};
  } else if (kind != 4) {
    return std::nullopt;
  }
  if (size > body.size()) return std::nullopt;
  return at + 1 + size;
}

struct ListView {
  std::size_t count = 0;
  ByteView fields = {};
  std::size_t size = 1;  // with its constructor
};

std::optional<ListView> list_at(ByteView bytes) {
  const auto size = encoded_size(bytes);
  if (!size) return std::nullopt;
  if (bytes[0] == kList0) return ListView{};
  if (bytes[0] == kList8 && *size >= 3)
    return ListView{std::to_integer<std::size_t>(bytes[2]), bytes.first(*size).subspan(3), *size};
  if (bytes[0] == kList32 && *size >= 9)
    return ListView{read_u32(bytes.subspan(5)), bytes.first(*size).subspan(9), *size};
  return std::nullopt;
}

Bytes list_of(std::size_t count, ByteView fields) {
  ByteWriter out;
  if (fields.size() + 1 <= 0xff) {
    out.be(std::to_integer<std::uint8_t>(kList8)).be(static_cast<std::uint8_t>(fields.size() + 1));
    out.be(static_cast<std::uint8_t>(count));
  } else {
    out.be(std::to_integer<std::uint8_t>(kList32))
        .be(static_cast<std::uint32_t>(fields.size() + 4));
    out.be(static_cast<std::uint32_t>(count));
  }
  return out.raw(fields).take();
}

// Appends the described value at the beginning with all fields, and returns how many bytes of it
// were read. nullopt: it is none of the shapes; nothing was appended.
std::optional<std::size_t> append_full(ByteView described, Bytes& out) {
  const Shape* shape = shape_of(described);
  const auto list = shape == nullptr ? std::nullopt : list_at(described.subspan(kDescriptorSize));
  if (!list || list->count > shape->fields) return std::nullopt;
  Bytes fields;
  ByteView rest = list->fields;
  for (std::size_t i = 0; i < list->count; ++i) {
    const auto size = encoded_size(rest);
    if (!size) return std::nullopt;
    if (static_cast<int>(i) != shape->nested || !append_full(rest, fields))
      append(fields, rest.first(*size));
    rest = rest.subspan(*size);
  }
  for (std::size_t i = list->count; i < shape->fields; ++i) {
    if (shape->code == kBegin && i == kHandleMaxPlace) {
      append(fields, ByteWriter()
                         .be(std::to_integer<std::uint8_t>(kUint))
                         .be(static_cast<std::uint32_t>(kLinksMax - 1))
                         .bytes());
    } else {
      fields.push_back(kNull);
    }
  }
  append(out, described.first(kDescriptorSize));
  append(out, list_of(shape->fields, fields));
  return kDescriptorSize + list->size;
}

}  // namespace

void FullFrames::write(ByteView written, Bytes& out) {
  if (pending_.empty()) {
    append(pending_, written.subspan(write_complete(written, out)));
    return;
  }
  append(pending_, written);
  const std::size_t used = write_complete(pending_, out);
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(used));
}

std::size_t FullFrames::write_complete(ByteView bytes, Bytes& out) {
  std::size_t used = 0;
  if (!began_) {
    if (bytes.size() < kHeaderSize) return 0;
    append(out, bytes.first(kHeaderSize));
    began_ = true;
    used = kHeaderSize;
  }
  for (;;) {
    const ByteView rest = bytes.subspan(used);
    if (rest.size() < kFrameHeaderSize) return used;
    const std::size_t size = read_u32(rest);
    PAVISE_CHECK(size >= kFrameHeaderSize);
    if (rest.size() < size) return used;
    write_frame(rest.first(size), out);
    used += size;
  }
}

void FullFrames::write_frame(ByteView frame, Bytes& out) const {
  const std::size_t data = std::to_integer<std::size_t>(frame[4]) * 4;
  if (data >= kFrameHeaderSize && data <= frame.size()) {
    const ByteView body = frame.subspan(data);
    Bytes performative;
    const auto read = append_full(body, performative);
    const std::size_t size = frame.size() - read.value_or(0) + performative.size();
    if (read && size <= frame_size_max_) {
      ByteWriter header;
      header.be(static_cast<std::uint32_t>(size)).raw(frame.subspan(4, data - 4));
      append(out, header.bytes());
      append(out, performative);
      append(out, body.subspan(*read));
      return;
    }
  }
  append(out, frame);
}

std::optional<std::size_t> find_frame_size_max(ByteView open_frame) {
  if (open_frame.size() <= kFrameHeaderSize) return std::nullopt;
  const std::size_t data = std::to_integer<std::size_t>(open_frame[4]) * 4;
  if (data < kFrameHeaderSize || data > open_frame.size()) return std::nullopt;
  const ByteView body = open_frame.subspan(data);
  const auto descriptor = body[0] == kDescribed ? encoded_size(body.subspan(1)) : std::nullopt;
  const auto list = descriptor ? list_at(body.subspan(1 + *descriptor)) : std::nullopt;
  constexpr std::size_t kPlace = 2;
  if (!list || list->count <= kPlace) return std::nullopt;
  ByteView rest = list->fields;
  for (std::size_t i = 0; i < kPlace; ++i) {
    const auto size = encoded_size(rest);
    if (!size) return std::nullopt;
    rest = rest.subspan(*size);
  }
  if (!encoded_size(rest) || rest[0] != kUint) return std::nullopt;
  return static_cast<std::size_t>(rest.data() + 1 - open_frame.data());
}

}  // namespace pavise::amqp
