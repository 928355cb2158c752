#include "cloud/hub/data/store_data.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <future>

#include "cloud/hub/store/sqlite_hub_store.h"

namespace pavise::hub {
namespace {

class ManualClock final : public Clock {
 public:
  UnixMillis now_ms() const override { return now.load(); }
  std::int64_t steady_ms() const override { return now.load(); }
  std::atomic<UnixMillis> now{1'800'000'000'000};
};

class StoreDataTest : public ::testing::Test {
 protected:
  StoreDataTest() {
    std::string pattern = ::testing::TempDir() + "pavise-data-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    store_ = *store::open_sqlite_hub_store({.path = folder_ + "/hub.db"}, clock_);
    queue_ = std::make_unique<store::StoreQueue>(*store_);
    data_ = std::make_unique<StoreData>(
        *queue_, clock_,
        DataListener{.message_waiting =
                         [this](const iothub::Identity& identity) {
                           const std::lock_guard lock(mutex_);
                           told_.push_back(identity.client_id());
                         },
                     .service_message_waiting =
                         [this](const iothub::HubName& hub, ServiceQueue queue) {
                           const std::lock_guard lock(mutex_);
                           told_.push_back(hub.text() + (queue == ServiceQueue::feedback
                                                             ? " feedback"
                                                             : " file"));
                         }});
    run([this](store::HubTransaction& transaction) -> Status {
      PAVISE_TRY(transaction.create_hub(hub_, *TenantId::parse("acme"), {}));
      return {};
    });
  }
  ~StoreDataTest() override {
    data_.reset();
    queue_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  void run(const store::HubStore::Operation& operation) {
    const Status done = queue_->call(operation);
    ASSERT_TRUE(done) << done.error().message();
  }
  void make_device() {
    run([this](store::HubTransaction& transaction) -> Status {
      PAVISE_TRY(transaction.create_identity(device_, {}));
      return {};
    });
  }
  void enqueue(FeedbackWanted feedback = FeedbackWanted::none, UnixMillis expires_ms = 0) {
    run([&](store::HubTransaction& transaction) -> Status {
      const MessageToDevice message{.device = "dev",
                                    .properties = "%24.mid=m1",
                                    .expires_ms = expires_ms,
                                    .feedback = feedback,
                                    .payload = to_bytes(as_bytes("hi"))};
      PAVISE_TRY(transaction.enqueue_message(hub_, message));
      return {};
    });
  }
  Result<TwinReply> twin(TwinRequest request) {
    std::promise<Result<TwinReply>> answer;
    data_->twin(device_, std::move(request),
                [&](Result<TwinReply> reply) { answer.set_value(std::move(reply)); });
    return answer.get_future().get();
  }
  std::optional<DeviceMessage> next(LockOwner owner) {
    std::promise<Result<std::optional<DeviceMessage>>> answer;
    data_->next_message(device_, owner, [&](Result<std::optional<DeviceMessage>> message) {
      answer.set_value(std::move(message));
    });
    auto message = answer.get_future().get();
    EXPECT_TRUE(message);
    return message ? *message : std::nullopt;
  }
  Status settle(const std::string& lock_token, Settlement settlement) {
    std::promise<Status> answer;
    data_->settle_message(device_, lock_token, settlement,
                          [&](const Status& outcome) { answer.set_value(outcome); });
    return answer.get_future().get();
  }
  std::vector<std::string> told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }

  const iothub::HubName hub_ = *iothub::HubName::parse("plant-1");
  const iothub::Identity device_ = *iothub::Identity::make(hub_, "dev");
  std::string folder_;
  ManualClock clock_;
  std::unique_ptr<store::HubStore> store_;
  std::unique_ptr<store::StoreQueue> queue_;
  std::unique_ptr<StoreData> data_;
  std::mutex mutex_;
  std::vector<std::string> told_;
};

using Told = std::vector<std::string>;

TEST_F(StoreDataTest, TwinOfADevice) {
  EXPECT_TRUE(twin({}).error().is(store::kDeviceNotFound));
  make_device();
  const auto patched =
      twin({.kind = TwinRequest::Kind::merge_reported, .patch_json = R"({"up":1})"});
  ASSERT_TRUE(patched);
  EXPECT_NE(twin({})->body.find(R"("up":1)"), std::string::npos);
  EXPECT_TRUE(twin({.kind = TwinRequest::Kind::merge_reported,
                    .patch_json = "{}",
                    .if_version = patched->version + 1})
                  .error()
                  .is(twin::kVersionMismatch));
}

TEST_F(StoreDataTest, AnAttestedDeviceHasItsTwinAtOnce) {
  const auto attested = *iothub::Identity::make(hub_, std::string(DeviceId::kLength, 'a'));
  data_->ensure_attested(attested);
  std::promise<Result<TwinReply>> answer;
  data_->twin(attested, {}, [&](Result<TwinReply> reply) { answer.set_value(std::move(reply)); });
  EXPECT_TRUE(answer.get_future().get()) << "asked right after, answered in order";
  EXPECT_EQ(store_->index().find(attested)->kind, store::AuthKind::attested);
}

TEST_F(StoreDataTest, SubscriptionsAreKept) {
  make_device();
  const auto restored = [&] {
    std::string out;
    EXPECT_TRUE(data_->restore_subscriptions(
        [&](const iothub::Identity& identity, std::uint8_t subscriptions) {
          out += identity.client_id() + " " + std::to_string(subscriptions) + "\n";
        }));
    return out;
  };
  data_->keep_subscriptions(device_, 5);
  data_->keep_subscriptions(*iothub::Identity::make(hub_, "nobody"), 5);
  run([](store::HubTransaction&) { return Status{}; });  // those before it are done
  EXPECT_EQ(restored(), "dev 5\n");
  data_->keep_subscriptions(device_, 0);
  run([](store::HubTransaction&) { return Status{}; });
  EXPECT_EQ(restored(), "");
}

TEST_F(StoreDataTest, MessagesAreOfferedSettledAndReleased) {
  make_device();
  EXPECT_FALSE(next(1));
  enqueue();
  const auto message = next(1);
  ASSERT_TRUE(message);
  EXPECT_EQ(as_text(message->payload), "hi");
  EXPECT_FALSE(next(2)) << "locked";
  ASSERT_TRUE(settle(message->lock_token, Settlement::abandon));
  EXPECT_EQ(told(), Told{"dev"});
  const auto again = next(1);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->delivery_count, 1U);
  data_->release_messages(1);
  const auto third = next(2);
  ASSERT_TRUE(third) << "its connection ended";
  EXPECT_EQ(told(), (Told{"dev", "dev"}));
  EXPECT_TRUE(settle(again->lock_token, Settlement::complete).error().is(store::kLockLost));
  ASSERT_TRUE(settle(third->lock_token, Settlement::complete));
  EXPECT_FALSE(next(2));
}

// An orderly stop of the server: connections have just ended, and their releases still wait.
TEST_F(StoreDataTest, WhatTheQueueHoldsMayBeAnsweredAfterItsEnd) {
  make_device();
  enqueue();
  const auto message = next(1);
  ASSERT_TRUE(message);
  std::promise<void> open;
  const auto opened = open.get_future().share();
  queue_->submit(
      [opened](store::HubTransaction&) -> Status {
        opened.wait();
        return {};
      },
      [](const Status&) {});
  std::vector<std::future<void>> answers;
  const auto answer = [&] {
    auto promise = std::make_shared<std::promise<void>>();
    answers.push_back(promise->get_future());
    return [promise](const auto&) { promise->set_value(); };
  };
  data_->settle_message(device_, message->lock_token, Settlement::abandon, answer());
  data_->next_message(device_, 2, answer());
  data_->send_message(hub_, {.device = "dev", .properties = {}, .payload = {}}, answer());
  data_->settle_service_message(hub_, ServiceQueue::feedback, "none", Settlement::abandon,
                                answer());
  data_->release_messages(2);
  data_.reset();
  open.set_value();
  queue_.reset();
  for (auto& each : answers) each.get();
  EXPECT_EQ(told(), (Told{"dev", "dev", "dev"})) << "abandoned, sent, released";
}

TEST_F(StoreDataTest, TimeEndsLocksAndIsTold) {
  make_device();
  enqueue();
  ASSERT_TRUE(next(1));
  ASSERT_TRUE(data_->sweep());
  EXPECT_TRUE(told().empty()) << "not yet";
  clock_.now += store::kMessageLockMs + 1;
  ASSERT_TRUE(data_->sweep());
  EXPECT_EQ(told(), Told{"dev"});
  EXPECT_TRUE(next(2));
}

TEST_F(StoreDataTest, FeedbackIsTold) {
  make_device();
  enqueue(FeedbackWanted::full);
  const auto message = next(1);
  ASSERT_TRUE(settle(message->lock_token, Settlement::complete));
  EXPECT_EQ(told(), Told{"plant-1 feedback"});
}

// Found with azure-iothub: its receiver asked once, too early, and never again.
TEST_F(StoreDataTest, AFeedbackBatchIsToldWhenItIsDue) {
  make_device();
  enqueue(FeedbackWanted::full);
  ASSERT_TRUE(settle(next(1)->lock_token, Settlement::complete));
  const auto feedback = [&] {
    std::promise<bool> there;
    data_->next_service_message(hub_, ServiceQueue::feedback, 2,
                                [&](const Result<std::optional<ServiceMessage>>& message) {
                                  there.set_value(message && *message);
                                });
    return there.get_future().get();
  };
  EXPECT_FALSE(feedback()) << "more records may come";
  clock_.now += store::kFeedbackDelayMs;
  ASSERT_TRUE(data_->sweep());
  EXPECT_EQ(std::ranges::count(told(), "plant-1 feedback"), 2);
  EXPECT_TRUE(feedback());
}

TEST_F(StoreDataTest, FactsSayWhoseHubItIs) {
  const HubData::HubFacts facts = data_->facts(hub_);
  EXPECT_EQ(facts.tenant, "acme");
  EXPECT_EQ(facts.created_ms, clock_.now_ms());
  run([this](store::HubTransaction& transaction) { return transaction.delete_hub(hub_, {}); });
  EXPECT_EQ(data_->facts(hub_).tenant, "") << "a hub that is gone has no records";
}

TEST_F(StoreDataTest, WhatAServiceGivesBackIsOfferedToTheOthers) {
  run([this](store::HubTransaction& tx) { return tx.enqueue_file_notification(hub_, "{}"); });
  const auto take = [&](LockOwner owner) {
    std::promise<std::string> token;
    data_->next_service_message(
        hub_, ServiceQueue::file_notifications, owner,
        [&](const Result<std::optional<ServiceMessage>>& message) {
          token.set_value(message && *message ? (*message)->lock_token : "");
        });
    return token.get_future().get();
  };
  const auto settle_it = [&](const std::string& token, Settlement settlement) {
    std::promise<Status> outcome;
    data_->settle_service_message(hub_, ServiceQueue::file_notifications, token, settlement,
                                  [&](const Status& status) { outcome.set_value(status); });
    return outcome.get_future().get();
  };
  ASSERT_TRUE(settle_it(take(1), Settlement::abandon));
  EXPECT_EQ(told(), Told{"plant-1 file"});
  EXPECT_FALSE(settle_it("none", Settlement::abandon));
  EXPECT_EQ(told().size(), 1U) << "what did not happen is not told";
  ASSERT_NE(take(1), "");
  data_->release_messages(1);  // its connection ended
  const std::string last = take(2);
  ASSERT_NE(last, "");
  EXPECT_EQ(told(), (Told{"plant-1 file", "plant-1 feedback", "plant-1 file"}));
  ASSERT_TRUE(settle_it(last, Settlement::complete));
  EXPECT_EQ(told().size(), 3U);
}

}  // namespace
}  // namespace pavise::hub
