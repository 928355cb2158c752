// The quota needs a file system with quotas: tests/e2e/apps_test.py fills one in the virtual
// device.
#include "device/apps/storage/app_storage.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

namespace pavise::device {
namespace {

namespace fs = std::filesystem;
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
  const auto provided = storage->provide(id(1), 1000, {.file_bytes = 4096});
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

// One that keeps nothing but certificates has its user from their folder.
TEST_F(Storage, FoldersWithCertificatesHaveOwnersAndAreErased) {
  auto storage = AppStorage::open(folder_ / "apps");
  ASSERT_TRUE(storage);
  const auto certificates = folder_ / "apps" / (id(1).text() + ".certificates");
  const auto more = folder_ / "apps" / (id(2).text() + ".certificates.certificates");
  fs::create_directory(certificates);
  fs::create_directory(more);
  EXPECT_EQ(storage->owners(), (AppUsers{{id(1), ::geteuid()}}));
  std::ofstream(certificates / "own") << "a key";
  std::ofstream(certificates / ".spare") << "zeros";
  fs::create_directory(folder_ / "apps" / id(1).text());
  EXPECT_EQ(storage->owners(), (AppUsers{{id(1), ::geteuid()}}));
  const Status erased = storage->erase(id(1));
  EXPECT_TRUE(erased) << erased.error().message();
  EXPECT_FALSE(fs::exists(certificates));
  EXPECT_FALSE(fs::exists(folder_ / "apps" / id(1).text()));
  // As after an end between the two: what is left is still somebody's.
  fs::create_directory(certificates);
  EXPECT_TRUE(storage->erase(id(1)));
  EXPECT_EQ(storage->owners(), AppUsers());
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

// What an app may leave to whoever has to clear it away. Paths end at 4096 bytes and descriptors
// at a thousand; folders in folders end nowhere.
TEST_F(Storage, ErasingTakesFoldersThatAreDeeperThanPathsAndDescriptors) {
  auto storage = AppStorage::open(folder_ / "apps");
  ASSERT_TRUE(storage);
  const auto app = folder_ / "apps" / id(1).text();
  std::filesystem::create_directory(app);
  UniqueFd at(::open(app.c_str(), O_RDONLY | O_DIRECTORY));
  const std::string name(100, 'd');
  for (int depth = 0; depth < 100; ++depth) {
    ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0700), 0);
    ASSERT_EQ(::symlinkat("/", at.get(), "0"), 0);
    at = UniqueFd(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY));
    ASSERT_TRUE(at);
  }
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit few{.rlim_cur = static_cast<rlim_t>(at.get()) + 8, .rlim_max = before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &few);
  const Status erased = storage->erase(id(1));
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(erased) << erased.error().message();
  EXPECT_FALSE(std::filesystem::exists(app));
}

TEST_F(Storage, ErasingTakesManyFoldersWithTheSameNames) {
  auto storage = AppStorage::open(folder_ / "apps");
  ASSERT_TRUE(storage);
  const auto app = folder_ / "apps" / id(1).text();
  for (const char* above : {"0", "1", "2"})
    for (int i = 0; i < 20; ++i) {
      std::filesystem::create_directories(app / above / std::to_string(i) / "0");
      std::ofstream(app / above / std::to_string(i) / "1") << "x";
    }
  std::ofstream sparse(app / "sparse");
  sparse.seekp(std::int64_t{1} << 40) << "x";
  sparse.close();
  std::filesystem::permissions(app / "0", std::filesystem::perms::none);
  const Status erased = storage->erase(id(1));
  EXPECT_TRUE(erased) << erased.error().message();
  EXPECT_FALSE(std::filesystem::exists(app));
}

TEST_F(Storage, ErasingTakesWhatIsNoFolderAndFollowsNoLinkThere) {
  auto storage = AppStorage::open(folder_ / "apps");
  ASSERT_TRUE(storage);
  std::filesystem::create_directory(folder_ / "elsewhere");
  std::filesystem::create_directory_symlink(folder_ / "elsewhere", folder_ / "apps" / id(1).text());
  EXPECT_TRUE(storage->erase(id(1)));
  EXPECT_FALSE(std::filesystem::is_symlink(folder_ / "apps" / id(1).text()));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "elsewhere"));
}

}  // namespace
}  // namespace pavise::device
