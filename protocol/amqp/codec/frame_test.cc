#include "protocol/amqp/codec/frame.h"

#include <gtest/gtest.h>

namespace pavise::amqp {
namespace {

TEST(AmqpFrame, HeadersComeByteByByte) {
  for (const ProtocolId id : {ProtocolId::amqp, ProtocolId::sasl}) {
    FrameStream stream;
    const Bytes header = protocol_header(id);
    for (std::size_t i = 0; i + 1 < header.size(); ++i) {
      stream.feed(ByteView(header).subspan(i, 1));
      EXPECT_FALSE(*stream.next_header());
    }
    stream.feed(ByteView(header).last(1));
    EXPECT_EQ(*stream.next_header(), id);
  }
}

TEST(AmqpFrame, OtherProtocolsAreRefusedAtTheirFirstByte) {
  const std::string_view starts[] = {"G", "AMQP\x02", std::string_view("AMQP\0\0", 6), "\x10"};
  for (const std::string_view start : starts) {
    FrameStream stream;
    stream.feed(as_bytes(start));
    EXPECT_EQ(stream.next_header().error().code(), kBadProtocolHeader.code);
  }
}

TEST(AmqpFrame, FramesComeByteByByte) {
  Bytes wire;
  encode_frame(false, 7, as_bytes("abc"), wire);
  encode_frame(true, 0, {}, wire);
  FrameStream stream;
  std::vector<std::string> bodies;
  for (const std::byte b : wire) {
    stream.feed(ByteView(&b, 1));
    for (;;) {
      const auto frame = stream.next_frame(kFrameSizeMax);
      ASSERT_TRUE(frame);
      if (!*frame) break;
      bodies.push_back(std::to_string((*frame)->channel) + std::string(as_text((*frame)->body)));
    }
  }
  EXPECT_EQ(bodies, (std::vector<std::string>{"7abc", "0"}));
  EXPECT_EQ(stream.buffered_bytes(), 0U);
}

TEST(AmqpFrame, SizeIsBoundedBeforeTheFrameIsThere) {
  const auto with_size = [](std::uint32_t size) {
    FrameStream stream;
    ByteWriter writer;
    writer.be(size).be(std::uint8_t{2}).be(std::uint8_t{0}).be(std::uint16_t{0});
    stream.feed(writer.bytes());
    return stream.next_frame(1000);
  };
  EXPECT_TRUE(with_size(1000));
  EXPECT_EQ(with_size(1001).error().code(), kFrameTooLarge.code);
  EXPECT_TRUE(with_size(8));
  EXPECT_EQ(with_size(7).error().code(), kBadFrame.code);
}

TEST(AmqpFrame, WrongOffsetsAndTypesAreRefused) {
  for (const char* text : {"0000000801000000", "0000000803000000", "0000000802020000"}) {
    FrameStream stream;
    stream.feed(*from_hex(text));
    EXPECT_EQ(stream.next_frame(1000).error().code(), kBadFrame.code) << text;
  }
  // An extended header is passed over.
  FrameStream stream;
  stream.feed(*from_hex("0000000d030000010000000041"));
  const auto frame = stream.next_frame(1000);
  ASSERT_TRUE(frame && *frame);
  EXPECT_EQ(to_hex((*frame)->body), "41");
}

}  // namespace
}  // namespace pavise::amqp
