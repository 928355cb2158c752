#include "cloud/server/routes/handlers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/array.hpp>

#include "cloud/hub/segment_log/errors.h"
#include "cloud/security/attestation/testing/soft_attester.h"
#include "cloud/security/report/verdict_report.h"
#include "cloud/server/routes/testing/api_house.h"
#include "cloud/server/routes/views.h"

namespace pavise::server {
namespace {

using security::Role;
using testing::ApiHouse;
using testing::device_named;
using testing::tenant_named;

const boost::json::array& list(const testing::Said& said, std::string_view name) {
  return said.json.at(name).as_array();
}

TEST(Tenants, AreMadeOnceAndListed) {
  ApiHouse house;
  const auto made = house.call("POST", "/tenants", house.admin, R"({"id":"acme"})");
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(made.json.at("id"), "acme");
  EXPECT_THAT(made.json.at("root_certificate").as_string().c_str(),
              ::testing::StartsWith("-----BEGIN CERTIFICATE-----\n"));
  const auto again = house.call("POST", "/tenants", house.admin, R"({"id":"acme"})");
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.code(), "PV-TEN-002");
  EXPECT_EQ(list(house.call("GET", "/tenants", house.admin), "tenants").size(), 1U);
}

TEST(StatusCall, SaysHowMuchSpaceIsLeft) {
  ApiHouse house;
  const auto state = [&] {
    const auto said = house.call("GET", "/status", house.admin);
    EXPECT_EQ(said.status, 200);
    return std::string(said.json.at("storage").at("state").as_string());
  };
  EXPECT_EQ(state(), "ok");
  house.storage.free_bytes = kLowStorageBytes;
  EXPECT_EQ(state(), "ok");
  house.storage.free_bytes = kLowStorageBytes - 1;
  EXPECT_EQ(state(), "low");
  house.storage.free_bytes = kFullStorageBytes;
  EXPECT_EQ(state(), "low");
  house.storage.free_bytes = kFullStorageBytes - 1;
  EXPECT_EQ(state(), "full");
  house.storage = {.free_bytes = 2 * kLowStorageBytes,
                   .size_bytes = 2 * kLowStorageBytes,
                   .telemetry_refused = Error(hub::kDiskFull, "write 7.seg")};
  EXPECT_EQ(state(), "full");
  const auto said = house.call("GET", "/status", house.admin);
  EXPECT_THAT(said.json.at("storage").at("telemetry_refused").as_string().c_str(),
              ::testing::HasSubstr("PV-LGS-002"));
  house.add_tenant(tenant_named("acme"));
  const auto bound = house.token("bound", security::Role::reader, tenant_named("acme"));
  EXPECT_FALSE(house.call("GET", "/status", bound).json.contains("storage"))
      << "no business of one tenant";
}

TEST(Tenants, NeedAName) {
  ApiHouse house;
  for (const char* body : {R"({"id":"Acme"})", R"({"id":""})", R"({"id":"-"})", R"({"id":1})", "{}",
                           R"({"id":"a","x":1})"})
    EXPECT_EQ(house.call("POST", "/tenants", house.admin, body).status, 400) << body;
}

TEST(Tenants, AreNotMadeWithoutTheSigner) {
  ApiHouse house;
  house.signer.reachable = false;
  const auto said = house.call("POST", "/tenants", house.admin, R"({"id":"acme"})");
  EXPECT_EQ(said.status, 503);
  EXPECT_EQ(said.json.at("error").at("retry"), "later");
  EXPECT_TRUE(list(house.call("GET", "/tenants", house.admin), "tenants").empty());
}

class DevicesTest : public ::testing::Test {
 protected:
  DevicesTest() {
    house_.add_tenant(acme_);
    house_.add_tenant(other_);
    house_.add_device(device_, acme_);
    house_.add_device(device_named('b'), other_);
    house_.add_device(device_named('c'), {});
  }
  std::string path(std::string_view tail) {
    return "/devices/" + device_.text() + std::string(tail);
  }
  std::size_t listed(std::string_view query, std::string_view token = {}) {
    const auto said = house_.call("GET", std::string("/devices").append(query),
                                  token.empty() ? house_.admin : token);
    EXPECT_EQ(said.status, 200) << said.raw.body;
    return list(said, "devices").size();
  }

  TenantId acme_ = tenant_named("acme");
  TenantId other_ = tenant_named("other");
  DeviceId device_ = device_named('a');
  ApiHouse house_;
};

TEST_F(DevicesTest, AreListedByTenantStateAndPage) {
  EXPECT_EQ(listed(""), 3U);
  EXPECT_EQ(listed("?tenant=acme"), 1U);
  EXPECT_EQ(listed("?state=waiting"), 2U);
  EXPECT_EQ(listed("?state=unclaimed"), 1U);
  EXPECT_EQ(listed("?state=trusted"), 0U);
  EXPECT_EQ(listed("", house_.token("t", Role::reader, acme_)), 1U);
  const auto first = house_.call("GET", "/devices?limit=2", house_.admin);
  EXPECT_EQ(first.json.at("next"), device_named('b').text().c_str());
  EXPECT_EQ(listed("?limit=2&after=" + device_named('b').text()), 1U);
  for (const char* wrong : {"?state=odd", "?after=x", "?limit=0", "?limit=1001", "?tenant=A"})
    EXPECT_EQ(house_.call("GET", std::string("/devices") + wrong, house_.admin).status, 400);
}

TEST_F(DevicesTest, ShowWhatIsKnown) {
  house_.presence.present = device_;
  const auto said = house_.call("GET", path(""), house_.admin);
  EXPECT_EQ(said.json.at("id"), device_.text().c_str());
  EXPECT_EQ(said.json.at("tenant"), "acme");
  EXPECT_EQ(said.json.at("state"), "waiting");
  EXPECT_EQ(said.json.at("activated"), true);
  EXPECT_EQ(said.json.at("connected"), true);
  EXPECT_TRUE(said.json.at("certificate").is_null());
  EXPECT_EQ(house_.call("GET", "/devices/" + device_named('f').text(), house_.admin).code(),
            "PV-TEN-003");
  EXPECT_EQ(house_.call("GET", "/devices/short", house_.admin).code(), "PV-API-013");
}

TEST_F(DevicesTest, AreDisabledAndEnabled) {
  EXPECT_EQ(house_.call("POST", path("/disable"), house_.admin).json.at("state"), "disabled");
  EXPECT_EQ(house_.call("POST", path("/enable"), house_.admin).json.at("state"), "waiting");
  const auto audit = house_.call("GET", "/audit?limit=1", house_.admin);
  EXPECT_EQ(list(audit, "entries").at(0).at("subject"), device_.text().c_str());
  EXPECT_EQ(list(audit, "entries").at(0).at("actor"), "root");
}

TEST_F(DevicesTest, AreReleased) {
  const auto said = house_.call("POST", path("/release"), house_.admin);
  EXPECT_EQ(said.status, 200) << said.raw.body;
  EXPECT_TRUE(said.json.at("tenant").is_null());
  EXPECT_EQ(house_.call("POST", path("/release"), house_.admin).code(), "PV-AUT-005");
}

TEST_F(DevicesTest, HaveEvidenceOnceTheyAttested) {
  EXPECT_EQ(house_.call("GET", path("/evidence"), house_.admin).code(), "PV-API-016");
  security::VerdictRecord verdict{
      0,
      device_,
      1'795'000'000,
      security::Outcome::refused,
      "PV-ATT-007",
      "the kernel differs",
      to_bytes(as_bytes(R"({"checks":[{"name":"x"}],"device":"forged"})"))};
  ASSERT_TRUE(house_.registry->add_verdict(verdict, std::nullopt));
  const auto said = house_.call("GET", path("/evidence"), house_.admin);
  EXPECT_EQ(said.json.at("accepted"), false);
  EXPECT_EQ(said.json.at("code"), "PV-ATT-007");
  EXPECT_EQ(said.json.at("device"), device_.text().c_str())
      << "the report cannot shadow our own members";
  EXPECT_EQ(said.json.at("checks").as_array().size(), 1U);
  const auto history = house_.call("GET", path("/evidence/history?limit=5"), house_.admin);
  EXPECT_EQ(list(history, "verdicts").size(), 1U);
  EXPECT_EQ(house_.call("GET", path(""), house_.admin).json.at("state"), "refused");
}

TEST_F(DevicesTest, SayWhichAppsTheyMayRun) {
  const auto shown = [&] { return house_.call("GET", path(""), house_.admin).json.at("apps"); };
  EXPECT_TRUE(shown().is_null()) << "no evidence yet";
  const auto say = [&](security::Outcome outcome, unsigned apps) {
    attestation::Verdict verdict;
    for (unsigned i = 0; i < apps; ++i)
      verdict.apps.push_back(
          app_measurement::AppEvent::parse(attestation::testing::app_text(i)).value());
    security::VerdictRecord record{.device = device_, .at = house_.clock.now_s()};
    record.outcome = outcome;
    record.report = security::encode_report(verdict);
    ASSERT_TRUE(house_.registry->add_verdict(record, std::nullopt));
  };
  say(security::Outcome::accepted, 0);
  EXPECT_TRUE(shown().as_array().empty());
  say(security::Outcome::accepted, 2);
  ASSERT_EQ(shown().as_array().size(), 2U);
  EXPECT_EQ(shown().at(1).at("component_id"), "0e0c6b3e-6f0f-4e0a-9c3a-2d5d4f4b7f10");
  EXPECT_EQ(shown().at(1).at("version"), "1.0.1");
  EXPECT_EQ(shown().at(1).at("policy_digest").as_string().size(), 64U);
  EXPECT_EQ(shown().at(1).at("content_digest").as_string().size(), 64U);
  EXPECT_EQ(house_.call("GET", path("/evidence"), house_.admin).json.at("apps"), shown());
  EXPECT_FALSE(list(house_.call("GET", "/devices", house_.admin), "devices")
                   .at(0)
                   .as_object()
                   .contains("apps"));
  say(security::Outcome::refused, 1);
  EXPECT_TRUE(shown().is_null()) << "what a refused device may run is not known";
  say(security::Outcome::accepted, 1);
  house_.clock.advance_ms(60'000);
  ASSERT_TRUE(house_.tenancy->transfer_device("root", acme_, device_, other_));
  EXPECT_TRUE(shown().is_null()) << "what it may run for another owner is not for this one";
}

TEST_F(DevicesTest, EvidenceForAnEarlierOwnerIsNotForThePresentOne) {
  const auto say = [&](std::string_view code) {
    security::VerdictRecord verdict{.device = device_, .at = house_.clock.now_s()};
    verdict.code = code;
    ASSERT_TRUE(house_.registry->add_verdict(verdict, std::nullopt));
  };
  house_.clock.advance_ms(1'000);
  say("PV-ATT-015");
  house_.clock.advance_ms(60'000);
  ASSERT_TRUE(house_.tenancy->transfer_device("root", acme_, device_, other_));
  const std::string other = house_.token("other", Role::reader, other_);
  EXPECT_EQ(house_.call("GET", path("/evidence"), other).code(), "PV-API-016");
  house_.clock.advance_ms(1'000);
  say("PV-ATT-009");
  EXPECT_EQ(house_.call("GET", path("/evidence"), other).json.at("code"), "PV-ATT-009");
  EXPECT_EQ(list(house_.call("GET", path("/evidence/history"), other), "verdicts").size(), 1U);
  EXPECT_EQ(list(house_.call("GET", path("/evidence/history"), house_.admin), "verdicts").size(),
            2U);
}

TEST_F(DevicesTest, AreNotClaimedWithNonsense) {
  for (const char* voucher : {"%%%", "AAAA"}) {
    const auto said = house_.call("POST", "/devices/claim", house_.admin,
                                  std::string(R"({"tenant":"acme","voucher":")") + voucher + "\"}");
    EXPECT_GE(said.status, 400);
    EXPECT_LT(said.status, 500);
  }
}

TEST_F(DevicesTest, TwinsAreReadAndChanged) {
  const auto changed =
      house_.call("PATCH", path("/twin"), house_.admin, R"({"desired":{"interval_s":10}})");
  EXPECT_EQ(changed.status, 200) << changed.raw.body;
  EXPECT_EQ(changed.raw.headers.at(0).value, "\"1\"");
  const auto audit = house_.call("GET", "/audit?limit=1", house_.admin);
  EXPECT_EQ(list(audit, "entries").at(0).at("action"), "device.twin");
  EXPECT_EQ(list(audit, "entries").at(0).at("subject"), device_.text().c_str());
  EXPECT_EQ(list(audit, "entries").at(0).at("actor"), "root");
  EXPECT_EQ(house_.call("GET", path("/twin"), house_.admin).json.at("desired").at("interval_s"),
            10);
  const auto patch = [&](const char* tag) {
    return house_
        .call("PATCH", path("/twin"), house_.admin, R"({"desired":{}})", {{"if-match", tag}})
        .status;
  };
  EXPECT_EQ(patch("\"0\""), 412);
  EXPECT_EQ(patch("\"nonsense\""), 412);
  EXPECT_EQ(patch("1"), 400);
  EXPECT_EQ(patch("\"1\""), 200);
  EXPECT_EQ(patch("*"), 200);
  const std::string unclaimed = "/devices/" + device_named('c').text() + "/twin";
  EXPECT_EQ(house_.call("GET", unclaimed, house_.admin).status, 409);
}

TEST_F(DevicesTest, TwinsAreForgottenWithTheirOwner) {
  house_.twins.documents[device_.text()].desired = R"({"secret_of":"acme"})";
  EXPECT_EQ(house_.call("POST", path("/release"), house_.admin).status, 200);
  EXPECT_FALSE(house_.twins.documents.contains(device_.text()));
}

TEST_F(DevicesTest, TelemetryIsReadFromAnOffset) {
  house_.telemetry.add(device_, acme_, R"({"t":21.5})");
  house_.telemetry.add(device_named('b'), other_, "\x01\xff");
  const auto all = house_.call("GET", "/telemetry", house_.admin);
  ASSERT_EQ(list(all, "items").size(), 2U);
  EXPECT_EQ(list(all, "items").at(0).at("body").at("t"), 21.5);
  EXPECT_EQ(list(all, "items").at(1).at("body_base64"), "Af8=");
  EXPECT_EQ(all.json.at("next_offset"), 2);
  EXPECT_EQ(list(house_.call("GET", "/telemetry?from=1", house_.admin), "items").size(), 1U);
  EXPECT_TRUE(list(house_.call("GET", "/telemetry?from=latest", house_.admin), "items").empty());
  house_.telemetry.add(device_, other_, "of another owner, or of somebody who took its name");
  EXPECT_EQ(
      list(house_.call("GET", "/telemetry?device=" + device_.text(), house_.admin), "items").size(),
      1U)
      << "what it sent for its owner of now";
  EXPECT_EQ(list(house_.call("GET", "/telemetry", house_.token("t", Role::reader, acme_)), "items")
                .size(),
            1U);
}

TEST_F(DevicesTest, TelemetryIsAwaited) {
  http::Request request;
  request.method = "GET";
  request.path = "/api/v1/telemetry";
  request.query = "from=latest&wait_ms=30000";
  request.headers = {{"authorization", "Bearer " + house_.admin}};
  auto response = house_.api->handle(request);
  ASSERT_TRUE(response.ask_again);
  house_.telemetry.add(device_, acme_, "{}");
  request.poll_state = response.ask_again->state;
  response = house_.api->handle(request);
  EXPECT_FALSE(response.ask_again);
  EXPECT_THAT(response.body, ::testing::HasSubstr("\"offset\":0"));
  request.poll_state = 1;
  request.waited = std::chrono::milliseconds(30'000);
  EXPECT_FALSE(house_.api->handle(request).ask_again) << "the wait has ended";
  EXPECT_EQ(house_.call("GET", "/telemetry?wait_ms=30001", house_.admin).status, 400);
}

TEST(Tokens, AreMadeUsedAndRemoved) {
  ApiHouse house;
  house.add_tenant(tenant_named("acme"));
  const auto made = house.call("POST", "/tokens", house.admin,
                               R"({"name":"x","role":"reader","tenant":"acme","days":1})");
  ASSERT_EQ(made.status, 201) << made.raw.body;
  const std::string secret = made.json.at("token").as_string().c_str();
  EXPECT_EQ(house.call("GET", "/status", secret).status, 200);
  EXPECT_THAT(house.call("GET", "/tokens", house.admin).raw.body,
              ::testing::Not(::testing::HasSubstr(secret)));
  house.clock.advance_ms(24 * 3600 * 1000);
  EXPECT_EQ(house.call("GET", "/status", secret).status, 401);
  EXPECT_EQ(house.call("DELETE", "/tokens/x", house.admin).status, 204);
  EXPECT_EQ(house.call("DELETE", "/tokens/x", house.admin).status, 404);
  EXPECT_EQ(house.call("DELETE", "/tokens/root", house.admin).code(), "PV-API-014");
}

TEST(Tokens, AreRefusedWithOddWishes) {
  ApiHouse house;
  const auto status = [&](const char* body) {
    return house.call("POST", "/tokens", house.admin, body).status;
  };
  EXPECT_EQ(status(R"({"name":"a b","role":"reader"})"), 400);
  EXPECT_EQ(status(R"({"name":"a","role":"god"})"), 400);
  EXPECT_EQ(status(R"({"name":"a","role":"reader","days":0})"), 400);
  EXPECT_EQ(status(R"({"name":"a","role":"reader","days":3651})"), 400);
  EXPECT_EQ(status(R"({"name":"a","role":"reader","tenant":"nobody"})"), 404);
  EXPECT_EQ(status(R"({"name":"root","role":"reader"})"), 409);
}

TEST(FullDisk, AnswersWithItsReasonAndChangesNothing) {
  constexpr std::uint32_t kPagesMax = 50;
  ApiHouse house(kPagesMax);
  std::size_t made = 0;
  testing::Said said;
  const auto body = [&] {
    return R"({"name":"t)" + std::to_string(made) + R"(","role":"reader"})";
  };
  while ((said = house.call("POST", "/tokens", house.admin, body())).status == 201) ++made;
  EXPECT_EQ(said.status, 507) << said.raw.body;
  EXPECT_EQ(said.code(), "PV-REG-002");
  EXPECT_FALSE(said.json.at("error").at("next").as_string().empty());
  std::size_t tenants = 0;
  const auto tenant = [&] { return R"({"id":"t)" + std::to_string(tenants) + "\"}"; };
  while ((said = house.call("POST", "/tenants", house.admin, tenant())).status == 201) ++tenants;
  EXPECT_EQ(said.status, 507) << said.raw.body;
  EXPECT_EQ(list(house.call("GET", "/tokens", house.admin), "tokens").size(), made + 1);
  EXPECT_EQ(list(house.call("GET", "/tenants", house.admin), "tenants").size(), tenants);
  EXPECT_EQ(house.registry->tokens()->size(), made + 1) << "memory and disk agree";
}

TEST(Supply, RefusesWhatIsNoCertificateKeyOrRelease) {
  ApiHouse house;
  const auto status = [&](const char* path, const char* body) {
    return house.call("POST", path, house.admin, body).status;
  };
  EXPECT_EQ(status("/vendors", R"({"name":"v","certificate":"?"})"), 400);
  EXPECT_EQ(status("/vendors", R"({"name":"v","certificate":"AAAA"})"), 422);
  EXPECT_EQ(status("/release-keys", R"({"name":"k","key":"?"})"), 422);
  EXPECT_EQ(status("/releases", R"({"manifest":"AAAA","signature":"AAAA"})"), 422);
  EXPECT_EQ(status("/factory/devices", R"({"ek_certificate":"AAAA"})"), 422);
  EXPECT_TRUE(list(house.call("GET", "/vendors", house.admin), "vendors").empty());
  EXPECT_TRUE(list(house.call("GET", "/releases", house.admin), "releases").empty());
  EXPECT_TRUE(list(house.call("GET", "/release-keys", house.admin), "release_keys").empty());
}

TEST(Status, HidesTheWholeFromOneTenant) {
  ApiHouse house;
  house.add_tenant(tenant_named("acme"));
  house.add_tenant(tenant_named("other"));
  const auto all = house.call("GET", "/status", house.admin);
  EXPECT_EQ(all.json.at("tenants"), 2);
  EXPECT_EQ(all.json.at("ports").at("hub"), 3);
  EXPECT_EQ(all.json.at("telemetry_next_offset"), 0);
  const auto one =
      house.call("GET", "/status", house.token("t", Role::reader, tenant_named("acme")));
  EXPECT_EQ(one.json.at("tenants"), 1);
  EXPECT_FALSE(one.json.contains("connected"));
}

TEST(Views, ReadCertificatesInBothForms) {
  const Bytes der =
      to_bytes(as_bytes("some bytes that stand for a certificate, longer than a line"));
  EXPECT_EQ(*certificate_from_text("c", pem_of_certificate(der)), der);
  EXPECT_EQ(*certificate_from_text("c", to_base64(der)), der);
  EXPECT_FALSE(certificate_from_text("c", pem_of_certificate(der) + pem_of_certificate(der)));
  EXPECT_FALSE(certificate_from_text("c", "-----BEGIN CERTIFICATE-----"));
  EXPECT_FALSE(certificate_from_text("c", ""));
}

}  // namespace
}  // namespace pavise::server
