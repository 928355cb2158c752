#include "cloud/hub/twin_store/twin_store.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <filesystem>

#include "cloud/hub/twin_store/testing/memory_twin_store.h"

namespace pavise::hub {
namespace {

using Kind = TwinCommand::Kind;

DeviceId device(char c) {
  return *DeviceId::parse(std::string(DeviceId::kLength, c));
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "pavise-twin-XXXXXX").string();
    PAVISE_CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string file() const { return path_ + "/twins.db"; }

 private:
  std::string path_;
};

// One contract, every implementation.
enum class Implementation { sqlite, memory };

class TwinStoreContract : public ::testing::TestWithParam<Implementation> {
 protected:
  void SetUp() override {
    if (GetParam() == Implementation::memory) {
      store_ = std::make_unique<hub::testing::MemoryTwinStore>();
    } else {
      store_ = *open_sqlite_twin_store(folder_.file());
    }
  }
  TwinStore& store() { return *store_; }
  std::string view(char c) { return store().execute(TwinCommand{Kind::get, device(c)})->body; }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<TwinStore> store_;
};

TEST_P(TwinStoreContract, AnUnknownDeviceHasAnEmptyTwin) {
  EXPECT_EQ(view('a'), twin::Twin().device_json());
}

TEST_P(TwinStoreContract, WritesAreSeenAndDevicesAreApart) {
  const auto reported =
      store().execute(TwinCommand{Kind::merge_reported, device('a'), R"({"x":1})"});
  ASSERT_TRUE(reported);
  EXPECT_EQ(reported->version, 2U);
  EXPECT_EQ(reported->body, "");
  const auto desired = store().execute(TwinCommand{Kind::merge_desired, device('a'), R"({"y":2})"});
  ASSERT_TRUE(desired);
  EXPECT_EQ(desired->body, R"({"y":2,"$version":2})");
  EXPECT_EQ(view('a'), R"({"desired":{"y":2,"$version":2},"reported":{"x":1,"$version":2}})");
  EXPECT_EQ(view('b'), twin::Twin().device_json());
}

TEST_P(TwinStoreContract, ReplaceAndConditions) {
  ASSERT_TRUE(store().execute(TwinCommand{Kind::merge_desired, device('a'), R"({"y":2})"}));
  EXPECT_TRUE(store()
                  .execute(TwinCommand{Kind::replace_desired, device('a'), "{}", 1})
                  .error()
                  .is(twin::kVersionMismatch));
  EXPECT_TRUE(store().execute(TwinCommand{Kind::replace_desired, device('a'), R"({"z":1})", 2}));
  EXPECT_EQ(view('a'), R"({"desired":{"z":1,"$version":3},"reported":{"$version":1}})");
}

TEST_P(TwinStoreContract, OneBadCommandDoesNotSpoilTheGroup) {
  const TwinCommand group[] = {
      {Kind::merge_reported, device('a'), R"({"x":1})"},
      {Kind::merge_reported, device('a'), R"({"bad key":1})"},
      {Kind::get, device('a')},
      {Kind::merge_reported, device('b'), R"({"x":3})"},
  };
  const auto answers = store().execute(group);
  ASSERT_EQ(answers.size(), 4U);
  EXPECT_TRUE(answers[0]);
  EXPECT_TRUE(answers[1].error().is(twin::kBadKey));
  EXPECT_EQ(answers[2]->body, R"({"desired":{"$version":1},"reported":{"x":1,"$version":2}})");
  EXPECT_EQ(answers[3]->version, 2U);
  EXPECT_TRUE(store().execute(std::span<const TwinCommand>{}).empty());
}

TEST_P(TwinStoreContract, RemoveForgets) {
  ASSERT_TRUE(store().execute(TwinCommand{Kind::merge_desired, device('a'), R"({"secret":2})"}));
  ASSERT_TRUE(store().execute(TwinCommand{Kind::remove, device('a')}));
  EXPECT_EQ(view('a'), twin::Twin().device_json());
  EXPECT_TRUE(store().execute(TwinCommand{Kind::remove, device('b')})) << "already gone is fine";
}

INSTANTIATE_TEST_SUITE_P(All, TwinStoreContract,
                         ::testing::Values(Implementation::sqlite, Implementation::memory),
                         [](const auto& chosen) {
                           return chosen.param == Implementation::sqlite ? "sqlite" : "memory";
                         });

TEST(SqliteTwinStore, SurvivesReopening) {
  const TemporaryFolder folder;
  {
    auto store = *open_sqlite_twin_store(folder.file());
    ASSERT_TRUE(store->execute(TwinCommand{Kind::merge_desired, device('a'), R"({"y":2})"}));
  }
  auto store = *open_sqlite_twin_store(folder.file());
  EXPECT_EQ(store->execute(TwinCommand{Kind::get, device('a')})->body,
            R"({"desired":{"y":2,"$version":2},"reported":{"$version":1}})");
}

void run_sql(const std::string& file, const char* sql) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
  sqlite3_close(db);
}

TEST(SqliteTwinStore, DamageIsReportedForThatDeviceOnly) {
  const TemporaryFolder folder;
  ASSERT_TRUE(open_sqlite_twin_store(folder.file()));
  const std::string sql = "INSERT INTO twins VALUES('" + device('a').text() + "', 'not json')";
  run_sql(folder.file(), sql.c_str());
  auto store = *open_sqlite_twin_store(folder.file());
  EXPECT_TRUE(store->execute(TwinCommand{Kind::get, device('a')}).error().is(twin::kCorruptTwin));
  EXPECT_TRUE(store->execute(TwinCommand{Kind::get, device('b')}));
}

// A server killed in its first start left the table without its version, and no start worked again.
TEST(SqliteTwinStore, OpensWhatAKilledFirstStartLeft) {
  const TemporaryFolder folder;
  run_sql(folder.file(),
          "CREATE TABLE twins(device TEXT PRIMARY KEY NOT NULL, document TEXT NOT NULL) WITHOUT "
          "ROWID;");
  auto store = open_sqlite_twin_store(folder.file());
  ASSERT_TRUE(store) << store.error().message();
  EXPECT_TRUE((*store)->execute(TwinCommand{Kind::merge_desired, device('a'), R"({"y":2})"}));
}

TEST(SqliteTwinStore, RefusesANewerDatabaseAndAForeignFile) {
  const TemporaryFolder folder;
  run_sql(folder.file(), "PRAGMA user_version=2");
  EXPECT_TRUE(open_sqlite_twin_store(folder.file()).error().is(kTwinStoreVersion));
  EXPECT_TRUE(open_sqlite_twin_store(folder.file() + "/missing/x.db").error().is(kTwinStoreFailed));
}

}  // namespace
}  // namespace pavise::hub
