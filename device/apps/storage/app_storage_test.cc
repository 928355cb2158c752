// The quota needs a file system with quotas: tests/e2e/apps_test.py fills one in the virtual
// device.
#include "device/apps/storage/app_storage.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

namespace pavise::device {
namespace {

using manifest::ComponentId;

ComponentId id(int number) {
  return *ComponentId::parse("00000000-0000-4000-8000-00000000000" + std::to_string(number));
}

TEST(AppUsers, AnAppKeepsItsUserAndOthersGetWhatNobodyHas) {
  const std::vector<ComponentId> apps{id(1), id(2), id(3)};
  const AppUsers users = assign_users(apps, {{id(2), 1000}, {id(9), 1001}});
  EXPECT_EQ(users, (AppUsers{{id(1), 1002}, {id(2), 1000}, {id(3), 1003}}));
}

TEST(AppUsers, NobodyIsOfTheSystemOrTwo) {
  const std::vector<ComponentId> apps{id(1), id(2), id(3), id(4)};
  const AppUsers users = assign_users(
      apps, {{id(1), 0}, {id(2), 20}, {id(3), 1000}, {id(4), 1000}, {id(5), kAppUserMax + 1}});
  std::set<uid_t> all;
  for (const auto& [app, user] : users) {
    EXPECT_GE(user, kAppUserMin);
    EXPECT_TRUE(all.insert(user).second) << user;
  }
  EXPECT_EQ(users.at(id(3)), 1000U);
}

class Storage : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/pavise-storage-XXXXXX";
    folder_ = ::mkdtemp(path);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(Storage, WithoutQuotasNothingIsProvided) {
  auto storage = AppStorage::open(folder_ / "apps");
  ASSERT_TRUE(storage) << storage.error().message();
  const auto provided = storage->provide(id(1), 1000, 4096);
  ASSERT_FALSE(provided);
  EXPECT_TRUE(provided.error().is(kStorageFailed));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "apps" / id(1).text()));
}

TEST_F(Storage, OwnersAreThoseOfFoldersWithAComponentsName) {
  auto storage = AppStorage::open(folder_ / "apps");
  ASSERT_TRUE(storage);
  std::filesystem::create_directory(folder_ / "apps" / id(1).text());
  std::filesystem::create_directory(folder_ / "apps/other");
  std::ofstream(folder_ / "apps" / id(2).text()) << "a file";
  std::filesystem::create_directory_symlink("/", folder_ / "apps" / id(3).text());
  EXPECT_EQ(storage->owners(), (AppUsers{{id(1), ::geteuid()}}));
}

TEST_F(Storage, ErasingTakesAllOfItAndFollowsNoLink) {
  auto storage = AppStorage::open(folder_ / "apps");
  ASSERT_TRUE(storage);
  std::filesystem::create_directories(folder_ / "elsewhere");
  std::ofstream(folder_ / "elsewhere/kept") << "x";
  const auto app = folder_ / "apps" / id(1).text();
  std::filesystem::create_directories(app / "deep/er");
  std::ofstream(app / "deep/file") << "x";
  std::filesystem::create_directory_symlink(folder_ / "elsewhere", app / "deep/link");
  EXPECT_TRUE(storage->erase(id(1)));
  EXPECT_FALSE(std::filesystem::exists(app));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "elsewhere/kept"));
  EXPECT_TRUE(storage->erase(id(1)));  // missing
}

}  // namespace
}  // namespace pavise::device
