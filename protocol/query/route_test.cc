#include "protocol/query/route.h"

#include <gtest/gtest.h>

namespace pavise::query {
namespace {

using enum RouteVerdict;

constexpr std::string_view kWeather = R"({"Weather": {
  "Temperature": 50, "Time": "2017-03-09T00:00:00.000Z", "PrevTemperatures": [20, 30, 40],
  "IsEnabled": true, "Location": {"Street": "One Microsoft Way", "City": "Redmond", "State": "WA"},
  "HistoricalData": [{"Month": "Feb", "Temperature": 40}, {"Month": "Jan", "Temperature": 30}]}})";
constexpr std::string_view kTwin =
    R"({"tags": {"deploymentLocation": {"building": "43", "floor": 1}},
  "properties": {"desired": {"telemetryConfig": {"sendFrequency": "5m"}}}})";

constexpr NamedText kSystem[] = {{"contentType", "application/JSON"},
                                 {"contentEncoding", "UTF-8"},
                                 {"connectionDeviceId", "dev-1"},
                                 {"dt-subject", "thermostat1"}};
constexpr NamedText kApplication[] = {{"processingPath", "hot"},
                                      {"severity", "2"},
                                      {"my-flag", "x"},
                                      {"a.b", "dotted"},
                                      {"$own", "mine"}};

RouteVerdict verdict(std::string_view condition, const RouteMessage& message) {
  const auto parsed = Condition::parse(condition);
  EXPECT_TRUE(parsed) << condition;
  return RouteInput(message).evaluate(*parsed);
}

TEST(Route, DocumentedConditions) {
  const auto twin = Document::parse(kTwin);
  ASSERT_TRUE(twin);
  const RouteMessage message{kSystem, kApplication, kWeather, &*twin};
  const std::pair<std::string_view, RouteVerdict> rows[] = {
      {"true", matches},
      {"false", does_not_match},
      {"$contentEncoding = 'UTF-8'", matches},
      {"processingPath = 'hot'", matches},
      {"PROCESSINGPATH = 'hot'", matches},
      {"$contentEncoding = 'UTF-8' AND processingPath = 'hot'", matches},
      {"$connectionDeviceId = 'dev-1'", matches},
      {"$dt-subject = 'thermostat1'", matches},
      {"$own = 'mine'", matches},
      {"$connectionModuleId = 'm'", undefined},
      {"connectionDeviceId = 'dev-1'", undefined},
      {"as_number(severity) <= 2", matches},
      {"severity <= 2", undefined},
      {"severity = 2", does_not_match},
      {"my-flag = 'x'", matches},
      {"a.b = 'dotted'", matches},
      {"other = 'x'", undefined},
      {"is_defined(other)", does_not_match},
      {"$body.Weather.HistoricalData[0].Month = 'Feb'", matches},
      {"$body.Weather.Temperature = 50 AND $body.Weather.IsEnabled", matches},
      {"length($body.Weather.Location.State) = 2", matches},
      {"$body.Weather.Temperature = 50 AND processingPath = 'hot'", matches},
      {"$body.Weather.Temperature > 60", does_not_match},
      {"$body[0] = 'Feb'", undefined},
      {"is_defined($body)", does_not_match},
      {"$twin.properties.desired.telemetryConfig.sendFrequency = '5m'", matches},
      {"$body.Weather.Temperature = 50 AND "
       "$twin.properties.desired.telemetryConfig.sendFrequency = '5m'",
       matches},
      {"$twin.tags.deploymentLocation.floor = 1", matches},
  };
  for (const auto& [text, expected] : rows) EXPECT_EQ(verdict(text, message), expected) << text;
}

TEST(Route, ABodyCountsOnlyWhenItIsDeclaredJsonInUtf8) {
  const struct {
    std::vector<NamedText> system;
    std::string_view body;
    RouteVerdict expected;
  } rows[] = {
      {{{"contentType", "application/json"}, {"contentEncoding", "utf-8"}}, "{\"a\":1}", matches},
      {{{"contentType", "application/json; charset=utf-8"}, {"contentEncoding", "utf-8"}},
       "{\"a\":1}",
       matches},
      {{{"contentType", "application/json"}}, "{\"a\":1}", undefined},
      {{{"contentEncoding", "utf-8"}}, "{\"a\":1}", undefined},
      {{{"contentType", "text/plain"}, {"contentEncoding", "utf-8"}}, "{\"a\":1}", undefined},
      {{{"contentType", "application/json"}, {"contentEncoding", "utf-16"}},
       "{\"a\":1}",
       undefined},
      {{{"contentType", "application/json"}, {"contentEncoding", "utf-8"}}, "{\"a\":", undefined},
      {{{"contentType", "application/json"}, {"contentEncoding", "utf-8"}}, "", undefined},
  };
  for (const auto& row : rows)
    EXPECT_EQ(verdict("$body.a = 1", {row.system, {}, row.body, nullptr}), row.expected)
        << row.body;
}

TEST(Route, OneMessageForManyRoutes) {
  const RouteMessage message{kSystem, {}, kWeather, nullptr};
  const RouteInput input(message);
  const auto warm = Condition::parse("$body.Weather.Temperature > 40");
  const auto cold = Condition::parse("$body.Weather.Temperature < 0");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(input.evaluate(*warm), matches);
    EXPECT_EQ(input.evaluate(*cold), does_not_match);
  }
  EXPECT_EQ(verdict("$twin.tags.a = 1", message), undefined);
}

}  // namespace
}  // namespace pavise::query
