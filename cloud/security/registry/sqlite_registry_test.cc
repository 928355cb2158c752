#include "cloud/security/registry/sqlite_registry.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "cloud/security/registry/commit_group.h"
#include "cloud/security/registry/registry_contract.h"
#include "cloud/security/registry/sqlite_schema.h"

namespace pavise::security {
namespace {

namespace fs = std::filesystem;

// A fresh folder that goes away with the object.
class Folder {
 public:
  Folder() {
    std::string pattern = testing::TempDir() + "registryXXXXXX";
    PAVISE_CHECK(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path_); }
  std::string file(std::string_view name = "registry.db") const { return path_ / name; }

 private:
  fs::path path_;
};

class SqliteUnderTest final : public RegistryUnderTest {
 public:
  SqliteUnderTest() { registry_ = open_sqlite_registry({folder_.file()}).value(); }
  Registry& get() override { return *registry_; }
  void reopen() override {
    registry_.reset();
    registry_ = open_sqlite_registry({folder_.file()}).value();
  }

 private:
  Folder folder_;
  std::unique_ptr<Registry> registry_;
};

INSTANTIATE_TEST_SUITE_P(Sqlite, RegistryContract,
                         testing::Values([] { return std::make_unique<SqliteUnderTest>(); }),
                         [](const auto&) { return std::string("sqlite"); });

TEST(SqliteRegistry, FileIsPrivate) {
  const Folder folder;
  const auto registry = open_sqlite_registry({folder.file()});
  ASSERT_TRUE(registry);
  for (const auto& entry : fs::directory_iterator(fs::path(folder.file()).parent_path())) {
    struct stat info{};
    ASSERT_EQ(stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << entry.path();
  }
}

TEST(SqliteRegistry, OneProcessAtATime) {
  const Folder folder;
  const auto first = open_sqlite_registry({folder.file()});
  ASSERT_TRUE(first);
  EXPECT_TRUE(open_sqlite_registry({folder.file()}).error().is(kRegistryBusy));
}

TEST(SqliteRegistry, MissingFolderIsSaid) {
  const auto opened = open_sqlite_registry({"/nonexistent-folder/registry.db"});
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().is(kRegistryUnavailable));
  EXPECT_THAT(opened.error().message(), testing::HasSubstr("No such file"));
}

TEST(SqliteRegistry, RefusesAFileOfANewerVersion) {
  const Folder folder;
  {
    auto db = SqliteDatabase::open(folder.file(), SqliteDatabase::Access::read_write, 0).value();
    ASSERT_TRUE(db->execute("PRAGMA user_version=99"));
  }
  EXPECT_TRUE(open_sqlite_registry({folder.file()}).error().is(kRegistryTooNew));
}

TEST(SqliteRegistry, RefusesAFileThatIsNoDatabase) {
  const Folder folder;
  std::ofstream(folder.file()) << std::string(8192, 'x');
  EXPECT_TRUE(open_sqlite_registry({folder.file()}).error().is(kRegistryCorrupt));
}

TEST(SqliteRegistry, NoticesADamagedPageAtTheNextStart) {
  const Folder folder;
  {
    auto registry = open_sqlite_registry({folder.file()}).value();
    for (const char c : std::string("0123456789abcdef"))
      ASSERT_TRUE(registry->add_device(sample_device(c), sample_audit()));
  }
  const auto size = fs::file_size(folder.file());
  std::fstream file(folder.file(), std::ios::in | std::ios::out | std::ios::binary);
  // Every page from the second on: which page holds what is SQLite's business.
  for (std::uintmax_t at = 4096; at < size; at += 4096) {
    file.seekp(static_cast<std::streamoff>(at));
    file << std::string(64, '\xff');
  }
  file.close();
  const auto opened = open_sqlite_registry({folder.file()});
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().is(kRegistryCorrupt)) << opened.error().message();
}

TEST(SqliteSchema, MigratesStepByStepAndKeepsABackup) {
  const Folder folder;
  const char* const first[] = {"CREATE TABLE a (x INTEGER);"};
  const char* const both[] = {first[0], "ALTER TABLE a ADD COLUMN y INTEGER;"};
  auto db = SqliteDatabase::open(folder.file(), SqliteDatabase::Access::read_write, 0).value();
  ASSERT_TRUE(migrate(*db, folder.file(), first));
  EXPECT_FALSE(fs::exists(folder.file("registry.db.v0.bak"))) << "a new file needs none";
  ASSERT_TRUE(db->change("INSERT INTO a (x) VALUES (?1)", 7));
  ASSERT_TRUE(migrate(*db, folder.file(), both));
  ASSERT_TRUE(migrate(*db, folder.file(), both)) << "nothing left to do";
  EXPECT_TRUE(
      db->query("SELECT y FROM a", [](const SqliteRow& row) { EXPECT_TRUE(row.is_null(0)); }));

  auto backup =
      SqliteDatabase::open(folder.file("registry.db.v1.bak"), SqliteDatabase::Access::read_only, 0)
          .value();
  EXPECT_FALSE(backup->query("SELECT y FROM a", [](const SqliteRow&) {}));
  EXPECT_TRUE(
      backup->query("SELECT x FROM a", [](const SqliteRow& row) { EXPECT_EQ(row.integer(0), 7); }));
}

TEST(SqliteSchema, AFailedStepLeavesTheOldVersion) {
  const Folder folder;
  const char* const first[] = {"CREATE TABLE a (x INTEGER);"};
  const char* const broken[] = {first[0],
                                "CREATE TABLE b (x INTEGER); CREATE TABLE a (x INTEGER);"};
  auto db = SqliteDatabase::open(folder.file(), SqliteDatabase::Access::read_write, 0).value();
  ASSERT_TRUE(migrate(*db, folder.file(), first));
  EXPECT_FALSE(migrate(*db, folder.file(), broken));
  EXPECT_FALSE(db->in_transaction());
  EXPECT_FALSE(db->query("SELECT x FROM b", [](const SqliteRow&) {})) << "rolled back";
  EXPECT_TRUE(migrate(*db, folder.file(), first));
}

TEST(CommitGroup, OneBadOperationDoesNotHurtItsNeighbours) {
  const Folder folder;
  auto db = SqliteDatabase::open(folder.file(), SqliteDatabase::Access::read_write, 0).value();
  ASSERT_TRUE(db->execute("CREATE TABLE t (x INTEGER PRIMARY KEY)"));
  CommitGroup group(std::move(db));
  constexpr int kThreads = 8;
  constexpr int kRounds = 50;
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        // Every second thread inserts what its neighbour also inserts: one of the two must fail.
        const auto status = group.run([&](SqliteDatabase& shared) -> Status {
          PAVISE_TRY(shared.change("INSERT INTO t (x) VALUES (?1)", t / 2 * 1000 + i));
          return {};
        });
        if (!status) {
          EXPECT_TRUE(status.error().is(kAlreadyExists));
          ++refused;
        }
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(refused, kThreads / 2 * kRounds);
  std::int64_t rows = 0;
  ASSERT_TRUE(group.run([&](SqliteDatabase& shared) -> Status {
    PAVISE_TRY(shared.query("SELECT count(*) FROM t",
                            [&](const SqliteRow& row) { rows = row.integer(0); }));
    return {};
  }));
  EXPECT_EQ(rows, kThreads / 2 * kRounds);
}

}  // namespace
}  // namespace pavise::security
