// The HTTP calls over a real store, without sockets.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>

#include "cloud/hub/rest/rest_api.h"
#include "cloud/hub/segment_log/testing/memory_log_directory.h"
#include "cloud/hub/session/close_reasons.h"
#include "cloud/hub/store/sqlite_hub_store.h"

namespace pavise::hub::rest::testing {

namespace json = boost::json;

inline const iothub::HubName kHub = *iothub::HubName::parse("plant-1");
inline const TenantId kTenant = *TenantId::parse("acme");

// Tokens are "all", or the names of rights; a device's token is its client id, or "gateway": a
// policy's for one device.
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
      if (out.identity && claim.sas_token == "gateway")
        out.policy = "device";
      else if (!out.identity || claim.sas_token != out.identity->client_id())
        return kDeviceBarred;
      return out;
    }
    const std::pair<std::string_view, Rights> tokens[] = {
        {"all", 15}, {"read", 1}, {"write", 2}, {"service", 4}, {"device", 8}};
    for (const auto& [token, rights] : tokens)
      if (claim.sas_token == token) {
        out.rights = rights;
        out.policy = token;
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
    log_ = *SegmentLog::open(std::make_unique<hub::testing::MemoryLogDirectory>(
                                 std::make_shared<hub::testing::MemoryDisk>()),
                             {}, clock_);
    EXPECT_TRUE(queue_->call([](store::HubTransaction& transaction) -> Status {
      PAVISE_TRY(transaction.create_hub(kHub, kTenant, {}));
      return {};
    }));
    begin({});
  }
  // The calls from now on have these bounds.
  void begin(const QueryBounds& bounds) {
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
        .service_message_waiting =
            [this](const iothub::HubName& hub, ServiceQueue queue) {
              told_.push_back(hub.text() +
                              (queue == ServiceQueue::feedback ? " feedback" : " file"));
            },
        .forget = [this](const iothub::Identity& id) { forgotten_.push_back(id.client_id()); },
        .rights_changed =
            [this](const RightsChanged& change) {
              barred_.push_back(change.device + (change.module_id ? "/" + *change.module_id : ""));
            },
        .device_active = [this](const iothub::Identity& id) { active_.push_back(id.client_id()); },
        .connected = [this](const iothub::Identity& id) { return id.device() == connected_; },
        .connected_count = [](const iothub::HubName&) { return 3; },
        .invoke_method =
            [this](const MethodInvocation& invocation, const MethodBroker::Done& done) {
              invoked_.push_back(invocation);
              done(method_result_);
            },
        .refused =
            [this](const Refusal& refusal) {
              refused_.push_back(std::string(refusal.tracking_id) + " " + refusal.error.message() +
                                 " of " + std::string(refusal.device));
              strangers_.emplace_back(refusal.stranger);
            },
        .query_bounds = bounds,
        .jobs_changed = [this] { ++jobs_changed_; },
        .transfers_changed = [this] { ++transfers_changed_; },
        .configuration_counts = [this](const iothub::HubName&,
                                       std::string_view) { return counts_; },
        .files = files_.get()});
  }
  ~RestTest() override {
    api_.reset();
    files_.reset();
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
                    .server_name = {},
                    .peer = "192.0.2.1:4711"};
    if (const std::size_t at = target.find('?'); at != std::string::npos) {
      request.path = target.substr(0, at);
      request.query = target.substr(at + 1);
    }
    request.headers = std::move(headers);
    request.headers.emplace_back("host", "plant-1.test:443");
    if (!token.empty()) request.headers.emplace_back("authorization", token);
    Answer out;
    int answers = 0;
    api_->handle(request, [&](const Response& response) {
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
  std::unique_ptr<files::FileHouse> files_;  // none unless a test opens one
  std::unique_ptr<RestApi> api_;
  std::vector<std::string> told_, forgotten_, barred_, refused_, strangers_, active_;
  std::vector<MethodInvocation> invoked_;
  int jobs_changed_ = 0;
  int transfers_changed_ = 0;
  Result<MethodReply> method_result_ = MethodReply{200, R"({"ok":true})"};
  std::string connected_;
  std::optional<configurations::Counts> counts_;
};

}  // namespace pavise::hub::rest::testing
