// The verbs for configurations.
#include "cli/program/testing/hub_verbs_fixture.h"

namespace pavise::cli {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

TEST_F(HubVerbs, AConfigurationIsMadeOfWhatWasGiven) {
  answers["PUT /configurations/fan-on"] = {.body = R"({"id":"fan-on"})"};
  run({"configuration", "create", "-n", "plant-1", "-c", "fan-on", "--pri", "7", "--tc", "*", "-k",
       R"({"content":{"deviceContent":{"properties.desired.a":1}}})", "--lab", R"({"os":"linux"})",
       "--cl", "site=north", "--cmq", "warm=SELECT deviceId FROM devices WHERE a = 1"});
  EXPECT_EQ(seen.back(),
            R"(PUT /configurations/fan-on {"id":"fan-on","schemaVersion":"1.0",)"
            R"("content":{"deviceContent":{"properties.desired.a":1}},"targetCondition":"*",)"
            R"("priority":7,"labels":{"os":"linux","site":"north"},)"
            R"("metrics":{"queries":{"warm":"SELECT deviceId FROM devices WHERE a = 1"}}})");
  const auto refused = [&](const char* option, const char* value) {
    return run({"configuration", "create", "-n", "plant-1", "-c", "x", "-k", "{}", option, value})
        .code;
  };
  EXPECT_EQ(refused("--cl", "novalue"), 2);
  EXPECT_EQ(refused("--cmq", "=q"), 2);
  EXPECT_EQ(refused("--metrics", R"({"m":"q"})"), 2);
  EXPECT_EQ(refused("--labels", "[]"), 2);
  EXPECT_EQ(run({"configuration", "create", "-n", "plant-1", "-c", "x", "-k", "nonsense"}).code, 2);
}

TEST_F(HubVerbs, AConfigurationChangesUnderTheETagThatWasRead) {
  answers["GET /configurations/fan-on"] = {
      .body = R"({"id":"fan-on","priority":1,"targetCondition":"*","etag":"AA=="})"};
  answers["PUT /configurations/fan-on"] = {.body = R"({"id":"fan-on"})"};
  run({"configuration", "update", "-n", "plant-1", "-c", "fan-on", "--pri", "0", "--tc", ""});
  EXPECT_EQ(seen.back(),
            R"(PUT /configurations/fan-on {"id":"fan-on","priority":0,"targetCondition":"",)"
            R"("etag":"AA=="} if-match="AA==")");
  run({"configuration", "update", "-n", "plant-1", "-c", "fan-on", "--pri", "2", "-e", "BB=="});
  EXPECT_TRUE(seen.back().ends_with(R"(if-match="BB==")")) << seen.back();
  EXPECT_EQ(run({"configuration", "update", "-n", "plant-1", "-c", "fan-on"}).code, 2);
}

TEST_F(HubVerbs, ConfigurationsAreListedShownAndRemoved) {
  answers["GET /configurations?top=5"] = {.body = R"([{"id":"fan-on"}])"};
  EXPECT_NE(
      run({"configuration", "list", "-n", "plant-1", "--top", "5"}).out.find("1 configuration"),
      std::string::npos);
  answers["GET /configurations/fan-on"] = {.body = R"({"id":"fan-on"})"};
  EXPECT_NE(run({"configuration", "show", "-n", "plant-1", "-c", "fan-on"}).out.find("fan-on"),
            std::string::npos);
  answers["DELETE /configurations/fan-on"] = {.status = 204};
  EXPECT_EQ(run({"configuration", "delete", "-n", "plant-1", "-c", "fan-on"}).out, "removed\n");
  EXPECT_EQ(seen.back(), "DELETE /configurations/fan-on if-match=*");
}

TEST_F(HubVerbs, AMetricIsItsQueryNow) {
  answers["GET /configurations/fan-on"] = {
      .body = R"({"systemMetrics":{"queries":{"appliedCount":"SELECT deviceId FROM devices"}}})"};
  answers["POST /devices/query"] = {.body = R"([{"deviceId":"thermo"}])"};
  const std::vector<const char*> words = {
      "configuration", "show-metric", "-n", "plant-1", "-c", "fan-on", "-m", "appliedCount"};
  auto system = words;
  system.insert(system.end(), {"--mt", "system"});
  EXPECT_EQ(run(system).out, "{\"deviceId\":\"thermo\"}\n1 row\n");
  EXPECT_EQ(
      seen.back(),
      R"(POST /devices/query {"query":"SELECT deviceId FROM devices"} x-ms-max-item-count=1000)");
  EXPECT_EQ(run(words).code, 2) << "it is not one of the configuration's own";
}

}  // namespace
}  // namespace pavise::cli
