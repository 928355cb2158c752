// Uploads and files over the hub's own calls, against real stores, without sockets.
#include "cloud/hub/rest/testing/rest_fixture.h"

namespace pavise::hub::rest {
namespace {

namespace json = boost::json;
using testing::Answer;

const iothub::HubName kHub = *iothub::HubName::parse("plant-1");
const iothub::HubName kOther = *iothub::HubName::parse("plant-2");

// "{hub} {token}": a device's token is its id, a service's is "service" or "read".
class TokenGatekeeper final : public Gatekeeper {
 public:
  Result<Principal> authenticate(const Claim& claim, const TlsPeer&) override {
    const std::size_t blank = claim.sas_token.find(' ');
    const auto hub = iothub::HubName::parse(claim.sas_token.substr(0, blank));
    if (!hub) return kDeviceBarred;
    const std::string_view token = claim.sas_token.substr(blank + 1);
    Principal out{
        .hub = *hub, .tenant = *TenantId::parse("acme"), .identity = {}, .expires_ms = INT64_MAX};
    if (claim.device) {
      out.identity = iothub::Identity::make(*hub, *claim.device, claim.module_id);
      if (!out.identity || token != out.identity->client_id()) return kDeviceBarred;
      return out;
    }
    if (token != "service" && token != "read") return kDeviceBarred;
    out.rights =
        static_cast<Rights>(token == "service" ? Right::service_connect : Right::registry_read);
    return out;
  }
  std::optional<iothub::HubName> hub_of(std::string_view) const override { return std::nullopt; }
  void subscribe(std::function<void(const RightsChanged&)>) override {}
};

struct Url {
  std::string correlation_id, path, query;
};

class FilesTest : public ::testing::Test {
 protected:
  FilesTest() {
    std::string pattern = ::testing::TempDir() + "pavise-rest-files-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    store_ = *store::open_sqlite_hub_store({.path = folder_ + "/hub.db"}, clock_);
    queue_ = std::make_unique<store::StoreQueue>(*store_);
    log_ = *SegmentLog::open(std::make_unique<hub::testing::MemoryLogDirectory>(
                                 std::make_shared<hub::testing::MemoryDisk>()),
                             {}, clock_);
    settings_.file_upload.enabled = true;
    settings_.file_upload.notifications = true;
    make_hub(kHub);
    make_hub(kOther);
    files_ = *files::FileHouse::open({.folder = folder_ + "/files"}, store_->index(), clock_);
    api_ = std::make_unique<RestApi>(Services{
        .queue = *queue_,
        .gatekeeper = gatekeeper_,
        .log = *log_,
        .clock = clock_,
        .desired_changed = [](const iothub::Identity&, std::uint64_t, const std::string&) {},
        .message_waiting = [](const iothub::Identity&) {},
        .service_message_waiting =
            [this](const iothub::HubName& hub, ServiceQueue queue) {
              told_.push_back(hub.text() +
                              (queue == ServiceQueue::feedback ? " feedback" : " file"));
            },
        .forget = [](const iothub::Identity&) {},
        .rights_changed = [](const RightsChanged&) {},
        .device_active = [this](const iothub::Identity& id) { active_.push_back(id.client_id()); },
        .connected = [](const iothub::Identity&) { return false; },
        .connected_count = [](const iothub::HubName&) { return 0; },
        .invoke_method = [](const MethodInvocation&, const MethodBroker::Done&) {},
        .refused =
            [this](const Refusal& refusal) {
              strangers_.emplace_back(refusal.stranger);
              refused_devices_.emplace_back(refusal.device);
            },
        .files = files_.get()});
  }
  ~FilesTest() override {
    api_.reset();
    files_.reset();
    queue_.reset();
    store_.reset();
    log_.reset();
    std::filesystem::remove_all(folder_);
  }

  void make_hub(const iothub::HubName& hub) {
    EXPECT_TRUE(queue_->call([&](store::HubTransaction& tx) -> Status {
      PAVISE_TRY(tx.create_hub(hub, *TenantId::parse("acme"), settings_));
      PAVISE_TRY(tx.create_identity(*iothub::Identity::make(hub, "d1"), {}));
      return {};
    }));
  }
  void change_hub() {
    EXPECT_TRUE(queue_->call([&](store::HubTransaction& tx) -> Status {
      PAVISE_TRY(tx.update_hub(kHub, settings_, {}));
      return {};
    }));
  }
  Answer call(const std::string& method, const std::string& path, const std::string& query,
              std::string body, const std::string& token, Headers headers = {}) {
    Request request{.method = method,
                    .path = path,
                    .query = query,
                    .headers = std::move(headers),
                    .body = std::move(body),
                    .peer_chain = {},
                    .server_name = {},
                    .peer = "192.0.2.1:4711"};
    request.headers.emplace_back("host", "plant-1.test:8443");
    if (!token.empty()) request.headers.emplace_back("authorization", token);
    Answer out;
    api_->handle(request, [&](const Response& response) {
      out.status = response.status;
      out.headers = response.headers;
      out.text = response.body;
      boost::system::error_code ec;
      out.body = json::parse(out.text, ec);
    });
    return out;
  }
  Answer begin(const std::string& body, const std::string& token = "plant-1 d1") {
    return call("POST", "/devices/d1/files", "api-version=2021-04-12", body, token);
  }
  Url started(const std::string& name, const std::string& token = "plant-1 d1") {
    const Answer answer = begin(R"({"blobName":")" + name + "\"}", token);
    EXPECT_EQ(answer.status, 200) << answer.text;
    const json::value body = answer.body;
    const auto text = [&](std::string_view key) {
      return std::string(std::string_view(body.at(key).get_string()));
    };
    return {text("correlationId"), "/" + text("containerName") + "/" + text("blobName"),
            text("sasToken").substr(1)};
  }
  int put(const Url& url, const std::string& body) {
    return call("PUT", url.path, url.query, body, "", {{"x-ms-blob-type", "BlockBlob"}}).status;
  }
  Answer end(const Url& url, bool success = true, const std::string& device = "d1",
             const std::string& hub = "plant-1") {
    return call("POST", "/devices/" + device + "/files/notifications/" + url.correlation_id, "",
                std::string(R"({"isSuccess":)") + (success ? "true" : "false") +
                    R"(,"statusCode":200,"statusDescription":"x"})",
                hub + " " + device);
  }
  Answer as_service(const std::string& method, const std::string& path,
                    const std::string& query = {}, const std::string& token = "plant-1 service") {
    return call(method, path, query, "", token);
  }

  std::string folder_;
  ManualClock clock_{1'795'633'200'000};
  store::HubSettings settings_;
  TokenGatekeeper gatekeeper_;
  std::unique_ptr<store::HubStore> store_;
  std::unique_ptr<store::StoreQueue> queue_;
  std::unique_ptr<SegmentLog> log_;
  std::unique_ptr<files::FileHouse> files_;
  std::unique_ptr<RestApi> api_;
  std::vector<std::string> told_, active_, strangers_, refused_devices_;
};

TEST_F(FilesTest, ADeviceUploadsAndAServiceReads) {
  const Answer answer = begin(R"({"blobName":"logs/a 1.txt"})");
  ASSERT_EQ(answer.status, 200) << answer.text;
  EXPECT_EQ(answer.body.at("hostName"), "plant-1.test:8443") << "where the device reached us";
  EXPECT_EQ(answer.body.at("containerName"), "pavise-files");
  EXPECT_EQ(answer.body.at("blobName"), "d1/logs/a 1.txt");
  const Url url = started("logs/a 1.txt");
  EXPECT_EQ(put({url.correlation_id, "/pavise-files/d1/logs/a%201.txt", url.query}, "hello"), 201);
  EXPECT_EQ(end(url).status, 204);
  EXPECT_EQ(active_, (std::vector<std::string>{"d1", "d1", "d1"})) << "its own calls";
  EXPECT_EQ(put(url, "late"), 403);
  EXPECT_EQ(strangers_, std::vector<std::string>{"192.0.2.1:4711"});
  EXPECT_EQ(refused_devices_, std::vector<std::string>{"d1"}) << "for the log";
  const Answer read = as_service("GET", "/files/d1/logs%2Fa%201.txt");
  EXPECT_EQ(read.status, 200);
  EXPECT_EQ(read.text, "hello");
  EXPECT_EQ(read.header("pavise-file-size"), "5");
  EXPECT_EQ(as_service("GET", "/files/d1/logs%2Fa%201.txt", "offset=3").text, "lo");
  EXPECT_EQ(as_service("GET", "/files/d1/logs%2Fa%201.txt", "offset=x").status, 400);
  EXPECT_EQ(as_service("GET", "/files/d1/logs%2Fa%201.txt", "etag=other").status, 404);
  const json::value listed = as_service("GET", "/files", "device=d1").body;
  ASSERT_EQ(listed.as_array().size(), 1U);
  EXPECT_EQ(listed.at(0).at("blobName"), "logs/a 1.txt");
  EXPECT_EQ(listed.at(0).at("sizeInBytes"), 5);
  EXPECT_EQ(as_service("GET", "/files", "device=d1&name=logs/a%201.txt").body, listed);
  EXPECT_EQ(as_service("GET", "/files", "device=d1&name=logs").status, 404);
  EXPECT_EQ(as_service("GET", "/files", "top=x").status, 400);
  EXPECT_EQ(as_service("DELETE", "/files/d1/logs%2Fa%201.txt").status, 204);
  EXPECT_EQ(as_service("GET", "/files/d1/logs%2Fa%201.txt").status, 404);
}

TEST_F(FilesTest, ALargeFileIsReadInPieces) {
  const Url url = started("a");
  ASSERT_EQ(put(url, std::string(kFilePieceMax, 'x') + "y"), 201);
  const Answer first = as_service("GET", "/files/d1/a");
  EXPECT_EQ(first.text.size(), kFilePieceMax);
  EXPECT_EQ(as_service("GET", "/files/d1/a", "offset=" + std::to_string(kFilePieceMax)).text, "y");
}

TEST_F(FilesTest, TheNotificationIsInItsQueue) {
  const Url url = started("a/b");
  ASSERT_EQ(put(url, "hello"), 201);
  EXPECT_EQ(as_service("GET", "/messages/serviceBound/filenotifications").status, 204);
  ASSERT_EQ(end(url).status, 204);
  EXPECT_EQ(told_, std::vector<std::string>{"plant-1 file"});
  const Answer answer = as_service("GET", "/messages/serviceBound/filenotifications");
  ASSERT_EQ(answer.status, 200);
  const json::value told = answer.body;
  EXPECT_EQ(told.at("deviceId"), "d1");
  EXPECT_EQ(told.at("blobName"), "d1/a/b");
  EXPECT_EQ(told.at("blobUri"), "https://plant-1.test:8443/pavise-files/d1/a/b");
  EXPECT_EQ(told.at("blobSizeInBytes"), 5);
  EXPECT_EQ(told.at("lastUpdatedTime"), "2026-11-25T19:00:00.000Z");
  std::string lock = answer.header("etag");
  lock = lock.substr(1, lock.size() - 2);
  EXPECT_EQ(as_service("DELETE", "/messages/serviceBound/feedback/" + lock).status, 412)
      << "another queue's";
  EXPECT_EQ(
      as_service("POST", "/messages/serviceBound/filenotifications/" + lock + "/abandon").status,
      204);
  EXPECT_EQ(told_, (std::vector<std::string>{"plant-1 file", "plant-1 file"}))
      << "for the others who wait";
  const Answer again = as_service("GET", "/messages/serviceBound/filenotifications");
  ASSERT_EQ(again.status, 200);
  lock = again.header("etag");
  lock = lock.substr(1, lock.size() - 2);
  EXPECT_EQ(as_service("DELETE", "/messages/serviceBound/filenotifications/" + lock).status, 204);
  EXPECT_EQ(as_service("GET", "/messages/serviceBound/filenotifications").status, 204);
}

TEST_F(FilesTest, NobodyIsNotifiedUnlessTheHubIsSetSo) {
  settings_.file_upload.notifications = false;
  change_hub();
  const Url url = started("a");
  ASSERT_EQ(put(url, "hello"), 201);
  ASSERT_EQ(end(url).status, 204);
  EXPECT_TRUE(told_.empty());
  EXPECT_EQ(as_service("GET", "/messages/serviceBound/filenotifications").status, 204);
}

TEST_F(FilesTest, UploadsAreOffUnlessTheHubIsSetSo) {
  const Url url = started("a");
  settings_.file_upload.enabled = false;
  change_hub();
  EXPECT_EQ(begin(R"({"blobName":"a"})").error(), "DefaultStorageEndpointNotConfigured");
  EXPECT_EQ(put(url, "x"), 403) << "also those under way";
  EXPECT_EQ(end(url).error(), "DefaultStorageEndpointNotConfigured");
  EXPECT_EQ(as_service("GET", "/files").status, 200) << "what is there can be read";
}

TEST_F(FilesTest, ACorrelationIdIsItsDevicesAndCountsOnce) {
  ASSERT_TRUE(queue_->call([&](store::HubTransaction& tx) -> Status {
    PAVISE_TRY(tx.create_identity(*iothub::Identity::make(kHub, "d2"), {}));
    return {};
  }));
  const Url url = started("a");
  EXPECT_EQ(end(url).error(), "InvalidFileUploadCompletionStatus") << "nothing was sent";
  ASSERT_EQ(put(url, "x"), 201);
  EXPECT_EQ(end(url, true, "d2").error(), "InvalidFileUploadCorrelationId");
  EXPECT_EQ(end(url, true, "d1", "plant-2").error(), "InvalidFileUploadCorrelationId");
  EXPECT_EQ(end({"no-such-id", "", ""}).error(), "InvalidFileUploadCorrelationId");
  EXPECT_EQ(
      call("POST", "/devices/d1/files/notifications", "",
           R"({"correlationId":")" + url.correlation_id + R"(","isSuccess":true})", "plant-1 d1")
          .status,
      204)
      << "the form of other SDKs";
  EXPECT_EQ(end(url).error(), "InvalidFileUploadCorrelationId") << "replayed";
  EXPECT_EQ(told_.size(), 1U);
  EXPECT_EQ(put(url, "y"), 403);
}

TEST_F(FilesTest, AnUploadHasTheTimeThatTheHubGivesIt) {
  settings_.file_upload.sas_ttl_s = 60;
  change_hub();
  const Url url = started("a");
  clock_.advance_ms(59'999);
  ASSERT_EQ(put(url, "x"), 201);
  clock_.advance_ms(1);
  EXPECT_EQ(put(url, "y"), 403);
  EXPECT_EQ(end(url).error(), "ExpiredFileUploadCorrelationId");
}

TEST_F(FilesTest, TenUploadsOfADevice) {
  for (int i = 0; i < 10; ++i) started("a");
  const Answer answer = begin(R"({"blobName":"a"})");
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(answer.error(), "DeviceMaximumActiveFileUploadLimitExceeded");
  started("a", "plant-2 d1");
}

TEST_F(FilesTest, BodiesThatSayNothing) {
  for (const char* body : {"", "[]", "{}", R"({"blobName":5})", R"({"blobName":""})",
                           R"({"blobName":"../x"})", R"({"blobName":"a\u0000b"})"})
    EXPECT_EQ(begin(body).status, 400) << body;
  const Url url = started("a");
  for (const char* body :
       {"", "{}", R"({"isSuccess":"yes"})", R"({"isSuccess":1})",
        R"({"isSuccess":true,"statusCode":[]})", R"({"isSuccess":true,"statusDescription":5})"})
    EXPECT_EQ(call("POST", "/devices/d1/files/notifications/" + url.correlation_id, "", body,
                   "plant-1 d1")
                  .status,
              400)
        << body;
}

TEST_F(FilesTest, ReadingNeedsTheRightAndIsOfOneHub) {
  const Url url = started("a");
  ASSERT_EQ(put(url, "secret"), 201);
  for (const char* token : {"", "plant-1 read", "plant-1 d1"}) {
    EXPECT_EQ(as_service("GET", "/files", {}, token).status, 401) << token;
    EXPECT_EQ(as_service("GET", "/files/d1/a", {}, token).status, 401) << token;
    EXPECT_EQ(as_service("DELETE", "/files/d1/a", {}, token).status, 401) << token;
  }
  EXPECT_EQ(as_service("GET", "/files", {}, "plant-2 service").text, "[]");
  EXPECT_EQ(as_service("GET", "/files/d1/a", {}, "plant-2 service").status, 404);
  EXPECT_EQ(as_service("DELETE", "/files/d1/a", {}, "plant-2 service").status, 404);
  EXPECT_EQ(as_service("GET", "/files/d1/a").text, "secret");
}

TEST_F(FilesTest, ADeviceThatIsDisabledOrMadeAnewSendsNoMore) {
  const Url url = started("a");
  const auto device = *iothub::Identity::make(kHub, "d1");
  ASSERT_TRUE(queue_->call([&](store::HubTransaction& tx) -> Status {
    PAVISE_TRY(tx.update_identity(device, {.enabled = false}, {}));
    return {};
  }));
  EXPECT_EQ(put(url, "x"), 403);
  ASSERT_TRUE(queue_->call([&](store::HubTransaction& tx) -> Status {
    PAVISE_TRY(tx.update_identity(device, {.enabled = true}, {}));
    return {};
  }));
  EXPECT_EQ(put(url, "x"), 201);
  ASSERT_TRUE(queue_->call([&](store::HubTransaction& tx) -> Status {
    PAVISE_TRY(tx.delete_identity(device, {}));
    PAVISE_TRY(tx.create_identity(device, {}));
    return {};
  }));
  EXPECT_EQ(put(url, "x"), 403) << "of the same name, and another device";
}

TEST_F(FilesTest, FilesGoWithTheirHub) {
  ASSERT_EQ(put(started("a"), "secret"), 201);
  ASSERT_TRUE(queue_->call([&](store::HubTransaction& tx) { return tx.delete_hub(kHub, {}); }));
  clock_.advance_ms(1);
  make_hub(kHub);
  EXPECT_EQ(as_service("GET", "/files").text, "[]");
  EXPECT_EQ(as_service("GET", "/files/d1/a").status, 404);
  ASSERT_TRUE(files_->keep());
  EXPECT_TRUE(std::filesystem::is_empty(folder_ + "/files/objects"));
}

}  // namespace
}  // namespace pavise::hub::rest
