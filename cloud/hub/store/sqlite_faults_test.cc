// What the store does when the machine fails under it: killed at any write or flush, disk full,
// failing disk.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>

#include "cloud/hub/store/hub_store_contract.h"
#include "cloud/hub/store/sqlite_hub_store.h"
#include "cloud/hub/store/testing/folder.h"
#include "common/sqlite/testing/faults.h"

namespace pavise::hub::store {
namespace {

using sqlite::testing::Fault;
using sqlite::testing::plan;
using Tx = HubTransaction;

constexpr int kStepsMax = 500;

// An operation that touches an identity, its modules, a twin, a queue and the feedback.
Status everything(Tx& tx) {
  PAVISE_TRY(tx.create_identity(device_id("new"), {}));
  PAVISE_TRY(tx.merge_reported(device_id("new"), R"({"x":1})", {}));
  PAVISE_TRY_ASSIGN(const auto offer, tx.lock_message(device_id("d1"), kNoOwner));
  if (!offer.message) return kLockLost;
  PAVISE_TRY(tx.settle_message(device_id("d1"), offer.message->lock_token, Settlement::complete));
  PAVISE_TRY(tx.delete_identity(device_id("old"), {}));
  return {};
}

class StoreFaults : public testing::Test {
 protected:
  void SetUp() override {
    sqlite::testing::install_faults();
    plan = {};
  }
  void TearDown() override { plan = {}; }

  std::string file() const { return folder_->file(); }
  std::unique_ptr<HubStore> open() { return open_sqlite_hub_store({file()}, clock_).value(); }
  // A hub with device "d1", a message for it, and device "old" with a module; closed again.
  void prepare() {
    if (template_ == nullptr) make_template();
    folder_ = std::make_unique<Folder>();
    std::filesystem::copy(template_->path(), folder_->path());
  }
  void make_template() {
    template_ = std::make_unique<Folder>();
    auto store = open_sqlite_hub_store({template_->file()}, clock_).value();
    ASSERT_TRUE(ask(*store, [](Tx& tx) {
      return tx.create_hub(hub_name(), *TenantId::parse("tenant"),
                           {.event_sources = kAllEventSources});
    }));
    make_device(*store, "d1");
    make_device(*store, "old");
    make_device(*store, "old", "m");
    MessageToDevice message = sample_message("d1");
    message.feedback = FeedbackWanted::full;
    ASSERT_TRUE(ask(*store, [&](Tx& tx) { return tx.enqueue_message(hub_name(), message); }));
  }
  static std::set<std::string> told(HubStore& store) {
    std::set<std::string> out;
    for (const DeviceEvent& event : *ask(store, [](Tx& tx) { return tx.device_events(100); }))
      out.insert(event.operation + " " + event.id.device());
    return out;
  }
  // All or nothing of everything(), told from each thing that it changes; the index agrees.
  static bool is_whole(HubStore& store) {
    const bool made = store.index().contains(device_id("new"));
    EXPECT_EQ(ask(store, [](Tx& tx) { return tx.device_twin(device_id("new")); }).has_value(),
              made);
    EXPECT_EQ(*ask(store, [](Tx& tx) { return tx.messages_waiting(device_id("d1")); }),
              made ? 0U : 1U);
    EXPECT_EQ(ask(store, [](Tx& tx) { return tx.identity(device_id("old")); }).has_value(), !made);
    EXPECT_EQ(ask(store, [](Tx& tx) { return tx.identity(device_id("old", "m")); }).has_value(),
              !made);
    EXPECT_EQ(store.index().contains(device_id("old", "m")), !made);
    EXPECT_EQ(told(store).contains("createDeviceIdentity new"), made);
    EXPECT_EQ(told(store).contains("updateTwin new"), made);
    EXPECT_EQ(told(store).contains("deleteModuleIdentity old"), made);
    EXPECT_EQ(told(store).contains("deleteDeviceIdentity old"), made);
    const auto counts = ask(store, [](Tx& tx) { return tx.count_identities(hub_name()); });
    EXPECT_EQ(counts->devices, 2U);
    EXPECT_EQ(counts->modules, made ? 0U : 1U);
    return made;
  }
  void kill_everywhere(Fault fault, std::size_t group_size);

  std::unique_ptr<Folder> template_;
  std::unique_ptr<Folder> folder_;
  ManualClock clock_{kTestTime};
};

// The other members of the group.
Status touch(Tx& tx) {
  PAVISE_TRY(tx.merge_reported(device_id("d1"), R"({"n":1})", {}));
  return {};
}

void StoreFaults::kill_everywhere(Fault fault, std::size_t group_size) {
  bool lost = false;
  bool kept = false;
  int step = 0;
  for (int code = 9; code == 9;) {
    ++step;
    ASSERT_LT(step, kStepsMax);
    prepare();
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto store = open();
      plan = {fault, step, 0};
      std::vector<HubStore::Operation> group(group_size, touch);
      group.front() = everything;
      const auto outcome = store->execute(group);
      store.reset();  // the write-ahead log moves into the file
      _exit(outcome.front() ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    code = WEXITSTATUS(status);
    ASSERT_TRUE(code == 0 || code == 9) << "step " << step << " exit " << code;
    auto store = open_sqlite_hub_store({file()}, clock_);
    ASSERT_TRUE(store) << "step " << step << ": " << store.error().message();
    const bool whole = is_whole(**store);
    (whole ? kept : lost) = true;
    const auto twin = ask(**store, [](Tx& tx) { return tx.device_twin(device_id("d1")); });
    EXPECT_EQ(twin->find("\"n\":1") != std::string::npos, whole && group_size > 1);
    // Whatever happened, the next operation works.
    if (!whole) {
      const HubStore::Operation again = everything;
      ASSERT_TRUE((*store)->execute(again)) << "step " << step;
    }
  }
  EXPECT_TRUE(kept);
  EXPECT_TRUE(lost) << "the kill never came before the commit";
  EXPECT_GT(step, 5);
}

TEST_F(StoreFaults, KilledAtAnyWriteOrFlushKeepsAllOrNothing) {
  kill_everywhere(Fault::kill, 1);
}

TEST_F(StoreFaults, KilledInTheMiddleOfAnyWriteKeepsAllOrNothing) {
  kill_everywhere(Fault::kill_torn, 1);
}

TEST_F(StoreFaults, AGroupIsKeptOrLostAsAWhole) {
  kill_everywhere(Fault::kill, 4);
}

TEST_F(StoreFaults, NoGroupIsAnsweredBeforeItsLogIsFlushed) {
  prepare();
  auto store = open();
  for (const std::size_t group_size : {1U, 4U, 1U, 64U, 1U}) {
    const int before = sqlite::testing::wal_flushes;
    const std::vector<HubStore::Operation> group(group_size, touch);
    for (const Status& status : store->execute(group)) ASSERT_TRUE(status);
    EXPECT_GE(sqlite::testing::wal_flushes, before + 1) << group_size;
  }
}

TEST_F(StoreFaults, ADiskThatFillsAtAnyWriteIsSaidAndNothingIsLost) {
  for (const std::size_t group_size : {1U, 4U}) {
    int step = 0;
    for (bool reached = true; reached;) {
      ++step;
      ASSERT_LT(step, kStepsMax);
      prepare();
      auto store = open();
      std::vector<HubStore::Operation> group(group_size, touch);
      group.front() = everything;
      plan = {Fault::disk_full, step, 0};
      const auto outcome = store->execute(group);
      reached = plan.seen >= step;
      plan = {};
      if (!reached) {
        for (const Status& status : outcome) EXPECT_TRUE(status);
        continue;
      }
      for (const Status& status : outcome) {
        ASSERT_FALSE(status) << "step " << step;
        EXPECT_TRUE(status.error().is(kStoreFull) || status.error().is(kStoreFailed))
            << status.error().message();
      }
      EXPECT_FALSE(is_whole(*store)) << "step " << step;
      EXPECT_EQ(*ask(*store, [](Tx& tx) { return tx.device_twin(device_id("d1")); }),
                twin::Twin().device_json());
      for (const Status& status : store->execute(group)) EXPECT_TRUE(status) << "room was made";
      EXPECT_TRUE(is_whole(*store));
    }
    EXPECT_GT(step, 3);
  }
}

TEST_F(StoreFaults, AFailingDiskIsAnErrorWhateverTheOperationMakesOfIt) {
  prepare();
  auto store = open();
  plan = {Fault::io_error, 1, 0};
  const HubStore::Operation careless = [](Tx& tx) -> Status {
    (void)everything(tx).has_value();
    return {};
  };
  const Status status = store->execute(careless);
  plan = {};
  ASSERT_FALSE(status);
  EXPECT_TRUE(status.error().is(kStoreFailed)) << status.error().message();
  EXPECT_FALSE(is_whole(*store));
}

TEST_F(StoreFaults, TheSizeLimitIsReportedAsAFullDisk) {
  Folder folder;
  auto store = open_sqlite_hub_store({folder.file(), 120}, clock_).value();
  make_hub(*store);
  make_device(*store);
  MessageToDevice message = sample_message();
  message.payload.resize(40'000);
  Status status;
  for (int i = 0; i < 30 && status; ++i) {
    const HubStore::Operation enqueue = [&](Tx& tx) -> Status {
      PAVISE_TRY(tx.enqueue_message(hub_name(), message));
      return {};
    };
    status = store->execute(enqueue);
  }
  ASSERT_FALSE(status);
  EXPECT_TRUE(status.error().is(kStoreFull)) << status.error().message();
  EXPECT_GT(*ask(*store, [](Tx& tx) { return tx.messages_waiting(device_id()); }), 0U)
      << "reading goes on";
  EXPECT_TRUE(ask(*store, [](Tx& tx) { return tx.purge_messages(device_id()); }));
  EXPECT_TRUE(ask(*store, [&](Tx& tx) { return tx.enqueue_message(hub_name(), message); }))
      << "after room was made";
}

}  // namespace
}  // namespace pavise::hub::store
