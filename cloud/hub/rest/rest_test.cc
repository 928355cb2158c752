// The HTTP calls against a real store, without sockets.
#include <fstream>

#include "cloud/hub/rest/error_rows.h"
#include "cloud/hub/rest/routes.h"
#include "cloud/hub/rest/testing/rest_fixture.h"
#include "cloud/hub/session/close_reasons.h"

namespace pavise::hub::rest {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

// --- Who may call --------------------------------------------------------------------------------

TEST_F(RestTest, EveryRouteRefusesWithoutTokenAndWithTooSmallARight) {
  const std::pair<Need, std::string> too_small[] = {{Need::registry_read, "device"},
                                                    {Need::registry_write, "read"},
                                                    {Need::service_connect, "write"},
                                                    {Need::device, "service"}};
  for (const Route& route : route_table()) {
    std::string path(route.pattern);
    for (std::size_t at; (at = path.find("{}")) != std::string::npos;) path.replace(at, 2, "x");
    const std::string method(route.method);
    EXPECT_EQ(call(method, path, "{}", {}, "").status, 401) << method << " " << path;
    EXPECT_EQ(call(method, path, "{}", {}, "wrong").status, 401) << method << " " << path;
    for (const auto& [need, token] : too_small) {
      if (need != route.need) continue;
      const Answer answer = call(method, path, "{}", {}, token);
      EXPECT_EQ(answer.status, 401) << method << " " << path;
      EXPECT_EQ(answer.error(), "IotHubUnauthorizedAccess") << method << " " << path;
    }
  }
}

TEST_F(RestTest, ADeviceKeepsItsOwnModules) {
  make_device("dev");
  make_device("other");
  const std::string module = "/devices/dev/modules/m";
  EXPECT_EQ(call("PUT", module, "{}", {}, "other").status, 401);
  EXPECT_EQ(call("PUT", module, "{}", {}, "dev/m").status, 401) << "a module is no device";
  EXPECT_EQ(call("PUT", module, "{}", {}, "gateway").status, 401)
      << "a policy's key is not its own";
  EXPECT_EQ(call("PUT", module, "{}", {}, "dev").status, 200);
  EXPECT_EQ(call("GET", module, {}, {}, "dev").status, 200);
  EXPECT_EQ(call("GET", "/devices/dev/modules", {}, {}, "dev").body.as_array().size(), 1U);
  EXPECT_EQ(call("GET", module, {}, {}, "other").status, 401);
  EXPECT_EQ(call("GET", "/devices/dev/modules", {}, {}, "other").status, 401);
  EXPECT_EQ(call("DELETE", module, {}, {}, "other").status, 401);
  EXPECT_EQ(call("DELETE", module, {}, {}, "dev").status, 204);
  EXPECT_EQ(call("GET", "/devices/dev", {}, {}, "dev").status, 401) << "of itself it reads nothing";
  EXPECT_EQ(call("GET", "/twins/dev", {}, {}, "dev").status, 401);
}

TEST_F(RestTest, TheReasonGoesToTheLogNotToTheClient) {
  const Answer answer = call("GET", "/devices/x", {}, {}, "wrong");
  EXPECT_EQ(answer.text.find("PV-HUB"), std::string::npos) << answer.text;
  ASSERT_EQ(refused_.size(), 1U);
  const std::string tracking_id = refused_[0].substr(0, 32);
  EXPECT_NE(answer.text.find(tracking_id), std::string::npos);
  EXPECT_NE(refused_[0].find(kDeviceBarred.code), std::string::npos);
}

// Before a byte of its body is taken.
TEST_F(RestTest, AHeadIsRefusedAsItsCallWouldBe) {
  const auto judged = [this](std::string_view method, std::string_view path, std::string_view token,
                             bool has_body = true) {
    return api_->judge({.method = method,
                        .path = path,
                        .query = {},
                        .host = "plant-1.test:443",
                        .authorization = token,
                        .has_body = has_body,
                        .peer = "192.0.2.1:4711"});
  };
  const std::string events = "/devices/dev/messages/events";
  for (const auto& [method, path, token] :
       {std::tuple{"PUT", "/devices/x", "wrong"}, std::tuple{"PUT", "/devices/x", ""},
        std::tuple{"PUT", "/devices/x", "read"}, std::tuple{"PUT", "/devices/x", "Bearer all"},
        std::tuple{"POST", events.c_str(), "other"}, std::tuple{"POST", "/nowhere", "all"},
        std::tuple{"POST", "/devices/%zz", "all"}}) {
    const auto verdict = judged(method, path, token);
    ASSERT_TRUE(verdict && verdict->refusal) << path << " " << token;
    EXPECT_EQ(verdict->kind, HttpBodyKind::call);
    const Answer later = call(method, path, "{}", {}, token);
    EXPECT_EQ(verdict->refusal->status, later.status) << path << " " << token;
    ASSERT_EQ(refused_.size(), 2U) << "both are logged";
    EXPECT_EQ(refused_[0].substr(33), refused_[1].substr(33));
    EXPECT_EQ(strangers_[0], strangers_[1]);
    refused_.clear();
    strangers_.clear();
    EXPECT_FALSE(judged(method, path, token, false)) << "what has no body waits for its turn";
  }
  EXPECT_EQ(judged("PUT", "/devices/x", "write")->owner, "plant-1?write");
  EXPECT_EQ(judged("POST", events, "dev")->owner, "plant-1/dev");
  EXPECT_EQ(judged("POST", "/devices/dev/modules/m/messages/events", "dev/m")->owner, "plant-1/dev")
      << "modules share with their device";
  EXPECT_TRUE(refused_.empty());
}

// Whose lines in the log must be bounded.
TEST_F(RestTest, ARefusalSaysWhetherAStrangerCausedIt) {
  const std::string stranger = "192.0.2.1:4711";
  call("GET", "/devices/x", {}, {}, "wrong");
  call("GET", "/nowhere", {}, {}, "");
  call("GET", "/devices/%zz");
  call("GET", "/devices/x");            // there is none
  call("GET", "/devices?top=1&top=2");  // a query that cannot be
  EXPECT_EQ(strangers_, (std::vector<std::string>{stranger, stranger, stranger, "", ""}));
}

TEST_F(RestTest, TheHostHeaderNamesTheHub) {
  call("GET", "/devices");
  EXPECT_EQ(gatekeeper_.hosts.back(), "plant-1.test");
}

TEST_F(RestTest, PathsThatNameNothing) {
  for (const std::string& path :
       std::vector<std::string>{"", "x", "/", "/nothing", "/devices/%zz", "/devices//x",
                                "/devices/a%2Fb", "/a/b/c/d/e/f/g/h/i"}) {
    const Answer answer = call("GET", path);
    EXPECT_TRUE(answer.status == 404 || answer.status == 400) << path << " " << answer.status;
  }
}

// --- Registry ------------------------------------------------------------------------------------

TEST_F(RestTest, CreateReadUpdateDelete) {
  const Answer made = make_device("dev");
  ASSERT_EQ(made.status, 200) << made.text;
  EXPECT_EQ(made.body.at("deviceId"), "dev");
  EXPECT_EQ(made.body.at("status"), "enabled");
  EXPECT_EQ(made.body.at("authentication").at("type"), "sas");
  EXPECT_EQ(made.body.at("authentication").at("symmetricKey").at("primaryKey").as_string().size(),
            44U)
      << "32 random bytes";
  EXPECT_EQ(made.body.at("connectionState"), "Disconnected");
  const Answer again = make_device("dev");
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.error(), "DeviceAlreadyExists");
  EXPECT_TRUE(again.body.at("Message").as_string().starts_with("ErrorCode:DeviceAlreadyExists;"));

  connected_ = "dev";
  const Answer read = call("GET", "/devices/dev");
  EXPECT_EQ(read.body.at("etag"), made.body.at("etag"));
  EXPECT_EQ(read.body.at("connectionState"), "Connected");
  EXPECT_EQ(read.header("etag"), "\"" + std::string(made.body.at("etag").as_string()) + "\"");
  EXPECT_EQ(call("GET", "/devices/").body.as_array().size(), 1U) << "node's trailing slash";

  const std::string disabled = R"({"deviceId":"dev","status":"disabled","statusReason":"lost"})";
  EXPECT_EQ(call("PUT", "/devices/dev", disabled, {{"if-match", "\"other\""}}).status, 412);
  EXPECT_TRUE(barred_.empty());
  const Answer updated = call("PUT", "/devices/dev", disabled, {{"if-match", "*"}});
  ASSERT_EQ(updated.status, 200) << updated.text;
  EXPECT_EQ(updated.body.at("statusReason"), "lost");
  EXPECT_EQ(updated.body.at("authentication"), made.body.at("authentication")) << "keys are kept";
  EXPECT_EQ(barred_, std::vector<std::string>{"dev"}) << "its session ends";

  EXPECT_EQ(call("DELETE", "/devices/dev", {}, {{"if-match", made.header("etag")}}).status, 412);
  EXPECT_EQ(call("DELETE", "/devices/dev", {}, {{"if-match", updated.header("etag")}}).status, 204);
  EXPECT_EQ(forgotten_, std::vector<std::string>{"dev"});
  const Answer gone = call("GET", "/devices/dev");
  EXPECT_EQ(gone.status, 404);
  EXPECT_EQ(gone.error(), "DeviceNotFound");
}

TEST_F(RestTest, AuthenticationTypes) {
  const std::string print(40, 'A');
  const std::tuple<std::string, std::string> rows[] = {
      {R"({"authentication":{"type":"certificateAuthority"}})", "certificateAuthority"},
      {R"({"authentication":{"x509Thumbprint":{"primaryThumbprint":")" + print + R"("}}})",
       "selfSigned"},
      {R"({"authentication":{"type":"sas","symmetricKey":{"primaryKey":null}}})", "sas"},
      {R"({"authentication":{"type":"none"}})", "none"},
      {R"({"authentication":null})", "sas"},
  };
  int number = 0;
  for (const auto& [body, type] : rows) {
    const Answer made = make_device("dev" + std::to_string(++number), body);
    ASSERT_EQ(made.status, 200) << body << made.text;
    EXPECT_EQ(made.body.at("authentication").at("type").as_string(), type);
  }
}

// To read, change and write back is what `pavise hub device-identity update` and the SDKs do.
TEST_F(RestTest, AnAttestedDeviceMayBeReadAndWrittenBack) {
  const auto id = *iothub::Identity::make(kHub, std::string(DeviceId::kLength, 'a'));
  ASSERT_TRUE(queue_->call([&](store::HubTransaction& transaction) -> Status {
    PAVISE_TRY(transaction.ensure_attested(id));
    return {};
  }));
  const std::string path = "/devices/" + id.device();
  const auto put = [&](const std::string& body) {
    return call("PUT", path, body, {{"if-match", "*"}});
  };
  json::object body = call("GET", path).body.as_object();
  EXPECT_EQ(body.at("authentication").at("type"), "certificateAuthority");
  body["status"] = "disabled";
  const Answer written = put(json::serialize(body));
  ASSERT_EQ(written.status, 200) << written.text;
  EXPECT_EQ(written.body.at("status"), "disabled");
  for (const std::string& nothing : {R"({})", R"({"authentication":null})",
                                     R"({"authentication":{"symmetricKey":{"primaryKey":""}}})"})
    EXPECT_EQ(put(nothing).status, 200) << nothing;
  EXPECT_EQ(store_->index().find(id)->kind, store::AuthKind::attested);
  for (const std::string& another :
       {R"({"authentication":{"type":"sas"}})",
        R"({"authentication":{"symmetricKey":{"primaryKey":"MDEyMzQ1Njc4OTAxMjM0NQ=="}}})"})
    EXPECT_EQ(put(another).status, 400) << another;
  json::object bulk = body;
  bulk["id"] = id.device();
  bulk["importMode"] = "createOrUpdate";
  EXPECT_EQ(call("POST", "/devices", json::serialize(json::array{bulk})).status, 200);
  EXPECT_EQ(store_->index().find(id)->kind, store::AuthKind::attested);
}

TEST_F(RestTest, BadBodiesAreRefusedAndChangeNothing) {
  const std::string rows[] = {"",
                              "[]",
                              "{",
                              "1",
                              R"({"deviceId":"other"})",
                              R"({"status":"perhaps"})",
                              R"({"status":1})",
                              R"({"authentication":1})",
                              R"({"authentication":{"type":"magic"}})",
                              R"({"authentication":{"symmetricKey":{"primaryKey":"short"}}})",
                              R"({"authentication":{"type":"selfSigned"}})",
                              R"({"capabilities":{"iotEdge":"yes"}})",
                              R"({"parentScopes":[1]})",
                              std::string(100, '[')};
  for (const std::string& body : rows) {
    const Answer answer = make_device("dev", body);
    EXPECT_EQ(answer.status, 400) << body << answer.text;
    EXPECT_FALSE(answer.error().empty());
  }
  EXPECT_EQ(call("GET", "/devices").body.as_array().size(), 0U);
  EXPECT_EQ(make_device("a%20b").status, 400);
  EXPECT_EQ(call("PUT", "/devices/dev", "{}", {{"if-match", "\"half"}}).status, 400);
  EXPECT_EQ(call("GET", "/devices?top=x").status, 400);
  // Documented: what is outside counts as 1000.
  EXPECT_EQ(call("GET", "/devices?top=0").status, 200);
  EXPECT_EQ(call("GET", "/devices?top=1001").status, 200);
  EXPECT_EQ(call("GET", "/devices?top=1000").status, 200);
}

TEST_F(RestTest, Modules) {
  make_device("dev");
  EXPECT_EQ(call("PUT", "/devices/gone/modules/m", "{}").error(), "DeviceNotFound");
  const Answer made = call("PUT", "/devices/dev/modules/m", R"({"managedBy":"us"})");
  ASSERT_EQ(made.status, 200) << made.text;
  EXPECT_EQ(made.body.at("moduleId"), "m");
  EXPECT_EQ(made.body.at("managedBy"), "us");
  EXPECT_EQ(call("GET", "/devices/dev/modules").body.as_array().size(), 1U);
  EXPECT_EQ(call("GET", "/devices/dev/modules/m").body.at("etag"), made.body.at("etag"));
  EXPECT_EQ(call("GET", "/twins/dev/modules/m").status, 200);
  EXPECT_EQ(call("DELETE", "/devices/dev/modules/m").status, 204);
  EXPECT_EQ(call("GET", "/devices/dev/modules/m").error(), "ModuleNotFound");
  EXPECT_EQ(barred_, std::vector<std::string>{"dev/m"});
  EXPECT_EQ(forgotten_, std::vector<std::string>{"dev/m"});
}

TEST_F(RestTest, BulkEntriesStandAlone) {
  make_device("there");
  const Answer answer = call("POST", "/devices", R"([
      {"id":"one","importMode":"create","tags":{"site":"a"}},
      {"id":"there","importMode":"Create"},
      {"id":"gone","importMode":"Delete"},
      {"id":"there","importMode":"createOrUpdate","status":"disabled"}])");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.body.at("isSuccessful"), false);
  ASSERT_EQ(answer.body.at("errors").as_array().size(), 2U) << answer.text;
  EXPECT_EQ(answer.body.at("errors").at(0).at("deviceId"), "there");
  EXPECT_EQ(answer.body.at("errors").at(0).at("errorCode"), 409001);
  EXPECT_EQ(answer.body.at("errors").at(1).at("errorStatus"), "DeviceNotFound");
  EXPECT_EQ(call("GET", "/devices/there").body.at("status"), "disabled");
  EXPECT_EQ(call("GET", "/twins/one").body.at("tags").at("site"), "a");
  std::string many = "[";
  for (std::size_t i = 0; i <= kBulkMax; ++i)
    many += std::string(i == 0 ? "" : ",") + R"({"id":"d)" + std::to_string(i) + "\"}";
  EXPECT_EQ(call("POST", "/devices", many + "]").status, 400);
}

// An entry that waited for the one before would need a commit of its own.
TEST_F(RestTest, BulkEntriesShareACommit) {
  bool all_wait = false;
  queue_->submit(
      [&](store::HubTransaction&) -> Status {
        const std::int64_t give_up_ms = clock_.steady_ms() + 10'000;
        while (queue_->waiting() < 4 && clock_.steady_ms() < give_up_ms) std::this_thread::yield();
        all_wait = queue_->waiting() == 4;
        return {};
      },
      [](const Status&) {});
  EXPECT_EQ(call("POST", "/devices", R"([{"id":"a"},{"id":"b"},{"id":"c"}])").status, 200);
  EXPECT_TRUE(all_wait);
}

TEST_F(RestTest, WhatGoesWithADeviceIsForgotten) {
  for (const std::string device : {"a", "b"}) {
    make_device(device);
    call("PUT", "/devices/" + device + "/modules/m", "{}");
  }
  EXPECT_EQ(call("DELETE", "/devices/a").status, 204);
  EXPECT_EQ(forgotten_, (std::vector<std::string>{"a", "a/m"}));
  EXPECT_EQ(call("POST", "/devices", R"([{"id":"b","importMode":"delete"}])").status, 200);
  EXPECT_EQ(forgotten_, (std::vector<std::string>{"a", "a/m", "b", "b/m"}));
}

// The JSON library reads some of these a little off.
TEST_F(RestTest, NumbersOfTwinsAreShownAsTheyAreStored) {
  make_device("dev");
  for (const std::string number :
       {"1.7976931348623157E308", "-2.2222222222222224E49", "1.3927926388013963E-143", "5E-324"}) {
    const std::string patch = R"({"properties":{"desired":{"n":)" + number + "}}}";
    for (const Answer& answer :
         {call("PATCH", "/twins/dev", patch), call("GET", "/twins/dev"),
          call("POST", "/devices/query", R"({"query":"SELECT * FROM devices"})")})
      EXPECT_TRUE(answer.text.contains("\"n\":" + number)) << answer.text;
  }
}

TEST_F(RestTest, ABulkTwinUpdateTellsTheDevice) {
  make_device("dev");
  const Answer answer = call("POST", "/devices", R"([
      {"id":"dev","importMode":"updateTwin","tags":{"site":"a"}},
      {"id":"dev","importMode":"updateTwin","properties":{"desired":{"interval":5}}},
      {"id":"dev","importMode":"updateTwin","properties":{"desired":{"interval":6}}},
      {"id":"dev","importMode":"createOrUpdate","properties":{"desired":{"interval":7}}},
      {"id":"dev","importMode":"updateTwin"}])");
  EXPECT_EQ(answer.status, 200) << answer.text;
  EXPECT_EQ(told_, (std::vector<std::string>{R"(dev 2 {"interval":5,"$version":2})",
                                             R"(dev 3 {"interval":6,"$version":3})",
                                             R"(dev 4 {"interval":7,"$version":4})"}))
      << "tags are not the device's";
}

TEST_F(RestTest, Statistics) {
  make_device("a");
  make_device("b", R"({"status":"disabled"})");
  const Answer devices = call("GET", "/statistics/devices");
  EXPECT_EQ(devices.body.at("totalDeviceCount"), 2);
  EXPECT_EQ(devices.body.at("enabledDeviceCount"), 1);
  EXPECT_EQ(devices.body.at("disabledDeviceCount"), 1);
  EXPECT_EQ(call("GET", "/statistics/service").body.at("connectedDeviceCount"), 3);
}

// --- Twins and methods ---------------------------------------------------------------------------

TEST_F(RestTest, TwinPatchTellsTheDevice) {
  make_device("dev");
  const Answer patched =
      call("PATCH", "/twins/dev",
           R"({"tags":{"site":"a"},"properties":{"desired":{"interval":5}}})", {{"if-match", "*"}});
  ASSERT_EQ(patched.status, 200) << patched.text;
  EXPECT_EQ(patched.body.at("tags").at("site"), "a");
  const auto& desired = patched.body.at("properties").at("desired");
  EXPECT_EQ(desired.at("interval"), 5);
  EXPECT_TRUE(desired.as_object().contains("$metadata"));
  const std::int64_t version = desired.at("$version").as_int64();
  EXPECT_EQ(told_, std::vector<std::string>{"dev " + std::to_string(version) +
                                            R"( {"interval":5,"$version":)" +
                                            std::to_string(version) + "}"});
  EXPECT_EQ(call("PATCH", "/twins/dev", R"({"tags":{"site":null}})").status, 200);
  EXPECT_EQ(told_.size(), 1U) << "tags are not the device's";
  EXPECT_EQ(call("PATCH", "/twins/dev", "{}", {{"if-match", patched.header("etag")}}).status, 412);
  EXPECT_EQ(call("PATCH", "/twins/dev", R"({"properties":{"desired":{"a.b":1}}})").status, 400);
  EXPECT_EQ(call("PATCH", "/twins/gone", "{}").error(), "DeviceNotFound");
}

TEST_F(RestTest, Methods) {
  make_device("dev");
  const std::string body =
      R"({"methodName":"reboot","payload":{"in":5},"responseTimeoutInSeconds":7})";
  const Answer answer = call("POST", "/twins/dev/methods", body);
  ASSERT_EQ(answer.status, 200) << answer.text;
  EXPECT_EQ(answer.body.at("status"), 200);
  EXPECT_EQ(answer.body.at("payload").at("ok"), true);
  EXPECT_EQ(invoked_[0].payload_json, R"({"in":5})");
  EXPECT_EQ(invoked_[0].response_timeout_ms, 7'000);
  EXPECT_EQ(invoked_[0].connect_timeout_ms, 0);
  method_result_ = kDeviceNotListening;
  EXPECT_EQ(call("POST", "/twins/dev/methods", body).error(), "DeviceNotOnline");
  method_result_ = kMethodTimedOut;
  EXPECT_EQ(call("POST", "/twins/dev/methods", body).status, 504);
  // No JSON could be written of it again.
  for (const char* beyond : {"1e400", R"({"a":[-1e309]})"}) {
    method_result_ = MethodReply{200, beyond};
    const Answer refused = call("POST", "/twins/dev/methods", R"({"methodName":"m"})");
    EXPECT_EQ(refused.status, 502) << beyond;
    EXPECT_EQ(refused.error(), "GenericBadGateway") << beyond;
    EXPECT_EQ(call("POST", "/twins/dev/methods",
                   R"({"methodName":"m","payload":)" + std::string(beyond) + "}")
                  .error(),
              "IotHubFormatError");
  }
  method_result_ = MethodReply{200, "[11.326381400047001,1e-400]"};
  EXPECT_EQ(
      call("POST", "/twins/dev/methods", R"({"methodName":"m","payload":80.103318000832999})").text,
      R"({"status":200,"payload":[1.1326381400047001E1,0E0]})");
  EXPECT_EQ(invoked_.back().payload_json, "8.0103318000833E1");
  method_result_ = MethodReply{200, "no JSON"};
  EXPECT_EQ(call("POST", "/twins/dev/methods", body).status, 502);
  EXPECT_EQ(call("POST", "/twins/gone/methods", body).error(), "DeviceNotFound");
  for (const std::string& bad :
       {R"({})", R"({"methodName":""})", R"({"methodName":"a","responseTimeoutInSeconds":301})"})
    EXPECT_EQ(call("POST", "/twins/dev/methods", bad).status, 400) << bad;
}

}  // namespace
}  // namespace pavise::hub::rest
