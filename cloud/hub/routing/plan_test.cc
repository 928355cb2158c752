#include "cloud/hub/routing/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pavise::hub::routing {
namespace {

using store::RouteRecord;
using store::RouteSource;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Message kHot{.offset = 1,
                   .hub = "plant-1",
                   .device = "d1",
                   .system = {{"iothub-connection-device-id", "d1"},
                              {"content-type", "application/json"},
                              {"content-encoding", "utf-8"}},
                   .application = {{"severity", "2"}},
                   .body = to_bytes(as_bytes(R"({"t":31})"))};

RouteRecord route(std::string name, std::string condition, std::string endpoint = "a",
                  RouteSource source = RouteSource::device_messages, bool enabled = true) {
  return {.name = std::move(name),
          .source = source,
          .enabled = enabled,
          .endpoint = std::move(endpoint),
          .condition = std::move(condition)};
}

TEST(Plan, ConditionsSeePropertiesBodyAndTwin) {
  const RouteRecord routes[] = {
      route("all", "true"),
      route("severe", "severity = '2'"),
      route("type", "$contentType = 'application/json'"),
      route("device", "$connectionDeviceId = 'd1'"),
      route("shown", "$iothub-connection-device-id = 'd1'"),
      route("body", "$body.t > 30"),
      route("cold", "$body.t < 30"),
      route("twin", "$twin.tags.floor = 3"),
      route("missing", "$body.x = 1"),
  };
  const Plan plan(routes);
  EXPECT_TRUE(plan.looks_at_twins());
  EXPECT_THAT(plan.takers(kHot, nullptr),
              ElementsAre("all", "severe", "type", "device", "shown", "body"));
  const auto twin = query::Document::parse(R"({"tags":{"floor":3}})");
  EXPECT_THAT(plan.takers(kHot, &*twin),
              ElementsAre("all", "severe", "type", "device", "shown", "body", "twin"));
}

TEST(Plan, OnlyEnabledRoutesOfTheSourceAndEndpoint) {
  const RouteRecord routes[] = {
      route("mine", "true"),
      route("of-b", "true", "b"),
      route("off", "true", "a", RouteSource::device_messages, false),
      route("twins", "true", "a", RouteSource::twin_changes),
      route("newer-language", "true ??? false"),
  };
  const Plan plan(routes, "a");
  EXPECT_FALSE(plan.looks_at_twins());
  EXPECT_THAT(plan.takers(kHot, nullptr), ElementsAre("mine"));
  EXPECT_TRUE(plan.takes(RouteSource::twin_changes));
  EXPECT_FALSE(plan.takes(RouteSource::device_lifecycle));
  EXPECT_THAT(Plan(routes).takers(kHot, nullptr), ElementsAre("mine", "of-b"));
  const Plan none(std::span<const RouteRecord>{});
  EXPECT_TRUE(none.empty());
  EXPECT_THAT(none.takers(kHot, nullptr), IsEmpty());
}

TEST(Plan, ConditionsAreChecked) {
  EXPECT_TRUE(parse_condition("true"));
  EXPECT_TRUE(parse_condition("is_defined($body.t) AND $body.t > 1"));
  EXPECT_FALSE(parse_condition(""));
  EXPECT_FALSE(parse_condition("severity = "));
  EXPECT_FALSE(parse_condition(std::string(store::kRouteConditionSizeMax + 1, ' ')));
}

}  // namespace
}  // namespace pavise::hub::routing
