// What every ByteDepot does, against each of them.
#include "cloud/hub/files/byte_depot.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cloud/hub/files/testing/memory_depot.h"

namespace pavise::hub::files {
namespace {

const std::string kFirst(32, 'a');
const std::string kSecond = std::string(31, '0') + "f";

class DepotContract : public ::testing::TestWithParam<bool> {
 protected:
  DepotContract() {
    std::string pattern = ::testing::TempDir() + "pavise-depot-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    reopen();
  }
  ~DepotContract() override { std::filesystem::remove_all(folder_); }
  void reopen() {
    depot_.reset();
    if (GetParam())
      depot_ = *open_directory_depot(folder_ + "/objects");
    else
      depot_ = std::make_unique<testing::MemoryDepot>(medium_);
  }
  std::shared_ptr<testing::MemoryMedium> medium_ = std::make_shared<testing::MemoryMedium>();
  std::string folder_;
  std::unique_ptr<ByteDepot> depot_;
};

TEST_P(DepotContract, WhatWasWrittenIsReadFromAnyPosition) {
  ASSERT_TRUE(depot_->write(kFirst, as_bytes("0123456789")));
  EXPECT_EQ(as_text(*depot_->read(kFirst, 0, 100)), "0123456789");
  EXPECT_EQ(as_text(*depot_->read(kFirst, 4, 3)), "456");
  EXPECT_EQ(as_text(*depot_->read(kFirst, 10, 3)), "");
  EXPECT_EQ(as_text(*depot_->read(kFirst, 99, 3)), "");
}

TEST_P(DepotContract, ObjectsOutliveTheDepotUntilTheyAreRemoved) {
  ASSERT_TRUE(depot_->write(kFirst, as_bytes("one")));
  ASSERT_TRUE(depot_->write(kSecond, {}));
  reopen();
  EXPECT_EQ(depot_->list()->size(), 2U);
  EXPECT_EQ(as_text(*depot_->read(kFirst, 0, 9)), "one");
  ASSERT_TRUE(depot_->remove(kFirst));
  EXPECT_TRUE(depot_->remove(kFirst)) << "removed already";
  EXPECT_FALSE(depot_->read(kFirst, 0, 9));
  EXPECT_EQ(*depot_->list(), std::vector<std::string>{kSecond});
}

TEST_P(DepotContract, SaysWhatRoomThereIs) {
  EXPECT_GT(*depot_->free_bytes(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Directory, DepotContract, ::testing::Values(true));
INSTANTIATE_TEST_SUITE_P(Memory, DepotContract, ::testing::Values(false));

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
