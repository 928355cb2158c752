#include "cloud/hub/device_events/event_pump.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>

#include "cloud/hub/segment_log/testing/memory_log_directory.h"
#include "cloud/hub/store/sqlite_hub_store.h"
#include "protocol/iothub/property_bag.h"

namespace pavise::hub {
namespace {

constexpr UnixMillis kStart = 1'800'000'000'000;
constexpr std::int64_t kNeverMs = 24L * 3600 * 1000;  // tests pump themselves

// The real store, of which writes fail while told to.
class FailingStore final : public store::HubStore {
 public:
  explicit FailingStore(std::unique_ptr<store::HubStore> real) : real_(std::move(real)) {}
  using HubStore::execute;
  std::vector<Status> execute(std::span<const Operation> group) override {
    if (failing) return std::vector<Status>(group.size(), Status(store::kStoreFailed));
    return real_->execute(group);
  }
  Status read(const Reading& reading) override { return real_->read(reading); }
  const store::IdentityIndex& index() const override { return real_->index(); }
  void watch(Watcher watcher) override { real_->watch(std::move(watcher)); }
  std::atomic<bool> failing{false};

 private:
  std::unique_ptr<store::HubStore> real_;
};

class EventPumpTest : public ::testing::Test {
 protected:
  EventPumpTest() {
    std::string pattern = ::testing::TempDir() + "pavise-pump-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    open();
    EXPECT_TRUE(queue_->call([this](store::HubTransaction& transaction) -> Status {
      PAVISE_TRY(transaction.create_hub(hub_, *TenantId::parse("acme"),
                                        {.event_sources = store::kAllEventSources}));
      return {};
    }));
  }
  ~EventPumpTest() override {
    close();
    std::filesystem::remove_all(folder_);
  }
  void open() {
    store_ = std::make_unique<FailingStore>(
        *store::open_sqlite_hub_store({.path = folder_ + "/hub.db"}, clock_));
    queue_ = std::make_unique<store::StoreQueue>(*store_);
    log_ = *SegmentLog::open(std::make_unique<testing::MemoryLogDirectory>(disk_), {}, clock_);
    pump_ = std::make_unique<EventPump>(*queue_, *log_, clock_, kNeverMs);
  }
  void close() {
    pump_.reset();
    queue_.reset();
    store_.reset();
    log_.reset();
  }
  void make(std::string_view device, std::string_view module_id = {}) {
    const auto id = *iothub::Identity::make(hub_, device, module_id);
    ASSERT_TRUE(queue_->call([&](store::HubTransaction& transaction) -> Status {
      PAVISE_TRY(transaction.create_identity(id, {}));
      return {};
    }));
  }
  std::vector<Record> records() { return *log_->read(0); }
  std::vector<std::string> devices() {
    std::vector<std::string> out;
    for (const Record& record : records()) out.push_back(record.device);
    return out;
  }
  std::size_t waiting() {
    return queue_
        ->call<std::vector<store::DeviceEvent>>(
            [](store::HubTransaction& transaction) { return transaction.device_events(1'000); })
        ->size();
  }

  using Devices = std::vector<std::string>;
  const iothub::HubName hub_ = *iothub::HubName::parse("plant-1");
  std::string folder_;
  ManualClock clock_{kStart};
  std::shared_ptr<testing::MemoryDisk> disk_ = std::make_shared<testing::MemoryDisk>();
  std::unique_ptr<FailingStore> store_;
  std::unique_ptr<store::StoreQueue> queue_;
  std::unique_ptr<SegmentLog> log_;
  std::unique_ptr<EventPump> pump_;
};

TEST_F(EventPumpTest, AnEventBecomesARecord) {
  make("dev");
  make("dev", "m");
  clock_.advance_ms(50);
  ASSERT_TRUE(pump_->pump());
  ASSERT_EQ(records().size(), 2U);
  const Record record = records()[1];
  EXPECT_EQ(record.tenant, "acme");
  EXPECT_EQ(record.hub, "plant-1");
  EXPECT_EQ(record.device, "dev");
  EXPECT_EQ(record.time_ms, kStart + 50) << "when the log got it";
  const RecordOrigin origin = RecordOrigin::parse(record.origin);
  EXPECT_EQ(origin.source, "deviceLifecycleEvents");
  EXPECT_EQ(origin.module_id, "m");
  EXPECT_FALSE(origin.generation_id.empty());
  const auto bag = iothub::PropertyBag::parse(record.properties);
  ASSERT_TRUE(bag);
  const std::pair<std::string_view, std::string_view> expected[] = {
      {"$.ct", "application/json"},
      {"$.ce", "utf-8"},
      {"deviceId", "dev"},
      {"moduleId", "m"},
      {"hubName", "plant-1"},
      {"opType", "createModuleIdentity"},
      {"operationTimestamp", "2027-01-15T08:00:00.000Z"},
      {"iothub-message-schema", "moduleLifecycleNotification"}};
  for (const auto& [name, value] : expected) {
    ASSERT_NE(bag->find(name), nullptr) << name;
    EXPECT_EQ(bag->find(name)->value, value);
  }
  EXPECT_EQ(waiting(), 0U);
  ASSERT_TRUE(pump_->pump());
  EXPECT_EQ(records().size(), 2U) << "once";
}

TEST_F(EventPumpTest, TheLogRefusesAndNothingIsLost) {
  make("a");
  disk_->set_faults({.space_left = 0});
  EXPECT_FALSE(pump_->pump());
  EXPECT_EQ(waiting(), 1U);
  disk_->set_faults({});
  ASSERT_TRUE(log_->reopen());
  make("b");
  ASSERT_TRUE(pump_->pump());
  EXPECT_EQ(devices(), (Devices{"a", "b"}));
}

// Killed after the log's commit and before the store's: told twice rather than not at all.
TEST_F(EventPumpTest, AnEventIsToldAtLeastOnce) {
  make("a");
  store_->failing = true;
  EXPECT_FALSE(pump_->pump());
  EXPECT_FALSE(pump_->pump());
  EXPECT_EQ(devices(), Devices{"a"}) << "a store that stays full is no reason to tell it again";
  close();
  open();
  ASSERT_TRUE(pump_->pump());
  EXPECT_EQ(devices(), (Devices{"a", "a"}));
  EXPECT_EQ(records()[0].payload, records()[1].payload);
}

// Killed before the log's commit: the change is durable, so is its event.
TEST_F(EventPumpTest, AKillBeforeTheLogLosesNothing) {
  make("a");
  const auto after_kill = disk_->after_power_cut(0);
  store_->failing = true;  // so that closing does not take it out of the store
  close();
  disk_ = after_kill;
  open();
  ASSERT_TRUE(pump_->pump());
  EXPECT_EQ(devices(), Devices{"a"});
}

TEST_F(EventPumpTest, MoreThanOneCommitTakes) {
  for (std::size_t i = 0; i <= kEventPumpMax; ++i) make("d" + std::to_string(i));
  ASSERT_TRUE(pump_->pump());
  ASSERT_EQ(records().size(), kEventPumpMax + 1);
  EXPECT_EQ(records().back().device, "d" + std::to_string(kEventPumpMax));
}

TEST_F(EventPumpTest, TheEndTakesWhatIsLeft) {
  make("a");
  pump_.reset();
  EXPECT_EQ(devices(), Devices{"a"});
}

}  // namespace
}  // namespace pavise::hub
