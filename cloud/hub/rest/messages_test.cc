// Telemetry of devices and messages to them, over HTTPS.
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "cloud/hub/rest/error_rows.h"
#include "cloud/hub/rest/routes.h"
#include "cloud/hub/rest/testing/rest_fixture.h"
#include "protocol/http1/response_writer.h"

namespace pavise::hub::rest {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

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
  EXPECT_EQ(active_, std::vector<std::string>{"dev"}) << "who may not call was not active";
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

TEST_F(RestTest, PropertiesThatNoHeaderCarriesDoNotHoldUpTheMessage) {
  make_device("dev");
  iothub::PropertyBag bag;
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"my prop", "space"},
                                                        {"a(b)", "no token"},
                                                        {"\xC3\xA4", "no ASCII"},
                                                        {"nul", {"a\0b", 3}},
                                                        {"escape", "\x1B[31m"},
                                                        {"lines", "a\r\nb"},
                                                        {"colon:", "x"},
                                                        {"site", "caf\xC3\xA9\tor so"},
                                                        {"$.mid", "m1"},
                                                        {"iothub-ack", "positive"}})
    bag.add(name, value);
  ASSERT_TRUE(queue_->call([&](store::HubTransaction& transaction) -> Status {
    PAVISE_TRY(transaction.enqueue_message(
        kHub, {.device = "dev", .properties = bag.encode(), .payload = to_bytes(as_bytes("hi"))}));
    return {};
  }));
  const Answer answer = call("GET", "/devices/dev/messages/deviceBound", {}, {}, "dev");
  ASSERT_EQ(answer.status, 200) << answer.text;
  EXPECT_EQ(answer.header("iothub-app-site"), "caf\xC3\xA9\tor so");
  EXPECT_EQ(answer.header("iothub-messageid"), "m1");
  EXPECT_EQ(answer.header("iothub-ack"), "positive");
  EXPECT_EQ(answer.header("iothub-app-iothub-ack"), "");
  EXPECT_EQ(answer.headers.size(), 4U + 3U) << "the rest would have to be left out";
  std::vector<http1::ResponseHeader> headers(answer.headers.begin(), answer.headers.end());
  Bytes written;
  EXPECT_TRUE(http1::write_response(200, headers, as_bytes(answer.text), {}, written));
}

TEST_F(RestTest, FeedbackThatIsGivenBackIsOfferedAgain) {
  make_device("dev");
  // A full batch does not wait.
  ASSERT_TRUE(queue_->call([](store::HubTransaction& tx) -> Status {
    const MessageToDevice message{
        .device = "dev", .properties = {}, .feedback = FeedbackWanted::full, .payload = {}};
    for (std::size_t i = 0; i < store::kFeedbackBatchMax; ++i) {
      PAVISE_TRY(tx.enqueue_message(kHub, message));
      const auto id = *iothub::Identity::make(kHub, "dev");
      PAVISE_TRY_ASSIGN(const auto offer, tx.lock_message(id, store::kNoOwner));
      PAVISE_TRY(tx.settle_message(id, offer.message->lock_token, Settlement::complete));
    }
    return {};
  }));
  const std::string path = "/messages/serviceBound/feedback";
  const auto taken = [&] {
    const std::string etag = call("GET", path).header("etag");
    return etag.size() < 2 ? std::string("none") : etag.substr(1, etag.size() - 2);
  };
  EXPECT_EQ(call("POST", path + "/" + taken() + "/abandon").status, 204);
  EXPECT_EQ(told_, std::vector<std::string>{"plant-1 feedback"});
  EXPECT_EQ(call("POST", path + "/none/abandon").status, 412);
  EXPECT_EQ(call("DELETE", path + "/" + taken()).status, 204);
  EXPECT_EQ(told_.size(), 1U);
}

// Each error of the store and of twins that a caller can end only by asking otherwise, as the
// headers have them.
TEST(ErrorRows, NoErrorOfTheStoreLooksLikeAServerFault) {
  const std::set<std::string> not_of_these_calls = {
      // Hubs, policies and CA certificates belong to the management API.
      "PV-HST-011", "PV-HST-012", "PV-HST-013", "PV-HST-014", "PV-HST-015", "PV-HST-016",
      "PV-HST-017", "PV-HST-040", "PV-HST-041", "PV-HST-042", "PV-HST-043",
      // Jobs and configurations.
      "PV-HST-050", "PV-HST-051", "PV-HST-052", "PV-HST-053", "PV-HST-054", "PV-HST-055",
      "PV-HST-056",
      // Endpoints and routes belong to the management API.
      "PV-HST-060", "PV-HST-061", "PV-HST-062", "PV-HST-063", "PV-HST-064", "PV-HST-065",
      "PV-HST-066", "PV-HST-067", "PV-HST-068"};
  const std::regex row(R"re(\{\s*"(PV-[A-Z]{3}-\d{3})",\s*Retry::never,)re");
  std::size_t seen = 0;
  for (const char* header : {"cloud/hub/store/errors.h", "protocol/twin/twin.h"}) {
    std::stringstream text;
    text << std::ifstream(header).rdbuf();
    const std::string all = text.str();
    for (std::sregex_iterator at(all.begin(), all.end(), row), end; at != end; ++at) {
      const std::string code = (*at)[1];
      ++seen;
      if (not_of_these_calls.contains(code)) continue;
      const auto found = std::ranges::find_if(
          error_rows(), [&](const auto& it) { return it.error->code == code; });
      ASSERT_NE(found, error_rows().end()) << code << " has no row";
      const int status = iothub::http_status(found->code);
      EXPECT_GE(status, 400) << code;
      EXPECT_LT(status, 500) << code;
    }
  }
  EXPECT_GE(seen, 35U) << "the tests run in the repository's root";
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
