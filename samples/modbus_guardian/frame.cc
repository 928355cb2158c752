#include "samples/modbus_guardian/frame.h"

#include <algorithm>
#include <utility>

namespace modbus_guardian {
namespace {

constexpr std::size_t kLengthEnd = 6;  // what the length counts begins here
constexpr std::uint8_t kExceptionBit = 0x80;
constexpr std::uint8_t kDeviceIdentification = 14;  // of function 43
constexpr std::size_t kIdentificationHeaderBytes = 7;

constexpr std::uint8_t kReadCoils = 1, kReadDiscrete = 2, kReadHolding = 3, kReadInput = 4,
                       kWriteCoil = 5, kWriteRegister = 6, kWriteCoils = 15, kWriteRegisters = 16,
                       kMaskRegister = 22, kReadAndWrite = 23, kEncapsulated = 43;

std::uint16_t word(ByteView bytes, std::size_t at) {
  return static_cast<std::uint16_t>((bytes[at] << 8) | bytes[at + 1]);
}

std::size_t bytes_of_bits(std::size_t bits) {
  return (bits + 7) / 8;
}

void clear_padding(Bytes& pdu, std::size_t bits) {
  if (bits % 8 != 0) pdu.back() &= static_cast<std::uint8_t>((1U << (bits % 8)) - 1);
}

std::expected<Range, Exception> range(Table table, std::uint16_t first, std::uint16_t count,
                                      std::uint16_t count_max) {
  if (count == 0 || count > count_max) return std::unexpected(Exception::illegal_value);
  if (first + count > 0x10000) return std::unexpected(Exception::illegal_address);
  return Range{table, first, static_cast<std::uint16_t>(first + count - 1)};
}

using Parsed = std::expected<Request, Exception>;

Parsed read(Request request, Table table, std::uint16_t count_max) {
  if (request.pdu.size() != 5) return std::unexpected(Exception::illegal_value);
  const auto asked = range(table, word(request.pdu, 1), word(request.pdu, 3), count_max);
  if (!asked) return std::unexpected(asked.error());
  request.reads = *asked;
  return request;
}

Parsed write_one(Request request, Table table, std::size_t size) {
  if (request.pdu.size() != size) return std::unexpected(Exception::illegal_value);
  const std::uint16_t value = word(request.pdu, 3);
  if (table == Table::coils && value != 0x0000 && value != 0xff00)
    return std::unexpected(Exception::illegal_value);
  const std::uint16_t at = word(request.pdu, 1);
  request.writes = Range{table, at, at};
  return request;
}

// The end of `fixed` bytes is a byte count, the rest are the values.
bool has_values(const Bytes& pdu, std::size_t fixed, std::size_t bytes) {
  return pdu.size() == fixed + bytes && pdu[fixed - 1] == bytes;
}

Parsed write_many(Request request, Table table, std::uint16_t count_max) {
  constexpr std::size_t kFixed = 6;
  if (request.pdu.size() < kFixed) return std::unexpected(Exception::illegal_value);
  const std::uint16_t count = word(request.pdu, 3);
  const auto asked = range(table, word(request.pdu, 1), count, count_max);
  if (!asked) return std::unexpected(asked.error());
  const bool bits = table == Table::coils;
  if (!has_values(request.pdu, kFixed, bits ? bytes_of_bits(count) : 2UL * count))
    return std::unexpected(Exception::illegal_value);
  if (bits) clear_padding(request.pdu, count);
  request.writes = *asked;
  return request;
}

Parsed read_and_write(Request request) {
  constexpr std::size_t kFixed = 10;
  const Bytes& pdu = request.pdu;
  if (pdu.size() < kFixed) return std::unexpected(Exception::illegal_value);
  const auto read = range(Table::holding, word(pdu, 1), word(pdu, 3), kRegistersReadMax);
  if (!read) return std::unexpected(read.error());
  const auto written =
      range(Table::holding, word(pdu, 5), word(pdu, 7), kRegistersWrittenAndReadMax);
  if (!written) return std::unexpected(written.error());
  if (!has_values(pdu, kFixed, 2UL * written->count()))
    return std::unexpected(Exception::illegal_value);
  request.reads = *read;
  request.writes = *written;
  return request;
}

Parsed identify(Request request) {
  if (request.pdu.size() < 2 || request.pdu[1] != kDeviceIdentification)
    return std::unexpected(Exception::illegal_function);  // 43/13 tunnels CANopen
  if (request.pdu.size() != 4 || request.pdu[2] < 1 || request.pdu[2] > 4)
    return std::unexpected(Exception::illegal_value);
  request.identifies = true;
  return request;
}

// Objects of (id, length, value) up to exactly the end, as many as it says.
bool is_identification(const Request& request, ByteView pdu) {
  if (pdu.size() < kIdentificationHeaderBytes || pdu[1] != kDeviceIdentification ||
      pdu[2] != request.pdu[2] || (pdu[4] != 0x00 && pdu[4] != 0xff))
    return false;
  std::size_t at = kIdentificationHeaderBytes;
  for (unsigned objects = pdu[6]; objects > 0; --objects) {
    if (pdu.size() - at < 2) return false;
    const std::size_t size = pdu[at + 1];
    at += 2;
    if (pdu.size() - at < size) return false;
    at += size;
  }
  return at == pdu.size();
}

bool is_exception(const Request& request, ByteView pdu) {
  return pdu.size() == 2 && pdu[0] == (request.function | kExceptionBit) && pdu[1] >= 0x01 &&
         pdu[1] <= 0x0b;
}

std::size_t count_read(const Request& request) {
  return request.reads ? request.reads->count() : 0;
}

bool belongs(const Request& request, ByteView pdu) {
  switch (request.function) {
    case kReadCoils:
    case kReadDiscrete: {
      const std::size_t bytes = bytes_of_bits(count_read(request));
      return pdu.size() == 2 + bytes && pdu[1] == bytes;
    }
    case kReadHolding:
    case kReadInput:
    case kReadAndWrite: {
      const std::size_t bytes = 2 * count_read(request);
      return pdu.size() == 2 + bytes && pdu[1] == bytes;
    }
    case kWriteCoil:
    case kWriteRegister:
    case kMaskRegister:
      return std::ranges::equal(pdu, request.pdu);
    case kWriteCoils:
    case kWriteRegisters:
      return std::ranges::equal(pdu, ByteView(request.pdu).first(5));
    default:
      return request.identifies && is_identification(request, pdu);
  }
}

}  // namespace

Bytes encode(const Frame& frame) {
  const std::size_t length = frame.pdu.size() + 1;
  Bytes out{static_cast<std::uint8_t>(frame.transaction >> 8),
            static_cast<std::uint8_t>(frame.transaction),
            0,
            0,
            static_cast<std::uint8_t>(length >> 8),
            static_cast<std::uint8_t>(length),
            frame.unit};
  out.insert(out.end(), frame.pdu.begin(), frame.pdu.end());
  return out;
}

std::size_t FrameBuffer::append(ByteView bytes) {
  const ByteView taken = bytes.first(std::min(bytes.size(), room()));
  std::ranges::copy(taken, bytes_.begin() + static_cast<std::ptrdiff_t>(used_));
  used_ += taken.size();
  return taken.size();
}

FrameBuffer::Taken FrameBuffer::take() {
  const ByteView bytes(bytes_.data(), used_);
  if (bytes.size() < kLengthEnd) return {};
  const std::size_t length = word(bytes, 4);
  if (word(bytes, 2) != 0 || length < 2 || length > 1 + kPduBytesMax)
    return {.state = State::broken, .frame = {}};
  const std::size_t whole = kLengthEnd + length;
  if (bytes.size() < whole) return {};
  const ByteView pdu = bytes.subspan(kHeaderBytes, length - 1);
  Taken out{.state = State::whole,
            .frame = {.transaction = word(bytes, 0),
                      .unit = bytes[kLengthEnd],
                      .pdu = Bytes(pdu.begin(), pdu.end())}};
  std::ranges::copy(bytes.subspan(whole), bytes_.begin());
  used_ -= whole;
  return out;
}

std::string_view to_string(Table table) {
  constexpr std::array<std::string_view, 4> kNames = {"coils", "discrete", "input", "holding"};
  return kNames.at(static_cast<std::size_t>(table));
}

std::expected<Request, Exception> parse_request(std::uint8_t unit, ByteView pdu) {
  if (pdu.empty() || pdu.size() > kPduBytesMax) return std::unexpected(Exception::illegal_value);
  Request request{.unit = unit,
                  .function = pdu[0],
                  .reads = {},
                  .writes = {},
                  .identifies = false,
                  .pdu = Bytes(pdu.begin(), pdu.end())};
  switch (request.function) {
    case kReadCoils:
      return read(std::move(request), Table::coils, kBitsReadMax);
    case kReadDiscrete:
      return read(std::move(request), Table::discrete, kBitsReadMax);
    case kReadHolding:
      return read(std::move(request), Table::holding, kRegistersReadMax);
    case kReadInput:
      return read(std::move(request), Table::input, kRegistersReadMax);
    case kWriteCoil:
      return write_one(std::move(request), Table::coils, 5);
    case kWriteRegister:
      return write_one(std::move(request), Table::holding, 5);
    case kWriteCoils:
      return write_many(std::move(request), Table::coils, kBitsWrittenMax);
    case kWriteRegisters:
      return write_many(std::move(request), Table::holding, kRegistersWrittenMax);
    case kMaskRegister:
      return write_one(std::move(request), Table::holding, 7);
    case kReadAndWrite:
      return read_and_write(std::move(request));
    case kEncapsulated:
      return identify(std::move(request));
    default:
      return std::unexpected(Exception::illegal_function);
  }
}

std::optional<Bytes> accept_answer(const Request& request, ByteView pdu) {
  if (pdu.empty()) return {};
  if (is_exception(request, pdu)) return Bytes(pdu.begin(), pdu.end());
  if (pdu[0] != request.function || !belongs(request, pdu)) return {};
  Bytes out(pdu.begin(), pdu.end());
  if (request.function == kReadCoils || request.function == kReadDiscrete)
    clear_padding(out, count_read(request));
  return out;
}

Bytes exception_pdu(std::uint8_t function, Exception exception) {
  return {static_cast<std::uint8_t>(function | kExceptionBit),
          static_cast<std::uint8_t>(exception)};
}

std::string function_text(std::uint8_t function) {
  constexpr std::array<std::pair<std::uint8_t, std::string_view>, 9> kKnown{{
      {7, "exception status"},
      {8, "diagnostics"},
      {11, "event counter"},
      {12, "event log"},
      {17, "server id"},
      {20, "read file"},
      {21, "write file"},
      {24, "read FIFO"},
      {90, "programming of a maker's own"},
  }};
  std::string out = std::to_string(function);
  const auto* const known =
      std::ranges::find(kKnown, function, &std::pair<std::uint8_t, std::string_view>::first);
  if (known != kKnown.end()) out.append(" (").append(known->second).append(")");
  return out;
}

}  // namespace modbus_guardian
