#include "cloud/hub/routing/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "protocol/iothub/property_bag.h"

namespace pavise::hub::routing {
namespace {

namespace json = boost::json;
using store::RouteSource;
using ::testing::HasSubstr;

Message message_of(std::string_view body, std::string_view type, std::string_view encoding = {}) {
  iothub::PropertyBag bag;
  if (!type.empty()) bag.add("$.ct", type);
  if (!encoding.empty()) bag.add("$.ce", encoding);
  bag.add("severity", "2");
  const auto out = Message::of({.offset = 7,
                                .time_ms = 1'700'000'000'000,
                                .tenant = "acme",
                                .device = "d1",
                                .properties = bag.encode(),
                                .payload = to_bytes(as_bytes(body)),
                                .hub = "plant-1",
                                .origin = RecordOrigin{"m", "sas", "42", {}}.encode()});
  EXPECT_TRUE(out);
  return *out;
}

TEST(Message, ShowsWhatTheSenderAndTheHubSaid) {
  const Message message = message_of("x", "text/plain");
  EXPECT_EQ(message.id(), "plant-1/7");
  EXPECT_EQ(message.source, RouteSource::device_messages);
  EXPECT_EQ(*message.system_value("content-type"), "text/plain");
  EXPECT_EQ(*message.system_value("iothub-connection-device-id"), "d1");
  EXPECT_EQ(*message.system_value("iothub-connection-module-id"), "m");
  EXPECT_EQ(*message.system_value("iothub-connection-auth-method"), "sas");
  EXPECT_EQ(*message.system_value("iothub-connection-auth-generation-id"), "42");
  EXPECT_EQ(*message.system_value("iothub-message-source"), "Telemetry");
  EXPECT_EQ(message.system_value("message-id"), nullptr);
  EXPECT_EQ(message.application, (Properties{{"severity", "2"}}));
}

TEST(Message, SourcesOfRoutes) {
  const auto source_in = [](std::string source) {
    Record record;
    record.hub = "plant-1";
    record.origin = RecordOrigin{{}, {}, {}, std::move(source)}.encode();
    const auto out = Message::of(std::move(record));
    return out ? std::optional(out->source) : std::nullopt;
  };
  EXPECT_EQ(source_in("twinChangeEvents"), RouteSource::twin_changes);
  EXPECT_EQ(source_in("deviceLifecycleEvents"), RouteSource::device_lifecycle);
  EXPECT_EQ(source_in("deviceConnectionStateEvents"), RouteSource::connection_state);
  EXPECT_EQ(source_in("digitalTwinChangeEvents"), std::nullopt);
  EXPECT_EQ(source_of("devicemessages"), RouteSource::device_messages);
  EXPECT_EQ(source_of("MqttBrokerMessages"), std::nullopt);
  for (const RouteSource source : {RouteSource::device_messages, RouteSource::twin_changes,
                                   RouteSource::device_lifecycle, RouteSource::connection_state})
    EXPECT_EQ(source_of(source_name(source)), source);
}

TEST(Message, NamesInConditions) {
  EXPECT_EQ(shown_name("contentType"), "content-type");
  EXPECT_EQ(shown_name("content-type"), "content-type");
  EXPECT_EQ(shown_name("CONNECTIONDEVICEID"), "iothub-connection-device-id");
  EXPECT_EQ(shown_name("nothing"), "");
}

TEST(JsonBatch, ABodyIsJsonOnlyIfItSaysSoAndIsSo) {
  struct Row {
    std::string_view body, type, encoding;
    bool json;
  };
  const std::string deep(200, '[');
  const Row rows[] = {
      {R"({"t":1})", "application/json", "utf-8", true},
      {R"({"t":1})", "application/json; charset=utf-8", "", true},
      {R"({"t":1})", "APPLICATION/JSON", "UTF-8", true},
      {R"({"t":1})", "", "", false},
      {R"({"t":1})", "text/plain", "utf-8", false},
      {R"({"t":1})", "application/json", "utf-16", false},
      {R"({"t":1)", "application/json", "utf-8", false},
      {R"({"t":1}],"evil":[)", "application/json", "utf-8", false},
      {"{\"t\":\"\xff\"}", "application/json", "utf-8", false},
      {"", "application/json", "utf-8", false},
      {deep, "application/json", "utf-8", false},
  };
  for (const Row& row : rows) {
    const Message one[] = {message_of(row.body, row.type, row.encoding)};
    const json::value batch = json::parse(json_batch(one));
    const json::object& item = batch.at(0).as_object();
    EXPECT_EQ(item.size(), 9U) << row.body;
    EXPECT_EQ(item.at("bodyEncoding"), row.json ? "json" : "base64") << row.body << row.type;
    if (row.json) {
      EXPECT_EQ(json::serialize(item.at("body")), row.body);
    } else {
      EXPECT_EQ(std::string_view(item.at("body").as_string()), to_base64(as_bytes(row.body)));
    }
  }
}

TEST(JsonBatch, NumbersStayAsTheyWereSent) {
  const Message one[] = {
      message_of(R"({"n":0.10000000000000000001,"m":18446744073709551616})", "application/json")};
  EXPECT_THAT(json_batch(one), HasSubstr("0.10000000000000000001"));
  EXPECT_THAT(json_batch(one), HasSubstr("18446744073709551616"));
}

TEST(JsonBatch, HoldsAllMessagesWithTheirRoutes) {
  Message first = message_of("1", "application/json");
  first.routes = {"hot", "all"};
  Message second = message_of("\x01", "");
  second.offset = 8;
  const Message both[] = {first, second};
  const json::value batch = json::parse(json_batch(both));
  ASSERT_EQ(batch.as_array().size(), 2U);
  EXPECT_EQ(batch.at(0).at("routes"), (json::array{"hot", "all"}));
  EXPECT_EQ(batch.at(0).at("systemProperties").at("content-type"), "application/json");
  EXPECT_EQ(batch.at(0).at("properties").at("severity"), "2");
  EXPECT_EQ(batch.at(1).at("id"), "plant-1/8");
  EXPECT_EQ(json_batch({}), "[]");
}

}  // namespace
}  // namespace pavise::hub::routing
