#include "protocol/mqtt/packet_stream.h"

#include <gtest/gtest.h>

#include "protocol/mqtt/encode.h"

namespace pavise::mqtt {
namespace {

Bytes encoded(const Packet& packet) {
  Bytes out;
  const Status status = encode(packet, out);
  EXPECT_TRUE(status);
  return out;
}

Bytes publish_of_size(std::size_t packet_size) {
  for (std::size_t payload = packet_size > 16 ? packet_size - 16 : 0; payload < packet_size;
       ++payload) {
    if (publish_size_bytes(1, payload, QoS::at_most_once) != packet_size) continue;
    const Bytes body(payload, std::byte{0x55});
    return encoded(Publish{.topic = "t", .payload = body});
  }
  ADD_FAILURE() << "no such size " << packet_size;
  return {};
}

TEST(PacketStream, DecodesWholePacketsInPlace) {
  Bytes wire = encoded(Publish{.topic = "t", .payload = as_bytes("abc")});
  append(wire, encoded(PingReq{}));
  PacketStream stream;
  stream.feed(wire);
  const auto first = stream.next();
  ASSERT_TRUE(first && *first);
  const auto& publish = std::get<Publish>(**first);
  EXPECT_GE(publish.payload.data(), wire.data()) << "the payload borrows the input";
  EXPECT_LT(publish.payload.data(), wire.data() + wire.size());
  const auto second = stream.next();
  ASSERT_TRUE(second && *second);
  EXPECT_TRUE(std::holds_alternative<PingReq>(**second));
  const auto end = stream.next();
  ASSERT_TRUE(end);
  EXPECT_FALSE(*end);
  EXPECT_EQ(stream.buffered_bytes(), 0U);
}

TEST(PacketStream, AnyCutGivesTheSamePackets) {
  const Bytes payload(200, std::byte{7});
  Bytes wire = encoded(Publish{.topic = "devices/a/messages/events/",
                               .payload = payload,
                               .qos = QoS::at_least_once,
                               .packet_id = 5});
  append(wire, encoded(PingReq{}));
  append(wire, encoded(Subscribe{9, {{"a/#", QoS::at_least_once}}}));
  for (std::size_t chunk = 1; chunk <= wire.size(); ++chunk) {
    PacketStream stream;
    std::vector<std::size_t> kinds;
    for (std::size_t at = 0; at < wire.size(); at += chunk) {
      stream.feed(ByteView(wire).subspan(at, std::min(chunk, wire.size() - at)));
      for (;;) {
        const auto packet = stream.next();
        ASSERT_TRUE(packet) << packet.error().message();
        if (!*packet) break;
        kinds.push_back((*packet)->index());
        if (const auto* p = std::get_if<Publish>(&**packet)) {
          ASSERT_TRUE(equal(p->payload, payload));
        }
      }
    }
    EXPECT_EQ(kinds, (std::vector<std::size_t>{2, 11, 7})) << "chunk " << chunk;
    EXPECT_EQ(stream.buffered_bytes(), 0U);
  }
}

TEST(PacketStream, PacketSizeLimit) {
  constexpr std::size_t kLimit = 1000;
  for (const bool over : {false, true}) {
    const Bytes wire = publish_of_size(kLimit + (over ? 1 : 0));
    PacketStream stream(kLimit);
    stream.feed(wire);
    const auto packet = stream.next();
    if (over) {
      ASSERT_FALSE(packet);
      EXPECT_TRUE(packet.error().is(kPacketTooLarge));
    } else {
      ASSERT_TRUE(packet && *packet);
    }
  }
}

TEST(PacketStream, RefusesAnOversizedPacketByItsHeaderAlone) {
  PacketStream stream(1000);
  const Bytes header = *from_hex("30ffffff7f");
  stream.feed(ByteView(header).first(2));
  ASSERT_TRUE(stream.next());
  stream.feed(ByteView(header).subspan(2));
  const auto packet = stream.next();
  ASSERT_FALSE(packet);
  EXPECT_TRUE(packet.error().is(kPacketTooLarge));
}

TEST(PacketStream, AnAnnouncedLengthAllocatesNothing) {
  PacketStream stream;
  const Bytes start = *from_hex("30808010");  // 256 KiB announced
  stream.feed(start);
  ASSERT_TRUE(stream.next());
  EXPECT_EQ(stream.buffered_bytes(), start.size());
}

TEST(PacketStream, AnErrorStays) {
  PacketStream stream;
  const Bytes bad = *from_hex("00000000c000");
  stream.feed(bad);
  EXPECT_FALSE(stream.next());
  stream.feed(as_bytes("\xc0"));
  const auto again = stream.next();
  ASSERT_FALSE(again);
  EXPECT_TRUE(again.error().is(kUnknownPacketType));
}

// Section 2.2.3, table 2.4.
TEST(FixedHeader, RemainingLengthTable) {
  const std::tuple<std::string_view, std::size_t, std::size_t> rows[] = {
      {"3000", 2, 0},
      {"307f", 2, 127},
      {"308001", 3, 128},
      {"30ff7f", 3, 16'383},
      {"30808001", 4, 16'384},
      {"30ffff7f", 4, 2'097'151},
      {"3080808001", 5, 2'097'152},
      {"30ffffff7f", 5, kRemainingLengthMax}};
  for (const auto& [hex, header_size, remaining] : rows) {
    const auto header = parse_fixed_header(*from_hex(hex));
    ASSERT_TRUE(header && *header) << hex;
    EXPECT_EQ((*header)->header_size, header_size);
    EXPECT_EQ((*header)->remaining_bytes, remaining);
  }
  for (const std::string_view partial : {"", "30", "3080", "308080", "30808080"}) {
    const auto header = parse_fixed_header(*from_hex(partial));
    ASSERT_TRUE(header) << partial;
    EXPECT_FALSE(*header) << partial;
  }
  const auto bad = parse_fixed_header(*from_hex("3080808080"));
  ASSERT_FALSE(bad);
  EXPECT_TRUE(bad.error().is(kBadRemainingLength));
}

}  // namespace
}  // namespace pavise::mqtt
