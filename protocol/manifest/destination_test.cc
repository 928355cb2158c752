#include "protocol/manifest/destination.h"

#include <gtest/gtest.h>

namespace pavise::manifest {
namespace {

TEST(Destination, HasOneSpelling) {
  for (const char* text :
       {"a", "hub.example.com", "hub.example.com:1", "*.example.com:65535", "192.0.2.7",
        "192.0.2.0/24", "10.0.0.0/8:502", "[2001:db8::1]", "[2001:db8::/32]:443", "[2000::/16]",
        "255.255.255.254/31", "[2001:db8::2/127]", "a.9b", "xn--80ak6aa92e.com"}) {
    const auto out = Destination::parse(text);
    ASSERT_TRUE(out) << text << out.error().message();
    EXPECT_EQ(out->text(), text);
  }
}

TEST(Destination, KnowsWhatItIs) {
  const auto wild = Destination::parse("*.example.com:443");
  EXPECT_EQ(wild->kind, Destination::Kind::wildcard);
  EXPECT_EQ(wild->name, "example.com");
  EXPECT_EQ(wild->port, 443);
  const auto one = Destination::parse("192.0.2.7");
  EXPECT_EQ(one->kind, Destination::Kind::network);
  EXPECT_FALSE(one->network.v6);
  EXPECT_EQ(one->network.prefix, 32);
  EXPECT_EQ(one->network.address[3], 7);
  EXPECT_FALSE(one->port);
  const auto six = Destination::parse("[2001:db8::/32]");
  EXPECT_TRUE(six->network.v6);
  EXPECT_EQ(six->network.prefix, 32);
}

TEST(Destination, SaysWhyItIsNone) {
  const struct {
    const char* text;
    const char* reason;
  } rows[] = {{"https://a.example", "a host, not a URL"},
              {"*.com", "a wildcard needs two labels or more below it"},
              {"2001:db8::1", "an IPv6 address stands in brackets"},
              {"[2001:db8::1", "no closing bracket"},
              {"[2001:db8::1]443", "only :PORT follows the bracket"},
              {"[2001:DB8::1]", "write it as 2001:db8::1"},
              {"10.0.0.1/8", "the address has bits behind the prefix"},
              {"0.0.0.0/0", "a prefix is from 8 to 31"},
              {"[::/0]", "a prefix is from 16 to 127"},
              {"127.0.0.0/8", "the address never means another host"},
              {"0.0.0.0/8", "the address never means another host"},
              {"[::1]", "the address never means another host"},
              {"[::]", "the address never means another host"},
              {"[::ffff:192.0.2.1]", "the address never means another host"},
              {"[::192.0.2.1]", "the address never means another host"},
              {"localhost", "the name never means another host"},
              {"a.localhost:1", "the name never means another host"},
              {"a:0", "a port is from 1 to 65535"},
              {"a:65536", "a port is from 1 to 65535"},
              {"a:+1", "a port is from 1 to 65535"},
              {"192.0.2.256", "no IPv4 address"},
              {"1", "no IPv4 address"},
              {"Hub.example", "no host name in lower case"},
              {"", "no host name in lower case"},
              {":443", "no host name in lower case"},
              {"a.", "no host name in lower case"}};
  for (const auto& row : rows) {
    const auto out = Destination::parse(row.text);
    ASSERT_FALSE(out) << row.text;
    EXPECT_TRUE(out.error().is(kBadHost));
    EXPECT_EQ(out.error().detail(), row.reason) << row.text;
  }
}

TEST(Destination, LimitsHoldAtNAndNPlusOne) {
  const auto label = [](std::size_t n) { return std::string(n, 'a') + ".example"; };
  EXPECT_TRUE(Destination::parse(label(kHostLabelLengthMax)));
  EXPECT_FALSE(Destination::parse(label(kHostLabelLengthMax + 1)));
  const std::string long_name = std::string(62, 'a') + "." + std::string(62, 'a') + "." +
                                std::string(62, 'a') + "." + std::string(62, 'a') + ".a";
  ASSERT_EQ(long_name.size(), kHostNameLengthMax);
  EXPECT_TRUE(Destination::parse(long_name));
  EXPECT_FALSE(Destination::parse(long_name + "b"));
  EXPECT_TRUE(Destination::parse("10.0.0.0/8"));
  EXPECT_FALSE(Destination::parse("10.0.0.0/7"));
  EXPECT_TRUE(Destination::parse("[2000::/16]"));
  EXPECT_FALSE(Destination::parse("[2000::/15]"));
}

}  // namespace
}  // namespace pavise::manifest
