// The HTTP calls against a real store, without sockets.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>

#include "cloud/hub/rest/error_rows.h"
#include "cloud/hub/rest/rest_api.h"
#include "cloud/hub/rest/routes.h"
#include "cloud/hub/segment_log/testing/memory_log_directory.h"
#include "cloud/hub/session/close_reasons.h"
#include "cloud/hub/store/sqlite_hub_store.h"

namespace pavise::hub::rest {
namespace {

namespace json = boost::json;

const iothub::HubName kHub = *iothub::HubName::parse("plant-1");
const TenantId kTenant = *TenantId::parse("acme");

// Tokens are "all", or the names of rights; a device's token is its client id.
class TokenGatekeeper final : public Gatekeeper {
 public:
  Result<Principal> authenticate(const Claim& claim, const TlsPeer&) override {
    hosts.emplace_back(claim.host);
    Principal out{.hub = kHub,
                  .tenant = kTenant,
                  .identity = {},
                  .expires_ms = INT64_MAX,
                  .may_ask_for_faults = faults};
    if (claim.device) {
      out.identity = iothub::Identity::make(kHub, *claim.device, claim.module_id);
      if (!out.identity || claim.sas_token != out.identity->client_id()) return kDeviceBarred;
      return out;
    }
    const std::pair<std::string_view, Rights> tokens[] = {
        {"all", 15}, {"read", 1}, {"write", 2}, {"service", 4}, {"device", 8}};
    for (const auto& [token, rights] : tokens)
      if (claim.sas_token == token) {
        out.rights = rights;
        return out;
      }
    return kDeviceBarred;
  }
  std::optional<iothub::HubName> hub_of(std::string_view) const override { return std::nullopt; }
  void subscribe(std::function<void(const RightsChanged&)>) override {}
  std::vector<std::string> hosts;
  bool faults = false;
};

struct Answer {
  int status = 0;
  json::value body;
  Headers headers;
  std::string text;
  std::string header(std::string_view name) const {
    for (const auto& [each, value] : headers)
      if (each == name) return value;
    return {};
  }
  std::string error() const { return header("iothub-errorcode"); }
};

class RestTest : public ::testing::Test {
 protected:
  RestTest() {
    std::string pattern = ::testing::TempDir() + "pavise-rest-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    store_ = *store::open_sqlite_hub_store({.path = folder_ + "/hub.db"}, clock_);
    queue_ = std::make_unique<store::StoreQueue>(*store_);
    log_ = *SegmentLog::open(
        std::make_unique<testing::MemoryLogDirectory>(std::make_shared<testing::MemoryDisk>()), {},
        clock_);
    EXPECT_TRUE(queue_->call([](store::HubTransaction& transaction) -> Status {
      PAVISE_TRY(transaction.create_hub(kHub, kTenant, {}));
      return {};
    }));
    api_ = std::make_unique<RestApi>(Services{
        .queue = *queue_,
        .gatekeeper = gatekeeper_,
        .log = *log_,
        .clock = clock_,
        .desired_changed =
            [this](const iothub::Identity& id, std::uint64_t version, const std::string& body) {
              told_.push_back(id.client_id() + " " + std::to_string(version) + " " + body);
            },
        .message_waiting = [this](const iothub::Identity& id) { told_.push_back(id.client_id()); },
        .forget = [this](const iothub::Identity& id) { forgotten_.push_back(id.client_id()); },
        .rights_changed =
            [this](const RightsChanged& change) {
              barred_.push_back(change.device + (change.module_id ? "/" + *change.module_id : ""));
            },
        .connected = [this](const iothub::Identity& id) { return id.device() == connected_; },
        .connected_count = [](const iothub::HubName&) { return 3; },
        .invoke_method =
            [this](MethodInvocation invocation, const MethodBroker::Done& done) {
              invoked_.push_back(invocation);
              done(method_result_);
            },
        .refused =
            [this](const Refusal& refusal) {
              refused_.push_back(std::string(refusal.tracking_id) + " " + refusal.error.message() +
                                 " of " + std::string(refusal.device));
            }});
  }
  ~RestTest() override {
    api_.reset();
    queue_.reset();
    store_.reset();
    log_.reset();
    std::filesystem::remove_all(folder_);
  }

  Answer call(const std::string& method, const std::string& target, std::string body = {},
              Headers headers = {}, const std::string& token = "all") {
    Request request{.method = method,
                    .path = target,
                    .query = {},
                    .headers = {},
                    .body = std::move(body),
                    .peer_chain = {},
                    .server_name = {}};
    if (const std::size_t at = target.find('?'); at != std::string::npos) {
      request.path = target.substr(0, at);
      request.query = target.substr(at + 1);
    }
    request.headers = std::move(headers);
    request.headers.emplace_back("host", "plant-1.test:443");
    if (!token.empty()) request.headers.emplace_back("authorization", token);
    Answer out;
    int answers = 0;
    api_->handle(request, [&](Response response) {
      ++answers;
      out.status = response.status;
      out.headers = response.headers;
      out.text = response.body;
      boost::system::error_code ec;
      out.body = json::parse(response.body.empty() ? "null" : response.body, ec);
    });
    EXPECT_EQ(answers, 1);
    return out;
  }
  Answer make_device(const std::string& id, const std::string& body = "{}") {
    return call("PUT", "/devices/" + id + "?api-version=2021-04-12", body);
  }

  std::string folder_;
  SystemClock clock_;
  TokenGatekeeper gatekeeper_;
  std::unique_ptr<store::HubStore> store_;
  std::unique_ptr<store::StoreQueue> queue_;
  std::unique_ptr<SegmentLog> log_;
  std::unique_ptr<RestApi> api_;
  std::vector<std::string> told_, forgotten_, barred_, refused_;
  std::vector<MethodInvocation> invoked_;
  Result<MethodReply> method_result_ = MethodReply{200, R"({"ok":true})"};
  std::string connected_;
};

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

TEST_F(RestTest, TheReasonGoesToTheLogNotToTheClient) {
  const Answer answer = call("GET", "/devices/x", {}, {}, "wrong");
  EXPECT_EQ(answer.text.find("PV-HUB"), std::string::npos) << answer.text;
  ASSERT_EQ(refused_.size(), 1U);
  const std::string tracking_id = refused_[0].substr(0, 32);
  EXPECT_NE(answer.text.find(tracking_id), std::string::npos);
  EXPECT_NE(refused_[0].find(kDeviceBarred.code), std::string::npos);
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
  EXPECT_EQ(call("PUT", "/devices/dev", "{}", {{"if-match", "unquoted"}}).status, 400);
  EXPECT_EQ(call("GET", "/devices?top=0").status, 400);
  EXPECT_EQ(call("GET", "/devices?top=1001").status, 400);
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
  method_result_ = MethodReply{200, "no JSON"};
  EXPECT_EQ(call("POST", "/twins/dev/methods", body).status, 502);
  EXPECT_EQ(call("POST", "/twins/gone/methods", body).error(), "DeviceNotFound");
  for (const std::string& bad :
       {R"({})", R"({"methodName":""})", R"({"methodName":"a","responseTimeoutInSeconds":301})"})
    EXPECT_EQ(call("POST", "/twins/dev/methods", bad).status, 400) << bad;
}

// --- Devices -------------------------------------------------------------------------------------

TEST_F(RestTest, TelemetryIsDurableWhenAnswered) {
  make_device("dev");
  const Headers headers{{"iothub-app-site", "a b"}, {"iothub-messageid", "m1"}, {"x-other", "no"}};
  EXPECT_EQ(
      call("POST", "/devices/dev/messages/events?api-version=1", "hello", headers, "dev").status,
      204);
  const auto records = log_->read(0);
  ASSERT_EQ(records->size(), 1U);
  EXPECT_EQ(as_text((*records)[0].payload), "hello");
  EXPECT_EQ((*records)[0].properties, "site=a%20b&%24.mid=m1");
  EXPECT_EQ((*records)[0].hub, "plant-1");
  EXPECT_EQ(call("POST", "/devices/other/messages/events", "x", {}, "dev").status, 401);
}

TEST_F(RestTest, AHubThatIsSetToItRefusesACallThatAsksForThat) {
  make_device("dev");
  const auto post = [&](const std::string& type) {
    const Headers headers{{"iothub-app-aziothub_faultoperationtype", type}};
    const Answer answer = call("POST", "/devices/dev/messages/events", "x", headers, "dev");
    return std::to_string(answer.status) + " " + (answer.status == 204 ? "" : answer.error());
  };
  EXPECT_EQ(post("InvokeThrottling"), "204 ");
  gatekeeper_.faults = true;
  EXPECT_EQ(post("InvokeThrottling"), "429 ThrottlingException");
  EXPECT_EQ(post("InvokeMaxMessageQuota"), "403 IotHubQuotaExceeded");
  EXPECT_EQ(post("InvokeAuthError"), "401 IotHubUnauthorized");
  EXPECT_EQ(post("KillTcp"), "400 ArgumentInvalid");
  EXPECT_EQ(post("NoSuchThing"), "400 ArgumentInvalid");
  EXPECT_NE(refused_.back().find("KillAmqp"), std::string::npos) << "in words, in the log";
}

TEST_F(RestTest, TelemetryBatch) {
  make_device("dev");
  const Headers headers{{"content-type", "application/vnd.microsoft.iothub.json"}};
  const std::string batch = R"([{"body":"aGk=","properties":{"iothub-app-k":"v"}},
                               {"body":"plain","base64Encoded":false}])";
  ASSERT_EQ(call("POST", "/devices/dev/messages/events", batch, headers, "dev").status, 204);
  const auto records = log_->read(0);
  ASSERT_EQ(records->size(), 2U);
  EXPECT_EQ(as_text((*records)[0].payload), "hi");
  EXPECT_EQ((*records)[0].properties, "k=v");
  EXPECT_EQ(as_text((*records)[1].payload), "plain");
  for (const std::string& bad : {R"([])", R"({})", R"([1])", R"([{"body":"%"}])"})
    EXPECT_EQ(call("POST", "/devices/dev/messages/events", bad, headers, "dev").status, 400) << bad;
}

TEST_F(RestTest, TelemetrySizeLimit) {
  make_device("dev");
  const std::string largest(256UL * 1024, 'x');
  EXPECT_EQ(call("POST", "/devices/dev/messages/events", largest, {}, "dev").status, 204);
  const Answer answer = call("POST", "/devices/dev/messages/events", largest + "x", {}, "dev");
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.error(), "MessageTooLarge");
}

TEST_F(RestTest, MessagesToDevices) {
  make_device("dev");
  const auto enqueue = [&](std::string_view payload) {
    ASSERT_TRUE(queue_->call([&](store::HubTransaction& transaction) -> Status {
      MessageToDevice message{.device = "dev",
                              .properties = "%24.mid=m1&site=a",
                              .payload = to_bytes(as_bytes(payload))};
      PAVISE_TRY(transaction.enqueue_message(kHub, message));
      return {};
    }));
  };
  const std::string inbox = "/devices/dev/messages/deviceBound";
  EXPECT_EQ(call("GET", inbox, {}, {}, "dev").status, 204);
  enqueue("one");
  const Answer first = call("GET", inbox, {}, {}, "dev");
  ASSERT_EQ(first.status, 200);
  EXPECT_EQ(first.text, "one");
  EXPECT_EQ(first.header("iothub-messageid"), "m1");
  EXPECT_EQ(first.header("iothub-app-site"), "a");
  EXPECT_EQ(first.header("iothub-deliverycount"), "0");
  std::string lock = first.header("etag");
  lock = lock.substr(1, lock.size() - 2);
  EXPECT_EQ(call("GET", inbox, {}, {}, "dev").status, 204) << "locked";
  EXPECT_EQ(call("POST", inbox + "/" + lock + "/abandon", {}, {}, "dev").status, 204);
  const Answer second = call("GET", inbox, {}, {}, "dev");
  EXPECT_EQ(second.header("iothub-deliverycount"), "1");
  EXPECT_EQ(call("DELETE", inbox + "/" + lock, {}, {}, "dev").error(), "DeviceMessageLockLost");
  lock = second.header("etag");
  lock = lock.substr(1, lock.size() - 2);
  EXPECT_EQ(call("DELETE", inbox + "/" + lock, {}, {}, "dev").status, 204);
  EXPECT_EQ(call("GET", inbox, {}, {}, "dev").status, 204);
  enqueue("two");
  EXPECT_EQ(call("DELETE", "/devices/dev/commands").body.at("totalMessagesPurged"), 1);
}

TEST(ErrorRows, NoErrorOfTheStoreLooksLikeAServerFault) {
  const ErrorInfo* callers_fault[] = {&store::kDeviceNotFound,
                                      &store::kDeviceExists,
                                      &store::kPreconditionFailed,
                                      &store::kBadIdentity,
                                      &store::kQueueFull,
                                      &store::kLockLost,
                                      &kBadBody};
  for (const ErrorInfo* error : callers_fault) {
    const int status = iothub::http_status(iothub::to_hub_error(*error, error_rows()));
    EXPECT_GE(status, 400) << error->code;
    EXPECT_LT(status, 500) << error->code;
  }
}

// --- Messages to devices over HTTP, our own way
// -----------------------------------------------------

TEST_F(RestTest, AMessageToADeviceKeepsItsProperties) {
  make_device("dev");
  const std::string later = std::to_string(clock_.now_ms() + 60'000);
  const Answer sent = call("POST", "/devices/dev/messages/deviceBound", "hello",
                           {{"iothub-app-colour", "red"},
                            {"iothub-messageid", "m1"},
                            {"iothub-expiry", later},
                            {"iothub-ack", "full"}});
  ASSERT_EQ(sent.status, 204) << sent.text;
  EXPECT_EQ(told_, std::vector<std::string>{"dev"});
  const auto message =
      queue_
          ->call<store::HubTransaction::Offer>([](store::HubTransaction& tx) {
            return tx.lock_message(*iothub::Identity::make(kHub, "dev"), store::kNoOwner);
          })
          ->message;
  ASSERT_TRUE(message);
  EXPECT_EQ(as_text(message->payload), "hello");
  const auto bag = iothub::PropertyBag::parse(message->properties);
  const auto value = [&](std::string_view name) {
    const iothub::Property* found = bag->find(name);
    return found == nullptr ? std::string("-") : found->value;
  };
  EXPECT_EQ(value("colour"), "red");
  EXPECT_EQ(value("$.mid"), "m1");
  EXPECT_EQ(value("$.to"), "/devices/dev/messages/devicebound");
  EXPECT_EQ(value("iothub-ack"), "full");
  EXPECT_TRUE(value("$.exp").starts_with("20")) << value("$.exp");
}

TEST_F(RestTest, AMessageToADeviceIsRefusedByItsFaults) {
  make_device("dev");
  const auto send = [&](const std::string& path, Headers headers) {
    return call("POST", path, "x", std::move(headers)).status;
  };
  const std::string path = "/devices/dev/messages/devicebound";
  EXPECT_EQ(send("/devices/nobody/messages/devicebound", {}), 404);
  EXPECT_EQ(send("/devices/dev/modules/m/messages/devicebound", {}), 404);
  EXPECT_EQ(send(path, {{"iothub-ack", "loud"}}), 400);
  for (const char* wrong : {"0", "-1", "1x", "2026-11-25T00:00:00Z", "99999999999999999999"})
    EXPECT_EQ(send(path, {{"iothub-expiry", wrong}}), 400) << wrong;
  EXPECT_EQ(send(path, {{"iothub-expiry", std::to_string(clock_.now_ms() + 3L * 86'400'000)}}),
            403);
  EXPECT_EQ(call("POST", path, std::string(store::kMessageSizeMax + 1, 'x')).status, 413);
  EXPECT_TRUE(told_.empty());
  for (std::size_t i = 0; i < store::kMessagesWaitingMax; ++i) ASSERT_EQ(send(path, {}), 204);
  EXPECT_EQ(send(path, {}), 403) << "50 messages wait";
}

}  // namespace
}  // namespace pavise::hub::rest
