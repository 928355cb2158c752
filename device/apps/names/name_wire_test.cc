#include "device/apps/names/name_wire.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace pavise::device {
namespace {

dns::Address some_address() {
  return {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
}

NamedPeer peer(std::string name = "hub.example.com") {
  return {.name = std::move(name), .below = true, .socket_type = SOCK_STREAM, .port = 443};
}

TEST(NameWire, WhatIsSaidIsUnderstood) {
  for (const NameOrder& order :
       {NameOrder{AddApp{7, {peer(), {"ntp.example", false, SOCK_DGRAM, 0}}}},
        NameOrder{AddApp{0xffff'ffff, {}}}, NameOrder{RemoveApp{7}}, NameOrder{PinsMade{9, true}},
        NameOrder{PinsMade{9, false}}})
    EXPECT_EQ(*parse_order(encode(order)), order);
  for (const NameReport& report :
       {NameReport{PinsWanted{1, 2, 30, {{some_address(), 0}, {some_address(), 127}}}},
        NameReport{RefusedName{2, 5, "evil.example"}}, NameReport{RefusedName{2, 1, ""}}})
    EXPECT_EQ(*parse_report(encode(report)), report);
}

TEST(NameWire, LimitsAtNAndNPlusOne) {
  std::vector<NamedPeer> peers(kNamedPeersMax, peer(std::string(dns::kNameMax, 'a')));
  const Bytes longest = encode(NameOrder{AddApp{1, peers}});
  EXPECT_TRUE(parse_order(longest));
  peers.push_back(peer());
  EXPECT_FALSE(parse_order(encode(NameOrder{AddApp{1, peers}})));
  EXPECT_FALSE(
      parse_order(encode(NameOrder{AddApp{1, {peer(std::string(dns::kNameMax + 1, 'a'))}}})));

  PinsWanted wanted{1, 1, 30, std::vector<NamedPin>(kPinsMax, {some_address(), 0})};
  EXPECT_EQ(encode(NameReport{wanted}).size(), kReportBytesMax);
  EXPECT_TRUE(parse_report(encode(NameReport{wanted})));
  wanted.pins.push_back({some_address(), 0});
  EXPECT_FALSE(parse_report(encode(NameReport{wanted})));
  wanted.pins.clear();
  EXPECT_FALSE(parse_report(encode(NameReport{wanted})));
  EXPECT_TRUE(parse_report(encode(NameReport{RefusedName{1, 1, std::string(dns::kNameMax, 'a')}})));
  EXPECT_FALSE(
      parse_report(encode(NameReport{RefusedName{1, 1, std::string(dns::kNameMax + 1, 'a')}})));
}

TEST(NameWire, PiecesAndMoreAreRefused) {
  const Bytes whole[] = {encode(NameOrder{AddApp{7, {peer()}}}), encode(NameOrder{RemoveApp{7}}),
                         encode(NameOrder{PinsMade{9, true}})};
  for (const Bytes& packet : whole) {
    for (std::size_t size = 0; size < packet.size(); ++size) {
      // An app without names is one, too.
      if (packet == whole[0] && size == 5) continue;
      EXPECT_FALSE(parse_order(ByteView(packet).first(size))) << size;
    }
    Bytes more = packet;
    more.push_back(std::byte{1});
    EXPECT_FALSE(parse_order(more));
    EXPECT_FALSE(parse_report(packet));
  }
  const Bytes wanted = encode(NameReport{PinsWanted{1, 2, 30, {{some_address(), 0}}}});
  for (std::size_t size = 0; size < wanted.size(); ++size)
    EXPECT_FALSE(parse_report(ByteView(wanted).first(size))) << size;
  EXPECT_FALSE(parse_order(wanted));
  EXPECT_FALSE(parse_report(*from_hex("0500000001000000")));
}

TEST(NameWire, FieldsHaveTheirValues) {
  const auto with = [](std::size_t at, std::uint8_t value) {
    Bytes packet = encode(NameOrder{AddApp{7, {peer()}}});
    packet[at] = static_cast<std::byte>(value);
    return parse_order(packet).has_value();
  };
  EXPECT_TRUE(with(5, SOCK_DGRAM));
  EXPECT_FALSE(with(5, SOCK_RAW));
  EXPECT_FALSE(with(6, 2));
  EXPECT_FALSE(with(0, 9));
  EXPECT_FALSE(parse_order(*from_hex("030000000902")));
  // What an app asked for becomes a line of an event: nothing else may be in it.
  for (const char* name : {"Upper.example", "a b", "a\nb", "a\x1b[2J", "\xc3\xa4.example"})
    EXPECT_FALSE(parse_report(encode(NameReport{RefusedName{1, 1, name}}))) << name;
}

}  // namespace
}  // namespace pavise::device
