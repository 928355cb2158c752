#include "cli/view/hub_views.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace pavise::cli::view {
namespace {

namespace json = boost::json;

constexpr const char* kHub =
    R"({"name":"plant-1","tenant":"acme","host_name":"plant-1.iot.example","of_tenant":false,)"
    R"("created":"2026-11-25T00:00:00Z","etag":"x","devices":3,"modules":1,"connected":2,)"
    R"("settings":{"partition_count":4,"retention_hours":24,"message_ttl_s":3600,)"
    R"("delivery_count_max":10,"disable_device_sas":true,"fault_injection":false,)"
    R"("event_sources":["twinChangeEvents"],)"
    R"("host_aliases":["127.0.0.1","localhost"]}})";

TEST(HubViews, Hubs) {
  EXPECT_EQ(hubs(json::parse(std::string(R"({"hubs":[)") + kHub + "]}"), false),
            "HUB      TENANT  HOST NAME            ALIASES               CREATED\n"
            "plant-1  acme    plant-1.iot.example  127.0.0.1, localhost  2026-11-25T00:00:00Z\n"
            "1 hub\n");
}

TEST(HubViews, OneHub) {
  const std::string text = hub(json::parse(kHub), false);
  for (const char* part :
       {"3, 2 connected", "127.0.0.1, localhost", "refused", "24 h", "twinChangeEvents"})
    EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(HubViews, Files) {
  EXPECT_EQ(
      hub_files(json::parse(R"([{"deviceId":"thermo","blobName":"logs/a\u001b[2J","sizeInBytes":7,)"
                            R"("contentType":"text/plain","lastUpdatedTime":"T","etag":"x"}])"),
                false),
      "DEVICE  FILE        BYTES  TYPE        CHANGED\n"
      "thermo  logs/a?[2J  7      text/plain  T\n"
      "1 file\n");
}

TEST(HubViews, AnIdentityShowsNoKeys) {
  const json::value device = json::parse(
      R"({"deviceId":"thermo","status":"enabled","authentication":{"type":"sas","symmetricKey":)"
      R"({"primaryKey":"c2VjcmV0"}},"connectionState":"Connected","cloudToDeviceMessageCount":2})");
  const std::string text = identity(device, false);
  EXPECT_EQ(text.find("c2VjcmV0"), std::string::npos);
  EXPECT_NE(text.find("Connected"), std::string::npos);
  EXPECT_EQ(identities(json::array{device}, false),
            "DEVICE  MODULE  STATUS   AUTHENTICATION  CONNECTION  WAITING\n"
            "thermo  -       enabled  sas             Connected   2\n"
            "1 identity\n");
  EXPECT_NE(identities(json::array{}, false).find("0 identities"), std::string::npos);
}

TEST(HubViews, RowsOfAQueryByWhatTheyAre) {
  EXPECT_EQ(
      query_rows(
          json::parse(
              R"([{"deviceId":"thermo","deviceEtag":"A","status":"enabled","connectionState":)"
              R"("Connected","tags":{"floor":1},"properties":{}}])"),
          false),
      "DEVICE  MODULE  STATUS   CONNECTION  TAGS\n"
      "thermo  -       enabled  Connected   {\"floor\":1}\n"
      "1 row\n");
  EXPECT_EQ(
      query_rows(
          json::parse(
              R"([{"deviceId":"a","jobId":"j","jobType":"scheduleDeviceMethod","status":)"
              R"("completed","endTimeUtc":"T","outcome":{"deviceMethodResponse":{"status":200}}},)"
              R"({"deviceId":"b","jobId":"j","jobType":"scheduleDeviceMethod","status":"failed",)"
              R"("endTimeUtc":"T","error":{"code":"DeviceNotOnline"}}])"),
          false),
      "JOB  DEVICE  STATUS     END  OUTCOME\n"
      "j    a       completed  T    {\"status\":200}\n"
      "j    b       failed     T    DeviceNotOnline\n"
      "2 rows\n");
  EXPECT_EQ(query_rows(json::array{}, false), "0 rows\n");
  const std::string sly = query_rows(json::parse(R"([{"a\u001b[2J":"x\ny"}])"), false);
  EXPECT_EQ(sly.find('\x1b'), std::string::npos) << "names come from devices, too";
}

TEST(HubViews, ATwinLeavesItsMetadataOut) {
  const std::string text = hub_twin(
      json::parse(R"({"deviceId":"thermo","etag":"A","tags":{"floor":1},"properties":{"desired":)"
                  R"({"a":1,"$metadata":{"$lastUpdated":"x"},"$version":3},)"
                  R"("reported":{"$version":1}}})"),
      false);
  EXPECT_NE(text.find("desired, version 3"), std::string::npos) << text;
  EXPECT_NE(text.find(R"({"a":1})"), std::string::npos) << text;
  EXPECT_EQ(text.find("$metadata"), std::string::npos) << text;
}

TEST(HubViews, AnEventIsOneLine) {
  EXPECT_EQ(hub_event(json::parse(R"({"time":"T","device":"thermo","module":"m","body":{"t":0.5},)"
                                  R"("properties":{"colour":"red\u001b[2J"}})"),
                      false),
            "T  thermo/m  {\"t\":0.5}  {\"colour\":\"red\\u001b[2J\"}\n");
  EXPECT_EQ(hub_event(json::parse(R"({"time":"T","device":"d","body_base64":"AA=="})"), false),
            "T  d  AA== (base64)\n");
}

TEST(HubViews, ConfigurationsWithTheirCounts) {
  const json::value configuration = json::parse(
      R"({"id":"fan-on","priority":7,"targetCondition":"*","content":{"deviceContent":{}},)"
      R"("systemMetrics":{"results":{"targetedCount":3,"appliedCount":2}},)"
      R"("metrics":{"results":{"warm":1},"queries":{"warm":"SELECT 1"}}})");
  EXPECT_EQ(hub_configurations(json::array{configuration}, false),
            "CONFIGURATION  PRIORITY  TARGET  TARGETED  APPLIED\n"
            "fan-on         7         *       3         2\n"
            "1 configuration\n");
  EXPECT_NE(hub_configuration(configuration, false).find("1  SELECT 1"), std::string::npos);
  EXPECT_EQ(hub_metric(json::parse(R"({"result":[{"deviceId":"a"},{"deviceId":"b"}]})"), false),
            "{\"deviceId\":\"a\"}\n{\"deviceId\":\"b\"}\n2 rows\n");
}

TEST(HubViews, AnAnswerOfAnotherShapeShowsDashes) {
  for (const char* text : {"null", "[]", "{}", "7", R"({"hubs":3})"}) {
    const json::value answer = json::parse(text);
    for (const auto view :
         {&hubs, &hub, &hub_certificates, &hub_certificate, &hub_configurations, &hub_configuration,
          &routing_endpoints, &routing_endpoint, &routes, &route, &route_test, &hub_metric,
          &hub_event, &identities, &identity, &hub_twin, &method_result, &purged})
      EXPECT_FALSE(view(answer, false).empty());
  }
}

}  // namespace
}  // namespace pavise::cli::view
