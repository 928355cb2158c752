#include "cloud/hub/data/activity_book.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>

#include "cloud/hub/store/sqlite_hub_store.h"

namespace pavise::hub {
namespace {

constexpr UnixMillis kStart = 1'800'000'000'000;
constexpr std::int64_t kNeverMs = 24L * 3600 * 1000;  // tests write themselves

class OwnClock final : public Clock {
 public:
  UnixMillis now_ms() const override { return now.load(); }
  std::int64_t steady_ms() const override { return now.load(); }
  std::atomic<UnixMillis> now{kStart};
};

// The real store, which fails while told to and counts its groups.
class FailingStore final : public store::HubStore {
 public:
  explicit FailingStore(std::unique_ptr<store::HubStore> real) : real_(std::move(real)) {}
  using HubStore::execute;
  std::vector<Status> execute(std::span<const Operation> group) override {
    if (failing) return std::vector<Status>(group.size(), Status(store::kStoreFull));
    operations += group.size();
    return real_->execute(group);
  }
  Status read(const Reading& reading) override { return real_->read(reading); }
  const store::IdentityIndex& index() const override { return real_->index(); }
  void watch(Watcher watcher) override { real_->watch(std::move(watcher)); }
  std::atomic<bool> failing{false};
  std::atomic<std::size_t> operations{0};

 private:
  std::unique_ptr<store::HubStore> real_;
};

class ActivityBookTest : public ::testing::Test {
 protected:
  ActivityBookTest() {
    std::string pattern = ::testing::TempDir() + "pavise-activity-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    store_ = std::make_unique<FailingStore>(
        *store::open_sqlite_hub_store({.path = folder_ + "/hub.db"}, clock_));
    queue_ = std::make_unique<store::StoreQueue>(*store_);
    book_ = make_book();
    EXPECT_TRUE(queue_->call([this](store::HubTransaction& transaction) -> Status {
      PAVISE_TRY(transaction.create_hub(hub_, *TenantId::parse("acme"),
                                        {.event_sources = static_cast<store::EventSources>(
                                             store::EventSource::connection_state)}));
      PAVISE_TRY(transaction.create_identity(device_, {}));
      return {};
    }));
  }
  ~ActivityBookTest() override {
    book_.reset();
    queue_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  std::unique_ptr<ActivityBook> make_book() {
    return std::make_unique<ActivityBook>(
        *queue_, clock_, [this](const iothub::Identity&) { return connected_.load(); }, kNeverMs);
  }
  // "deviceConnected" and so on.
  std::vector<std::string> told() {
    std::vector<std::string> out;
    const auto events = queue_->call<std::vector<store::DeviceEvent>>(
        [](store::HubTransaction& transaction) { return transaction.device_events(100'000); });
    for (const store::DeviceEvent& event : *events) out.push_back(event.operation);
    return out;
  }
  void note_connection(bool connected) {
    connected_ = connected;
    book_->note_connection(device_, connected);
  }
  store::IdentityRecord read() {
    return *queue_->call<store::IdentityRecord>(
        [this](store::HubTransaction& transaction) { return transaction.identity(device_); });
  }
  iothub::Identity numbered(std::size_t number) const {
    return *iothub::Identity::make(hub_, "n" + std::to_string(number));
  }

  const iothub::HubName hub_ = *iothub::HubName::parse("plant-1");
  const iothub::Identity device_ = *iothub::Identity::make(hub_, "dev");
  std::string folder_;
  OwnClock clock_;
  std::atomic<bool> connected_{false};
  std::unique_ptr<FailingStore> store_;
  std::unique_ptr<store::StoreQueue> queue_;
  std::unique_ptr<ActivityBook> book_;
};

TEST_F(ActivityBookTest, TheStoreFollows) {
  book_->note_connection(device_, true);
  clock_.now += 1'000;
  book_->note_active(device_);
  ASSERT_TRUE(book_->write());
  EXPECT_EQ(read().connection_updated_ms, kStart);
  EXPECT_EQ(read().last_activity_ms, kStart + 1'000);
  clock_.now += 1'000;
  book_->note_connection(device_, false);
  ASSERT_TRUE(book_->write());
  EXPECT_EQ(read().connection_updated_ms, kStart + 2'000);
  EXPECT_EQ(read().last_activity_ms, kStart + 1'000) << "going is no activity";
}

TEST_F(ActivityBookTest, WhatTheStoreRefusedWaits) {
  book_->note_active(device_);
  store_->failing = true;
  EXPECT_TRUE(book_->write().error().is(store::kStoreFull));
  EXPECT_EQ(book_->waiting(), 1U);
  clock_.now += 7;
  book_->note_connection(device_, false);
  store_->failing = false;
  ASSERT_TRUE(book_->write());
  EXPECT_EQ(read().last_activity_ms, kStart);
  EXPECT_EQ(read().connection_updated_ms, kStart + 7);
  EXPECT_EQ(book_->waiting(), 0U);
}

TEST_F(ActivityBookTest, TheEndWritesWhatIsLeft) {
  book_->note_active(device_);
  book_.reset();
  book_ = make_book();
  EXPECT_EQ(read().last_activity_ms, kStart);
}

using Told = std::vector<std::string>;

TEST_F(ActivityBookTest, AConnectionIsToldOnceAMinuteAndTheLastStateWins) {
  note_connection(true);
  ASSERT_TRUE(book_->write());
  EXPECT_EQ(told(), Told{"deviceConnected"});
  for (int i = 0; i < 7; ++i) note_connection(i % 2 != 0);
  EXPECT_FALSE(connected_);
  ASSERT_TRUE(book_->write());
  EXPECT_EQ(told().size(), 1U) << "its minute is not over";
  EXPECT_EQ(read().connection_updated_ms, kStart) << "the times are written all the same";
  clock_.now += kConnectionReportEveryMs - 1;
  ASSERT_TRUE(book_->write());
  EXPECT_EQ(told().size(), 1U);
  clock_.now += 1;
  ASSERT_TRUE(book_->write());
  EXPECT_EQ(told(), (Told{"deviceConnected", "deviceDisconnected"}));
  clock_.now += kConnectionReportEveryMs;
  note_connection(true);
  note_connection(false);
  ASSERT_TRUE(book_->write());
  EXPECT_EQ(told().size(), 2U) << "back where it was";
}

TEST_F(ActivityBookTest, OfNotesInTheWrongOrderTheTruthIsTold) {
  connected_ = true;
  book_->note_connection(device_, true);
  book_->note_connection(device_, false);  // of the connection before, by another worker
  ASSERT_TRUE(book_->write());
  EXPECT_EQ(told(), Told{"deviceConnected"});
}

TEST_F(ActivityBookTest, AReportThatTheStoreRefusedComesAgain) {
  note_connection(true);
  store_->failing = true;
  EXPECT_FALSE(book_->write());
  store_->failing = false;
  ASSERT_TRUE(book_->write());
  EXPECT_EQ(told(), Told{"deviceConnected"});
}

TEST_F(ActivityBookTest, TheEndTellsBeforeTheMinuteIsOver) {
  note_connection(true);
  ASSERT_TRUE(book_->write());
  note_connection(false);
  book_.reset();
  EXPECT_EQ(told(), (Told{"deviceConnected", "deviceDisconnected"}));
}

TEST_F(ActivityBookTest, AStormMakesNoMoreEventsThanDevices) {
  std::vector<iothub::Identity> devices;
  ASSERT_TRUE(queue_->call([&](store::HubTransaction& transaction) -> Status {
    for (std::size_t i = 0; i < 300; ++i) {
      devices.push_back(numbered(i));
      PAVISE_TRY(transaction.create_identity(devices.back(), {}));
    }
    return {};
  }));
  connected_ = true;
  for (int round = 0; round < 20; ++round) {
    for (const auto& device : devices) {
      book_->note_connection(device, false);
      book_->note_connection(device, true);
    }
    ASSERT_TRUE(book_->write());
    clock_.now += 1'000;
  }
  EXPECT_EQ(told().size(), devices.size());
}

TEST_F(ActivityBookTest, OneOperationTakesThatMany) {
  for (std::size_t i = 0; i < kActivityPerOperationMax; ++i) book_->note_active(numbered(i));
  std::size_t before = store_->operations;
  ASSERT_TRUE(book_->write());
  EXPECT_EQ(store_->operations - before, 1U);
  for (std::size_t i = 0; i <= kActivityPerOperationMax; ++i) book_->note_active(numbered(i));
  before = store_->operations;
  ASSERT_TRUE(book_->write());
  EXPECT_EQ(store_->operations - before, 2U);
}

TEST_F(ActivityBookTest, MemoryAndWritesAreBounded) {
  store_->failing = true;  // so that its own thread takes nothing away
  for (std::size_t i = 0; i < kActivityKnownMax; ++i) book_->note_active(numbered(i));
  EXPECT_EQ(book_->waiting(), kActivityKnownMax);
  book_->note_active(device_);
  EXPECT_EQ(book_->waiting(), kActivityKnownMax);
  store_->failing = false;
  ASSERT_TRUE(book_->write());
  EXPECT_EQ(book_->waiting(), kActivityKnownMax - kActivityPerWriteMax);
  book_->note_active(device_);
  while (book_->waiting() != 0) ASSERT_TRUE(book_->write());
  EXPECT_EQ(read().last_activity_ms, kStart);
}

}  // namespace
}  // namespace pavise::hub
