#include "device/apps/names/name_rules.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>

namespace pavise::device {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

dns::Address address(const std::string& text) {
  dns::Address out{};
  if (text.find(':') != std::string::npos) {
    EXPECT_EQ(::inet_pton(AF_INET6, text.c_str(), out.data()), 1) << text;
    return out;
  }
  out[10] = out[11] = 0xff;
  EXPECT_EQ(::inet_pton(AF_INET, text.c_str(), out.data() + 12), 1) << text;
  return out;
}

const std::vector<NamedPeer> kPeers{{"hub.example.com", false, SOCK_STREAM, 8883},
                                    {"hub.example.com", false, SOCK_DGRAM, 123},
                                    {"example.net", true, SOCK_STREAM, 443},
                                    {"a.example.net", false, SOCK_STREAM, 0}};
constexpr std::array<std::uint16_t, 1> kFirst{0};
const Surroundings kAround{
    .own = address("192.168.1.7"), .server = address("192.168.1.1"), .server_port = 53};

Decision decide_on(std::vector<dns::Address> addresses, std::uint32_t lifetime_s = 60,
                   std::span<const std::uint16_t> which = kFirst) {
  return decide(kPeers, which, {.addresses = std::move(addresses), .lifetime_s = lifetime_s},
                kAround);
}

TEST(NameRules, ANameIsListedOrItIsNot) {
  EXPECT_THAT(peers_of(kPeers, "hub.example.com"), ElementsAre(0, 1));
  for (const char* name : {"", "com", "example.com", "ub.example.com", "a.hub.example.com",
                           "hub.example.com.evil.org", "hub-example.com", "hubxexample.com"})
    EXPECT_THAT(peers_of(kPeers, name), IsEmpty()) << name;
}

TEST(NameRules, AWildcardIsForNamesBelow) {
  EXPECT_THAT(peers_of(kPeers, "b.example.net"), ElementsAre(2));
  EXPECT_THAT(peers_of(kPeers, "c.b.example.net"), ElementsAre(2));
  EXPECT_THAT(peers_of(kPeers, "a.example.net"), ElementsAre(2, 3));
  for (const char* name : {"example.net", ".example.net", "evilexample.net", "b.example.net.org",
                           "net", "xexample.net"})
    EXPECT_THAT(peers_of(kPeers, name), IsEmpty()) << name;
}

TEST(NameRules, AddressesThatNeverMeanAnotherHost) {
  for (const char* text :
       {"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.0.53.1", "127.255.255.255", "169.254.169.254",
        "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1",
        "fe80::1", "febf::1", "ff02::1"})
    EXPECT_FALSE(may_be_pinned(address(text))) << text;
  for (const char* text : {"192.0.2.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1",
                           "126.255.255.255", "128.0.0.1", "169.253.0.1", "169.255.0.1",
                           "223.255.255.255", "2001:db8::1", "fd00::1", "fec0::1"})
    EXPECT_TRUE(may_be_pinned(address(text))) << text;
}

TEST(NameRules, EveryPeerOfTheNameIsPinned) {
  const Decision out = decide_on({address("192.0.2.1"), address("10.0.0.5")}, 60,
                                 peers_of(kPeers, "hub.example.com"));
  EXPECT_EQ(out.outcome, dns::Outcome::ok);
  EXPECT_EQ(out.lifetime_s, 60U);
  EXPECT_THAT(out.addresses, ElementsAre(address("192.0.2.1"), address("10.0.0.5")));
  EXPECT_THAT(out.pins,
              ElementsAre(NamedPin{address("192.0.2.1"), 0}, NamedPin{address("192.0.2.1"), 1},
                          NamedPin{address("10.0.0.5"), 0}, NamedPin{address("10.0.0.5"), 1}));
}

TEST(NameRules, ANameThatLeadsBackIsRefused) {
  for (const char* text : {"127.0.0.1", "0.0.0.0", "169.254.169.254", "192.168.1.7"}) {
    const Decision out = decide_on({address(text)});
    EXPECT_EQ(out.outcome, dns::Outcome::refused) << text;
    EXPECT_THAT(out.addresses, IsEmpty());
    EXPECT_THAT(out.pins, IsEmpty());
  }
  const Decision mixed = decide_on({address("127.0.0.1"), address("192.0.2.1")});
  EXPECT_EQ(mixed.outcome, dns::Outcome::ok);
  EXPECT_THAT(mixed.addresses, ElementsAre(address("192.0.2.1")));
}

// Through the network's own server an app could ask for every name.
TEST(NameRules, TheServerOfNamesIsReachedAtOtherPortsOnly) {
  EXPECT_EQ(decide_on({kAround.server}).outcome, dns::Outcome::ok);  // port 8883
  constexpr std::array<std::uint16_t, 1> kEveryPort{3};
  EXPECT_EQ(decide_on({kAround.server}, 60, kEveryPort).outcome, dns::Outcome::refused);
  const std::vector<NamedPeer> by_port{{"x.example.com", false, SOCK_DGRAM, 53},
                                       {"x.example.com", false, SOCK_STREAM, 443}};
  constexpr std::array<std::uint16_t, 2> kBoth{0, 1};
  const Decision out = decide(by_port, kBoth, {.addresses = {kAround.server}}, kAround);
  EXPECT_THAT(out.pins, ElementsAre(NamedPin{kAround.server, 1}));
  EXPECT_THAT(out.addresses, ElementsAre(kAround.server));
}

TEST(NameRules, LifetimesHaveTheirBounds) {
  const auto lifetime = [](std::uint32_t record_s) {
    return decide_on({address("192.0.2.1")}, record_s).lifetime_s;
  };
  EXPECT_EQ(lifetime(0), kPinSecondsMin);
  EXPECT_EQ(lifetime(kPinSecondsMin - 1), kPinSecondsMin);
  EXPECT_EQ(lifetime(kPinSecondsMin + 1), kPinSecondsMin + 1);
  EXPECT_EQ(lifetime(kPinSecondsMax), kPinSecondsMax);
  EXPECT_EQ(lifetime(kPinSecondsMax + 1), kPinSecondsMax);
  EXPECT_EQ(lifetime(0x7fff'ffff), kPinSecondsMax);
}

TEST(NameRules, AnswersHaveRoomForTheFirst) {
  std::vector<dns::Address> many(300, address("192.0.2.0"));
  for (std::size_t i = 0; i < many.size(); ++i) {
    many[i][14] = static_cast<std::uint8_t>(i >> 8U);
    many[i][15] = static_cast<std::uint8_t>(i);
  }
  const Decision out = decide_on(many);
  EXPECT_THAT(out.addresses, SizeIs(dns::kAddressesMax));
  EXPECT_EQ(out.addresses.front(), many.front());
  EXPECT_THAT(decide_on({300, address("192.0.2.1")}).addresses, SizeIs(1));
  // Many peers of one name share the pins of an answer.
  const std::vector<NamedPeer> peers(kNamedPeersMax, kPeers.front());
  const auto all = peers_of(peers, "hub.example.com");
  ASSERT_THAT(all, SizeIs(kNamedPeersMax));
  EXPECT_THAT(decide(peers, all, {.addresses = many}, kAround).pins, SizeIs(kPinsMax));
  EXPECT_THAT(decide(peers, std::span(all).first(60), {.addresses = many}, kAround).addresses,
              SizeIs(2));
}

TEST(NameRules, WithoutAddressesTheOutcomeIsTheServers) {
  EXPECT_EQ(decide_on({}).outcome, dns::Outcome::ok);
  EXPECT_THAT(decide_on({}).pins, IsEmpty());
  for (const dns::Outcome outcome : {dns::Outcome::no_such_name, dns::Outcome::server_failure})
    EXPECT_EQ(decide(kPeers, kFirst, {.outcome = outcome}, kAround).outcome, outcome);
}

}  // namespace
}  // namespace pavise::device
