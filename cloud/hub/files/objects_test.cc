// How objects in a remote depot come and go: nothing of it holds up a call, and nothing stays.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "cloud/hub/files/file_rows.h"
#include "cloud/hub/files/file_store.h"
#include "cloud/hub/files/testing/memory_depot.h"

namespace pavise::hub::files {
namespace {

constexpr UnixMillis kNow = 1'795'633'200'000;
const std::string kHub = "plant-1.7";
constexpr FileLimits kRoomy{1U << 30, 1U << 30, 1U << 30};
const std::string kStray(32, '7');

class ObjectsTest : public ::testing::Test {
 protected:
  ObjectsTest() {
    std::string pattern = ::testing::TempDir() + "pavise-objects-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    medium_->remote = true;
    reopen();
  }
  ~ObjectsTest() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  void reopen() {
    store_.reset();
    const auto make = [this](const std::string& name) -> Result<std::unique_ptr<ByteDepot>> {
      names_.push_back(name);
      return std::unique_ptr<ByteDepot>(std::make_unique<testing::MemoryDepot>(medium_));
    };
    store_ = *FileStore::open(folder_, make, clock_);
  }
  std::string started(const std::string& name) {
    return store_->begin({kHub, "d1", 5, name, clock_.now_ms() + 86'400'000})->id;
  }
  Result<StoredFile> put(const std::string& name, std::string_view text) {
    return store_->put(started(name), as_bytes(text), "text/plain", false, kRoomy);
  }
  std::string content(const std::string& name) {
    const auto file = store_->file(kHub, "d1", name);
    if (!file) return std::string(file.error().code());
    const auto bytes = store_->read(kHub, "d1", *file, 0, 1U << 20);
    return bytes ? std::string(as_text(*bytes)) : std::string(bytes.error().code());
  }
  std::size_t objects() const { return medium_->objects.size(); }
  bool collect() { return store_->collect().has_value(); }

  ManualClock clock_{kNow};
  std::shared_ptr<testing::MemoryMedium> medium_ = std::make_shared<testing::MemoryMedium>();
  std::string folder_;
  std::vector<std::string> names_;
  std::unique_ptr<FileStore> store_;
};

TEST_F(ObjectsTest, AStoreHasANameOfItsOwnAtTheDepotForEver) {
  reopen();
  ASSERT_EQ(names_.size(), 2U);
  EXPECT_EQ(names_[0], names_[1]);
  EXPECT_EQ(names_[0].size(), 32U);
  std::filesystem::remove_all(folder_ + "/files.db");
  store_.reset();
  for (const char* file : {"/files.db", "/files.db-wal", "/files.db-shm"})
    std::filesystem::remove(folder_ + file);
  reopen();
  EXPECT_NE(names_[2], names_[0]);
}

TEST_F(ObjectsTest, OpensAndDropsWhileTheDepotDoesNotAnswer) {
  ASSERT_TRUE(put("a", "one"));
  medium_->failure = &kStoreUnreachable;
  reopen();
  EXPECT_EQ(content("a"), kStoreUnreachable.code);
  EXPECT_TRUE(store_->remove(kHub, "d1", "a"));
  EXPECT_FALSE(collect());
  EXPECT_FALSE(collect());
  medium_->failure = nullptr;
  EXPECT_EQ(objects(), 1U);
  EXPECT_TRUE(collect());
  EXPECT_EQ(objects(), 0U);
}

TEST_F(ObjectsTest, WhatAKillLeftBetweenWriteAndCommitIsCollected) {
  ASSERT_TRUE(put("a", "one"));
  medium_->objects.emplace(kStray, Bytes(3));
  reopen();
  EXPECT_EQ(objects(), 2U) << "not while it opens";
  EXPECT_TRUE(collect());
  EXPECT_EQ(objects(), 1U);
  EXPECT_EQ(content("a"), "one");
}

TEST_F(ObjectsTest, WhatIsBeingWrittenIsNobodysOrphan) {
  int writes = 0;
  medium_->written = [&](const std::string&) {
    ++writes;
    EXPECT_TRUE(collect()) << "lists, for the first time";
  };
  ASSERT_TRUE(put("a", "one"));
  EXPECT_EQ(writes, 1);
  EXPECT_EQ(content("a"), "one");
}

TEST_F(ObjectsTest, AWriteWhoseAnswerWasLostLeavesNothing) {
  ASSERT_TRUE(collect());
  medium_->loses_answers = true;
  EXPECT_TRUE(put("a", "one").error().is(kStoreUnreachable));
  medium_->loses_answers = false;
  EXPECT_EQ(objects(), 1U);
  ASSERT_TRUE(collect());
  EXPECT_EQ(objects(), 0U);
  // The depot executes the write only now.
  medium_->objects.emplace(kStray, Bytes(3));
  clock_.advance_ms(kDoubtMs - 1);
  ASSERT_TRUE(collect());
  EXPECT_EQ(objects(), 1U);
  clock_.advance_ms(1);
  ASSERT_TRUE(collect());
  EXPECT_EQ(objects(), 0U);
}

TEST_F(ObjectsTest, AWriteThatFailsShortlyBeforeALookIsLookedForAgain) {
  ASSERT_TRUE(collect());
  medium_->failure = &kStoreUnreachable;
  EXPECT_FALSE(put("a", "one"));
  clock_.advance_ms(kDoubtMs - kDoubtSettleMs + 1);
  EXPECT_FALSE(put("b", "two"));
  medium_->failure = nullptr;
  clock_.advance_ms(kDoubtSettleMs - 1);
  const int before = medium_->listings;
  ASSERT_TRUE(collect());
  EXPECT_EQ(medium_->listings, before + 1);
  medium_->objects.emplace(kStray, Bytes(3));
  clock_.advance_ms(kDoubtMs);
  ASSERT_TRUE(collect());
  EXPECT_EQ(objects(), 0U);
  clock_.advance_ms(100 * kDoubtMs);
  ASSERT_TRUE(collect());
  EXPECT_EQ(medium_->listings, before + 2) << "no more without a doubt";
}

TEST_F(ObjectsTest, ADepotThatHasNoneOfTheObjectsIsTheWrongOne) {
  ASSERT_TRUE(put("a", "one"));
  auto right = medium_;
  medium_ = std::make_shared<testing::MemoryMedium>();
  medium_->remote = true;
  medium_->objects.emplace(kStray, Bytes(3));
  reopen();
  const Status done = store_->collect();
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().is(kObjectsElsewhere));
  EXPECT_EQ(objects(), 1U) << "perhaps another server's";
  medium_ = right;
  reopen();
  EXPECT_TRUE(collect());
  EXPECT_EQ(content("a"), "one");
}

// Dropped objects are remembered up to a bound, beyond it a listing finds them.
TEST_F(ObjectsTest, SoManyAreRememberedAndNotOneMore) {
  for (const std::size_t count : {kDroppedMax, kDroppedMax + 1}) {
    EXPECT_FALSE(started("many").empty());
    ASSERT_TRUE(collect());
    store_.reset();
    {
      auto db = *sqlite::Database::open(folder_ + "/files.db", sqlite::Database::Access::read_write,
                                        0, kSqliteErrors);
      ASSERT_TRUE(
          db->change("INSERT INTO blocks (upload, position, block, object, size) "
                     "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                     "WHERE i < ?1) SELECT (SELECT max(number) FROM uploads), i, "
                     "'b' || i, printf('%032x', i), 1 FROM n",
                     count));
    }
    medium_->objects.emplace(std::string(31, '0') + "1", Bytes(1));
    reopen();
    ASSERT_TRUE(collect());
    const int before = medium_->listings;
    ASSERT_TRUE(store_->sweep({})) << "its hub is gone";
    ASSERT_TRUE(collect());
    EXPECT_EQ(medium_->listings, before + (count > kDroppedMax ? 1 : 0));
    EXPECT_EQ(objects(), 0U);
  }
}

}  // namespace
}  // namespace pavise::hub::files
