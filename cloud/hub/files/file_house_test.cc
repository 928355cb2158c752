// What the house adds to its store: where objects are to lie, and the thread that removes them.
#include "cloud/hub/files/file_house.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "cloud/hub/files/testing/memory_depot.h"

namespace pavise::hub::files {
namespace {

class FileHouseTest : public ::testing::Test {
 protected:
  FileHouseTest() {
    std::string pattern = ::testing::TempDir() + "pavise-house-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    medium_->remote = true;
  }
  ~FileHouseTest() override { std::filesystem::remove_all(folder_); }
  FileHouseOptions options() {
    return {.folder = folder_, .depot = [this](const std::string& name) {
              name_ = name;
              return Result<std::unique_ptr<ByteDepot>>(
                  std::make_unique<testing::MemoryDepot>(medium_));
            }};
  }

  SystemClock clock_;
  store::IdentityIndex index_;
  std::shared_ptr<testing::MemoryMedium> medium_ = std::make_shared<testing::MemoryMedium>();
  std::string folder_, name_;
};

TEST_F(FileHouseTest, DoesNotBeginElsewhereWhileObjectsLieInItsFolder) {
  const std::string object = folder_ + "/objects/" + std::string(32, 'a');
  ASSERT_TRUE(FileHouse::open({.folder = folder_}, index_, clock_));
  ASSERT_TRUE(FileHouse::open(options(), index_, clock_)) << "an empty folder is none";
  std::ofstream(object) << "bytes";
  const auto refused = FileHouse::open(options(), index_, clock_);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(kObjectsElsewhere));
  EXPECT_NE(refused.error().message().find(name_), std::string::npos) << "says where they belong";
  std::filesystem::remove(object);
  EXPECT_TRUE(FileHouse::open(options(), index_, clock_));
}

TEST_F(FileHouseTest, SaysOnceThatObjectsCannotBeRemovedAndOnceThatTheyCanAgain) {
  medium_->failure = &kStoreUnreachable;
  std::promise<std::string> failed;
  std::promise<void> works;
  FileHouseOptions given = options();
  given.depot_failed = [&](const Error* error) {
    if (error == nullptr) return works.set_value();
    failed.set_value(std::string(error->code()));
    medium_->failure = nullptr;  // on the thread that reads it
  };
  given.collect = {.every_ms = 1, .retry_ms = 1};
  const auto house = *FileHouse::open(std::move(given), index_, clock_);
  house->start();
  EXPECT_EQ(failed.get_future().get(), kStoreUnreachable.code);
  works.get_future().wait();
  house->stop();
}

}  // namespace
}  // namespace pavise::hub::files
