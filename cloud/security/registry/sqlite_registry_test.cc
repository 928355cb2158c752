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
    auto db =
        SqliteDatabase::open(folder.file(), SqliteDatabase::Access::read_write, 0, kSqliteErrors)
            .value();
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

TEST(CommitGroup, OneBadOperationDoesNotHurtItsNeighbours) {
  const Folder folder;
  auto db =
      SqliteDatabase::open(folder.file(), SqliteDatabase::Access::read_write, 0, kSqliteErrors)
          .value();
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
