// What several configurations make of one twin: priority, conflicts, removal.
#include "cloud/hub/configurations/plan.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "protocol/twin/twin.h"

namespace pavise::hub::configurations {
namespace {

namespace json = boost::json;

const iothub::Identity kDevice = *iothub::Identity::make(*iothub::HubName::parse("acme"), "d1");

store::ConfigurationRecord record(const std::string& id, const std::string& settings,
                                  const std::string& target = "*") {
  return {.id = id,
          .content_json = R"({"deviceContent":)" + settings + "}",
          .target_condition = target};
}

// A twin and the configurations of its hub, the highest first.
class Rollout : public ::testing::Test {
 protected:
  store::TwinRecord twin_record() const {
    return {.identity = {.id = kDevice},
            .etag = twin_.etag(),
            .version = twin_.document_version(),
            .tags_json = twin_.tags_json(),
            .desired_json = twin_.service_section_json(twin::Section::desired),
            .reported_json = twin_.service_section_json(twin::Section::reported),
            .configurations_json = twin_.configurations_json(),
            .configured_json = twin_.configured_json()};
  }
  // Looks at the twin and writes what is decided. The patch; "-": nothing to do.
  std::string apply(const std::vector<store::ConfigurationRecord>& records,
                    std::size_t in_effect = SIZE_MAX) {
    const Plan plan(records);
    EXPECT_EQ(plan.definitions().size(), records.size());
    const auto document =
        *query::Document::parse(R"({"tags":)" + twin_.tags_json() + R"(,"deviceId":"d1"})");
    const auto decision = *plan.decide(twin_record(), &document, in_effect);
    if (!decision.change) return "-";
    EXPECT_TRUE(twin_.configure(decision.change->desired_patch,
                                decision.change->configurations_json,
                                decision.change->configured_json, 0));
    const auto again = *plan.decide(twin_record(), &document, in_effect);
    EXPECT_FALSE(again.change) << "done once, it is done: " << again.change->desired_patch;
    return decision.change->desired_patch;
  }
  std::string desired() const { return twin_.section_json(twin::Section::desired); }
  void write(const std::string& patch) {
    ASSERT_TRUE(twin_.change(patch, twin::ChangeKind::merge, 0));
  }
  void write_desired(const std::string& patch) {
    write(R"({"properties":{"desired":)" + patch + "}}");
  }

  twin::Twin twin_;
};

TEST_F(Rollout, WritesOnlyWhatDiffers) {
  write_desired(R"({"fan":{"on":true,"speed":1},"mine":1})");
  const auto fan = record("c", R"({"properties.desired.fan":{"on":true,"speed":2}})");
  EXPECT_EQ(apply({fan}), R"({"fan":{"speed":2}})");
  EXPECT_EQ(twin_.configurations_json(), R"({"c":{"status":"Applied"}})");
  EXPECT_EQ(apply({fan}), "-");
  write_desired(R"({"fan":{"speed":9}})");
  EXPECT_EQ(apply({fan}), R"({"fan":{"speed":2}})") << "what others wrote over it comes back";
}

TEST_F(Rollout, WhatIsThereAlreadyIsOnlyNoted) {
  write_desired(R"({"a":1})");
  EXPECT_EQ(apply({record("c", R"({"properties.desired.a":1})")}), "");
  EXPECT_EQ(twin_.version(twin::Section::desired), 2U);
}

TEST_F(Rollout, TheHighestPriorityWinsAPath) {
  const auto high = record("high", R"({"properties.desired.fan":{"on":true}})");
  const auto low = record("low", R"({"properties.desired.fan":{"on":false,"speed":1}})");
  apply({high, low});
  EXPECT_EQ(desired(), R"({"fan":{"on":true}})") << "the path as a whole is the higher one's";
  EXPECT_EQ(twin_.configurations_json(),
            R"({"high":{"status":"Applied"},"low":{"status":"Targeted"}})");
  apply({low, high});
  EXPECT_EQ(desired(), R"({"fan":{"on":false,"speed":1}})");
}

TEST_F(Rollout, SectionsThatAreNotSetByTheHigherOneStay) {
  apply({record("high", R"({"properties.desired.fan.on":true,"properties.desired.a":1})"),
         record("low",
                R"({"properties.desired.fan":{"on":false,"speed":1},"properties.desired.b":2})")});
  EXPECT_EQ(json::parse(desired()), json::parse(R"({"fan":{"on":true,"speed":1},"a":1,"b":2})"));
  EXPECT_EQ(twin_.configurations_json(),
            R"({"high":{"status":"Applied"},"low":{"status":"Applied"}})");
}

TEST_F(Rollout, APathInsideOfAHigherOnesIsLeftToIt) {
  apply({record("high", R"({"properties.desired.fan":{"on":true}})"),
         record("low", R"({"properties.desired.fan.speed":1})")});
  EXPECT_EQ(desired(), R"({"fan":{"on":true}})");
}

TEST_F(Rollout, WhenOneGoesTheNextOneApplies) {
  const auto high = record("high", R"({"properties.desired.a":1,"properties.desired.only":1})");
  const auto low = record("low", R"({"properties.desired.a":2})");
  apply({high, low});
  EXPECT_EQ(apply({low}), R"({"a":2,"only":null})");
  EXPECT_EQ(desired(), R"({"a":2})");
  EXPECT_EQ(apply({}), R"({"a":null})");
  EXPECT_EQ(twin_.store_text(), twin::Twin::from_store(twin_.store_text())->store_text());
  EXPECT_EQ(twin_.store_text().find("configur"), std::string::npos) << "no trace of it is left";
}

TEST_F(Rollout, RemovalLeavesWhatOthersWrote) {
  write_desired(R"({"fan":{"mine":1},"empty":{}})");
  const auto fan = record("c", R"({"properties.desired.fan.auto":{"on":true,"speed":{"max":3}}})");
  apply({fan});
  EXPECT_EQ(apply({}), R"({"fan":{"auto":null}})") << "what becomes empty goes, too";
  EXPECT_EQ(json::parse(desired()), json::parse(R"({"fan":{"mine":1},"empty":{}})"));
  apply({fan});
  write_desired(R"({"fan":{"auto":{"theirs":1}}})");
  apply({});
  EXPECT_EQ(json::parse(desired()),
            json::parse(R"({"fan":{"mine":1,"auto":{"theirs":1}},"empty":{}})"));
}

TEST_F(Rollout, RemovalOfWhatOthersReplacedOrRemoved) {
  const auto fan =
      record("c", R"({"properties.desired.fan":{"on":true},"properties.desired.a":1})");
  apply({fan});
  write_desired(R"({"fan":"by hand","a":null})");
  EXPECT_EQ(apply({}), "") << "nothing of it is there any more";
  EXPECT_EQ(desired(), R"({"fan":"by hand"})");
}

TEST_F(Rollout, NullRemovesAProperty) {
  write_desired(R"({"old":1,"fan":{"x":1,"y":2}})");
  const auto gone = record(
      "c",
      R"({"properties.desired.old":null,"properties.desired.fan.x":null,"properties.desired.not.there":null})");
  EXPECT_EQ(json::parse(apply({gone})), json::parse(R"({"old":null,"fan":{"x":null}})"));
  EXPECT_EQ(apply({}), "");
  EXPECT_EQ(desired(), R"({"fan":{"y":2}})") << "and does not bring it back";
}

TEST_F(Rollout, OnlyWhomItTargets) {
  const auto third = record("c", R"({"properties.desired.a":1})", "tags.floor = 3");
  EXPECT_EQ(apply({third}), "-");
  write(R"({"tags":{"floor":3}})");
  EXPECT_EQ(apply({third}), R"({"a":1})");
  write(R"({"tags":{"floor":4}})");
  EXPECT_EQ(apply({third}), R"({"a":null})") << "no longer targeted";
  EXPECT_EQ(apply({record("nobody", R"({"properties.desired.a":1})", "")}), "-");
}

TEST_F(Rollout, ANumberWithAFractionIsEqualToItself) {
  const auto exact = record("c", R"({"properties.desired.a":[0.1,1.0,6.02214076e23,-1.1e-9],)"
                                 R"("properties.desired.b":{"c":0.30000000000000004}})");
  EXPECT_NE(apply({exact}), "-");
  EXPECT_EQ(apply({exact}), "-");
  write_desired(R"({"b":{"c":2}})");
  EXPECT_EQ(apply({record("c", R"({"properties.desired.b":{"c":2.0}})")}), R"({"a":null})");
}

TEST_F(Rollout, TheLowestCanBeLeftOut) {
  const auto high = record("high", R"({"properties.desired.a":1})");
  const auto low = record("low", R"({"properties.desired.b":2})");
  apply({high, low});
  EXPECT_EQ(apply({high, low}, 1), R"({"b":null})");
  EXPECT_EQ(twin_.configurations_json(),
            R"({"high":{"status":"Applied"},"low":{"status":"Targeted"}})");
}

TEST_F(Rollout, ModulesAreTargetedByTheirOwn) {
  const Plan plan(std::vector<store::ConfigurationRecord>{
      record("devices", R"({"properties.desired.a":1})"),
      {.id = "modules",
       .content_json = R"({"moduleContent":{"properties.desired.a":2}})",
       .target_condition = "FROM devices.modules WHERE moduleId = 'm'"},
      {.id = "broken", .content_json = "of another version"}});
  EXPECT_EQ(plan.definitions().size(), 2U) << "what cannot be read is left out";
  EXPECT_TRUE(plan.looks_at(false) && plan.looks_at(true));
  store::TwinRecord twin = twin_record();
  twin.identity.id = *iothub::Identity::make(kDevice.hub(), "d1", "m");
  const auto document = *query::Document::parse(R"({"deviceId":"d1","moduleId":"m"})");
  const auto decision = *plan.decide(twin, &document);
  ASSERT_EQ(decision.standings.size(), 1U);
  EXPECT_EQ(decision.change->desired_patch, R"({"a":2})");
}

}  // namespace
}  // namespace pavise::hub::configurations
