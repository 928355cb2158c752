#include <gtest/gtest.h>

#include "cloud/hub/amqp/address.h"
#include "cloud/hub/amqp/mapping.h"
#include "cloud/hub/amqp/selector.h"
#include "protocol/iothub/property_bag.h"

namespace pavise::hub {
namespace {

using Kind = Address::Kind;

TEST(AmqpAddress, EveryFormIsRead) {
  struct Case {
    const char* text;
    Address address;
  };
  const Case cases[] = {
      {"$cbs", {Kind::cbs}},
      {"amqps://h/$cbs", {Kind::cbs}},
      {"/devices/d/messages/events", {Kind::telemetry, "d"}},
      {"devices/d/messages/devicebound/", {Kind::device_messages, "d"}},
      {"amqps://h.x/devices/D/methods/deviceBound", {Kind::methods, "D"}},
      {"/devices/d/twin", {Kind::twin, "d"}},
      {"/devices/d/twin/", {Kind::twin, "d"}},
      {"/devices/d/modules/m/messages/events", {Kind::telemetry, "d", "m"}},
      {"/Devices/a%20b/Modules/m%2fn/Twin", {Kind::twin, "a b", "m/n"}},
      {"/devices/modules/twin", {Kind::twin, "modules"}},
      {"/messages/devicebound", {Kind::service_messages}},
      {"/messages/serviceBound/Feedback", {Kind::feedback}},
      {"/messages/servicebound/filenotifications", {Kind::file_notifications}},
      {"messages/events/$management", {Kind::event_redirect}},
      {"$management", {Kind::event_management}},
      {"hub/$management", {Kind::event_management, {}, {}, "hub"}},
      {"hub/ConsumerGroups/cg/Partitions/31", {Kind::event_partition, {}, {}, "hub", "cg", 31}},
  };
  for (const Case& c : cases) {
    const auto address = Address::parse(c.text);
    ASSERT_TRUE(address) << c.text;
    EXPECT_EQ(*address, c.address) << c.text;
  }
}

TEST(AmqpAddress, OthersAreRefused) {
  for (const char* text :
       {"", "/", "//", "amqps://host", "/devices", "/devices/d", "/devices/d/", "/devices//twin",
        "/devices/d/messages/other", "/devices/d/modules/m", "/devices/%zz/twin", "hub",
        "hub/ConsumerGroups/cg/Partitions", "hub/ConsumerGroups/cg/Partitions/-1",
        "hub/ConsumerGroups/cg/Partitions/1x", "hub/ConsumerGroups/cg/Partitions/99999999999"})
    EXPECT_FALSE(Address::parse(text)) << text;
  EXPECT_TRUE(Address::parse("/devices/" + std::string(kAddressSizeMax - 14, 'd') + "/twin"));
  EXPECT_FALSE(Address::parse("/devices/" + std::string(kAddressSizeMax - 13, 'd') + "/twin"));
}

TEST(AmqpAddress, AudiencesAreRead) {
  const auto whole = Audience::parse("h.x%2Fdevices%2Fa%2525b");
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->host, "h.x");
  EXPECT_EQ(whole->segments, (std::vector<std::string>{"devices", "a%b"}));
  const auto events = Audience::parse("sb://h.x:5671/hub/$management");
  ASSERT_TRUE(events);
  EXPECT_TRUE(events->event_hub);
  EXPECT_EQ(events->host, "h.x");
  EXPECT_EQ(events->segments, (std::vector<std::string>{"hub", "$management"}));
  EXPECT_TRUE(Audience::parse("h.x")->segments.empty());
  for (const char* text : {"", "/", "sb://", "h/a//b", "%2"}) EXPECT_FALSE(Audience::parse(text));
}

TEST(AmqpSelector, EveryFormIsRead) {
  using By = StartAt::By;
  struct Case {
    const char* text;
    StartAt start;
  };
  const Case cases[] = {
      {"amqp.annotation.x-opt-offset > '-1'", {}},
      {"amqp.annotation.x-opt-offset >'@latest'", {.by = By::end}},
      {"amqp.annotation.x-opt-offset > 12", {.by = By::offset, .offset = 13}},
      {"amqp.annotation.x-opt-offset >= '12'", {.by = By::offset, .offset = 12}},
      {"amqp.annotation.x-opt-offset >= '0'", {}},
      {"amqp.annotation.x-opt-sequence-number > '12'", {.by = By::offset, .offset = 13}},
      {"amqp.annotation.x-opt-enqueued-time > '1000'", {.by = By::time, .time_ms = 1001}},
      {"amqp.annotation.x-opt-enqueued-time>= 1000", {.by = By::time, .time_ms = 1000}},
      {"amqp.annotation.x-opt-enqueuedtimeutc > 5", {.by = By::time, .time_ms = 6}},
      {"amqp.annotation.x-opt-offset > '9223372036854775807'",
       {.by = By::offset, .offset = INT64_MAX}},
  };
  for (const Case& c : cases) {
    const auto start = StartAt::parse(c.text);
    ASSERT_TRUE(start) << c.text;
    EXPECT_EQ(*start, c.start) << c.text;
  }
}

TEST(AmqpSelector, OthersAreRefused) {
  for (const char* text :
       {"", ">", "x-opt-offset > '1'", "amqp.annotation.x-opt-offset = '1'",
        "amqp.annotation.x-opt-offset < '1'", "amqp.annotation.x-opt-offset > ''",
        "amqp.annotation.x-opt-offset > '1", "amqp.annotation.x-opt-offset > 'one'",
        "amqp.annotation.x-opt-sequence-number > '@latest'",
        "amqp.annotation.x-opt-offset > '9223372036854775808'"})
    EXPECT_FALSE(StartAt::parse(text)) << text;
  const std::string start = "amqp.annotation.x-opt-offset > 1";
  EXPECT_TRUE(StartAt::parse(start + std::string(kSelectorSizeMax - start.size(), ' ')));
  EXPECT_FALSE(StartAt::parse(start + std::string(kSelectorSizeMax - start.size() + 1, ' ')));
}

TEST(AmqpMapping, PropertyBagsAreBounded) {
  const auto with = [](std::size_t count, std::size_t size) {
    amqp::Message message;
    for (std::size_t i = 0; i < count; ++i)
      message.application_properties.push_back(
          {amqp::Value(std::to_string(i)), amqp::Value(std::string(size, 'x'))});
    return property_bag_of(message);
  };
  EXPECT_TRUE(with(iothub::kPropertiesMax, 1));
  EXPECT_EQ(with(iothub::kPropertiesMax + 1, 1).error().code(), iothub::kTooManyProperties.code);
  EXPECT_TRUE(with(1, iothub::kPropertyBagSizeMax - 2));
  EXPECT_EQ(with(1, iothub::kPropertyBagSizeMax - 1).error().code(),
            iothub::kPropertiesTooLarge.code);
}

TEST(AmqpMapping, SimpleValuesBecomeText) {
  const auto text = [](amqp::Value value) {
    amqp::Message message;
    message.application_properties = {{amqp::Value("k"), std::move(value)}};
    const auto bag = property_bag_of(message);
    return bag ? *bag : std::string(bag.error().code());
  };
  EXPECT_EQ(text(amqp::Value(true)), "k=true");
  EXPECT_EQ(text(amqp::Value(1.5)), "k=1.5");
  EXPECT_EQ(text(amqp::Value(0.5F)), "k=0.5");
  EXPECT_EQ(text(amqp::Value(UINT64_MAX)), "k=18446744073709551615");
  EXPECT_EQ(text(amqp::Value(amqp::Symbol{"s"})), "k=s");
  EXPECT_EQ(text(amqp::Value(amqp::Timestamp{0})), "k=1970-01-01T00%3A00%3A00.000Z");
  EXPECT_EQ(text(amqp::Value()), "k");
  EXPECT_EQ(text(amqp::Value(Bytes{})), kBadValue.code);
}

TEST(AmqpMapping, BodiesBecomeBytes) {
  const auto body = [](decltype(amqp::Message::body) held) {
    amqp::Message message;
    message.body = std::move(held);
    const auto bytes = body_of(message);
    return bytes ? std::string(as_text(*bytes)) : std::string(bytes.error().code());
  };
  const Bytes a = to_bytes(as_bytes("a"));
  EXPECT_EQ(body(amqp::Message::Data{a}), "a");
  EXPECT_EQ(body(amqp::Message::Data{a, a}), "aa");
  EXPECT_EQ(body(std::monostate{}), "");
  EXPECT_EQ(body(amqp::Value("text")), "text");
  EXPECT_EQ(body(amqp::Value(a)), "a");
  EXPECT_EQ(body(amqp::Value(std::int32_t{1})), kBodyNotData.code);
  EXPECT_EQ(body(amqp::Message::Sequence{}), kBodyNotData.code);
}

TEST(AmqpMapping, TimesSurviveTheBag) {
  DeviceMessage message;
  message.lock_token = "not a uuid";
  message.properties = "%24.exp=2026-11-25T16%3A00%3A00.1234567Z&%24.ctime=bad";
  const amqp::Message out = to_amqp(std::move(message));
  EXPECT_EQ(out.properties.absolute_expiry_ms, 1'795'622'400'123);
  EXPECT_EQ(out.properties.creation_ms, std::nullopt);
  EXPECT_EQ(as_text(delivery_tag("not a uuid")), "not a uuid");
  EXPECT_EQ(delivery_tag(std::string(100, 'x')).size(), 32U);
}

}  // namespace
}  // namespace pavise::hub
