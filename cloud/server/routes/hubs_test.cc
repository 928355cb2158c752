// Hubs as resources of the management API.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "cloud/server/routes/handlers.h"
#include "cloud/server/routes/testing/api_house.h"
#include "cloud/server/routes/views.h"
#include "common/net/testing/loopback.h"
#include "protocol/sas/token.h"

namespace pavise::server {
namespace {

namespace json = boost::json;
using security::Role;
using testing::ApiHouse;
using testing::device_named;
using ::testing::HasSubstr;
using testing::Said;
using testing::tenant_named;

class Hubs : public ::testing::Test {
 protected:
  Hubs() { house_.add_tenant(acme_); }

  Said create(std::string_view name, std::string_view settings = "{}",
              const std::string& token = {}) {
    return house_.call("POST", "/hubs", token.empty() ? house_.admin : token,
                       R"({"tenant":"acme","name":")" + std::string(name) + R"(","settings":)" +
                           std::string(settings) + "}");
  }
  Said patch(std::string_view settings, std::vector<http::Header> headers = {}) {
    return house_.call("PATCH", "/hubs/plant-1", house_.admin,
                       R"({"settings":)" + std::string(settings) + "}", std::move(headers));
  }
  // "hub.create plant-1 of acme", newest first.
  std::vector<std::string> audit() {
    std::vector<std::string> out;
    for (const auto& entry : *house_.registry->audit(0, 100))
      if (entry.action.starts_with("hub."))
        out.push_back(entry.action + " " + entry.subject +
                      (entry.detail.empty() ? "" : " " + entry.detail));
    return out;
  }

  TenantId acme_ = tenant_named("acme");
  ApiHouse house_;
};

TEST_F(Hubs, AreMadeShownChangedAndDeleted) {
  const Said made = create("Plant-1", R"({"partition_count":8,"feedback":{"lock_s":30}})");
  ASSERT_EQ(made.status, 201) << made.raw.body;
  EXPECT_EQ(made.json.at("name"), "plant-1") << "host names have no case";
  EXPECT_EQ(made.json.at("tenant"), "acme");
  EXPECT_EQ(made.json.at("host_name"), "plant-1.iot.example.com");
  EXPECT_EQ(made.json.at("settings").at("partition_count"), 8);
  EXPECT_EQ(made.json.at("settings").at("feedback").at("lock_s"), 30);
  EXPECT_EQ(made.json.at("settings").at("feedback").at("ttl_s"), 3600) << "the rest by default";
  EXPECT_EQ(made.json.at("settings").at("file_upload").at("enabled"), false) << "unless asked for";
  EXPECT_EQ(create("plant-1").code(), "PV-HST-011");

  const Said shown = house_.call("GET", "/hubs/plant-1", house_.admin);
  EXPECT_EQ(shown.json.at("devices"), 0);
  EXPECT_EQ(shown.json.at("connected"), 7);
  const Said listed = house_.call("GET", "/hubs", house_.admin);
  EXPECT_EQ(listed.json.at("hubs").as_array().size(), 1U);

  EXPECT_TRUE(made.json.at("settings").at("event_sources").as_array().empty());
  const Said changed = patch(R"({"message_ttl_s":120,"disable_device_sas":true,)"
                             R"("event_sources":["deviceLifecycleEvents","twinChangeEvents"]})");
  ASSERT_EQ(changed.status, 200) << changed.raw.body;
  EXPECT_EQ(changed.json.at("settings").at("message_ttl_s"), 120);
  EXPECT_EQ(changed.json.at("settings").at("event_sources"),
            (boost::json::array{"twinChangeEvents", "deviceLifecycleEvents"}));
  EXPECT_EQ(changed.json.at("settings").at("disable_device_sas"), true);
  EXPECT_EQ(changed.json.at("settings").at("partition_count"), 8) << "what is not named stays";
  EXPECT_EQ(house_.ended_hubs, std::vector<std::string>{"plant-1"});

  EXPECT_EQ(house_.call("DELETE", "/hubs/plant-1", house_.admin).status, 204);
  EXPECT_EQ(house_.ended_hubs.size(), 2U);
  EXPECT_EQ(house_.made_hubs, std::vector<std::string>{"plant-1"}) << "it counts from nothing";
  EXPECT_EQ(house_.forgotten_hubs, std::vector<std::string>{"plant-1"})
      << "the next hub of that name has other devices";
  EXPECT_EQ(house_.call("GET", "/hubs/plant-1", house_.admin).status, 404);
  EXPECT_EQ(audit(),
            (std::vector<std::string>{"hub.delete plant-1", "hub.update plant-1",
                                      "hub.create plant-1 of acme", "hub.create plant-1 of acme"}))
      << "what was refused was tried";
}

TEST_F(Hubs, WhatWasDoneThroughAHubsOwnCallsIsShown) {
  ASSERT_EQ(create("plant-1").status, 201);
  for (const char* device : {"a", "b", "c"})
    ASSERT_TRUE(house_.hub_store->execute([&](hub::store::HubTransaction& tx) {
      return tx.note_act(*iothub::HubName::parse("plant-1"), {.at_ms = 1'700'000'000'000,
                                                              .actor = "policy p",
                                                              .peer = "192.0.2.1:4711",
                                                              .action = "device.create",
                                                              .subject = device,
                                                              .detail = "enabled, sas"});
    }));
  const std::string op = house_.token("op", Role::operator_, acme_);
  const Said page = house_.call("GET", "/hubs/plant-1/audit?limit=2", op);
  ASSERT_EQ(page.status, 200) << page.raw.body;
  EXPECT_EQ(page.json.at("entries").as_array().size(), 2U);
  EXPECT_EQ(page.json.at("entries").at(0).as_object(),
            (boost::json::object{{"id", 3},
                                 {"time", "2023-11-14T22:13:20Z"},
                                 {"actor", "policy p"},
                                 {"address", "192.0.2.1:4711"},
                                 {"action", "device.create"},
                                 {"subject", "c"},
                                 {"detail", "enabled, sas"}}));
  EXPECT_EQ(page.json.at("next"), 2);
  const Said rest = house_.call("GET", "/hubs/plant-1/audit?before=2", op);
  EXPECT_EQ(rest.json.at("entries").as_array().size(), 1U);
  EXPECT_TRUE(rest.json.at("next").is_null());
  EXPECT_EQ(
      house_.call("GET", "/hubs/plant-1/audit", house_.token("r", Role::reader, acme_)).status,
      403);
  EXPECT_EQ(house_.call("GET", "/hubs/nowhere/audit", house_.admin).status, 404);
}

TEST_F(Hubs, NamesThatPeopleCannotHave) {
  const std::string longest(kHubNameMax, 'a');
  for (const std::string& name : std::vector<std::string>{
           "tenant-acme", "TENANT-x", "ab", longest + "a", "iot", "a_b", "-ab", "a.b"}) {
    const Said said = create(name);
    EXPECT_EQ(said.code(), "PV-API-017") << name;
    EXPECT_EQ(said.status, 400) << name;
  }
  EXPECT_EQ(create("abc").status, 201);
  EXPECT_EQ(create(longest).status, 201);
  EXPECT_EQ(audit().size(), 2U);
}

TEST_F(Hubs, AHubOfATenantStays) {
  house_.add_hub("tenant-acme", acme_);
  EXPECT_EQ(house_.call("DELETE", "/hubs/tenant-acme", house_.admin).code(), "PV-API-018");
  const Said shown = house_.call("GET", "/hubs/tenant-acme", house_.admin);
  EXPECT_EQ(shown.json.at("of_tenant"), true);
}

TEST_F(Hubs, BelongToATenantThatExists) {
  const Said said =
      house_.call("POST", "/hubs", house_.admin, R"({"tenant":"nobody","name":"plant-1"})");
  EXPECT_EQ(said.status, 404);
  EXPECT_TRUE(audit().empty());
}

TEST_F(Hubs, AListShowsATenantItsOwnOnly) {
  const TenantId other = tenant_named("other");
  house_.add_tenant(other);
  house_.add_hub("theirs", other);
  house_.add_hub("ours", acme_);
  const Said said = house_.call("GET", "/hubs", house_.token("t", Role::reader, acme_));
  ASSERT_EQ(said.json.at("hubs").as_array().size(), 1U);
  EXPECT_EQ(said.json.at("hubs").at(0).at("name"), "ours");
  EXPECT_EQ(
      house_.call("GET", "/hubs?tenant=other", house_.admin).json.at("hubs").as_array().size(), 1U);
}

TEST_F(Hubs, SettingsAreChecked) {
  ASSERT_EQ(create("plant-1").status, 201);
  const std::pair<std::string, std::string> wrong[] = {
      {R"({"surprise":1})", "PV-JSN-004"},
      {R"({"feedback":{"surprise":1}})", "PV-JSN-004"},
      {R"({"retention_hours":"1"})", "PV-JSN-003"},
      {R"({"disable_device_sas":1})", "PV-JSN-003"},
      {R"({"feedback":[]})", "PV-JSN-003"},
      {R"({"file_upload":{"surprise":1}})", "PV-JSN-004"},
      {R"({"file_upload":{"notification":{"surprise":1}}})", "PV-JSN-004"},
      {R"({"file_upload":{"enabled":1}})", "PV-JSN-003"},
      {R"({"file_upload":{"file_bytes_max":0}})", "PV-HST-012"},
      {R"({"retention_hours":0})", "PV-HST-012"},
      {R"({"event_sources":["Telemetry"]})", "PV-HST-012"},
      {R"({"event_sources":["a","b","c","d"]})", "PV-JSN-003"},
      {R"({"partition_count":8})", "PV-HST-012"},
      {R"({"host_aliases":["UPPER"]})", "PV-HST-012"},
      {R"({"message_ttl_s":-1})", "PV-JSN-003"}};
  for (const auto& [settings, code] : wrong) EXPECT_EQ(patch(settings).code(), code) << settings;
  EXPECT_EQ(house_.call("PATCH", "/hubs/plant-1", house_.admin, "{}").code(), "PV-JSN-002");
  EXPECT_TRUE(house_.ended_hubs.empty());
  EXPECT_EQ(create("plant-2", R"({"retention_hours":0})").code(), "PV-HST-012");
}

TEST_F(Hubs, AChangeMayNeedTheETag) {
  const Said made = create("plant-1");
  const std::string etag = made.raw.headers.at(0).value;
  EXPECT_EQ(patch(R"({"retention_hours":2})", {{"if-match", "\"other\""}}).status, 412);
  EXPECT_EQ(patch(R"({"retention_hours":2})", {{"if-match", "other"}}).code(), "PV-API-013");
  EXPECT_EQ(patch(R"({"retention_hours":2})", {{"if-match", etag}}).status, 200);
  EXPECT_EQ(house_.call("DELETE", "/hubs/plant-1", house_.admin, {}, {{"if-match", etag}}).status,
            412);
}

// Who could name another's host would get what its devices send.
TEST_F(Hubs, AliasesAreNotForTokensOfOneTenant) {
  const std::string bound = house_.token("bound", Role::administrator, acme_);
  EXPECT_EQ(create("plant-1", R"({"host_aliases":["plant-2.iot.example.com"]})", bound).code(),
            "PV-API-004");
  EXPECT_EQ(create("plant-1", "{}", bound).status, 201);
  EXPECT_EQ(house_
                .call("PATCH", "/hubs/plant-1", bound,
                      R"({"settings":{"host_aliases":["plant-2.iot.example.com"]}})")
                .code(),
            "PV-API-004");
  const Said said = patch(R"({"host_aliases":["127.0.0.1","localhost"]})");
  ASSERT_EQ(said.status, 200) << said.raw.body;
  const auto& index = house_.hub_store->index();
  EXPECT_EQ(index.hub_by_host("127.0.0.1:8883")->hub.name.text(), "plant-1");
  EXPECT_EQ(index.hub_by_host("LOCALHOST")->hub.name.text(), "plant-1");
}

TEST_F(Hubs, KeysAreShownToOperatorsAndTheAuditKnows) {
  ASSERT_EQ(create("plant-1").status, 201);
  const Said said =
      house_.call("GET", "/hubs/plant-1/policies", house_.token("o", Role::operator_, acme_));
  ASSERT_EQ(said.status, 200);
  const auto& policies = said.json.at("policies").as_array();
  ASSERT_EQ(policies.size(), 5U);
  for (const json::value& policy : policies) {
    EXPECT_EQ(policy.at("primary_key").as_string().size(), 44U);
    if (policy.at("name") == "iothubowner")
      EXPECT_EQ(json::serialize(policy.at("rights")),
                R"(["RegistryRead","RegistryWrite","ServiceConnect","DeviceConnect"])");
  }
  EXPECT_EQ(audit().front(), "hub.show-keys plant-1");
  EXPECT_THAT(house_.log.lines,
              ::testing::Not(HasSubstr(std::string(policies.at(0).at("primary_key").as_string()))));
}

TEST_F(Hubs, TokensAreOfOnePolicyAndEnd) {
  ASSERT_EQ(create("plant-1").status, 201);
  const auto ask = [&](const std::string& body) {
    return house_.call("POST", "/hubs/plant-1/token", house_.admin, body);
  };
  const Said said = ask(R"({"policy":"service","seconds":60})");
  ASSERT_EQ(said.status, 201) << said.raw.body;
  EXPECT_EQ(said.json.at("host_name"), "plant-1.iot.example.com");
  EXPECT_EQ(said.json.at("ports").at("mqtt"), 3);
  EXPECT_EQ(said.json.at("ports").at("amqp"), 4);
  EXPECT_EQ(said.json.at("ports").at("https"), 5);
  const auto token = sas::Token::parse(std::string(said.json.at("token").as_string()));
  ASSERT_TRUE(token);
  EXPECT_EQ(token->policy(), "service");
  EXPECT_EQ(token->expiry(), house_.clock.now_s() + 60);
  const auto name = iothub::HubName::parse("plant-1");
  ASSERT_TRUE(name);
  ASSERT_TRUE(house_.hub_store);
  const auto hub = house_.hub_store->index().hub(*name);
  ASSERT_TRUE(hub);
  const auto* service = hub->policy("service");
  const auto* owner = hub->policy("iothubowner");
  ASSERT_TRUE(service != nullptr && owner != nullptr);
  EXPECT_TRUE(token->check_signature(service->primary_key, {}, sas::KeyForm::decoded));
  EXPECT_FALSE(token->check_signature(owner->primary_key, {}, sas::KeyForm::decoded));
  EXPECT_THAT(audit().front(), HasSubstr("hub.token plant-1 service until 20"));
  EXPECT_THAT(house_.log.lines,
              ::testing::Not(HasSubstr(std::string(said.json.at("token").as_string()))));

  EXPECT_EQ(ask(R"({"policy":"nobody"})").code(), "PV-HST-013");
  EXPECT_EQ(ask(R"({"policy":"service","seconds":0})").code(), "PV-JSN-003");
  const std::string longest = std::to_string(kHubTokenSecondsMax);
  EXPECT_EQ(ask(R"({"policy":"service","seconds":)" + longest + "}").status, 201);
  const std::string longer = std::to_string(kHubTokenSecondsMax + 1);
  EXPECT_EQ(ask(R"({"policy":"service","seconds":)" + longer + "}").code(), "PV-JSN-003");
}

TEST_F(Hubs, TelemetryHasItsSystemProperties) {
  ASSERT_EQ(create("plant-1").status, 201);
  auto& items = house_.telemetry.items;
  house_.telemetry.add(device_named('a'), acme_, "{}");
  items.push_back({.offset = 1,
                   .device = "thermo",
                   .tenant = acme_,
                   .time_ms = testing::kStartMs,
                   .properties = {{"$.ct", "application/json"}, {"colour", "red"}},
                   .body = to_bytes(as_bytes(R"({"t":21})")),
                   .hub = "plant-1",
                   .module_id = "m1",
                   .auth_method = "sas",
                   .generation_id = "7"});
  // Of an earlier hub of that name.
  items.push_back({.offset = 2, .device = "thermo", .tenant = acme_, .hub = "plant-1"});
  items.push_back({.offset = 3,
                   .device = "thermo",
                   .tenant = tenant_named("other"),
                   .time_ms = testing::kStartMs,
                   .hub = "plant-1"});
  const Said said = house_.call("GET", "/hubs/plant-1/telemetry", house_.admin);
  ASSERT_EQ(said.status, 200) << said.raw.body;
  ASSERT_EQ(said.json.at("items").as_array().size(), 1U) << said.raw.body;
  const json::value& item = said.json.at("items").at(0);
  EXPECT_EQ(item.at("device"), "thermo");
  EXPECT_EQ(item.at("module"), "m1");
  EXPECT_EQ(item.at("body").at("t"), 21);
  EXPECT_EQ(item.at("properties"), (json::object{{"colour", "red"}}));
  const json::value& system = item.at("system_properties");
  EXPECT_EQ(system.at("iothub-connection-device-id"), "thermo");
  EXPECT_EQ(system.at("iothub-connection-module-id"), "m1");
  EXPECT_EQ(system.at("iothub-connection-auth-generation-id"), "7");
  EXPECT_EQ(system.at("iothub-message-source"), "Telemetry");
  EXPECT_EQ(system.at("content-type"), "application/json");
  EXPECT_EQ(
      house_.call("GET", "/hubs/plant-1/telemetry?device=other", house_.admin).json.at("items"),
      json::array());
}

class HubCertificates : public Hubs {
 protected:
  HubCertificates() {
    house_.clock.set_wall_ms(SystemClock().now_ms());  // as the test CA has it
    EXPECT_EQ(create("plant-1").status, 201);
  }
  Said post(const std::string& path, const json::object& body) {
    return house_.call("POST", "/hubs/plant-1/certificates" + path, house_.admin,
                       json::serialize(body));
  }
  Said add(const std::string& name) {
    return post("", {{"name", name}, {"certificate", ca_.pem()}});
  }
  Said code() {
    return house_.call("POST", "/hubs/plant-1/certificates/root/verification-code", house_.admin);
  }
  std::string proof(const std::string& common_name, const net::testing::TestCa& signer) const {
    return pem_of_certificate(signer.issue({.common_name = common_name}).certificate_der);
  }

  net::testing::TestCa ca_{"Plant CA"};
};

TEST_F(HubCertificates, CountOnlyAfterTheProofOfPossession) {
  const Said added = add("root");
  ASSERT_EQ(added.status, 201) << added.raw.body;
  EXPECT_EQ(added.json.at("verified"), false);
  EXPECT_EQ(added.json.at("verification_code"), nullptr);
  EXPECT_THAT(added.json.at("subject").as_string().c_str(), HasSubstr("Plant CA"));
  EXPECT_EQ(add("root").status, 409);
  const auto trusted = [&] {
    return house_.hub_store->index()
        .hub(*iothub::HubName::parse("plant-1"))
        ->ca_certificates.size();
  };
  EXPECT_EQ(post("/root/verify", {{"certificate", proof("x", ca_)}}).code(), "PV-CAP-005");

  const std::string first(code().json.at("verification_code").as_string());
  const std::string second(code().json.at("verification_code").as_string());
  EXPECT_NE(first, second);
  EXPECT_EQ(post("/root/verify", {{"certificate", proof(first, ca_)}}).code(), "PV-CAP-006");
  const net::testing::TestCa other("Plant CA");
  EXPECT_EQ(post("/root/verify", {{"certificate", proof(second, other)}}).code(), "PV-CAP-007");
  EXPECT_EQ(trusted(), 0U);

  const Said verified = post("/root/verify", {{"certificate", proof(second, ca_)}});
  ASSERT_EQ(verified.status, 200) << verified.raw.body;
  EXPECT_EQ(verified.json.at("verified"), true);
  EXPECT_EQ(verified.json.at("verification_code"), nullptr);
  EXPECT_EQ(trusted(), 1U);
  EXPECT_EQ(post("/root/verify", {{"certificate", proof(second, ca_)}}).code(), "PV-CAP-005")
      << "a code counts once";

  EXPECT_EQ(house_.call("DELETE", "/hubs/plant-1/certificates/root", house_.admin).status, 204);
  EXPECT_EQ(trusted(), 0U);
  EXPECT_EQ(house_.ended_hubs.back(), "plant-1") << "who connected by it may do so no more";
  EXPECT_EQ(house_.call("GET", "/hubs/plant-1/certificates", house_.admin).json.at("certificates"),
            json::array());
  EXPECT_EQ(audit().at(1), "hub.certificate.verify plant-1 root");
}

TEST_F(HubCertificates, RefusesWhatIsNoAuthority) {
  EXPECT_EQ(post("", {{"name", "x"}, {"certificate", proof("leaf", ca_)}}).code(), "PV-CAP-002");
  EXPECT_EQ(post("", {{"name", "x"}, {"certificate", "AAAA"}}).code(), "PV-CAP-001");
  EXPECT_EQ(post("", {{"name", "a b"}, {"certificate", ca_.pem()}}).code(), "PV-HST-042");
  EXPECT_EQ(code().status, 404);
  EXPECT_EQ(post("/root/verify", {{"certificate", proof("x", ca_)}}).code(), "PV-HST-040");
  EXPECT_EQ(house_.call("DELETE", "/hubs/plant-1/certificates/root", house_.admin).status, 404);
}

}  // namespace
}  // namespace pavise::server
