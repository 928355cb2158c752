#include "cloud/hub/store/store_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

#include "cloud/hub/store/hub_store_contract.h"
#include "cloud/hub/store/sqlite_hub_store.h"
#include "cloud/hub/store/testing/folder.h"

namespace pavise::hub::store {
namespace {

using Tx = HubTransaction;

class StoreQueueTest : public testing::Test {
 protected:
  void SetUp() override {
    make_hub(*store_);
    make_device(*store_);
  }
  // Holds the queue's thread until release().
  void block() {
    queue_->submit(
        [this](Tx&) -> Status {
          blocked_.count_down();
          released_.wait();
          return {};
        },
        [](const Status&) {});
    blocked_.wait();
  }
  void release() { released_.count_down(); }

  Folder folder_;
  ManualClock clock_{kTestTime};
  std::unique_ptr<HubStore> store_ = open_sqlite_hub_store({folder_.file()}, clock_).value();
  std::unique_ptr<StoreQueue> queue_ = std::make_unique<StoreQueue>(*store_);
  std::latch blocked_{1};
  std::latch released_{1};
};

TEST_F(StoreQueueTest, AnswersComeInOrderAndOneFailureStaysAlone) {
  block();
  std::vector<int> order;
  std::vector<bool> good;
  constexpr int kMany = static_cast<int>(kStoreGroupMax) * 2 + 10;  // three groups
  for (int i = 0; i < kMany; ++i)
    queue_->submit<std::uint64_t>(
        [i](Tx& tx) {
          return tx.merge_reported(device_id(), i % 7 == 3 ? R"({"bad key":1})" : R"({"x":1})", {});
        },
        [&, i](const Result<std::uint64_t>& version) {
          order.push_back(i);
          good.push_back(version.has_value());
          // Durable before the answer: a reader sees it.
          EXPECT_TRUE(store_->read([&](HubReader& reader) -> Status {
            PAVISE_TRY_ASSIGN(const std::string twin, reader.device_twin(device_id()));
            if (version) EXPECT_NE(twin.find("\"x\":1"), std::string::npos);
            return {};
          }));
        });
  release();
  queue_.reset();  // executes what is queued
  ASSERT_EQ(order.size(), static_cast<std::size_t>(kMany));
  for (int i = 0; i < kMany; ++i) {
    EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
    EXPECT_EQ(good[static_cast<std::size_t>(i)], i % 7 != 3);
  }
}

TEST_F(StoreQueueTest, CallWaitsForTheCommit) {
  const auto version = queue_->call<std::uint64_t>(
      [](Tx& tx) { return tx.merge_reported(device_id(), R"({"x":1})", {}); });
  EXPECT_EQ(*version, 2U);
  EXPECT_TRUE(queue_->call<std::string>([](Tx& tx) { return tx.device_twin(device_id("nobody")); })
                  .error()
                  .is(kDeviceNotFound));
  EXPECT_TRUE(queue_->call([](Tx& tx) -> Status {
    PAVISE_TRY(tx.delete_identity(device_id(), {}));
    return {};
  }));
  EXPECT_EQ(queue_->waiting(), 0U);
}

TEST_F(StoreQueueTest, AFullQueueSaysSoAtOnce) {
  block();
  const auto nothing = [](Tx&) { return Status(); };
  std::atomic<std::size_t> answered = 0;
  for (std::size_t i = 1; i < kStoreQueueMax; ++i)
    queue_->submit(nothing, [&](const Status& status) { answered += status ? 1 : 0; });
  EXPECT_EQ(queue_->waiting(), kStoreQueueMax);
  bool busy = false;
  queue_->submit(nothing, [&](const Status& status) { busy = status.error().is(kStoreBusy); });
  EXPECT_TRUE(busy);
  EXPECT_TRUE(queue_->call(nothing).error().is(kStoreBusy));
  release();
  queue_.reset();
  EXPECT_EQ(answered, kStoreQueueMax - 1);
}

TEST_F(StoreQueueTest, ManyThreadsAtOnce) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) {
        EXPECT_TRUE(queue_->call<std::uint64_t>(
            [](Tx& tx) { return tx.merge_reported(device_id(), R"({"x":1})", {}); }));
        EXPECT_TRUE(store_->index().find(device_id()));
        EXPECT_TRUE(store_->index().hub_by_host("acme.example"));
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(
      *queue_->call<std::uint64_t>([](Tx& tx) { return tx.merge_reported(device_id(), "{}", {}); }),
      kThreads * kRounds + 2U);
}

}  // namespace
}  // namespace pavise::hub::store
