#include "cloud/hub/store/sqlite_hub_store.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <latch>
#include <thread>

#include "cloud/hub/store/device_events_contract.h"
#include "cloud/hub/store/queues_contract.h"
#include "cloud/hub/store/routing_contract.h"
#include "cloud/hub/store/sqlite_schema.h"
#include "cloud/hub/store/testing/folder.h"
#include "common/sqlite/file.h"

namespace pavise::hub::store {
namespace {

namespace fs = std::filesystem;
using sqlite::Database;
using testing::HasSubstr;
using testing::Not;
using Tx = HubTransaction;

class SqliteUnderTest final : public HubStoreUnderTest {
 public:
  explicit SqliteUnderTest(const Clock& clock) : clock_(clock) { reopen(); }
  HubStore& get() override { return *store_; }
  void reopen() override {
    store_.reset();
    store_ = open_sqlite_hub_store({folder_.file()}, clock_).value();
  }

 private:
  const Clock& clock_;
  Folder folder_;
  std::unique_ptr<HubStore> store_;
};

const HubStoreMaker kSqlite = [](const Clock& clock) {
  return std::make_unique<SqliteUnderTest>(clock);
};

class SqliteStore : public testing::Test {
 protected:
  std::unique_ptr<HubStore> open() {
    return open_sqlite_hub_store({folder_.file()}, clock_).value();
  }
  void run_sql(const std::string& file, const std::string& sql) {
    auto db = Database::open(file, Database::Access::read_write, 0, kSqliteErrors).value();
    ASSERT_TRUE(db->execute(sql.c_str()));
  }

  Folder folder_;
  ManualClock clock_{kTestTime};
};

TEST_F(SqliteStore, FilesAreForTheOwnerOnly) {
  auto store = open();
  make_hub(*store);
  int files = 0;
  for (const auto& entry : fs::directory_iterator(folder_.path())) {
    struct stat info{};
    ASSERT_EQ(stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << entry.path();
    ++files;
  }
  EXPECT_GE(files, 3) << "database, write-ahead log, lock";
}

TEST_F(SqliteStore, OneProcessAtATime) {
  const auto first = open();
  EXPECT_TRUE(open_sqlite_hub_store({folder_.file()}, clock_).error().is(kStoreLocked));
}

TEST_F(SqliteStore, OpeningFailsInWords) {
  EXPECT_TRUE(
      open_sqlite_hub_store({"/nonexistent-folder/hub.db"}, clock_).error().is(kStoreFailed));
  run_sql(folder_.file(), "PRAGMA user_version=99");
  EXPECT_TRUE(open_sqlite_hub_store({folder_.file()}, clock_).error().is(kStoreTooNew));
  std::ofstream(folder_.file("other.db")) << std::string(8192, 'x');
  EXPECT_TRUE(open_sqlite_hub_store({folder_.file("other.db")}, clock_).error().is(kStoreCorrupt));
}

TEST_F(SqliteStore, DamageOfOneTwinHurtsOneDevice) {
  auto store = open();
  make_hub(*store);
  make_device(*store, "a");
  make_device(*store, "b");
  ASSERT_TRUE(ask(*store, [](Tx& tx) { return tx.merge_reported(device_id("a"), "{}", {}); }));
  store.reset();
  run_sql(folder_.file(), "UPDATE twins SET document = 'no twin'");
  store = open();
  const auto read = ask(*store, [](Tx& tx) { return tx.device_twin(device_id("a")); });
  EXPECT_TRUE(read.error().is(twin::kCorruptTwin));
  EXPECT_TRUE(ask(*store, [](Tx& tx) { return tx.device_twin(device_id("b")); }));
}

TEST_F(SqliteStore, ADamagedRowFailsTheOperationWhateverItMakesOfIt) {
  auto store = open();
  make_hub(*store);
  make_device(*store, "a");
  run_sql(folder_.file(), "UPDATE identities SET device = 'not an id'");
  const HubStore::Operation operation = [](Tx& tx) -> Status {
    (void)tx.devices(hub_name(), {}).has_value();
    return tx.delete_policy(hub_name(), "service");
  };
  EXPECT_TRUE(store->execute(operation).error().is(kStoreCorrupt));
  EXPECT_NE(store->index().hub(hub_name())->policy("service"), nullptr);
  store.reset();
  EXPECT_TRUE(open_sqlite_hub_store({folder_.file()}, clock_).error().is(kStoreCorrupt));
}

TEST_F(SqliteStore, ErrorsHoldNoKey) {
  auto store = open();
  make_hub(*store);
  const std::string key = to_base64(Bytes(kKeySizeMax + 1, std::byte{7}));
  const auto policy = ask(*store, [&](Tx& tx) {
    return tx.create_policy(hub_name(), {.name = "p", .primary_key = key, .rights = 1});
  });
  EXPECT_THAT(policy.error().message(), Not(HasSubstr(key.substr(0, 8))));
  const auto device = ask(*store, [&](Tx& tx) {
    return tx.create_identity(device_id(), {.auth = {.primary_key = key}});
  });
  EXPECT_THAT(device.error().message(), Not(HasSubstr(key.substr(0, 8))));
}

TEST_F(SqliteStore, AHubHasAMaximumOfIdentities) {
  auto store = open();
  make_hub(*store);
  run_sql(folder_.file(), "UPDATE hubs SET devices = " + std::to_string(kIdentitiesMax - 1));
  make_device(*store, "last");
  const auto more = ask(*store, [](Tx& tx) { return tx.create_identity(device_id("more"), {}); });
  EXPECT_TRUE(more.error().is(kTooManyIdentities));
}

TEST_F(SqliteStore, TakesOverTheDatabaseOfTheFirstVersion) {
  ASSERT_TRUE(sqlite::open_file(folder_.file(), 0, hub_store_migrations().first(1), kSqliteErrors));
  run_sql(folder_.file(),
          "INSERT INTO hubs VALUES (1,'acme','tenant',1,'e',4,24,0,3600,10,3600,10,60,0,0,0,1,1,0);"
          "INSERT INTO identities VALUES (1,1,'d1','',7,'e',1,'',0,'','',0,'','','',1,0,5,6);");
  auto store = open();
  EXPECT_EQ(ask(*store, [](Tx& tx) { return tx.hub(hub_name()); })->settings, HubSettings{});
  const auto device = ask(*store, [](Tx& tx) { return tx.identity(device_id()); });
  EXPECT_EQ(device->connection_updated_ms, 5);
  EXPECT_EQ(ask(*store, [](Tx& tx) { return tx.device_events(10); })->size(), 0U);
  EXPECT_EQ(ask(*store, [](Tx& tx) { return tx.acts(hub_name(), 0, 10); })->size(), 0U);
  EXPECT_TRUE(fs::exists(folder_.file() + ".v1.bak"));
}

TEST_F(SqliteStore, OfActsTheOldestGo) {
  auto store = open();
  make_hub(*store);
  const auto note = [&] {
    return store->execute([](Tx& tx) { return tx.note_act(hub_name(), {.subject = "s"}); });
  };
  ASSERT_TRUE(note());
  ASSERT_TRUE(note());
  run_sql(folder_.file(),
          "UPDATE acts SET number = " + std::to_string(kActsMax - 1) + " WHERE number = 2");
  const auto numbers = [&] {
    std::vector<std::uint64_t> out;
    for (const ActRecord& each : *ask(*store, [](Tx& tx) { return tx.acts(hub_name(), 0, 9); }))
      out.push_back(each.number);
    return out;
  };
  ASSERT_TRUE(note());
  EXPECT_EQ(numbers(), (std::vector<std::uint64_t>{kActsMax, kActsMax - 1, 1}));
  ASSERT_TRUE(note());
  EXPECT_EQ(numbers(), (std::vector<std::uint64_t>{kActsMax + 1, kActsMax, kActsMax - 1}));
}

TEST_F(SqliteStore, EventsThatWaitHaveAMaximum) {
  auto store = open();
  const HubSettings wants_all{.event_sources = kAllEventSources};
  ASSERT_TRUE(ask(*store, [&](Tx& tx) {
    return tx.create_hub(hub_name(), *TenantId::parse("tenant"), wants_all);
  }));
  make_device(*store, "first");
  run_sql(folder_.file(),
          "UPDATE sqlite_sequence SET seq = " + std::to_string(kDeviceEventsWaitingMax - 1) +
              " WHERE name = 'device_events'");
  make_device(*store, "last");  // number kDeviceEventsWaitingMax, while 1 still waits
  const auto more = ask(*store, [](Tx& tx) { return tx.create_identity(device_id("more"), {}); });
  EXPECT_TRUE(more.error().is(kTooManyEvents));
  const auto patched =
      ask(*store, [](Tx& tx) { return tx.merge_reported(device_id("last"), "{}", {}); });
  EXPECT_TRUE(patched.error().is(kTooManyEvents));
  const Activity came[] = {{device_id("last"), 1, 1, true}};
  const HubStore::Operation note = [&](Tx& tx) { return tx.note_activity(came); };
  EXPECT_TRUE(store->execute(note).error().is(kTooManyEvents));
  const HubStore::Operation take = [](Tx& tx) { return tx.delete_device_events(1); };
  ASSERT_TRUE(store->execute(take));
  EXPECT_TRUE(store->execute(note));
}

TEST_F(SqliteStore, ReadersSeeCommittedStateWhileAGroupIsWritten) {
  auto store = open();
  make_hub(*store);
  std::latch written(1);
  std::latch seen(1);
  std::thread writer([&] {
    const HubStore::Operation operation = [&](Tx& tx) -> Status {
      PAVISE_TRY(tx.create_identity(device_id(), {}));
      written.count_down();
      seen.wait();
      return {};
    };
    EXPECT_TRUE(store->execute(operation));
  });
  written.wait();
  const HubStore::Reading count = [](HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(const IdentityCounts counts, reader.count_identities(hub_name()));
    EXPECT_EQ(counts.devices, 0U);
    return {};
  };
  EXPECT_TRUE(store->read(count));
  EXPECT_FALSE(store->index().contains(device_id()));
  seen.count_down();
  writer.join();
  EXPECT_TRUE(store->index().contains(device_id()));
  const HubStore::Reading missing = [](HubReader& reader) -> Status {
    PAVISE_TRY(reader.identity(device_id("nobody")));
    return {};
  };
  EXPECT_TRUE(store->read(missing).error().is(kDeviceNotFound));
}

// ---- the database of earlier versions

TEST_F(SqliteStore, AFileOfAnEarlierVersionHasNoFileUpload) {
  constexpr std::size_t kFileUploadVersion = 3;
  for (std::size_t version = 1; version < kFileUploadVersion; ++version) {
    SCOPED_TRACE(version);
    const std::string file = folder_.file("of-version-" + std::to_string(version));
    ASSERT_TRUE(sqlite::open_file(file, 0, hub_store_migrations().first(version), kSqliteErrors));
    run_sql(file,
            "INSERT INTO hubs (name, tenant, created, etag, partition_count, retention_hours, "
            "retention_bytes_max, message_ttl_s, delivery_count_max, feedback_ttl_s, "
            "feedback_delivery_count_max, feedback_lock_s, disable_device_sas, "
            "disable_module_sas, fault_injection) "
            "VALUES ('old-hub', 'acme', 7, 'e', 4, 24, 0, 3600, 10, 3600, 10, 60, 0, 0, 0);");
    HubSettings settings;
    if (version == 2) {
      run_sql(file,
              "UPDATE hubs SET event_sources = 5;"
              "INSERT INTO device_events VALUES (3, 1, 'd1', '', 7, 2, 'op', 8, '{}');");
      settings.event_sources = 5;
    }
    auto store = open_sqlite_hub_store({file}, clock_).value();
    EXPECT_EQ(store->index().hub(hub_name("old-hub"))->hub.settings, settings);
    EXPECT_EQ(ask(*store, [](Tx& tx) { return tx.device_events(10); })->size(), version - 1);
    EXPECT_TRUE(fs::exists(file + ".v" + std::to_string(version) + ".bak"));
    settings.file_upload.enabled = true;
    ASSERT_TRUE(
        ask(*store, [&](Tx& tx) { return tx.update_hub(hub_name("old-hub"), settings, {}); }));
    store.reset();
    store = open_sqlite_hub_store({file}, clock_).value();
    EXPECT_EQ(store->index().hub(hub_name("old-hub"))->hub.settings, settings);
  }
}

constexpr const char* kOldSchema =
    "CREATE TABLE twins(device TEXT PRIMARY KEY NOT NULL, document TEXT NOT NULL) WITHOUT ROWID;"
    "PRAGMA user_version=1; PRAGMA journal_mode=WAL;";
constexpr std::string_view kOldTwin =
    R"({"desired":{"y":2,"$version":4},"reported":{"x":1,"$version":3}})";

std::string old_id(char c) {
  return std::string(DeviceId::kLength, c);
}
std::string insert(char c, std::string_view document) {
  return "INSERT INTO twins VALUES('" + old_id(c) + "','" + std::string(document) + "');";
}

TwinHome all_in(std::string_view hub) {
  return [name = hub_name(hub)](const DeviceId&) { return std::optional(name); };
}

TEST_F(SqliteStore, TakesOverTheTwinsOfEarlierVersions) {
  auto store = open();
  make_hub(*store);
  const std::string old = folder_.file("twins.db");
  const TwinHome home = all_in(hub_name().text());
  EXPECT_EQ(*import_twin_database(*store, home, old), TwinsImported{}) << "there is none";
  std::string sql = kOldSchema;
  for (const char c : std::string("0123456789abcdef")) sql += insert(c, kOldTwin);
  run_sql(old, sql);
  const auto b = device_id(old_id('b'));
  ASSERT_TRUE(ask(*store, [&](Tx& tx) { return tx.ensure_attested(b); }));
  ASSERT_TRUE(ask(*store, [&](Tx& tx) { return tx.merge_reported(b, R"({"n":1})", {}); }));

  EXPECT_EQ(*import_twin_database(*store, home, old), (TwinsImported{16, 0}));
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(old + ".imported.bak"));
  EXPECT_EQ(store->index().size(), 16U);
  const auto a = device_id(old_id('a'));
  EXPECT_EQ(*ask(*store, [&](Tx& tx) { return tx.device_twin(a); }), kOldTwin);
  EXPECT_EQ(ask(*store, [&](Tx& tx) { return tx.identity(a); })->fields.auth.kind,
            AuthKind::attested);
  EXPECT_THAT(*ask(*store, [&](Tx& tx) { return tx.device_twin(b); }), HasSubstr(R"("n":1)"))
      << "what is newer stays";
  EXPECT_EQ(*import_twin_database(*store, home, old), TwinsImported{}) << "done once";
  auto backup =
      Database::open(old + ".imported.bak", Database::Access::read_only, 0, kSqliteErrors);
  std::int64_t rows = 0;
  ASSERT_TRUE((*backup)->query("SELECT count(*) FROM twins",
                               [&](const sqlite::Row& row) { rows = row.integer(0); }));
  EXPECT_EQ(rows, 16) << "the backup holds all of them";
}

TEST_F(SqliteStore, AnImportThatFailsLeavesTheOldDatabase) {
  auto store = open();
  make_hub(*store);
  const std::string old = folder_.file("twins.db");
  run_sql(old, kOldSchema + insert('a', kOldTwin) + insert('b', "damage"));
  const TwinHome home = all_in(hub_name().text());
  EXPECT_TRUE(import_twin_database(*store, home, old).error().is(twin::kCorruptTwin));
  EXPECT_TRUE(fs::exists(old));
  EXPECT_EQ(store->index().size(), 0U);
  EXPECT_TRUE(import_twin_database(*store, all_in("nobody"), old).error().is(kHubNotFound));
  const TwinHome broken = [](const DeviceId&) { return Error(kStoreLocked); };
  EXPECT_TRUE(import_twin_database(*store, broken, old).error().is(kStoreLocked));
  EXPECT_TRUE(fs::exists(old));
  run_sql(old, "UPDATE twins SET document = '" + std::string(kOldTwin) + "'");
  EXPECT_EQ(*import_twin_database(*store, home, old), (TwinsImported{2, 0}));
}

TEST_F(SqliteStore, TwinsOfEarlierVersionsGoToTheHubOfTheirOwner) {
  auto store = open();
  make_hub(*store);
  make_hub(*store, "plant-2");
  const std::string old = folder_.file("twins.db");
  run_sql(old, kOldSchema + insert('a', kOldTwin) + insert('b', kOldTwin) + insert('c', kOldTwin));
  const TwinHome home = [&](const DeviceId& device) -> Result<std::optional<iothub::HubName>> {
    if (device.text() == old_id('a')) return std::optional(hub_name());
    if (device.text() == old_id('b')) return std::optional(hub_name("plant-2"));
    return std::optional<iothub::HubName>();
  };
  EXPECT_EQ(*import_twin_database(*store, home, old), (TwinsImported{2, 1}));
  EXPECT_EQ(store->index().size(), 2U);
  const auto b = *iothub::Identity::make(hub_name("plant-2"), old_id('b'));
  EXPECT_EQ(*ask(*store, [&](Tx& tx) { return tx.device_twin(b); }), kOldTwin);
  EXPECT_TRUE(fs::exists(old + ".imported.bak")) << "has the one that nobody owns";
}

INSTANTIATE_TEST_SUITE_P(Sqlite, HubStoreContract, testing::Values(kSqlite));
INSTANTIATE_TEST_SUITE_P(Sqlite, DeviceEventsContract, testing::Values(kSqlite));
INSTANTIATE_TEST_SUITE_P(Sqlite, QueuesContract, testing::Values(kSqlite));
INSTANTIATE_TEST_SUITE_P(Sqlite, RoutingContract, testing::Values(kSqlite));

}  // namespace

}  // namespace pavise::hub::store
