#include "device/apps/deployment/package_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "common/crypto/crypto.h"

namespace pavise::device {
namespace {

using manifest::ComponentId;

ComponentId id(int number) {
  return *ComponentId::parse("00000000-0000-4000-8000-00000000000" + std::to_string(number));
}

class PackageStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/pavise-package-store-XXXXXX";
    folder_ = ::mkdtemp(path);
    store_.emplace(*PackageStore::open(folder_ / "packages"));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // In parts of `part` bytes.
  void send(const Bytes& package, std::size_t part = 1000) {
    for (std::size_t at = 0; at < package.size(); at += part) {
      const ByteView data = ByteView(package).subspan(at, std::min(part, package.size() - at));
      const auto has = store_->receive(package.size(), at, data);
      ASSERT_TRUE(has) << has.error().message();
      ASSERT_EQ(*has, at + data.size());
    }
  }
  static Bytes content(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    return to_bytes(as_bytes(text));
  }

  std::filesystem::path folder_;
  std::optional<PackageStore> store_;
};

TEST_F(PackageStoreTest, APackageComesInPartsAndIsKept) {
  const Bytes package(4096 * 3 + 5, std::byte{7});
  send(package);
  const auto path = store_->received(package.size(), crypto::sha256(package));
  ASSERT_TRUE(path) << path.error().message();
  EXPECT_EQ(content(*path), package);
  EXPECT_FALSE(store_->has(id(1)));
  ASSERT_TRUE(store_->keep(id(1), 4));
  EXPECT_TRUE(store_->has(id(1)));
  EXPECT_EQ(content(store_->path_of(id(1))), package);
  EXPECT_FALSE(store_->keep(id(2), 4)) << "there is nothing more to keep";
  EXPECT_FALSE(store_->received(package.size(), crypto::sha256(package)));

  const auto again = PackageStore::open(store_->folder());
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->has(id(1)));
  EXPECT_EQ(*again->floors(), (EpochFloors{{id(1), 4}}));
}

TEST_F(PackageStoreTest, OnlyWhatWasAskedForIsInstalled) {
  const Bytes package(3000, std::byte{7});
  const Digest256 digest = crypto::sha256(package);
  EXPECT_TRUE(store_->received(package.size(), digest).error().is(kNotReceived));
  ASSERT_TRUE(store_->receive(package.size(), 0, ByteView(package).first(2999)));
  EXPECT_TRUE(store_->received(package.size(), digest).error().is(kNotReceived));
  EXPECT_TRUE(store_->keep(id(1), 1).error().is(kNotReceived));
  ASSERT_TRUE(store_->receive(package.size(), 2999, ByteView(package).first(1)));
  EXPECT_TRUE(store_->received(package.size(), digest));
  EXPECT_TRUE(store_->received(package.size() - 1, digest).error().is(kNotReceived));
  EXPECT_TRUE(store_->received(package.size(), Digest256{}).error().is(kNotReceived));
}

TEST_F(PackageStoreTest, PartsThatDoNotFollowAreRefusedAndChangeNothing) {
  const Bytes part(1000);
  EXPECT_TRUE(store_->receive(3000, 1000, part).error().is(kPartOutOfOrder)) << "nothing begun";
  ASSERT_TRUE(store_->receive(3000, 0, part));
  for (const std::uint64_t offset : {1ULL, 999ULL, 1001ULL, 2000ULL, 3000ULL, ~0ULL})
    EXPECT_TRUE(store_->receive(3000, offset, part).error().is(kPartOutOfOrder)) << offset;
  EXPECT_TRUE(store_->receive(3001, 1000, part).error().is(kPartOutOfOrder)) << "another size";
  EXPECT_TRUE(store_->receive(3000, 1000, Bytes(2001)).error().is(kPartOutOfOrder)) << "too much";
  EXPECT_EQ(*store_->receive(3000, 1000, Bytes(2000)), 3000U);
  EXPECT_TRUE(store_->receive(3000, 3000, Bytes(1)).error().is(kPartOutOfOrder));
}

TEST_F(PackageStoreTest, TheFirstPartBeginsAnew) {
  send(Bytes(5000, std::byte{1}));
  const Bytes second(2000, std::byte{2});
  send(second);
  EXPECT_EQ(content(*store_->received(second.size(), crypto::sha256(second))), second);
}

// A mounted package is read through its file: another one must never be written into it.
TEST_F(PackageStoreTest, WhatIsForgottenTakesNoRoom) {
  const Bytes package(3000, std::byte{7});
  store_->forget_received();
  send(package);
  ASSERT_TRUE(store_->keep(id(1), 1));
  send(package);
  store_->forget_received();
  EXPECT_FALSE(std::filesystem::exists(store_->folder() + "/incoming"));
  EXPECT_TRUE(store_->received(package.size(), crypto::sha256(package)).error().is(kNotReceived));
  EXPECT_TRUE(store_->receive(package.size(), 1, package).error().is(kPartOutOfOrder));
  EXPECT_TRUE(store_->has(id(1)));
  send(package);
  EXPECT_TRUE(store_->keep(id(2), 1));
}

TEST_F(PackageStoreTest, AFileThatIsInUseIsNotWrittenTo) {
  const Bytes first(2000, std::byte{1});
  send(first);
  std::ifstream in_use(*store_->received(first.size(), crypto::sha256(first)), std::ios::binary);
  send(Bytes(2000, std::byte{2}));
  const std::string text{std::istreambuf_iterator<char>(in_use), {}};
  EXPECT_TRUE(equal(as_bytes(text), first));
}

TEST_F(PackageStoreTest, SizesHaveLimits) {
  EXPECT_TRUE(store_->receive(0, 0, {}).error().is(kNoRoom));
  EXPECT_TRUE(store_->receive(kReceivedBytesMax + 1, 0, Bytes(1)).error().is(kNoRoom));
  EXPECT_TRUE(store_->receive(~0ULL, 0, Bytes(1)).error().is(kNoRoom));
  EXPECT_TRUE(store_->receive(1, 0, Bytes(2)).error().is(kPartOutOfOrder));
}

TEST_F(PackageStoreTest, WhatWasUnderWayIsGoneAfterAnEnd) {
  send(Bytes(2000));
  store_.emplace(*PackageStore::open(store_->folder()));
  EXPECT_TRUE(std::filesystem::is_empty(store_->folder()));
  EXPECT_TRUE(store_->receive(2000, 1000, Bytes(1000)).error().is(kPartOutOfOrder));
}

TEST_F(PackageStoreTest, AFloorOnlyRisesAndOutlivesThePackage) {
  for (const std::uint32_t epoch : {3U, 5U, 4U}) {
    send(Bytes(100));
    ASSERT_TRUE(store_->keep(id(1), epoch));
  }
  ASSERT_TRUE(store_->erase(id(1)));
  EXPECT_FALSE(store_->has(id(1)));
  EXPECT_TRUE(store_->erase(id(1)));
  EXPECT_EQ(*store_->floors(), (EpochFloors{{id(1), 5}}));
}

TEST_F(PackageStoreTest, AFloorIsRaisedWithoutAPackage) {
  ASSERT_TRUE(store_->raise_floor(id(1), 3));
  ASSERT_TRUE(store_->raise_floor(id(1), 2));
  EXPECT_EQ(*store_->floors(), (EpochFloors{{id(1), 3}}));
  EXPECT_FALSE(store_->has(id(1)));
}

// Nobody starts an app because its floor could not be looked up.
TEST_F(PackageStoreTest, WithoutItsFolderNothingIsKnown) {
  std::filesystem::remove_all(store_->folder());
  EXPECT_TRUE(store_->floors().error().is(kStoreFailed));
  EXPECT_TRUE(store_->raise_floor(id(1), 3).error().is(kStoreFailed));
}

// A floor that cannot be written leaves the package of before.
TEST_F(PackageStoreTest, WhatCannotBeKeptWholeIsNotKept) {
  const Bytes first(100, std::byte{1});
  send(first);
  ASSERT_TRUE(store_->keep(id(1), 1));
  send(Bytes(100, std::byte{2}));
  std::filesystem::create_directory(store_->folder() + "/floor.new");
  EXPECT_TRUE(store_->keep(id(1), 2).error().is(kStoreFailed));
  EXPECT_EQ(content(store_->path_of(id(1))), first);
  EXPECT_EQ(*store_->floors(), (EpochFloors{{id(1), 1}}));
}

TEST_F(PackageStoreTest, AFloorThatCannotBeReadLetsNothingPass) {
  constexpr std::uint32_t kHighest = ~0U;
  for (const char* text : {"", "x", "4x", "-1", "4294967296", "00000000004"}) {
    std::ofstream(store_->folder() + '/' + id(1).text() + ".epoch") << text;
    EXPECT_EQ(*store_->floors(), (EpochFloors{{id(1), kHighest}})) << text;
  }
  std::ofstream(store_->folder() + "/other.epoch") << "9";
  EXPECT_EQ(store_->floors()->size(), 1U);
}

TEST_F(PackageStoreTest, NobodyElseLooksIntoIt) {
  const auto mode = std::filesystem::status(store_->folder()).permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_all);
}

}  // namespace
}  // namespace pavise::device
