#include "device/agent/twin.h"

#include <gtest/gtest.h>

namespace pavise::agent {
namespace {

TEST(Twin, AcknowledgesOrRefusesTheInterval) {
  const char* const refused = R"(,"ad":"must be a whole number from 1 to 86400"}})";
  const struct {
    const char* desired;
    std::optional<int> changed;
    std::string reported;
  } rows[] = {
      {R"({"$version":1})", {}, ""},
      {R"([])", {}, ""},
      {R"({"telemetry_interval_s":5,"$version":7})", 5,
       R"({"telemetry_interval_s":{"value":5,"ac":200,"av":7}})"},
      {R"({"telemetry_interval_s":30})", {}, R"({"telemetry_interval_s":{"value":30,"ac":200}})"},
      {R"({"telemetry_interval_s":1})", 1, R"({"telemetry_interval_s":{"value":1,"ac":200}})"},
      {R"({"telemetry_interval_s":86400})", 86400,
       R"({"telemetry_interval_s":{"value":86400,"ac":200}})"},
      {R"({"telemetry_interval_s":null,"$version":8})", 60,
       R"({"telemetry_interval_s":{"value":60,"ac":200,"av":8}})"},
      {R"({"telemetry_interval_s":0,"$version":9})",
       {},
       R"({"telemetry_interval_s":{"value":30,"ac":400,"av":9)" + std::string(refused)},
      {R"({"telemetry_interval_s":86401})",
       {},
       R"({"telemetry_interval_s":{"value":30,"ac":400)" + std::string(refused)},
      {R"({"telemetry_interval_s":"5"})",
       {},
       R"({"telemetry_interval_s":{"value":30,"ac":400)" + std::string(refused)},
      {R"({"telemetry_interval_s":1.5})",
       {},
       R"({"telemetry_interval_s":{"value":30,"ac":400)" + std::string(refused)},
  };
  for (const auto& row : rows) {
    const auto outcome = handle_desired(*json::JsonView::parse(row.desired), 30, 60);
    EXPECT_EQ(outcome.telemetry_interval_s, row.changed) << row.desired;
    EXPECT_EQ(outcome.reported_patch, row.reported);
    if (!row.reported.empty()) EXPECT_TRUE(json::JsonView::parse(outcome.reported_patch));
  }
}

TEST(Twin, FactsAreJson) {
  EXPECT_EQ(reported_facts({"Pavise \"OS\"", "0.1.0", "id"}),
            R"({"os_release":"Pavise \"OS\"","agent_version":"0.1.0","boot_id":"id"})");
}

}  // namespace
}  // namespace pavise::agent
