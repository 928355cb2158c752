// The threads that answer calls, against a real store. Worth most under the sanitizers.
#include "cloud/hub/rest/rest_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "cloud/hub/files/file_house.h"
#include "cloud/hub/files/testing/memory_depot.h"
#include "cloud/hub/segment_log/testing/memory_log_directory.h"
#include "cloud/hub/store/sqlite_hub_store.h"
#include "cloud/hub/store/testing/folder.h"

namespace pavise::hub::rest {
namespace {

const iothub::HubName kHub = *iothub::HubName::parse("plant-1");
const TenantId kTenant = *TenantId::parse("acme");

// Everybody may everything.
class OpenGatekeeper final : public Gatekeeper {
 public:
  Result<Principal> authenticate(const Claim&, const TlsPeer&) override {
    return Principal{.hub = kHub,
                     .tenant = kTenant,
                     .identity = {},
                     .rights = store::kAllRights,
                     .expires_ms = INT64_MAX};
  }
  std::optional<iothub::HubName> hub_of(std::string_view) const override { return std::nullopt; }
  void subscribe(std::function<void(const RightsChanged&)>) override {}
};

class RestPoolTest : public ::testing::Test {
 protected:
  RestPoolTest() {
    store_ = *store::open_sqlite_hub_store({.path = folder_.file()}, clock_);
    queue_ = std::make_unique<store::StoreQueue>(*store_);
    log_ = *SegmentLog::open(
        std::make_unique<testing::MemoryLogDirectory>(std::make_shared<testing::MemoryDisk>()), {},
        clock_);
    EXPECT_TRUE(queue_->call([](store::HubTransaction& transaction) -> Status {
      PAVISE_TRY(transaction.create_hub(kHub, kTenant, {}));
      PAVISE_TRY(transaction.create_identity(*iothub::Identity::make(kHub, "dev"), {}));
      return {};
    }));
  }
  void keep_files(std::shared_ptr<files::testing::MemoryMedium> medium) {
    medium->remote = true;
    files_ = *files::FileHouse::open(
        {.folder = folder_.file("files"),
         .depot = [medium](const std::string&) -> Result<std::unique_ptr<files::ByteDepot>> {
           return std::unique_ptr<files::ByteDepot>(
               std::make_unique<files::testing::MemoryDepot>(medium));
         }},
        store_->index(), clock_);
  }
  std::unique_ptr<RestPool> pool(unsigned threads) {
    return std::make_unique<RestPool>(
        Services{.queue = *queue_,
                 .gatekeeper = gatekeeper_,
                 .log = *log_,
                 .clock = clock_,
                 .desired_changed = [this](const iothub::Identity&, std::uint64_t,
                                           const std::string&) { ++told_; },
                 .message_waiting = [](const iothub::Identity&) {},
                 .service_message_waiting = [](const iothub::HubName&, ServiceQueue) {},
                 .forget = [](const iothub::Identity&) {},
                 .rights_changed = [](const RightsChanged&) {},
                 .device_active = [](const iothub::Identity&) {},
                 .connected = [](const iothub::Identity&) { return false; },
                 .connected_count = [](const iothub::HubName&) { return 0; },
                 .invoke_method = [](const MethodInvocation&,
                                     const MethodBroker::Done& done) { done(MethodReply{}); },
                 .files = files_.get()},
        threads, 1);
  }
  static Request call(std::string_view method, std::string path, std::string body) {
    return {.method = std::string(method),
            .path = std::move(path),
            .query = {},
            .headers = {{"host", "plant-1.test"}, {"authorization", "x"}},
            .body = std::move(body),
            .peer_chain = {},
            .server_name = {}};
  }

  store::Folder folder_;
  SystemClock clock_;
  OpenGatekeeper gatekeeper_;
  std::unique_ptr<store::HubStore> store_;
  std::unique_ptr<store::StoreQueue> queue_;
  std::unique_ptr<SegmentLog> log_;
  std::unique_ptr<files::FileHouse> files_;
  std::atomic<int> told_{0};
};

TEST_F(RestPoolTest, AnswersAllThatWasAskedBeforeItsEnd) {
  constexpr int kAskers = 4;
  constexpr int kCalls = 25;
  auto rest = pool(4);
  std::atomic<int> good{0};
  std::vector<std::future<void>> askers;
  for (int asker = 0; asker < kAskers; ++asker)
    askers.push_back(std::async(std::launch::async, [&, asker] {
      for (int i = 0; i < kCalls; ++i)
        rest->serve(call("PATCH", "/twins/dev",
                         R"({"properties":{"desired":{"a)" + std::to_string(asker) +
                             "\":" + std::to_string(i) + "}}}"),
                    [&](const HttpResponse& response) { good += response.status == 200 ? 1 : 0; });
    }));
  for (auto& each : askers) each.get();
  rest.reset();
  EXPECT_EQ(good, kAskers * kCalls);
  EXPECT_EQ(told_, kAskers * kCalls);
}

TEST_F(RestPoolTest, SaysAtOnceThatTooManyCallsWait) {
  auto rest = pool(1);
  std::promise<void> gate;
  std::promise<void> entered;
  std::atomic<int> good{0};
  // Holds the only thread.
  rest->serve(call("GET", "/devices", ""), [&](const HttpResponse&) {
    entered.set_value();
    gate.get_future().wait();
  });
  entered.get_future().wait();
  for (std::size_t i = 0; i < kCallsWaitingMax; ++i)
    rest->serve(call("GET", "/nowhere", ""),
                [&](const HttpResponse& response) { good += response.status == 404 ? 1 : 0; });
  int status = 0;
  rest->serve(call("GET", "/nowhere", ""),
              [&](const HttpResponse& response) { status = response.status; });
  EXPECT_EQ(status, 503);
  gate.set_value();
  rest.reset();
  EXPECT_EQ(good, static_cast<int>(kCallsWaitingMax));
}

TEST_F(RestPoolTest, CallsOfFilesHoldUpNoOthersAndAreBounded) {
  keep_files(std::make_shared<files::testing::MemoryMedium>());
  auto rest = pool(1);
  std::promise<void> gate;
  std::promise<void> entered;
  std::atomic<int> good{0};
  // Holds the only thread for files, however its path is written.
  rest->serve(call("GET", "/%66iles/dev/a", ""), [&](const HttpResponse& response) {
    good += response.status == 404 ? 1 : 0;
    entered.set_value();
    gate.get_future().wait();
  });
  entered.get_future().wait();
  std::promise<int> other;
  rest->serve(call("GET", "/nowhere", ""),
              [&](const HttpResponse& response) { other.set_value(response.status); });
  EXPECT_EQ(other.get_future().get(), 404);
  for (std::size_t i = 0; i < kFileCallsWaitingMax; ++i)
    rest->serve(call("GET", "/FILES/dev/a", ""),
                [&](const HttpResponse& response) { good += response.status == 404 ? 1 : 0; });
  int status = 0;
  rest->serve(call("PUT", "/pavise-files/dev/a", ""),
              [&](const HttpResponse& response) { status = response.status; });
  EXPECT_EQ(status, 503);
  gate.set_value();
  rest.reset();
  EXPECT_EQ(good, static_cast<int>(kFileCallsWaitingMax) + 1);
}

TEST_F(RestPoolTest, AFileWhoseStoreDoesNotAnswerIsUnavailable) {
  const auto medium = std::make_shared<files::testing::MemoryMedium>();
  keep_files(medium);
  const auto hub = files::hub_key(store_->index().hub(kHub)->hub);
  const auto upload = files_->store().begin({hub, "dev", 1, "a", clock_.now_ms() + 60'000});
  ASSERT_TRUE(files_->store().put(upload->id, as_bytes("text"), "text/plain", false,
                                  {1U << 20, 1U << 20, 1U << 20}));
  auto rest = pool(1);
  const auto status = [&] {
    std::promise<int> out;
    rest->serve(call("GET", "/files/dev/a", ""),
                [&](const HttpResponse& response) { out.set_value(response.status); });
    return out.get_future().get();
  };
  EXPECT_EQ(status(), 200);
  medium->failure = &files::kStoreUnreachable;
  EXPECT_EQ(status(), 503);
}

}  // namespace
}  // namespace pavise::hub::rest
