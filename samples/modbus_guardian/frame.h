// Modbus/TCP, as far as the guardian lets it through: frames (Messaging on TCP/IP 1.0b, 3.1.3),
// requests of the functions that it knows (Application Protocol 1.1b3, 6), and which answers belong
// to a request. Pure functions over bytes; no more is kept than one frame may have.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace modbus_guardian {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline constexpr std::size_t kHeaderBytes = 7;  // transaction, protocol, length, unit
inline constexpr std::size_t kPduBytesMax = 253;
inline constexpr std::size_t kFrameBytesMax = kHeaderBytes + kPduBytesMax;
inline constexpr std::uint16_t kBitsReadMax = 2000;
inline constexpr std::uint16_t kBitsWrittenMax = 1968;
inline constexpr std::uint16_t kRegistersReadMax = 125;
inline constexpr std::uint16_t kRegistersWrittenMax = 123;
inline constexpr std::uint16_t kRegistersWrittenAndReadMax = 121;  // the writing half of 23

enum class Exception : std::uint8_t {
  illegal_function = 0x01,
  illegal_address = 0x02,
  illegal_value = 0x03,
  no_answer = 0x0b,  // "gateway target device failed to respond"
};

struct Frame {
  std::uint16_t transaction = 0;
  std::uint8_t unit = 0;
  Bytes pdu;  // function code and what follows: 1 to kPduBytesMax bytes
};
Bytes encode(const Frame& frame);

// Bytes of a stream until they are frames. It holds two frames; who reads asks for room() first and
// leaves the rest to the kernel.
class FrameBuffer {
 public:
  enum class State {
    incomplete,
    whole,   // `frame` is it, and it is taken out
    broken,  // not Modbus: where the next frame would begin is unknown, so close the connection
  };
  struct Taken {
    State state = State::incomplete;
    Frame frame;
  };

  std::size_t room() const { return bytes_.size() - used_; }
  bool empty() const { return used_ == 0; }
  // Takes what there is room for, and says how much.
  std::size_t append(ByteView bytes);
  Taken take();
  void clear() { used_ = 0; }

 private:
  std::array<std::uint8_t, 2 * kFrameBytesMax> bytes_{};
  std::size_t used_ = 0;
};

enum class Table : std::uint8_t { coils, discrete, input, holding };
std::string_view to_string(Table table);

struct Range {
  Table table = Table::coils;
  std::uint16_t first = 0;
  std::uint16_t last = 0;

  bool covers(const Range& other) const {
    return table == other.table && first <= other.first && other.last <= last;
  }
  std::uint16_t count() const { return static_cast<std::uint16_t>(last - first + 1); }
  bool operator==(const Range&) const = default;
};

struct Request {
  std::uint8_t unit = 0;
  std::uint8_t function = 0;
  std::optional<Range> reads;
  std::optional<Range> writes;
  bool identifies = false;  // 43/14, read device identification
  Bytes pdu;                // every byte of it is accounted for
};
// Refused: functions that are not of 1 to 6, 15, 16, 22, 23 and 43/14 (illegal_function), a length
// that is not exactly the function's, counts and values that it does not have (illegal_value),
// ranges beyond address 65535 (illegal_address).
std::expected<Request, Exception> parse_request(std::uint8_t unit, ByteView pdu);

// What the client may get of an answer: nothing if it is not one to `request`. Bits beyond those
// that were asked for are cleared: they would be of addresses that nobody allowed.
std::optional<Bytes> accept_answer(const Request& request, ByteView pdu);

Bytes exception_pdu(std::uint8_t function, Exception exception);
// "3", "8 (diagnostics)"
std::string function_text(std::uint8_t function);

}  // namespace modbus_guardian
