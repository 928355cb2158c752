// What a configuration may say, and what is refused.
#include "cloud/hub/configurations/definition.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "protocol/twin/twin.h"

namespace pavise::hub::configurations {
namespace {

namespace json = boost::json;

std::string patch(const std::string& content) {
  const auto settings = parse_settings(json::parse(content).as_object(), "deviceContent");
  return settings ? json::serialize(patch_of(*settings)) : settings.error().message();
}

std::string many_paths(std::size_t count) {
  json::object out;
  for (std::size_t i = 0; i < count; ++i) out["properties.desired.k" + std::to_string(i)] = 1;
  return json::serialize(out);
}

Result<Definition> define(const std::string& content, const std::string& target = "*",
                          const std::string& metrics = {}) {
  return Definition::parse(
      {.id = "c", .content_json = content, .target_condition = target, .metrics_json = metrics});
}

constexpr const char* kDeviceContent = R"({"deviceContent":{"properties.desired.a":1}})";
constexpr const char* kModuleContent = R"({"moduleContent":{"properties.desired.a":1}})";

TEST(Content, PathsBecomeOnePatch) {
  EXPECT_EQ(patch(R"({"properties.desired.a.b":1,"properties.desired.a.c":{"d":null}})"),
            R"({"a":{"b":1,"c":{"d":null}}})");
  EXPECT_EQ(patch(R"({"properties.desired":{"a":[1,{"b":2}]}})"), R"({"a":[1,{"b":2}]})");
  EXPECT_EQ(patch(R"({"properties.desired.a":null})"), R"({"a":null})");
}

TEST(Content, OnlyWhatATwinCanHold) {
  for (const char* bad :
       {R"({})", R"({"properties.reported.a":1})", R"({"properties.desiredx":1})",
        R"({"tags.a":1})", R"({"properties.desired":1})", R"({"properties.desired.":1})",
        R"({"properties.desired.a..b":1})", R"({"properties.desired.$version":1})",
        R"({"properties.desired.a b":1})", R"({"properties.desired.a":9007199254740992})",
        R"({"properties.desired.a":1,"properties.desired.a.b":2})",
        R"({"properties.desired":{},"properties.desired.a":2})",
        R"({"properties.desired.a.b.c.d.e.f.g.h.i.j.k":1})"}) {
    const auto settings = parse_settings(json::parse(bad).as_object(), "deviceContent");
    ASSERT_FALSE(settings) << bad;
    EXPECT_TRUE(settings.error().is(kBadContent)) << bad;
  }
  EXPECT_EQ(patch(R"({"properties.desired.a.b.c.d.e.f.g.h.i.j":1})").find("PV-"), std::string::npos)
      << "ten levels";
}

TEST(Content, Limits) {
  EXPECT_EQ(patch(many_paths(kSettingsMax)).find("PV-"), std::string::npos);
  EXPECT_NE(patch(many_paths(kSettingsMax + 1)).find("more than 100 paths"), std::string::npos);
  const auto sized = [](std::size_t size) {
    json::object out;
    for (int i = 0; i < 8; ++i)
      out["properties.desired.k" + std::to_string(i)] = std::string(4000, 'x');
    out["properties.desired.rest"] = std::string(size - 8 * 4002 - 4, 'x');
    return json::serialize(out);
  };
  EXPECT_EQ(patch(sized(twin::kSectionSizeMax)).find("PV-"), std::string::npos);
  EXPECT_NE(patch(sized(twin::kSectionSizeMax + 1)).find("32 KB"), std::string::npos);
}

TEST(Content, OneKindWithItsOwnTarget) {
  EXPECT_TRUE(define(kDeviceContent));
  EXPECT_TRUE(define(kDeviceContent, "")) << "targets nobody";
  EXPECT_TRUE(
      define(kModuleContent, "FROM devices.modules WHERE moduleId = 'm'")->target.of_modules);
  EXPECT_TRUE(define(kModuleContent, "")->target.of_modules);
  EXPECT_TRUE(define(kModuleContent, "*").error().is(kBadTargetCondition));
  EXPECT_TRUE(define(kDeviceContent, "from devices.modules").error().is(kBadTargetCondition));
  for (
      const char* bad :
      {"", "[]", "{}", R"({"deviceContent":null})", R"({"deviceContent":1})", R"({"other":{}})",
       R"({"deviceContent":{"properties.desired.a":1},"moduleContent":{"properties.desired.a":1}})"})
    EXPECT_TRUE(define(bad).error().is(kBadContent)) << bad;
  const auto edge = define(R"({"modulesContent":{"$edgeAgent":{"properties.desired":{}}}})");
  EXPECT_NE(edge.error().message().find("applyConfigurationContent"), std::string::npos);
}

TEST(Target, WhatStandsAfterWhere) {
  const auto matches = [](const std::string& target, const std::string& document) {
    const auto parsed = parse_target(target);
    EXPECT_TRUE(parsed) << target;
    return parsed && parsed->condition &&
           parsed->condition->matches(*query::Document::parse(document));
  };
  EXPECT_TRUE(matches("*", "{}"));
  EXPECT_TRUE(matches("tags.a=1", R"({"tags":{"a":1}})"));
  EXPECT_FALSE(matches("tags.a=1", R"({"tags":{"a":2}})"));
  EXPECT_FALSE(matches("  ", "{}"));
  EXPECT_TRUE(matches("From Devices Where tags.a = 1", R"({"tags":{"a":1}})"));
  EXPECT_TRUE(matches("FROM  devices.modules\nWHERE moduleId='m'", R"({"moduleId":"m"})"));
  EXPECT_TRUE(matches("from devices.modules", "{}"));
  for (const char* bad : {"tags.a =", "from", "from jobs where a = 1", "from devices.modules a = 1",
                          "from devices.modules where", "SELECT * FROM devices"})
    EXPECT_TRUE(parse_target(bad).error().is(kBadTargetCondition)) << bad;
}

TEST(Metrics, CountRowsOfTwins) {
  const auto with = [](std::size_t count, const std::string& query) {
    json::object queries;
    for (std::size_t i = 0; i < count; ++i) queries["m" + std::to_string(i)] = query;
    return define(kDeviceContent, "*", json::serialize(json::object{{"queries", queries}}));
  };
  EXPECT_EQ(with(kMetricsMax, "SELECT deviceId FROM devices")->metrics.size(), kMetricsMax);
  EXPECT_TRUE(with(kMetricsMax + 1, "SELECT deviceId FROM devices").error().is(kBadMetric));
  EXPECT_TRUE(with(1, "SELECT * FROM devices.jobs").error().is(kBadMetric));
  EXPECT_TRUE(with(1, "nonsense").error().is(kBadMetric));
  EXPECT_TRUE(define(kDeviceContent, "*", R"({"queries":{"":"SELECT * FROM devices"}})")
                  .error()
                  .is(kBadMetric));
  const auto named = [](std::size_t size) {
    return define(kDeviceContent, "*",
                  R"({"queries":{")" + std::string(size, 'm') + R"(":"SELECT * FROM devices"}})");
  };
  EXPECT_TRUE(named(kMetricNameSizeMax));
  EXPECT_TRUE(named(kMetricNameSizeMax + 1).error().is(kBadMetric));
}

TEST(Metrics, TheHubsOwnAreQueriesThatAnybodyCanSend) {
  const auto queries = [](const std::string& target) {
    const store::ConfigurationRecord record{.id = "c-1", .target_condition = target};
    const std::string applied = applied_query(record);
    EXPECT_TRUE(query::Query::parse(applied)) << applied;
    const std::string targeted = targeted_query(record);
    if (!targeted.empty()) EXPECT_TRUE(query::Query::parse(targeted)) << targeted;
    return targeted;
  };
  EXPECT_EQ(queries(""), "");
  EXPECT_EQ(queries("*"), "SELECT deviceId FROM devices");
  EXPECT_EQ(queries("tags.a = 1"), "SELECT deviceId FROM devices WHERE tags.a = 1");
  EXPECT_EQ(queries("from devices.modules where moduleId = 'm'"),
            "SELECT deviceId, moduleId from devices.modules where moduleId = 'm'");
}

TEST(DeviceContent, ForADeviceAndItsModules) {
  const auto content =
      parse_device_content(R"({"modulesContent":{"$edgeAgent":{"properties.desired":{"a":1}}},)"
                           R"("deviceContent":{"properties.desired.b":2}})");
  ASSERT_TRUE(content);
  EXPECT_EQ(content->modules.front().module_id, "$edgeAgent");
  EXPECT_EQ(content->device.front().path, std::vector<std::string>{"b"});
  const auto with_modules = [](std::size_t count) {
    json::object modules;
    for (std::size_t i = 0; i < count; ++i)
      modules["m" + std::to_string(i)] = {{"properties.desired", json::object{}}};
    return parse_device_content(json::serialize(json::object{{"modulesContent", modules}}));
  };
  EXPECT_TRUE(with_modules(kContentModulesMax));
  EXPECT_TRUE(with_modules(kContentModulesMax + 1).error().is(kBadContent));
  for (const char* bad :
       {"", "{}", "[1]", R"({"moduleContent":{"properties.desired.a":1}})",
        R"({"modulesContent":{"a b":{"properties.desired":{}}}})", R"({"modulesContent":{"m":1}})",
        R"({"modulesContent":{"m":{}}})", R"({"modulesContent":{}})", R"({"content":{}})"})
    EXPECT_TRUE(parse_device_content(bad).error().is(kBadContent)) << bad;
}

}  // namespace
}  // namespace pavise::hub::configurations
