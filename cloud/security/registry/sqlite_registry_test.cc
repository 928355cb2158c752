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
#include "common/sqlite/file.h"

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

// A file as the first version wrote it: its verdicts, their ids and their JSON reports survive.
TEST(SqliteSchema, VerdictsOfVersion1KeepTheirReports) {
  const Folder folder;
  const DeviceRecord device = sample_device();
  const std::string json = R"({"checks":[],"platform":""})";
  {
    auto db =
        SqliteDatabase::open(folder.file(), SqliteDatabase::Access::read_write, 0, kSqliteErrors)
            .value();
    ASSERT_TRUE(sqlite::migrate(*db, folder.file(), registry_migrations().first(1)));
    ASSERT_TRUE(
        db->change("INSERT INTO devices (id, version, ek_certificate, ek_public, enabled, "
                   "created) VALUES (?1, 1, ?2, ?3, 1, 5)",
                   device.id, device.ek_certificate, device.ek_public));
    for (int i = 0; i < 3; ++i)
      ASSERT_TRUE(
          db->change("INSERT INTO verdicts (id, device, at, accepted, code, reason, report) "
                     "VALUES (?1, ?2, ?3, 0, 'PV-ATT-001', 'because', ?4)",
                     40 + i, device.id, 100 + i, json));
  }
  const auto registry = open_sqlite_registry({folder.file()}).value();
  EXPECT_TRUE(fs::exists(folder.file("registry.db.v1.bak")));
  const auto kept = registry->verdicts(device.id, 10).value();
  ASSERT_EQ(kept.size(), 3U);
  EXPECT_EQ(kept[0].id, 42);
  EXPECT_EQ(kept[2].at, 100);
  EXPECT_EQ(kept[1].code, "PV-ATT-001");
  EXPECT_EQ(kept[1].reason, "because");
  EXPECT_EQ(as_text(kept[1].report), json);
  ASSERT_TRUE(registry->add_verdict(sample_refusal(device.id, "PV-ATT-002"), std::nullopt));
  EXPECT_EQ(registry->last_verdict(device.id)->id, 43) << "ids go on";
  EXPECT_TRUE(registry->add_verdict(sample_refusal(sample_device_id('f'), "x"), std::nullopt)
                  .error()
                  .is(kNotFound))
      << "and so does the rule that a verdict has a device";
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

// Half of the operations fail after they have written, so whole transactions are undone and run
// again; each of the others is there exactly once.
TEST(CommitGroup, AFailureAfterAWriteTakesOnlyItsOwnRows) {
  const Folder folder;
  auto db =
      SqliteDatabase::open(folder.file(), SqliteDatabase::Access::read_write, 0, kSqliteErrors)
          .value();
  ASSERT_TRUE(db->execute("CREATE TABLE t (x INTEGER)"));
  CommitGroup group(std::move(db));
  constexpr int kThreads = 8;
  constexpr int kRounds = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        const bool fails = (t + i) % 2 == 0;
        const auto status = group.run([&](SqliteDatabase& shared) -> Status {
          PAVISE_TRY(shared.change("INSERT INTO t (x) VALUES (?1)", fails ? -1 : t * 1000 + i));
          if (fails) return kVoucherUsed;
          return {};
        });
        EXPECT_EQ(static_cast<bool>(status), !fails);
        if (!status) EXPECT_TRUE(status.error().is(kVoucherUsed));
      }
    });
  for (auto& thread : threads) thread.join();
  ASSERT_TRUE(group.run([&](SqliteDatabase& shared) -> Status {
    PAVISE_TRY(shared.query("SELECT count(*), count(DISTINCT x), min(x) FROM t",
                            [&](const SqliteRow& row) {
                              EXPECT_EQ(row.integer(0), kThreads * kRounds / 2);
                              EXPECT_EQ(row.integer(1), kThreads * kRounds / 2);
                              EXPECT_GE(row.integer(2), 0);
                            }));
    return {};
  }));
}

}  // namespace
}  // namespace pavise::security
