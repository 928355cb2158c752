#include "cloud/hub/routing/address.h"

#include <gtest/gtest.h>

namespace pavise::hub::routing {
namespace {

TEST(WebhookAddress, WhatIsOne) {
  const auto whole = WebhookAddress::parse("https://hooks.example:8443/in/pavise?k=1");
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->host, "hooks.example");
  EXPECT_EQ(whole->port, 8443);
  EXPECT_EQ(whole->target, "/in/pavise?k=1");
  const auto bare = WebhookAddress::parse("https://[::1]");
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->host, "::1");
  EXPECT_EQ(bare->port, 443);
  EXPECT_EQ(bare->target, "/");
  EXPECT_EQ(WebhookAddress::parse("https://a?b")->target, "/?b");
}

TEST(WebhookAddress, WhatIsNone) {
  for (const std::string_view text :
       {"", "http://a/", "HTTPS://a/", "https://", "https:///x", "https://user@a/", "https://a:0/",
        "https://a:65536/", "https://a:8x/", "https://a/b c", "https://a/b#c",
        "https://a/b\r\nX: 1", "https://a/\x7f", "https://a/\xc3\xa9", "file:///etc/passwd",
        "gopher://a/", "https://a\\b/", "https://a b/"})
    EXPECT_TRUE(WebhookAddress::parse(text).error().is(kBadAddress)) << text;
  const std::string longest = "https://a/" + std::string(store::kEndpointAddressSizeMax - 10, 'x');
  EXPECT_TRUE(WebhookAddress::parse(longest));
  EXPECT_FALSE(WebhookAddress::parse(longest + "x"));
}

TEST(Servers, WhatTheyAre) {
  const auto some = parse_servers("nats-1.example:4222,[fd00::1]:4223,10.0.0.1:1");
  ASSERT_TRUE(some);
  ASSERT_EQ(some->size(), 3U);
  EXPECT_EQ(some->at(1).host, "fd00::1");
  EXPECT_EQ(some->at(1).port, 4223);
  for (const std::string_view text :
       {"", "a", "a:", ":1", "a:1,", ",a:1", "a:1,,b:1", "a:0", "a:70000", "[::1]", "a:1/", "a b:1",
        "nats://a:1", "user@a:1", "a:1\n"})
    EXPECT_FALSE(parse_servers(text)) << text;
  std::string many = "a:1";
  for (std::size_t i = 1; i < kServersMax; ++i) many += ",a:1";
  EXPECT_EQ(parse_servers(many)->size(), kServersMax);
  EXPECT_FALSE(parse_servers(many + ",a:1"));
}

TEST(Topics, OfNats) {
  for (const std::string_view text : {"a", "plant.telemetry", "a-b_c.d"})
    EXPECT_TRUE(check_subject(text)) << text;
  for (const std::string_view text :
       {"", ".a", "a.", "a..b", "a.*", "a.>", "a b", "a\r\nPUB x 0", "$SYS.x", "\xc3\xa9"})
    EXPECT_FALSE(check_subject(text)) << text;
  EXPECT_TRUE(check_subject(std::string(store::kEndpointTopicSizeMax, 'a')));
  EXPECT_FALSE(check_subject(std::string(store::kEndpointTopicSizeMax + 1, 'a')));
}

TEST(Topics, OfKafka) {
  for (const std::string_view text : {"a", "plant.telemetry_1-x"})
    EXPECT_TRUE(check_kafka_topic(text)) << text;
  for (const std::string_view text : {"", ".", "..", "a b", "a/b", "a\n"})
    EXPECT_FALSE(check_kafka_topic(text)) << text;
  EXPECT_TRUE(check_kafka_topic(std::string(store::kEndpointTopicSizeMax, 'a')));
  EXPECT_FALSE(check_kafka_topic(std::string(store::kEndpointTopicSizeMax + 1, 'a')));
}

TEST(Endpoint, EachKindHasItsOwnWriting) {
  using Kind = store::EndpointKind;
  const auto good = [](Kind kind, std::string address, std::string topic) {
    return check_endpoint({.kind = kind, .address = std::move(address), .topic = std::move(topic)})
        .has_value();
  };
  EXPECT_TRUE(good(Kind::webhook, "https://a/", ""));
  EXPECT_FALSE(good(Kind::webhook, "a:1", ""));
  EXPECT_TRUE(good(Kind::nats, "a:1", "s.t"));
  EXPECT_FALSE(good(Kind::nats, "https://a/", "s.t"));
  EXPECT_FALSE(good(Kind::nats, "a:1", "s.*"));
  EXPECT_TRUE(good(Kind::kafka, "a:1", "s.t"));
  EXPECT_FALSE(good(Kind::kafka, "a:1", "s t"));
  for (const auto& [user, secret] : {std::pair("u", ""), std::pair("", "s")})
    EXPECT_TRUE(
        check_endpoint(
            {.kind = Kind::kafka, .address = "a:1", .topic = "t", .user = user, .secret = secret})
            .error()
            .is(kNoKafkaLogin))
        << "what would not be used is not taken";
}

}  // namespace
}  // namespace pavise::hub::routing
