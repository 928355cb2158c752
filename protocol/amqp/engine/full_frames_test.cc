#include "protocol/amqp/engine/full_frames.h"

#include <gtest/gtest.h>

#include "protocol/amqp/engine/performative.h"

namespace pavise::amqp {
namespace {

Value described(std::uint64_t code, List fields) {
  return Value(
      Described{std::make_shared<Value>(code), std::make_shared<Value>(std::move(fields))});
}

Bytes frame_of(const Value& performative, std::string_view payload = {}) {
  Bytes body, out;
  encode_value(performative, body);
  append(body, as_bytes(payload));
  encode_frame(false, 7, body, out);
  return out;
}

// What comes out for what the engine wrote after the protocol header.
Bytes full(ByteView given, std::uint32_t size_max = UINT32_MAX, std::size_t chunk = SIZE_MAX) {
  Bytes written = protocol_header(ProtocolId::amqp);
  append(written, given);
  FullFrames frames;
  frames.set_frame_size_max(size_max);
  Bytes out;
  for (std::size_t at = 0; at < written.size(); at += std::min(chunk, written.size() - at))
    frames.write(ByteView(written).subspan(at, std::min(chunk, written.size() - at)), out);
  EXPECT_TRUE(equal(ByteView(out).first(kFrameHeaderSize), protocol_header(ProtocolId::amqp)));
  return to_bytes(ByteView(out).subspan(kFrameHeaderSize));
}

// The fields as they are, then nulls.
List padded(List fields, std::size_t count) {
  fields.resize(count);
  return fields;
}

// The same of a begin, which says its handle-max.
List padded_begin(List fields) {
  const bool said = fields.size() > 4;
  fields.resize(8);
  if (!said) fields[4] = Value(static_cast<std::uint32_t>(kLinksMax - 1));
  return fields;
}

const Value kText("a");
const Value kNumber(std::uint32_t{300});

TEST(FullFrames, EveryPerformativeGetsAllItsFields) {
  const std::pair<std::uint64_t, std::size_t> cases[] = {{0x10, 10}, {0x11, 8},  {0x12, 14},
                                                         {0x13, 11}, {0x14, 11}, {0x15, 6},
                                                         {0x16, 3},  {0x17, 1},  {0x18, 1}};
  for (const auto& [code, count] : cases) {
    for (std::size_t given = 0; given <= count; ++given) {
      List fields(given, kNumber);
      EXPECT_EQ(
          full(frame_of(described(code, fields))),
          frame_of(described(code, code == 0x11 ? padded_begin(fields) : padded(fields, count))))
          << code << " with " << given;
    }
  }
}

TEST(FullFrames, AnEmptyListIsWrittenOut) {
  Bytes end, expected;
  encode_frame(false, 7, *from_hex("00531745"), end);
  encode_frame(false, 7, *from_hex("005317c0020140"), expected);
  EXPECT_EQ(full(end), expected);
}

TEST(FullFrames, AnErrorHasItsInfo) {
  const List given{Value(Symbol{"amqp:not-found"}), kText};
  const Value error = described(0x1d, given);
  const Value full_error = described(0x1d, padded(given, 3));
  EXPECT_EQ(full(frame_of(described(0x16, {kNumber, Value(true), error}))),
            frame_of(described(0x16, {kNumber, Value(true), full_error})));
  EXPECT_EQ(full(frame_of(described(0x17, {error}))), frame_of(described(0x17, {full_error})));
  EXPECT_EQ(full(frame_of(described(0x18, {error}))), frame_of(described(0x18, {full_error})));
  const List before{Value(true), kNumber, kNumber, Value(true)};
  List rejected = before, full_rejected = before;
  rejected.push_back(described(0x25, {error}));
  full_rejected.push_back(described(0x25, {full_error}));
  EXPECT_EQ(full(frame_of(described(0x15, rejected))),
            frame_of(described(0x15, padded(full_rejected, 6))));
}

TEST(FullFrames, OtherDescribedValuesStayAsTheyAre) {
  const Value source = described(0x28, {kText});
  const Value accepted = described(0x24, {});
  EXPECT_EQ(
      full(frame_of(described(0x12, {kText, kNumber, Value(false), Value(), Value(), source}))),
      frame_of(
          described(0x12, padded({kText, kNumber, Value(false), Value(), Value(), source}, 14))));
  EXPECT_EQ(
      full(frame_of(described(0x15, {Value(true), kNumber, Value(), Value(true), accepted}))),
      frame_of(described(0x15, padded({Value(true), kNumber, Value(), Value(true), accepted}, 6))));
}

TEST(FullFrames, FieldsOfEveryWidthAreStepped) {
  const Value values[] = {Value(),
                          Value(true),
                          Value(std::uint8_t{1}),
                          Value(std::uint16_t{1}),
                          Value(std::uint32_t{70'000}),
                          Value(std::uint64_t{1} << 40U),
                          Value(Uuid{}),
                          Value(std::string(300, 'x')),
                          Value(Map{{kText, kNumber}}),
                          Value(Map{{kText, Value(std::string(300, 'x'))}}),
                          Value(Array{{Value(Symbol{"a"}), Value(Symbol{"b"})}}),
                          Value(List{}),
                          described(0x1234567890, {described(1, {kText})})};
  for (const Value& value : values)
    EXPECT_EQ(full(frame_of(described(0x12, {value, kText}))),
              frame_of(described(0x12, padded({value, kText}, 14))));
}

TEST(FullFrames, AListGrowsOutOfOneByteOfSize) {
  // A string of n bytes takes n + 2; 13 nulls; one byte for the count.
  for (const std::size_t size : {239U, 240U, 241U, 250U, 252U, 253U}) {
    const List fields{Value(std::string(size, 'x'))};
    EXPECT_EQ(full(frame_of(described(0x12, fields))),
              frame_of(described(0x12, padded(fields, 14))))
        << size;
  }
}

TEST(FullFrames, ThePayloadOfATransferFollows) {
  EXPECT_EQ(full(frame_of(described(0x14, {kNumber, kNumber}), "the message")),
            frame_of(described(0x14, padded({kNumber, kNumber}, 11)), "the message"));
}

TEST(FullFrames, AFrameNeverExceedsWhatTheClientTakes) {
  const Bytes given = frame_of(described(0x14, {kNumber}), std::string(500, 'x'));
  const Bytes wanted = frame_of(described(0x14, padded({kNumber}, 11)), std::string(500, 'x'));
  ASSERT_EQ(wanted.size(), given.size() + kFullTransferGrowth);
  EXPECT_EQ(full(given, static_cast<std::uint32_t>(wanted.size())), wanted);
  EXPECT_EQ(full(given, static_cast<std::uint32_t>(wanted.size() - 1)), given);
}

TEST(FullFrames, PiecesAreJoined) {
  Bytes given, heartbeat, expected;
  encode_frame(false, 0, {}, heartbeat);
  for (const Value& each : {described(0x10, {kText}), described(0x14, {kNumber})}) {
    append(given, frame_of(each, "payload"));
    append(given, heartbeat);
  }
  append(expected, frame_of(described(0x10, padded({kText}, 10)), "payload"));
  append(expected, heartbeat);
  append(expected, frame_of(described(0x14, padded({kNumber}, 11)), "payload"));
  append(expected, heartbeat);
  for (const std::size_t chunk : {1U, 7U, 40U, 1000U})
    EXPECT_EQ(full(given, 1000, chunk), expected);
}

TEST(FullFrames, WhatIsNotUnderstoodPasses) {
  const std::string_view bodies[] = {"",
                                     "00",
                                     "005314",
                                     "a10161",
                                     "0080000000000000001445",
                                     "005314c00101",
                                     "005314c0ff01",
                                     "005399c00100",
                                     "005317c0040240"};
  for (const std::string_view body : bodies) {
    Bytes given;
    encode_frame(false, 7, *from_hex(body), given);
    EXPECT_EQ(full(given), given) << body;
  }
}

TEST(FullFrames, FindsTheFrameSizeOfAnOpen) {
  const auto told = [](const List& fields) -> std::optional<std::uint32_t> {
    const Bytes open = frame_of(described(0x10, fields));
    const auto place = find_frame_size_max(open);
    if (!place) return std::nullopt;
    return ByteReader(ByteView(open).subspan(*place)).be<std::uint32_t>();
  };
  EXPECT_EQ(told({kText, kText, Value(std::uint32_t{65'536})}), 65'536U);
  EXPECT_EQ(told({kText, Value(), Value(std::uint32_t{512}), Value(std::uint16_t{1})}), 512U);
  EXPECT_EQ(told({kText, kText, Value()}), std::nullopt);
  EXPECT_EQ(told({kText, kText}), std::nullopt);
  EXPECT_EQ(told({}), std::nullopt);
  EXPECT_EQ(find_frame_size_max({}), std::nullopt);
}

}  // namespace
}  // namespace pavise::amqp
