#include "protocol/query/query.h"

#include <gtest/gtest.h>

namespace pavise::query {
namespace {

Document document(std::string_view json) {
  auto parsed = Document::parse(json);
  EXPECT_TRUE(parsed) << json;
  return *std::move(parsed);
}

// The documented twin.
constexpr std::string_view kTwin = R"({
  "deviceId": "myDeviceId", "etag": "AAAAAAAAAAc=", "status": "enabled",
  "connectionState": "Disconnected", "lastActivityTime": "2021-05-07T00:50:38.0543092Z",
  "cloudToDeviceMessageCount": 0, "version": 2,
  "tags": {"location": {"region": "US", "plant": "Redmond43"}, "list": [1, "b", {"c": true}],
           "nothing": null, "yes": true, "weird name": "w", "umlaut": "\u00e4\u00f6\u00fc"},
  "properties": {
    "desired": {"telemetryConfig": {"sendFrequencyInSecs": 300}, "$version": 4},
    "reported": {"connectivity": {"type": "cellular"}, "battery": 55.5,
                 "telemetryConfig": {"sendFrequencyInSecs": 300, "status": "Success"},
                 "$version": 7}}})";

TEST(QueryCondition, OverTheDocumentedTwin) {
  const Document twin = document(kTwin);
  const std::pair<std::string_view, bool> rows[] = {
      {"*", true},
      {"true", true},
      {"tags.location.region = 'US'", true},
      {"tags.location.region = \"US\"", true},
      {"tags.location.region = 'us'", false},
      {"TAGS.Location.REGION = 'US'", true},
      {"devices.tags.location.region = 'US'", false},  // only queries know their collection
      {"tags.location.region = 'US' AND "
       "properties.reported.telemetryConfig.sendFrequencyInSecs >= 60",
       true},
      {"properties.reported.connectivity.type IN ['wired', 'wifi']", false},
      {"properties.reported.connectivity.type IN ['wired', 'cellular']", true},
      {"properties.reported.connectivity.type NIN ['wired', 'wifi']", true},
      {"properties.reported.connectivity.type NIN ['cellular']", false},
      {"version IN [1, 2, 3]", true},
      {"version IN []", false},
      {"is_defined(properties.reported.connectivity)", true},
      {"is_defined(tags.nothing)", true},
      {"is_defined(tags.other)", false},
      {"NOT is_defined(tags.other)", true},
      {"properties.desired.$version = 4", true},
      {"properties.desired.telemetryConfig.sendFrequencyInSecs = "
       "properties.reported.telemetryConfig.sendFrequencyInSecs",
       true},
      {"tags.yes", true},
      {"tags.list[0] = 1", true},
      {"tags.list[2].c", true},
      {"tags.list[3] = 1", false},
      {"tags.[[weird name]] = 'w'", true},
      {"[[tags]].location.plant = 'Redmond43'", true},
      {"lastActivityTime > '2021-05-07'", true},
      {"lastActivityTime < '2021-05-07'", false},
  };
  for (const auto& [text, matches] : rows) {
    const auto condition = Condition::parse(text);
    ASSERT_TRUE(condition) << text << " " << condition.error().message();
    EXPECT_EQ(condition->matches(twin), matches) << text;
  }
}

// Arithmetic, precedence and three values. Only true selects; NOT tells false from undefined.
TEST(QueryCondition, ValuesAndPrecedence) {
  const Document twin = document(kTwin);
  enum class Truth { yes, no, undefined };
  using enum Truth;
  const std::pair<std::string_view, Truth> rows[] = {
      {"1 + 2 * 3 = 7", yes},
      {"(1 + 2) * 3 = 9", yes},
      {"7 % 4 = 3", yes},
      {"-2 * -3 = 6", yes},
      {"--1 = 1", yes},
      {"10 / 4 = 2.5", yes},
      {"10 - 4 - 3 = 3", yes},
      {"0xff = 255", yes},
      {".5 = 0.5", yes},
      {"1e3 = 1000", yes},
      {"9007199254740993 > 9007199254740992", no},  // literals are doubles
      {"version - 1 = 1", yes},
      {"1 / 0 = 1", undefined},
      {"1 % 0 = 1", undefined},
      {"1 + 'a' = 1", undefined},
      {"true OR true AND false", yes},
      {"(true OR true) AND false", no},
      {"NOT true OR true", yes},
      {"NOT 1 = 2", yes},
      {"1 = 1", yes},
      {"1 <> 1", no},
      {"1 != 2", yes},
      {"'a' < 'b'", yes},
      {"2 <= 2", yes},
      {"2 >= 3", no},
      // Types
      {"1 = '1'", no},
      {"1 != '1'", yes},
      {"1 < '2'", undefined},
      {"true = true", yes},
      {"true < false", undefined},
      {"null = null", yes},
      {"tags.nothing = null", yes},
      {"tags.nothing != 'a'", yes},
      {"tags.nothing < 1", undefined},
      {"tags = tags", undefined},
      {"tags.list = [1]", undefined},
      {"tags IN ['a']", undefined},
      // Undefined
      {"undefined", undefined},
      {"undefined = undefined", undefined},
      {"tags.other = 1", undefined},
      {"tags.other != 1", undefined},
      {"tags.other IN [1]", undefined},
      {"tags.other NIN [1]", undefined},
      {"1 IN [tags.other, 1]", yes},
      {"tags.other = 1 AND false", no},
      {"tags.other = 1 AND true", undefined},
      {"tags.other = 1 OR true", yes},
      {"tags.other = 1 OR false", undefined},
      {"1 AND true", undefined},
      {"'true'", undefined},
      {"null", undefined},
      // Functions
      {"ABS(-2) = 2", yes},
      {"EXP(0) = 1", yes},
      {"POWER(2, 10) = 1024", yes},
      {"SQUARE(3) = 9", yes},
      {"CEILING(1.2) = 2", yes},
      {"FLOOR(-1.2) = -2", yes},
      {"SIGN(-7) = -1", yes},
      {"SIGN(0) = 0", yes},
      {"SQRT(16) = 4", yes},
      {"SQRT(-1) = 1", undefined},
      {"EXP(1000) > 0", undefined},
      {"ABS('a') = 1", undefined},
      {"AS_NUMBER('2.5') = 2.5", yes},
      {"AS_NUMBER(3) = 3", yes},
      {"AS_NUMBER('3x') = 3", undefined},
      {"AS_NUMBER('') = 0", undefined},
      {"AS_NUMBER('nan') = 0", undefined},
      {"AS_NUMBER(true) = 1", undefined},
      {"IS_ARRAY(tags.list)", yes},
      {"IS_ARRAY([1, 2])", yes},
      {"IS_ARRAY(tags)", no},
      {"IS_OBJECT(tags)", yes},
      {"IS_OBJECT(tags.list)", no},
      {"IS_BOOL(tags.yes)", yes},
      {"IS_NULL(tags.nothing)", yes},
      {"IS_NULL(tags.other)", no},
      {"IS_NUMBER(version)", yes},
      {"IS_NUMBER('1')", no},
      {"IS_STRING(deviceId)", yes},
      {"IS_PRIMITIVE(tags.nothing)", yes},
      {"IS_PRIMITIVE(tags.list)", no},
      {"IS_PRIMITIVE(tags.other)", no},
      {"CONCAT('a', 'b', deviceId) = 'abmyDeviceId'", yes},
      {"CONCAT('a', 1) = 'a1'", undefined},
      {"LENGTH(tags.umlaut) = 3", yes},
      {"LENGTH('') = 0", yes},
      {"LENGTH(1) = 1", undefined},
      {"LOWER('AbC') = 'abc'", yes},
      {"UPPER('AbC') = 'ABC'", yes},
      {"SUBSTRING('abcdef', 2) = 'cdef'", yes},
      {"SUBSTRING('abcdef', 2, 3) = 'cde'", yes},
      {"SUBSTRING('abc', 9) = ''", yes},
      {"SUBSTRING('abc', -1) = 'a'", undefined},
      {"SUBSTRING(tags.umlaut, 1, 1) = '\\u00f6'", yes},
      {"INDEX_OF(tags.umlaut, '\\u00fc') = 2", yes},
      {"INDEX_OF('abc', 'x') = -1", yes},
      {"STARTS_WITH('abc', 'ab')", yes},
      {"ENDS_WITH('abc', 'bc')", yes},
      {"CONTAINS('abc', 'b')", yes},
      {"CONTAINS('abc', 'x')", no},
      {"CONTAINS('abc', 1)", undefined},
      {"'it\\'s' = \"it's\"", yes},
      {"'a\\\\b' = 'a\\u005cb'", yes},
  };
  for (const auto& [text, truth] : rows) {
    const auto condition = Condition::parse(text);
    ASSERT_TRUE(condition) << text << " " << condition.error().message();
    const auto inverse = Condition::parse("NOT (" + std::string(text) + ")");
    ASSERT_TRUE(inverse) << text;
    EXPECT_EQ(condition->matches(twin), truth == yes) << text;
    EXPECT_EQ(inverse->matches(twin), truth == no) << text;
  }
}

TEST(QueryRow, Projections) {
  const Document twin = document(kTwin);
  const auto row = [&](std::string_view text) { return Query::parse(text)->row(twin); };
  EXPECT_EQ(row("SELECT DeviceId, LastActivityTime FROM devices"),
            R"({"deviceId":"myDeviceId","lastActivityTime":"2021-05-07T00:50:38.0543092Z"})");
  EXPECT_EQ(row("SELECT tags.location, tags.list[0] AS one FROM devices"),
            R"({"location":{"region":"US","plant":"Redmond43"},"one":1})");
  EXPECT_EQ(row("SELECT devices.deviceId AS [[the id]], tags.other FROM devices"),
            R"({"the id":"myDeviceId"})");
  const std::string all = row("SELECT * FROM devices");
  EXPECT_TRUE(all.starts_with(R"({"deviceId":"myDeviceId","etag":"AAAAAAAAAAc=")")) << all;
}

// Boost.JSON 1.81 alone reads these a last digit off.
TEST(QueryRow, LongNumbersAreThoseThatWereWritten) {
  for (const std::string number : {"1.1326381400047001E1", "8.0103318000833E1",
                                   "1.0012310742990063E2", "-4.9184864300470004E1"}) {
    const Document twin = document(R"({"tags":{"n":)" + number + "}}");
    const auto condition = Condition::parse("tags.n = " + number);
    ASSERT_TRUE(condition) << number;
    EXPECT_TRUE(condition->matches(twin)) << number;
    const auto query = Query::parse("SELECT tags.n AS n FROM devices WHERE tags.n >= " + number);
    ASSERT_TRUE(query) << number;
    EXPECT_EQ(query->row(twin), R"({"n":)" + number + "}");
  }
}

TEST(QueryRow, TheNameOfTheCollectionMayStandInFront) {
  const Document job = document(R"({"deviceId":"d","jobId":"j","createdTimeUtc":"2016-09-29"})");
  EXPECT_TRUE(Query::parse("SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'j' AND "
                           "devices.jobs.createdTimeUtc > '2016-09-01'")
                  ->matches(job));
  EXPECT_TRUE(Query::parse("SELECT * FROM devices.jobs WHERE jobId = 'j'")->matches(job));
  EXPECT_TRUE(
      Query::parse("SELECT * FROM devices.modules WHERE devices.deviceId = 'd'")->matches(job));
  EXPECT_TRUE(Query::parse("SELECT * FROM devices WHERE devices.deviceId = 'd'")->matches(job));
}

std::vector<std::string> aggregate(std::string_view text,
                                   const std::vector<std::string_view>& documents) {
  const Query query = *Query::parse(text);
  Aggregation aggregation(query);
  for (const std::string_view json : documents) {
    const Document one = document(json);
    if (query.matches(one)) EXPECT_TRUE(aggregation.add(one));
  }
  return aggregation.rows();
}

TEST(QueryAggregation, CountsByStatus) {
  const std::vector<std::string_view> twins = {
      R"({"s":"Success","n":1})", R"({"s":"Pending","n":2})", R"({"s":"Success","n":2.5})",
      R"({"s":"Error"})",         R"({"n":"text"})",          R"({"s":"Success","n":-4})"};
  const std::vector<std::string> by_status = {R"({"status":"Success","count":3})",
                                              R"({"status":"Pending","count":1})",
                                              R"({"status":"Error","count":1})", R"({"count":1})"};
  EXPECT_EQ(aggregate("SELECT s AS status, COUNT() AS count FROM devices GROUP BY s", twins),
            by_status);
  EXPECT_EQ(aggregate("SELECT TOP 1 s, COUNT() AS c FROM devices GROUP BY S", twins),
            std::vector<std::string>{R"({"s":"Success","c":3})"});
  EXPECT_EQ(aggregate("SELECT COUNT() AS total FROM devices", twins),
            std::vector<std::string>{R"({"total":6})"});
  EXPECT_EQ(aggregate("SELECT COUNT() AS total FROM devices WHERE s = 'Success'", twins),
            std::vector<std::string>{R"({"total":3})"});
  EXPECT_EQ(aggregate("SELECT COUNT() AS total FROM devices", {}),
            std::vector<std::string>{R"({"total":0})"});
  EXPECT_EQ(aggregate("SELECT SUM(n), MIN(n) AS low, MAX(n) AS high FROM devices", twins),
            std::vector<std::string>{R"({"SUM":1.5E0,"low":-4,"high":"text"})"});
}

TEST(QueryAggregation, NumbersStayIntegersWhereTheyCan) {
  EXPECT_EQ(aggregate("SELECT SUM(n) AS s, AVG(n) AS a FROM devices",
                      {R"({"n":1})", R"({"n":2})", R"({"n":null})", R"({"n":[3]})"}),
            std::vector<std::string>{R"({"s":3,"a":1.5E0})"});
  EXPECT_EQ(aggregate("SELECT SUM(n) AS s, AVG(n) AS a, MIN(n) AS m FROM devices", {R"({})"}),
            std::vector<std::string>{R"({"s":0})"});
  EXPECT_EQ(
      aggregate("SELECT SUM(n) AS s FROM devices", {R"({"n":9223372036854775807})", R"({"n":1})"}),
      std::vector<std::string>{R"({"s":9.223372036854776E18})"});
  EXPECT_EQ(aggregate("SELECT MIN(n) AS m, MAX(n) AS x FROM devices",
                      {R"({"n":"b"})", R"({"n":"a"})", R"({"n":"c"})"}),
            std::vector<std::string>{R"({"m":"a","x":"c"})"});
}

TEST(QueryAggregation, GroupLimit) {
  Aggregation aggregation(*Query::parse("SELECT COUNT() AS n FROM devices GROUP BY id"));
  for (std::size_t i = 0; i < kGroupsMax; ++i)
    ASSERT_TRUE(aggregation.add(document("{\"id\":" + std::to_string(i) + "}")));
  EXPECT_TRUE(aggregation.add(document(R"({"id":0})")));
  EXPECT_TRUE(aggregation.add(document(R"({"id":"new"})")).error().is(kTooManyGroups));
}

}  // namespace
}  // namespace pavise::query
