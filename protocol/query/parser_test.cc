#include <gtest/gtest.h>

#include <string>

#include "protocol/query/query.h"

namespace pavise::query {
namespace {

TEST(QueryParser, DocumentedQueries) {
  for (const std::string_view text : {
           "SELECT * FROM devices",
           "SELECT * FROM devices\nWHERE tags.location.region = 'US'",
           "SELECT * FROM devices WHERE tags.location.region = 'US'\n"
           " AND properties.reported.telemetryConfig.sendFrequencyInSecs >= 60",
           "SELECT * FROM devices WHERE property.reported.connectivity IN ['wired', 'wifi']",
           "SELECT * FROM devices WHERE is_defined(property.reported.connectivity)",
           "SELECT properties.reported.telemetryConfig.status AS status,\n"
           " COUNT() AS numberOfDevices\nFROM devices\n"
           "GROUP BY properties.reported.telemetryConfig.status",
           "SELECT COUNT() as totalNumberOfDevices FROM devices",
           "SELECT DeviceId, LastActivityTime FROM devices WHERE status = 'enabled' AND "
           "connectionState = 'Disconnected'",
           "SELECT * FROM devices.modules WHERE properties.reported.status = 'scanning'\n"
           " AND deviceId IN ['device1', 'device2']",
           "SELECT * FROM devices.jobs WHERE devices.jobs.deviceId = 'myDeviceId'",
           "SELECT * FROM devices.jobs WHERE devices.jobs.deviceId = 'myDeviceId'"
           " AND devices.jobs.jobType = 'scheduleTwinUpdate' AND devices.jobs.status = 'completed'"
           " AND devices.jobs.createdTimeUtc > '2016-09-01'",
           "select top 5 * from devices where not (tags.a <> 1 or tags.b != 0x1F)",
           "SELECT AVG(tags.a), SUM(tags.a), MIN(tags.a), MAX(tags.a) FROM devices",
       })
    EXPECT_TRUE(Query::parse(text)) << text;
}

TEST(QueryParser, PartsOfAQuery) {
  const auto query = *Query::parse("SELECT TOP 5 * FROM devices.modules");
  EXPECT_EQ(query.top(), 5U);
  EXPECT_EQ(query.collection(), Collection::modules);
  EXPECT_TRUE(query.selects_all());
  EXPECT_FALSE(query.aggregates());
  EXPECT_FALSE(Query::parse("SELECT * FROM devices")->top());
  EXPECT_EQ(Query::parse("SELECT * FROM devices.jobs")->collection(), Collection::jobs);
  EXPECT_TRUE(Query::parse("SELECT a FROM devices GROUP BY a")->aggregates());
}

TEST(QueryParser, SyntaxErrors) {
  for (const std::string_view text : {
           "",
           "SELECT",
           "SELECT *",
           "SELECT * FROM",
           "SELECT * FROM device",
           "SELECT * FROM devices.twins",
           "SELECT * FROM devices d",
           "SELECT * FROM devices;",
           "SELECT * FROM devices WHERE",
           "SELECT * FROM devices GROUP tags.a",
           "SELECT , FROM devices",
           "SELECT a, FROM devices",
           "SELECT a b FROM devices",
           "SELECT a AS FROM devices",
           "SELECT TOP * FROM devices",
           "SELECT TOP 0 * FROM devices",
           "SELECT TOP 1.5 * FROM devices",
           "SELECT TOP -1 * FROM devices",
           "SELECT LENGTH(a) FROM devices",
           "SELECT COUNT(*) FROM devices",
           "SELECT AVG() FROM devices",
           "SELECT from FROM devices",
       })
    EXPECT_TRUE(Query::parse(text).error().is(kSyntax)) << text;
  for (const std::string_view text : {
           "",          "a =",         "= 1",        "a = = 1",   "a = 1 b",     "(a = 1",
           "a = 1)",    "a IN 'x'",    "a IN ('x')", "a IN ['x'", "a IN ['x',]", "NOT",
           "a AND",     "a.",          "a..b",       ".a",        "a[",          "a[x]",
           "a[-1]",     "a[1.5]",      "'abc",       "'a\\x'",    "'\\u12'",     "'\\ud800'",
           "'\\u0000'", "\"a'",        "'a\nb'",     "0x",        "1a",          "1e999",
           "a ! b",     "a == 1",      "a && b",     "a # b",     "unknown(1)",  "length()",
           "abs(1, 2)", "concat('a')", "select = 1", "[[a",       "[[]]",        "* = 1",
       })
    EXPECT_FALSE(Condition::parse(text)) << text;
  EXPECT_EQ(Condition::parse("abc = ").error().detail(), "a value was expected at byte 6");
}

TEST(QueryParser, AnAliasThatIsNotUtf8WouldMakeRowsThatAreNotJson) {
  EXPECT_TRUE(Query::parse("SELECT a AS s\xc7 FROM devices").error().is(kSyntax));
  EXPECT_TRUE(Query::parse("SELECT a AS s\xc3\xa4 FROM devices"));
  EXPECT_TRUE(Condition::parse("a = '\xff'").error().is(kSyntax));
}

TEST(QueryParser, WhatACollectionDoesNotOffer) {
  for (const std::string_view text : {
           "SELECT jobId FROM devices.jobs",
           "SELECT COUNT() AS n FROM devices.jobs",
           "SELECT * FROM devices.jobs GROUP BY status",
           "SELECT * FROM devices GROUP BY status",
           "SELECT deviceId, COUNT() AS n FROM devices",
           "SELECT deviceId, COUNT() AS n FROM devices GROUP BY status",
       })
    EXPECT_TRUE(Query::parse(text).error().is(kNotSupported)) << text;
}

TEST(QueryParser, Limits) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '(') + "a" + std::string(depth, ')');
  };
  EXPECT_TRUE(Condition::parse(nested(kDepthMax - 1)));
  EXPECT_TRUE(Condition::parse(nested(kDepthMax)).error().is(kTooComplex));
  EXPECT_FALSE(Condition::parse(nested(4000)));

  const auto sum = [](std::size_t parts) {
    std::string text = "a";
    for (std::size_t i = 1; i < parts; ++i) text += "+a";
    return text;
  };
  EXPECT_TRUE(Condition::parse(sum(kDepthMax)));
  EXPECT_TRUE(Condition::parse(sum(kDepthMax + 1)).error().is(kTooComplex));

  std::string negations;
  for (std::size_t i = 0; i < kDepthMax - 1; ++i) negations += "NOT ";
  EXPECT_TRUE(Condition::parse(negations + "a"));
  EXPECT_TRUE(Condition::parse("NOT " + negations + "a").error().is(kTooComplex));
  EXPECT_TRUE(Condition::parse(std::string(kDepthMax - 1, '-') + "1"));
  EXPECT_FALSE(Condition::parse(std::string(kDepthMax, '-') + "1"));

  // One list, its value and its items.
  const auto list = [](std::size_t items) {
    std::string text = "a IN [1";
    for (std::size_t i = 1; i < items; ++i) text += ",1";
    return text + "]";
  };
  EXPECT_TRUE(Condition::parse(list(kNodesMax - 2)));
  EXPECT_TRUE(Condition::parse(list(kNodesMax - 1)).error().is(kTooComplex));

  std::string wide = "a";
  while (wide.size() + 5 <= 5000) wide += " OR a";
  EXPECT_TRUE(Condition::parse(wide)) << "a long chain is not deep";

  std::string text = "a = '";
  text.resize(kTextSizeMax - 1, 'x');
  EXPECT_TRUE(Condition::parse(text + "'"));
  EXPECT_TRUE(Condition::parse(text + "x'").error().is(kTooLong));

  const auto projections = [](std::size_t count) {
    std::string query = "SELECT a";
    for (std::size_t i = 1; i < count; ++i) query += ",a";
    return query + " FROM devices";
  };
  EXPECT_TRUE(Query::parse(projections(kProjectionsMax)));
  EXPECT_TRUE(Query::parse(projections(kProjectionsMax + 1)).error().is(kTooComplex));
  const auto groups = [](std::size_t count) {
    std::string query = "SELECT COUNT() AS n FROM devices GROUP BY a";
    for (std::size_t i = 1; i < count; ++i) query += ",a";
    return query;
  };
  EXPECT_TRUE(Query::parse(groups(kGroupKeysMax)));
  EXPECT_TRUE(Query::parse(groups(kGroupKeysMax + 1)).error().is(kTooComplex));
  EXPECT_TRUE(Query::parse("SELECT TOP " + std::to_string(kTopMax) + " * FROM devices"));
  EXPECT_FALSE(Query::parse("SELECT TOP " + std::to_string(kTopMax + 1) + " * FROM devices"));
}

TEST(QueryDocument, DepthLimit) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(Document::parse(nested(kDocumentDepthMax)));
  EXPECT_TRUE(Document::parse(nested(kDocumentDepthMax + 1)).error().is(kBadDocument));
  EXPECT_FALSE(Document::parse("{"));
}

}  // namespace
}  // namespace pavise::query
