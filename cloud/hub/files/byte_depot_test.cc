#include "cloud/hub/files/byte_depot.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cloud/hub/files/testing/depot_contract.h"
#include "cloud/hub/files/testing/memory_depot.h"

namespace pavise::hub::files {
namespace testing {
namespace {

class FolderMedium final : public DepotMedium {
 public:
  FolderMedium() {
    std::string pattern = ::testing::TempDir() + "pavise-depot-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~FolderMedium() override { std::filesystem::remove_all(folder_); }
  std::unique_ptr<ByteDepot> open() override { return *open_directory_depot(folder_ + "/objects"); }

 private:
  std::string folder_;
};

class InMemory final : public DepotMedium {
 public:
  std::unique_ptr<ByteDepot> open() override { return std::make_unique<MemoryDepot>(medium_); }

 private:
  std::shared_ptr<MemoryMedium> medium_ = std::make_shared<MemoryMedium>();
};

INSTANTIATE_TEST_SUITE_P(
    ByteDepot, DepotContract,
    ::testing::Values(DepotKind{"Directory", [] { return std::make_unique<FolderMedium>(); }},
                      DepotKind{"Memory", [] { return std::make_unique<InMemory>(); }}),
    name_of);

}  // namespace
}  // namespace testing

namespace {

const std::string kFirst(32, 'a');
const std::string kSecond = std::string(31, '0') + "f";

TEST(ObjectName, IsNothingThatAPathCouldBe) {
  EXPECT_TRUE(is_object_name(kFirst));
  for (const std::string& name :
       {std::string(), std::string(31, 'a'), std::string(33, 'a'), std::string(32, 'A'),
        "../" + std::string(29, 'a'), std::string(31, 'a') + "/", std::string(31, 'a') + '\0'})
    EXPECT_FALSE(is_object_name(name)) << name;
}

TEST(DirectoryDepot, LetsNobodyElseReadAndFollowsNoLink) {
  std::string pattern = ::testing::TempDir() + "pavise-depot-XXXXXX";
  const std::string folder = ::mkdtemp(pattern.data());
  const auto depot = *open_directory_depot(folder + "/objects");
  ASSERT_TRUE(depot->write(kFirst, as_bytes("one")));
  struct stat info{};
  ASSERT_EQ(::stat((folder + "/objects").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
  ASSERT_EQ(::stat((folder + "/objects/" + kFirst).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  std::ofstream(folder + "/secret") << "secret";
  ASSERT_EQ(::symlink((folder + "/secret").c_str(), (folder + "/objects/" + kSecond).c_str()), 0);
  EXPECT_FALSE(depot->read(kSecond, 0, 9));
  EXPECT_FALSE(depot->write(kSecond, as_bytes("two")));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace pavise::hub::files
