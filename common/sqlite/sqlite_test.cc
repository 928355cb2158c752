#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "common/sqlite/file.h"
#include "common/sqlite/group.h"

namespace pavise::sqlite {
namespace {

namespace fs = std::filesystem;

// Rows of this test, not of the product: no entry in the list of errors.
constexpr ErrorInfo row(std::string_view code) {
  return {code, Retry::never, code, ""};
}
constexpr ErrorInfo kFailed = row("failed");
constexpr ErrorInfo kFull = row("full");
constexpr ErrorInfo kCorrupt = row("corrupt");
constexpr ErrorInfo kBusy = row("busy");
constexpr ErrorInfo kTooNew = row("too new");
constexpr ErrorInfo kExists = row("exists");
constexpr ErrorInfo kMissing = row("missing");
constexpr Errors kErrors{kFailed, kFull, kCorrupt, kBusy, kTooNew, kExists, kMissing};

class Folder {
 public:
  Folder() {
    std::string pattern = testing::TempDir() + "sqliteXXXXXX";
    PAVISE_CHECK(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path_); }
  std::string file(std::string_view name = "a.db") const { return path_ / name; }

 private:
  fs::path path_;
};

TEST(SqliteFile, MigratesStepByStepAndKeepsABackup) {
  const Folder folder;
  const char* const first[] = {"CREATE TABLE a (x INTEGER);"};
  const char* const both[] = {first[0], "ALTER TABLE a ADD COLUMN y INTEGER;"};
  auto db = Database::open(folder.file(), Database::Access::read_write, 0, kErrors).value();
  ASSERT_TRUE(migrate(*db, folder.file(), first));
  EXPECT_FALSE(fs::exists(folder.file("a.db.v0.bak"))) << "a new file needs none";
  ASSERT_TRUE(db->change("INSERT INTO a (x) VALUES (?1)", 7));
  ASSERT_TRUE(migrate(*db, folder.file(), both));
  ASSERT_TRUE(migrate(*db, folder.file(), both)) << "nothing left to do";
  EXPECT_TRUE(db->query("SELECT y FROM a", [](const Row& row) { EXPECT_TRUE(row.is_null(0)); }));

  auto backup =
      Database::open(folder.file("a.db.v1.bak"), Database::Access::read_only, 0, kErrors).value();
  EXPECT_FALSE(backup->query("SELECT y FROM a", [](const Row&) {}));
  EXPECT_TRUE(
      backup->query("SELECT x FROM a", [](const Row& row) { EXPECT_EQ(row.integer(0), 7); }));
}

TEST(SqliteFile, AnyOlderVersionComesToTheNewestAtOnceWithOneBackup) {
  const char* const steps[] = {"CREATE TABLE a (x INTEGER);", "ALTER TABLE a ADD COLUMN y INTEGER;",
                               "ALTER TABLE a ADD COLUMN z INTEGER;"};
  for (std::size_t from = 1; from < std::size(steps); ++from) {
    const Folder folder;
    ASSERT_TRUE(open_file(folder.file(), 0, std::span(steps).first(from), kErrors));
    ASSERT_TRUE(open_file(folder.file(), 0, steps, kErrors)
                    .value()
                    ->query("SELECT x, y, z FROM a", [](const Row&) {}));
    for (std::size_t version = 0; version <= std::size(steps); ++version)
      EXPECT_EQ(fs::exists(folder.file("a.db.v" + std::to_string(version) + ".bak")),
                version == from);
  }
}

TEST(SqliteFile, AFailedStepLeavesTheOldVersion) {
  const Folder folder;
  const char* const first[] = {"CREATE TABLE a (x INTEGER);"};
  const char* const broken[] = {first[0],
                                "CREATE TABLE b (x INTEGER); CREATE TABLE a (x INTEGER);"};
  auto db = Database::open(folder.file(), Database::Access::read_write, 0, kErrors).value();
  ASSERT_TRUE(migrate(*db, folder.file(), first));
  EXPECT_FALSE(migrate(*db, folder.file(), broken));
  EXPECT_FALSE(db->in_transaction());
  EXPECT_FALSE(db->query("SELECT x FROM b", [](const Row&) {})) << "rolled back";
  EXPECT_TRUE(migrate(*db, folder.file(), first));
}

TEST(SqliteFile, AnotherHolderOfTheLockIsSaid) {
  const Folder folder;
  auto first = FileLock::take(folder.file("lock"), kErrors);
  ASSERT_TRUE(first);
  EXPECT_TRUE(FileLock::take(folder.file("lock"), kErrors).error().is(kBusy));
  const FileLock moved = *std::move(first);
  EXPECT_FALSE(FileLock::take(folder.file("lock"), kErrors));
}

TEST(SqliteFile, AFileOfANewerVersionIsRefused) {
  const Folder folder;
  ASSERT_TRUE(Database::open(folder.file(), Database::Access::read_write, 0, kErrors)
                  .value()
                  ->execute("PRAGMA user_version=2"));
  const char* const steps[] = {"CREATE TABLE a (x INTEGER);"};
  EXPECT_TRUE(open_file(folder.file(), 0, steps, kErrors).error().is(kTooNew));
}

TEST(SqliteGroup, AFailedOperationLeavesItsNeighboursAlone) {
  const Folder folder;
  const char* const steps[] = {"CREATE TABLE a (x INTEGER PRIMARY KEY);"};
  auto db = open_file(folder.file(), 0, steps, kErrors).value();
  const auto outcome = commit_together(*db, 4, [&](std::size_t i) -> Status {
    PAVISE_TRY(db->change("INSERT INTO a (x) VALUES (?1)", 10 + i));
    PAVISE_TRY(db->change("INSERT INTO a (x) VALUES (?1)", i / 2));  // 0 0 1 1
    return {};
  });
  EXPECT_TRUE(outcome[0]);
  EXPECT_TRUE(outcome[1].error().is(kExists));
  EXPECT_TRUE(outcome[2]);
  EXPECT_FALSE(outcome[3]);
  std::vector<std::int64_t> rows;
  ASSERT_TRUE(db->query("SELECT x FROM a ORDER BY x",
                        [&](const Row& found) { rows.push_back(found.integer(0)); }));
  EXPECT_EQ(rows, (std::vector<std::int64_t>{0, 1, 10, 12}));
}

// How often each of three operations runs, of which the second fails as `second` does.
std::vector<int> runs_with(const std::function<Status(Database&)>& second) {
  const Folder folder;
  const char* const steps[] = {"CREATE TABLE a (x INTEGER PRIMARY KEY);"};
  auto db = open_file(folder.file(), 0, steps, kErrors).value();
  std::vector<int> runs(3);
  const auto outcome = commit_together(*db, 3, [&](std::size_t i) -> Status {
    ++runs[i];
    if (i == 1) return second(*db);
    PAVISE_TRY(db->change("INSERT INTO a (x) VALUES (?1)", i));
    return {};
  });
  EXPECT_TRUE(outcome[0]);
  EXPECT_FALSE(outcome[1]);
  EXPECT_TRUE(outcome[2]);
  EXPECT_FALSE(db->in_transaction());
  std::vector<std::int64_t> found;
  EXPECT_TRUE(db->query("SELECT x FROM a ORDER BY x",
                        [&](const Row& row) { found.push_back(row.integer(0)); }));
  EXPECT_EQ(found, (std::vector<std::int64_t>{0, 2}));
  return runs;
}

TEST(SqliteGroup, WhoFailsBeforeItWritesCostsNobodyASecondRun) {
  EXPECT_EQ(runs_with([](Database&) { return Status(kMissing); }), (std::vector<int>{1, 1, 1}));
  EXPECT_EQ(runs_with([](Database& db) -> Status {
              PAVISE_TRY(db.change("INSERT INTO a (x) VALUES (7), (0)"));  // the whole is undone
              return {};
            }),
            (std::vector<int>{1, 1, 1}));
}

TEST(SqliteGroup, SavepointsNeedNoFolderForTemporaryFiles) {
  const Folder folder;
  const char* const steps[] = {"CREATE TABLE a (x INTEGER PRIMARY KEY);"};
  auto db = open_file(folder.file(), 0, steps, kErrors).value();
  std::int64_t store = 0;
  ASSERT_TRUE(db->query("PRAGMA temp_store", [&](const Row& row) { store = row.integer(0); }));
  EXPECT_EQ(store, 2) << "in memory";
}

TEST(SqliteGroup, WhoFailsAfterItWroteMakesAllRunAgainBehindSavepoints) {
  EXPECT_EQ(runs_with([](Database& db) -> Status {
              PAVISE_TRY(db.change("INSERT INTO a (x) VALUES (7)"));
              return kMissing;
            }),
            (std::vector<int>{2, 2, 1}));
}

TEST(SqliteGroup, AnEndedTransactionMakesEachRunAlone) {
  EXPECT_EQ(runs_with([](Database& db) -> Status {
              if (db.in_transaction()) PAVISE_TRY(db.control("ROLLBACK"));
              return kFull;
            }),
            (std::vector<int>{2, 2, 1}));
}

}  // namespace
}  // namespace pavise::sqlite
