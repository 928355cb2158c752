// Message routes and their endpoints in the management API.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "cloud/hub/routing/errors.h"
#include "cloud/server/routes/testing/api_house.h"

namespace pavise::server {
namespace {

namespace json = boost::json;
using security::Role;
using testing::ApiHouse;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Said;
using testing::tenant_named;

constexpr const char* kWebhook =
    R"({"name":"alarms","type":"webhook","address":"https://alarms.example/in",)"
    R"("secret":"Bearer S3CRET"})";

class HubRouting : public ::testing::Test {
 protected:
  HubRouting() {
    house_.add_tenant(acme_);
    house_.add_hub("plant-1", acme_);
  }
  Said call(std::string_view method, const std::string& path, std::string_view body = {},
            const std::string& token = {}) {
    return house_.call(method, "/hubs/plant-1" + path, token.empty() ? house_.admin : token, body);
  }
  std::vector<std::string> audit() {
    std::vector<std::string> out;
    for (const auto& entry : *house_.registry->audit(0, 100))
      if (entry.action.starts_with("hub."))
        out.push_back(entry.action + " " + entry.subject + " " + entry.detail);
    return out;
  }

  TenantId acme_ = tenant_named("acme");
  ApiHouse house_;
};

TEST_F(HubRouting, AnEndpointIsMadeShownChangedAndDeleted) {
  house_.telemetry.items.resize(3, {.offset = 0, .device = {}, .tenant = acme_});
  const Said made = call("POST", "/endpoints", kWebhook);
  ASSERT_EQ(made.status, 201) << made.raw.body;
  EXPECT_EQ(made.json.at("type"), "webhook");
  EXPECT_EQ(made.json.at("has_secret"), true);
  EXPECT_EQ(made.json.at("cursor"), 3) << "it gets what comes from now on";
  EXPECT_EQ(made.json.at("health").at("state"), "unknown");
  EXPECT_EQ(house_.routing_changes, 1);
  EXPECT_EQ(call("POST", "/endpoints", kWebhook).code(), "PV-HST-061");

  std::int64_t number = 0;
  ASSERT_TRUE(house_.hub_store->read([&](hub::store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(const auto kept,
                      reader.routing_endpoint(*iothub::HubName::parse("plant-1"), "alarms"));
    EXPECT_EQ(kept.secret, "Bearer S3CRET");
    number = kept.number;
    return {};
  }));
  house_.endpoint_board.put(number, {.healthy = false,
                                     .error = Error(hub::routing::kEndpointFailed, "status 503"),
                                     .error_ms = 1000});
  const Said shown = call("GET", "/endpoints/alarms");
  EXPECT_EQ(shown.json.at("health").at("state"), "unhealthy");
  EXPECT_THAT(std::string(shown.json.at("health").at("error").as_string()),
              HasSubstr("PV-HRT-004"));
  EXPECT_EQ(shown.json.at("health").at("error_time"), "1970-01-01T00:00:01Z");

  const Said changed =
      call("PATCH", "/endpoints/alarms", R"({"address":"https://b.example/","secret":"Bearer 2"})");
  ASSERT_EQ(changed.status, 200) << changed.raw.body;
  EXPECT_EQ(changed.json.at("address"), "https://b.example/");
  EXPECT_EQ(call("GET", "/endpoints").json.at("endpoints").as_array().size(), 1U);
  EXPECT_EQ(call("DELETE", "/endpoints/alarms").status, 204);
  EXPECT_EQ(call("GET", "/endpoints/alarms").code(), "PV-HST-060");
  EXPECT_EQ(house_.routing_changes, 3);
  EXPECT_THAT(audit(), ::testing::ElementsAre(
                           "hub.endpoint.delete plant-1 alarms",
                           "hub.endpoint.update plant-1 alarms https://b.example/",
                           "hub.endpoint.create plant-1 alarms https://alarms.example/in",
                           "hub.endpoint.create plant-1 alarms https://alarms.example/in"));
}

TEST_F(HubRouting, ASecretGoesInAndNeverOut) {
  for (const Said& said :
       {call("POST", "/endpoints", kWebhook), call("POST", "/endpoints", kWebhook),
        call("GET", "/endpoints"), call("GET", "/endpoints/alarms"),
        call("PATCH", "/endpoints/alarms", R"({"secret":"S3CRET\r\n"})"),
        call("PATCH", "/endpoints/alarms", R"({"tls":false})")})
    EXPECT_THAT(said.raw.body, Not(HasSubstr("S3CRET")));
  EXPECT_THAT(house_.log.lines, Not(HasSubstr("S3CRET")));
  for (const std::string& line : audit()) EXPECT_THAT(line, Not(HasSubstr("S3CRET")));
}

TEST_F(HubRouting, ASecretIsNotSentToAnotherAddressUnlessGivenAnew) {
  ASSERT_EQ(call("POST", "/endpoints", kWebhook).status, 201);
  const Said refused = call("PATCH", "/endpoints/alarms", R"({"address":"https://evil.example/"})");
  EXPECT_EQ(refused.code(), "PV-HST-062");
  EXPECT_EQ(call("GET", "/endpoints/alarms").json.at("address"), "https://alarms.example/in");
  EXPECT_EQ(call("PATCH", "/endpoints/alarms", R"({"address":"https://alarms.example/in"})").status,
            200);
}

TEST_F(HubRouting, OnlyAnAdministratorOfTheWholeServiceSaysWhereItConnectsTo) {
  const std::string of_tenant = house_.token("of-acme", Role::administrator, acme_);
  const std::string operating = house_.token("operating", Role::operator_);
  EXPECT_EQ(call("POST", "/endpoints", kWebhook, of_tenant).code(), "PV-API-004");
  EXPECT_EQ(call("POST", "/endpoints", kWebhook, operating).code(), "PV-API-003");
  ASSERT_EQ(call("POST", "/endpoints", kWebhook).status, 201);
  for (const std::string& token : {of_tenant, operating}) {
    EXPECT_EQ(
        call("PATCH", "/endpoints/alarms", R"({"address":"https://b.example"})", token).status,
        403);
    EXPECT_EQ(call("DELETE", "/endpoints/alarms", {}, token).status, 403);
    EXPECT_EQ(call("GET", "/endpoints/alarms", {}, token).status, 200);
  }
  EXPECT_EQ(call("POST", "/routes", R"({"name":"hot","endpoint":"alarms"})", operating).status, 201)
      << "what goes there is for operators to say";
}

TEST_F(HubRouting, AddressesThatAreNone) {
  const auto refused = [&](const std::string& body) { return call("POST", "/endpoints", body); };
  const auto webhook = [&](const std::string& address) {
    return refused(R"({"name":"a","type":"webhook","address":")" + address + "\"}");
  };
  for (const char* address : {"http://a/", "file:///etc/passwd", "https://user:x@a/", "a:443"})
    EXPECT_EQ(webhook(address).code(), "PV-HRT-001") << address;
  EXPECT_EQ(refused(R"({"name":"a","type":"nats","address":"a:1","topic":"x.>"})").code(),
            "PV-HRT-002");
  EXPECT_EQ(refused(R"({"name":"a","type":"smtp","address":"a:1"})").code(), "PV-HST-062");
  EXPECT_EQ(refused(R"({"name":"a","type":"kafka","address":"a:1","topic":"x","user":"u"})").code(),
            "PV-HRT-008");
  EXPECT_EQ(
      refused(R"({"name":"a","type":"nats","address":"a:1","topic":"x","tls":false,"secret":"x"})")
          .code(),
      "PV-HST-062");
  EXPECT_EQ(refused(R"({"name":"a","type":"webhook","address":"https://a/","extra":1})").code(),
            "PV-JSN-004");
  EXPECT_EQ(house_.routing_changes, 0);
  EXPECT_EQ(audit().size(), 1U) << "the one that only the store refuses";
}

TEST_F(HubRouting, AServerThatConnectsToNobodyTakesNoEndpoint) {
  house_.services->hubs.routing = false;
  const Said said = call("POST", "/endpoints", kWebhook);
  EXPECT_EQ(said.status, 409);
  EXPECT_EQ(said.code(), "PV-HRT-007");
}

TEST_F(HubRouting, RoutesAreMadeShownChangedAndDeleted) {
  ASSERT_EQ(call("POST", "/endpoints", kWebhook).status, 201);
  const Said made =
      call("POST", "/routes", R"({"name":"hot","endpoint":"alarms","condition":"$body.t > 30"})");
  ASSERT_EQ(made.status, 201) << made.raw.body;
  EXPECT_EQ(made.json.at("source"), "DeviceMessages");
  EXPECT_EQ(made.json.at("enabled"), true);
  EXPECT_EQ(call("DELETE", "/endpoints/alarms").code(), "PV-HST-064");
  const Said changed = call("PATCH", "/routes/hot", R"({"enabled":false})");
  EXPECT_EQ(changed.json.at("enabled"), false);
  EXPECT_EQ(changed.json.at("condition"), "$body.t > 30") << "what is not named stays";
  EXPECT_EQ(call("GET", "/routes/hot").json.at("etag"), changed.json.at("etag"));
  EXPECT_EQ(call("GET", "/routes").json.at("routes").as_array().size(), 1U);
  EXPECT_EQ(
      house_
          .call("DELETE", "/hubs/plant-1/routes/hot", house_.admin, {}, {{"if-match", "\"stale\""}})
          .code(),
      "PV-HST-024");
  EXPECT_EQ(call("DELETE", "/routes/hot").status, 204);
  EXPECT_EQ(call("DELETE", "/routes/hot").code(), "PV-HST-065");
  EXPECT_EQ(house_.routing_changes, 4);
}

TEST_F(HubRouting, RoutesThatCannotBe) {
  const auto code = [&](const std::string& body) { return call("POST", "/routes", body).code(); };
  EXPECT_EQ(code(R"({"name":"a","endpoint":"none"})"), "PV-HST-060");
  EXPECT_EQ(code(R"({"name":"a","endpoint":"events","condition":"t > "})"), "PV-QRY-001");
  EXPECT_EQ(code(R"({"name":"$fallback","endpoint":"events"})"), "PV-HST-067");
  EXPECT_EQ(code(R"({"name":"a","endpoint":"events","source":"MqttBrokerMessages"})"),
            "PV-HST-067");
  EXPECT_EQ(code(R"({"name":"a"})"), "PV-JSN-002");
  const Said silent =
      call("POST", "/routes", R"({"name":"a","endpoint":"events","source":"TwinChangeEvents"})");
  EXPECT_EQ(silent.code(), "PV-HST-067");
  EXPECT_THAT(silent.raw.body, HasSubstr("twinChangeEvents")) << "says what to do first";
  ASSERT_EQ(house_
                .call("PATCH", "/hubs/plant-1", house_.admin,
                      R"({"settings":{"event_sources":["twinChangeEvents"]}})")
                .status,
            200);
  EXPECT_EQ(code(R"({"name":"a","endpoint":"events","source":"twinchangeevents"})"), "");
}

TEST_F(HubRouting, RoutesAreTriedWithAMessage) {
  ASSERT_EQ(call("POST", "/endpoints", kWebhook).status, 201);
  for (const char* body :
       {R"({"name":"body","endpoint":"alarms","condition":"$body.t > 30"})",
        R"({"name":"severe","endpoint":"events","condition":"severity = '1'"})",
        R"({"name":"off","endpoint":"alarms","enabled":false})",
        R"({"name":"twin","endpoint":"events","condition":"$twin.tags.floor = 3"})",
        R"({"name":"device","endpoint":"events","condition":"$connectionDeviceId = 'd1'"})"})
    ASSERT_EQ(call("POST", "/routes", body).status, 201) << body;
  const Said all =
      call("POST", "/route-test",
           R"({"body":"{\"t\":31}","properties":{"severity":"2"},"twin":{"tags":{"floor":3}},)"
           R"("system_properties":{"contentType":"application/json","contentEncoding":"utf-8"}})");
  ASSERT_EQ(all.status, 200) << all.raw.body;
  EXPECT_EQ(
      json::serialize(all.json),
      R"({"routes":[{"name":"body","endpoint":"alarms","result":"matches"},)"
      R"({"name":"device","endpoint":"events","result":"undefined"},)"
      R"({"name":"off","endpoint":"alarms","result":"does_not_match"},)"
      R"({"name":"severe","endpoint":"events","result":"does_not_match"},)"
      R"({"name":"twin","endpoint":"events","result":"matches"}],"endpoints":["alarms","events"]})");
  const Said one = call("POST", "/route-test",
                        R"({"route":"device","system_properties":{"connectionDeviceId":"d1"}})");
  EXPECT_EQ(json::serialize(one.json),
            R"({"routes":[{"name":"device","endpoint":"events","result":"matches"}],)"
            R"("endpoints":["events"]})");
  const auto code = [&](const std::string& body) {
    return call("POST", "/route-test", body).code();
  };
  EXPECT_EQ(code(R"({"route":"none"})"), "PV-HST-065");
  EXPECT_EQ(code(R"({"system_properties":{"nothing":"x"}})"), "PV-API-013");
  EXPECT_EQ(code(R"({"properties":{"x":1}})"), "PV-JSN-003");
  EXPECT_EQ(code(R"({"source":"x"})"), "PV-HST-067");
  json::object some;
  for (int i = 0; i < 100; ++i) some[std::to_string(i)] = "x";
  EXPECT_EQ(code(json::serialize(json::object{{"properties", some}})), "");
  some["more"] = "x";
  EXPECT_EQ(code(json::serialize(json::object{{"properties", some}})), "PV-JSN-003");
  const std::string most(256UL * 1024, 'x');
  EXPECT_EQ(code(R"({"body":")" + most + "\"}"), "");
  EXPECT_EQ(code(R"({"body":")" + most + "x\"}"), "PV-JSN-003");
}

TEST_F(HubRouting, TheyEndWithTheirHub) {
  ASSERT_EQ(call("POST", "/endpoints", kWebhook).status, 201);
  ASSERT_EQ(house_.call("DELETE", "/hubs/plant-1", house_.admin).status, 204);
  EXPECT_EQ(house_.routing_changes, 2);
}

}  // namespace
}  // namespace pavise::server
