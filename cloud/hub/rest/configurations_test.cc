// Configurations over HTTP: what is kept and shown, and each refusal.
#include "cloud/hub/configurations/definition.h"
#include "cloud/hub/rest/testing/rest_fixture.h"

namespace pavise::hub::rest {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

class ConfigurationTest : public RestTest {
 protected:
  static json::object body(const json::object& more = {}) {
    json::object out{{"schemaVersion", "1.0"},
                     {"labels", {{"host", "linux"}}},
                     {"content", {{"deviceContent", {{"properties.desired.fan", {{"on", true}}}}}}},
                     {"targetCondition", "tags.floor = 3"},
                     {"priority", 7},
                     {"metrics", {{"queries", {{"warm", "SELECT deviceId FROM devices"}}}}}};
    for (const auto& member : more) out[member.key()] = member.value();
    return out;
  }
  Answer put(const std::string& id, const json::object& given, Headers headers = {}) {
    return call("PUT", "/configurations/" + id + "?api-version=2021-04-12", json::serialize(given),
                std::move(headers));
  }
  std::string refusal(const json::object& more) { return put("bad", body(more)).error(); }
  Answer apply(const std::string& device, const std::string& content) {
    return call("POST", "/devices/" + device + "/applyConfigurationContent", content);
  }
};

TEST_F(ConfigurationTest, IsKeptAndShown) {
  const Answer made = put("fan-on", body());
  ASSERT_EQ(made.status, 200) << made.text;
  EXPECT_EQ(made.header("etag"), "\"" + std::string(made.body.at("etag").as_string()) + "\"");
  const Answer shown = call("GET", "/configurations/fan-on");
  EXPECT_EQ(shown.body, made.body);
  for (const auto& member : body())
    if (member.key() != "metrics") EXPECT_EQ(shown.body.at(member.key()), member.value());
  EXPECT_EQ(shown.body.at("metrics").at("queries").at("warm"), "SELECT deviceId FROM devices");
  EXPECT_TRUE(shown.body.at("metrics").at("results").as_object().empty()) << "nobody looked yet";
  EXPECT_EQ(shown.body.at("systemMetrics").at("queries").at("targetedCount"),
            "SELECT deviceId FROM devices WHERE tags.floor = 3");
  EXPECT_EQ(shown.body.at("systemMetrics").at("queries").at("appliedCount"),
            "SELECT deviceId FROM devices WHERE configurations.[[fan-on]].status = 'Applied'");
  EXPECT_EQ(call("GET", "/configurations/none").error(), "ConfigurationNotFound");
  EXPECT_EQ(put("fan-on", body()).error(), "ConfigurationAlreadyExists");
}

TEST_F(ConfigurationTest, DefaultsAreThoseOfAnEmptyBody) {
  const Answer made = put("bare", {{"content", body()["content"]}});
  ASSERT_EQ(made.status, 200) << made.text;
  EXPECT_EQ(made.body.at("schemaVersion"), "1.0");
  EXPECT_EQ(made.body.at("priority"), 0);
  EXPECT_EQ(made.body.at("targetCondition"), "");
  EXPECT_TRUE(made.body.at("labels").as_object().empty());
  EXPECT_FALSE(made.body.at("systemMetrics").at("queries").as_object().contains("targetedCount"));
}

TEST_F(ConfigurationTest, CountsComeWithIt) {
  ASSERT_EQ(put("fan-on", body()).status, 200);
  counts_ = configurations::Counts{.targeted = 3, .applied = 2, .metrics = {{"warm", 1}}};
  const Answer shown = call("GET", "/configurations/fan-on");
  EXPECT_EQ(json::serialize(shown.body.at("systemMetrics").at("results")),
            R"({"targetedCount":3,"appliedCount":2})");
  EXPECT_EQ(json::serialize(shown.body.at("metrics").at("results")), R"({"warm":1})");
}

TEST_F(ConfigurationTest, ChangesUnderItsETagButNotItsContent) {
  const Answer made = put("fan-on", body());
  const std::string etag = made.header("etag");
  EXPECT_EQ(put("fan-on", body(), {{"if-match", "\"old\""}}).error(), "PreconditionFailed");
  EXPECT_EQ(put("fan-on", body(), {{"if-match", "unquoted"}}).error(), "PreconditionFailed");
  for (const char* const bad : {"", "\"", "\"half", "half\""})
    EXPECT_EQ(put("fan-on", body(), {{"if-match", bad}}).error(), "ArgumentInvalid") << bad;
  const json::value other{{"deviceContent", {{"properties.desired.fan", {{"on", false}}}}}};
  EXPECT_EQ(put("fan-on", body({{"content", other}}), {{"if-match", etag}}).error(),
            "CannotModifyImmutableConfigurationContent");
  const Answer changed =
      put("fan-on", body({{"priority", 9}, {"content", nullptr}}), {{"if-match", etag}});
  ASSERT_EQ(changed.status, 200) << changed.text;
  EXPECT_EQ(changed.body.at("priority"), 9);
  EXPECT_EQ(changed.body.at("content"), made.body.at("content"));
  EXPECT_NE(changed.header("etag"), etag);
  EXPECT_EQ(put("fan-on", changed.body.as_object(), {{"if-match", "\"*\""}}).status, 200)
      << "what a client got, it may send back";
  EXPECT_EQ(put("none", body(), {{"if-match", "*"}}).error(), "ConfigurationNotFound");
}

TEST_F(ConfigurationTest, Deletes) {
  const std::string etag = put("fan-on", body()).header("etag");
  EXPECT_EQ(call("DELETE", "/configurations/fan-on", {}, {{"if-match", "\"old\""}}).error(),
            "PreconditionFailed");
  EXPECT_EQ(call("DELETE", "/configurations/fan-on", {}, {{"if-match", etag}}).status, 204);
  EXPECT_EQ(call("DELETE", "/configurations/fan-on").error(), "ConfigurationNotFound");
}

TEST_F(ConfigurationTest, ListsTheHighestPriorityFirst) {
  for (const int priority : {1, 5, 3})
    ASSERT_EQ(put("c" + std::to_string(priority), body({{"priority", priority}})).status, 200);
  const auto ids = [&](const std::string& top) {
    std::string out;
    const Answer answer = call("GET", "/configurations" + top);
    if (answer.status != 200) return answer.error();
    for (const json::value& each : answer.body.as_array())
      out += std::string(each.at("id").as_string()) + " ";
    return out;
  };
  EXPECT_EQ(ids(""), "c5 c3 c1 ");
  EXPECT_EQ(ids("?top=2"), "c5 c3 ");
  EXPECT_EQ(ids("?top=0"), "c5 c3 c1 ");
  EXPECT_EQ(ids("?top=99999999999999999999999"), "c5 c3 c1 ");
  EXPECT_EQ(ids("?top=two"), "ArgumentInvalid");
}

TEST_F(ConfigurationTest, AHubHasAHundred) {
  for (std::size_t i = 0; i < store::kConfigurationsMax; ++i)
    ASSERT_EQ(put("c" + std::to_string(i), body()).status, 200);
  EXPECT_EQ(put("one-more", body()).error(), "ConfigurationCountLimitExceeded");
}

TEST_F(ConfigurationTest, WhatIsRefused) {
  EXPECT_EQ(refusal({{"targetCondition", "tags.a ="}}), "InvalidConfigurationTargetCondition");
  EXPECT_EQ(refusal({{"targetCondition", 1}}), "IotHubFormatError");
  EXPECT_EQ(refusal({{"content", nullptr}}), "InvalidConfigurationContent");
  EXPECT_EQ(refusal({{"content", {{"deviceContent", {{"tags.a", 1}}}}}}),
            "InvalidConfigurationContent");
  EXPECT_EQ(refusal({{"metrics", {{"queries", {{"m", "SELECT"}}}}}}),
            "InvalidConfigurationCustomMetricsQuery");
  EXPECT_EQ(refusal({{"priority", -1}}), "IotHubFormatError");
  EXPECT_EQ(refusal({{"priority", 2147483648}}), "IotHubFormatError");
  EXPECT_EQ(refusal({{"priority", "high"}}), "IotHubFormatError");
  EXPECT_EQ(refusal({{"labels", {{"a", 1}}}}), "IotHubFormatError");
  EXPECT_EQ(refusal({{"id", "other"}}), "IotHubFormatError");
  EXPECT_EQ(refusal({{"schemaVersion", "12345678901234567"}}), "IotHubFormatError");
  EXPECT_EQ(put("UPPER", body()).error(), "ArgumentInvalid");
  EXPECT_EQ(call("PUT", "/configurations/x", "[]").error(), "IotHubFormatError");
  EXPECT_EQ(put("good", body({{"priority", 2147483647}})).status, 200);
}

TEST_F(ConfigurationTest, LimitsOfLabels) {
  const auto labels = [&](std::size_t count, std::size_t size) {
    json::object all;
    for (std::size_t i = 0; i < count; ++i) all["k" + std::to_string(i)] = std::string(size, 'x');
    return put("l" + std::to_string(count) + "-" + std::to_string(size), body({{"labels", all}}))
        .status;
  };
  EXPECT_EQ(labels(configurations::kLabelsMax, configurations::kLabelSizeMax), 200);
  EXPECT_EQ(labels(configurations::kLabelsMax + 1, 1), 400);
  EXPECT_EQ(labels(1, configurations::kLabelSizeMax + 1), 400);
}

TEST_F(ConfigurationTest, NeedsTheRegistrysRights) {
  const auto status = [&](const std::string& method, const std::string& path,
                          const std::string& token) {
    return call(method, path, json::serialize(body()), {}, token).status;
  };
  EXPECT_EQ(status("PUT", "/configurations/a", "read"), 401);
  EXPECT_EQ(status("PUT", "/configurations/a", "service"), 401);
  EXPECT_EQ(status("PUT", "/configurations/a", "write"), 200);
  EXPECT_EQ(status("GET", "/configurations/a", "read"), 200);
  EXPECT_EQ(status("GET", "/configurations", "device"), 401);
  EXPECT_EQ(status("DELETE", "/configurations/a", "read"), 401);
  EXPECT_EQ(status("POST", "/devices/a/applyConfigurationContent", "read"), 401);
}

TEST_F(ConfigurationTest, QueriesAreTestedWithoutAConfiguration) {
  const auto test = [&](const json::object& given) {
    return call("POST", "/configurations/testQueries", json::serialize(given));
  };
  EXPECT_EQ(test({{"targetCondition", "tags.a = 1"},
                  {"customMetricQueries", {{"m", "SELECT deviceId FROM devices"}}}})
                .text,
            "{}");
  const Answer bad =
      test({{"targetCondition", "tags.a ="},
            {"customMetricQueries", {{"good", "SELECT * FROM devices"}, {"m", "x"}}}});
  EXPECT_EQ(bad.status, 200);
  EXPECT_NE(std::string(bad.body.at("targetConditionError").as_string()).find("PV-HCF-001"),
            std::string::npos);
  EXPECT_EQ(bad.body.at("customMetricQueryErrors").as_object().size(), 1U);
  EXPECT_EQ(test({{"customMetricQueries", 1}}).error(), "IotHubFormatError");
}

TEST_F(ConfigurationTest, ContentIsWrittenToADeviceAtOnce) {
  make_device("d1");
  ASSERT_EQ(apply("d1", R"({"deviceContent":{"properties.desired.fan.on":true}})").status, 204);
  EXPECT_EQ(call("GET", "/twins/d1").body.at("properties").at("desired").at("fan").at("on"), true);
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_EQ(told_[0], R"(d1 2 {"fan":{"on":true},"$version":2})");
  EXPECT_EQ(apply("d2", R"({"deviceContent":{"properties.desired.a":1}})").error(),
            "DeviceNotFound");
  EXPECT_EQ(apply("d1", "{}").error(), "InvalidConfigurationContent");
}

TEST_F(ConfigurationTest, AnEdgeDeviceGetsItsModules) {
  const std::string deployment =
      R"({"modulesContent":{"$edgeAgent":{"properties.desired":{"modules":{"filter":{}}}},)"
      R"("filter":{"properties.desired.limit":7}}})";
  make_device("plain");
  EXPECT_EQ(apply("plain", deployment).error(), "InvalidOperation");
  EXPECT_EQ(call("GET", "/devices/plain/modules").text, "[]") << "all or nothing";
  make_device("edge", R"({"capabilities":{"iotEdge":true}})");
  ASSERT_EQ(apply("edge", deployment).status, 204);
  ASSERT_EQ(
      apply("edge", R"({"modulesContent":{"$edgeAgent":{"properties.desired":{"b":2}}}})").status,
      204);
  const json::value agent =
      call("GET", "/twins/edge/modules/$edgeAgent").body.at("properties").at("desired");
  EXPECT_FALSE(agent.as_object().contains("modules")) << "the whole is replaced";
  EXPECT_EQ(agent.at("b"), 2);
  const Answer filter = call("GET", "/twins/edge/modules/filter");
  EXPECT_EQ(filter.body.at("properties").at("desired").at("limit"), 7);
  EXPECT_EQ(call("GET", "/devices/edge/modules/filter").body.at("managedBy"), "iotEdge");
}

}  // namespace
}  // namespace pavise::hub::rest
