#include "cloud/hub/files/file_store.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "cloud/hub/files/file_rows.h"
#include "cloud/hub/files/testing/memory_depot.h"

namespace pavise::hub::files {
namespace {

constexpr UnixMillis kNow = 1'795'633'200'000;
constexpr std::int64_t kTtlMs = 3'600'000;
const std::string kHub = "plant-1.7";
const std::string kOtherHub = "plant-1.8";
constexpr FileLimits kRoomy{1U << 30, 1U << 30, 1U << 30};

std::string id(int number) {
  return to_base64(as_bytes("block-" + std::to_string(1000 + number)));
}
std::vector<BlockName> names(std::initializer_list<int> numbers,
                             BlockFrom from = BlockFrom::latest) {
  std::vector<BlockName> out;
  for (const int each : numbers) out.push_back({from, id(each)});
  return out;
}

class FileStoreTest : public ::testing::Test {
 protected:
  FileStoreTest() {
    std::string pattern = ::testing::TempDir() + "pavise-files-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    reopen();
  }
  ~FileStoreTest() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  void reopen() {
    store_.reset();
    store_ = *FileStore::open(folder_, std::make_unique<testing::MemoryDepot>(medium_), clock_);
  }
  Result<Upload> begin(const std::string& name, const std::string& device = "d1",
                       const std::string& hub = kHub) {
    return store_->begin({hub, device, 5, name, clock_.now_ms() + kTtlMs});
  }
  std::string started(const std::string& name, const std::string& device = "d1") {
    return begin(name, device)->id;
  }
  Status block(const std::string& upload, int number, std::string_view text,
               const FileLimits& limits = kRoomy) {
    return store_->put_block(upload, id(number), as_bytes(text), limits);
  }
  Result<StoredFile> commit(const std::string& upload, const std::vector<BlockName>& blocks,
                            bool only_new = false) {
    return store_->commit(upload, blocks, "text/plain", only_new, kRoomy);
  }
  Result<StoredFile> put(const std::string& upload, std::string_view text,
                         const FileLimits& limits = kRoomy, bool only_new = false) {
    return store_->put(upload, as_bytes(text), "text/plain", only_new, limits);
  }
  std::string content(const std::string& name, const std::string& device = "d1") {
    const auto file = store_->file(kHub, device, name);
    if (!file) return std::string(file.error().code());
    return std::string(as_text(*store_->read(kHub, device, *file, 0, 1U << 20)));
  }
  Status finish(const std::string& upload, bool success = true, const std::string& device = "d1") {
    return store_->finish(kHub, device, upload, success, [this](const StoredFile& file) {
      told_.push_back(file.name);
      return Status();
    });
  }
  std::uint64_t charged(const std::string& device = "d1") { return *store_->charged(kHub, device); }
  std::size_t objects() const { return medium_->objects.size(); }

  ManualClock clock_{kNow};
  std::shared_ptr<testing::MemoryMedium> medium_ = std::make_shared<testing::MemoryMedium>();
  std::string folder_;
  std::unique_ptr<FileStore> store_;
  std::vector<std::string> told_;
};

TEST_F(FileStoreTest, BlocksBecomeAFileInTheOrderOfTheList) {
  const std::string upload = started("logs/a.txt");
  ASSERT_TRUE(block(upload, 2, "two"));
  ASSERT_TRUE(block(upload, 1, "one "));
  ASSERT_TRUE(block(upload, 3, " never"));
  EXPECT_EQ(content("logs/a.txt"), kFileNotFound.code) << "nothing is there before the list";
  const auto file = commit(upload, names({1, 2}));
  ASSERT_TRUE(file);
  EXPECT_EQ(file->size_bytes, 7U);
  EXPECT_EQ(file->content_type, "text/plain");
  EXPECT_EQ(content("logs/a.txt"), "one two");
  EXPECT_EQ(objects(), 2U) << "the block that is in no list is gone";
  reopen();
  EXPECT_EQ(content("logs/a.txt"), "one two");
}

TEST_F(FileStoreTest, ReadsAcrossPartsFromAnyPosition) {
  const std::string upload = started("a");
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(block(upload, i, std::string(4, static_cast<char>('a' + i))));
  const auto file = *commit(upload, names({0, 1, 2}));
  const auto read = [&](std::uint64_t position, std::size_t size) {
    return std::string(as_text(*store_->read(kHub, "d1", file, position, size)));
  };
  EXPECT_EQ(read(0, 12), "aaaabbbbcccc");
  EXPECT_EQ(read(3, 6), "abbbbc");
  EXPECT_EQ(read(8, 99), "cccc");
  EXPECT_EQ(read(12, 1), "");
  EXPECT_EQ(read(UINT64_MAX, 1), "");
}

TEST_F(FileStoreTest, ABlockSentAgainReplacesTheFirst) {
  const std::string upload = started("a");
  ASSERT_TRUE(block(upload, 1, "old"));
  ASSERT_TRUE(block(upload, 1, "new"));
  EXPECT_EQ(objects(), 1U);
  EXPECT_EQ(charged(), kChargeMin);
  ASSERT_TRUE(commit(upload, names({1})));
  EXPECT_EQ(content("a"), "new");
}

TEST_F(FileStoreTest, BlocksOfAnAttemptThatWasGivenUpAreDropped) {
  const std::string upload = started("a");
  ASSERT_TRUE(store_->put_block(upload, to_base64(as_bytes("tryabc")), as_bytes("1"), kRoomy));
  ASSERT_TRUE(block(upload, 1, "one"));
  ASSERT_TRUE(store_->drop_blocks(upload, to_base64(as_bytes("try"))));
  EXPECT_EQ(objects(), 1U);
  EXPECT_EQ(charged(), kChargeMin);
  ASSERT_TRUE(commit(upload, names({1})));
  EXPECT_TRUE(store_->drop_blocks("no-such", "").error().is(kUploadNotFound));
}

TEST_F(FileStoreTest, AListMayBeSentAgain) {
  const std::string upload = started("a");
  ASSERT_TRUE(block(upload, 1, "one"));
  ASSERT_TRUE(commit(upload, names({1})));
  ASSERT_TRUE(commit(upload, names({1}))) << "the answer was lost; the client asks again";
  ASSERT_TRUE(block(upload, 2, "two"));
  ASSERT_TRUE(commit(upload, {{BlockFrom::committed, id(1)}, {BlockFrom::uncommitted, id(2)}}));
  EXPECT_EQ(content("a"), "onetwo");
  EXPECT_EQ(objects(), 2U);
  EXPECT_EQ(charged(), 2 * kChargeMin);
}

TEST_F(FileStoreTest, AListOfWhatWasNotSentMakesNothing) {
  const std::string upload = started("a");
  const std::string other = started("b");
  ASSERT_TRUE(block(upload, 1, "one"));
  ASSERT_TRUE(block(other, 2, "two"));
  EXPECT_TRUE(commit(upload, names({1, 2})).error().is(kBadBlockList)) << "another upload's";
  EXPECT_TRUE(commit(upload, names({1}, BlockFrom::committed)).error().is(kBadBlockList));
  EXPECT_EQ(content("a"), kFileNotFound.code);
  ASSERT_TRUE(commit(upload, names({1}))) << "the block is still there";
}

TEST_F(FileStoreTest, AFileIsReplacedAsAWhole) {
  ASSERT_TRUE(put(started("a"), "first"));
  const std::string again = started("a");
  ASSERT_TRUE(block(again, 1, "sec"));
  EXPECT_EQ(content("a"), "first") << "until the list comes";
  EXPECT_TRUE(commit(again, names({1}), true).error().is(kFileExists));
  EXPECT_EQ(content("a"), "first");
  const auto before = *store_->file(kHub, "d1", "a");
  ASSERT_TRUE(commit(again, names({1})));
  EXPECT_EQ(content("a"), "sec");
  EXPECT_EQ(objects(), 1U);
  EXPECT_FALSE(store_->read(kHub, "d1", before, 0, 9)) << "a reader never mixes two files";
}

TEST_F(FileStoreTest, AnEmptyFileIsAFile) {
  ASSERT_TRUE(put(started("a"), ""));
  ASSERT_TRUE(commit(started("b"), {}));
  EXPECT_EQ(content("a"), "");
  EXPECT_EQ(content("b"), "");
  EXPECT_EQ(charged(), 2 * kChargeMin);
  ASSERT_TRUE(store_->remove(kHub, "d1", "a"));
  ASSERT_TRUE(store_->remove(kHub, "d1", "b"));
  EXPECT_EQ(charged(), 0U);
}

TEST_F(FileStoreTest, TenUploadsAreUnderWayAtMost) {
  std::vector<std::string> uploads;
  for (std::size_t i = 0; i < kUploadsMax; ++i) uploads.push_back(started("f"));
  EXPECT_TRUE(begin("f").error().is(kTooManyUploads));
  EXPECT_TRUE(begin("f", "d2")) << "another device's";
  EXPECT_TRUE(begin("f", "d1", kOtherHub)) << "the same name in another hub";
  ASSERT_TRUE(finish(uploads[0], false));
  EXPECT_TRUE(begin("f"));
  EXPECT_TRUE(begin("f").error().is(kTooManyUploads));
  clock_.advance_ms(kTtlMs);
  EXPECT_TRUE(begin("f")) << "those whose time is over do not count";
}

TEST_F(FileStoreTest, UploadsSurviveARestart) {
  const std::string upload = started("a");
  ASSERT_TRUE(block(upload, 1, "one"));
  const auto key = store_->token_key();
  reopen();
  ASSERT_TRUE(block(upload, 2, "two"));
  ASSERT_TRUE(commit(upload, names({1, 2})));
  EXPECT_EQ(content("a"), "onetwo");
  EXPECT_TRUE(equal(key->view(), store_->token_key()->view()));
  for (std::size_t i = 1; i < kUploadsMax; ++i) ASSERT_TRUE(begin("f"));
  reopen();
  EXPECT_TRUE(begin("f").error().is(kTooManyUploads));
}

TEST_F(FileStoreTest, AnUploadEndsOnce) {
  const std::string upload = started("a");
  EXPECT_TRUE(finish(upload).error().is(kNothingUploaded));
  ASSERT_TRUE(put(upload, "one"));
  EXPECT_TRUE(finish(upload, true, "d2").error().is(kUploadNotFound)) << "another device's";
  EXPECT_TRUE(store_->finish(kOtherHub, "d1", upload, true, {}).error().is(kUploadNotFound));
  ASSERT_TRUE(finish(upload));
  EXPECT_EQ(told_, std::vector<std::string>{"a"});
  EXPECT_TRUE(finish(upload).error().is(kUploadNotFound)) << "replayed";
  EXPECT_TRUE(put(upload, "two").error().is(kUploadNotFound)) << "the signature is over too";
  EXPECT_TRUE(block(upload, 1, "two").error().is(kUploadNotFound));
  EXPECT_EQ(content("a"), "one");
}

TEST_F(FileStoreTest, AnEndThatCannotBeToldMayComeAgain) {
  const std::string upload = started("a");
  ASSERT_TRUE(put(upload, "one"));
  EXPECT_TRUE(
      store_
          ->finish(kHub, "d1", upload, true, [](const StoredFile&) -> Status { return kFilesFull; })
          .error()
          .is(kFilesFull));
  ASSERT_TRUE(finish(upload));
  EXPECT_EQ(told_.size(), 1U);
}

TEST_F(FileStoreTest, TwoEndsAtOnceAreToldOnce) {
  const std::string upload = started("a");
  ASSERT_TRUE(put(upload, "one"));
  int told = 0;
  ASSERT_TRUE(store_->finish(kHub, "d1", upload, true, [&](const StoredFile&) {
    ++told;
    EXPECT_TRUE(finish(upload).error().is(kUploadNotFound));
    return Status();
  }));
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(told_.empty());
}

TEST_F(FileStoreTest, AFailureDropsWhatWasSent) {
  const std::string upload = started("a");
  ASSERT_TRUE(block(upload, 1, "one"));
  ASSERT_TRUE(finish(upload, false));
  EXPECT_EQ(objects(), 0U);
  EXPECT_EQ(charged(), 0U);
  EXPECT_TRUE(told_.empty());
}

TEST_F(FileStoreTest, AnUploadEndsWithItsTime) {
  const std::string upload = started("a");
  ASSERT_TRUE(block(upload, 1, "one"));
  clock_.advance_ms(kTtlMs - 1);
  ASSERT_TRUE(block(upload, 2, "two"));
  clock_.advance_ms(1);
  EXPECT_TRUE(block(upload, 3, "x").error().is(kUploadExpired));
  EXPECT_TRUE(commit(upload, names({1})).error().is(kUploadExpired));
  EXPECT_TRUE(finish(upload).error().is(kUploadExpired));
  ASSERT_TRUE(store_->sweep({kHub}));
  EXPECT_EQ(objects(), 2U) << "told from one that never was, for a while";
  clock_.advance_ms(kExpiredKeptMs);
  ASSERT_TRUE(store_->sweep({kHub}));
  EXPECT_EQ(objects(), 0U);
  EXPECT_EQ(charged(), 0U);
  EXPECT_TRUE(finish(upload).error().is(kUploadNotFound));
}

TEST_F(FileStoreTest, ALaterHubOfTheSameNameHasNothingOfTheFirst) {
  const std::string upload = started("a");
  ASSERT_TRUE(put(upload, "secret"));
  EXPECT_TRUE(store_->file(kOtherHub, "d1", "a").error().is(kFileNotFound));
  EXPECT_TRUE(store_->files(kOtherHub, {}, {})->empty());
  EXPECT_TRUE(store_->remove(kOtherHub, "d1", "a").error().is(kFileNotFound));
  ASSERT_TRUE(store_->sweep({kOtherHub}));
  EXPECT_EQ(content("a"), kFileNotFound.code);
  EXPECT_EQ(objects(), 0U);
  EXPECT_TRUE(store_->upload(upload).error().is(kUploadNotFound));
}

// ---- limits, at N and N + 1

TEST_F(FileStoreTest, AFileHasItsLimit) {
  const FileLimits limits{
      .file_bytes_max = 10, .device_bytes_max = 1U << 20, .hub_bytes_max = 1U << 20};
  const std::string upload = started("a");
  ASSERT_TRUE(put(upload, std::string(10, 'x'), limits));
  EXPECT_TRUE(put(upload, std::string(11, 'x'), limits).error().is(kFileTooLarge));
  ASSERT_TRUE(block(upload, 1, std::string(6, 'x'), limits));
  EXPECT_TRUE(block(upload, 2, std::string(11, 'x'), limits).error().is(kFileTooLarge));
  ASSERT_TRUE(block(upload, 2, std::string(5, 'x'), limits));
  EXPECT_TRUE(store_->commit(upload, names({1, 2}), "", false, limits).error().is(kFileTooLarge));
  ASSERT_TRUE(block(upload, 2, std::string(4, 'x'), limits)) << "in place of itself";
  EXPECT_TRUE(store_->commit(upload, names({1, 2}), "", false, limits));
}

TEST_F(FileStoreTest, APartHasUpTo8Mebibytes) {
  const std::string upload = started("a");
  ASSERT_TRUE(block(upload, 1, std::string(kPartSizeMax, 'x')));
  EXPECT_TRUE(block(upload, 2, std::string(kPartSizeMax + 1, 'x')).error().is(kBlockTooLarge));
  ASSERT_TRUE(put(upload, std::string(kPartSizeMax, 'x')));
  EXPECT_TRUE(put(upload, std::string(kPartSizeMax + 1, 'x')).error().is(kBlockTooLarge));
}

TEST_F(FileStoreTest, ADeviceHasItsQuota) {
  const FileLimits limits{
      .file_bytes_max = 1U << 20, .device_bytes_max = 10'000, .hub_bytes_max = 1U << 20};
  ASSERT_TRUE(put(started("a"), std::string(5'000, 'x'), limits));
  const std::string upload = started("b");
  EXPECT_TRUE(block(upload, 1, std::string(5'001, 'x'), limits).error().is(kQuotaExceeded));
  EXPECT_EQ(medium_->writes, 1) << "refused before a byte was written";
  ASSERT_TRUE(block(upload, 1, std::string(5'000, 'x'), limits));
  EXPECT_TRUE(put(started("c"), "x", limits).error().is(kQuotaExceeded));
  EXPECT_TRUE(put(started("c", "d2"), "x", limits)) << "another device's quota";
  ASSERT_TRUE(store_->remove(kHub, "d1", "a"));
  ASSERT_TRUE(put(started("c"), std::string(5'000, 'x'), limits));
}

TEST_F(FileStoreTest, AHubHasItsQuota) {
  const FileLimits limits{
      .file_bytes_max = 1U << 20, .device_bytes_max = 1U << 20, .hub_bytes_max = 10'000};
  ASSERT_TRUE(put(started("a", "d1"), std::string(5'000, 'x'), limits));
  EXPECT_TRUE(put(started("a", "d2"), std::string(5'001, 'x'), limits).error().is(kQuotaExceeded));
  EXPECT_TRUE(put(started("a", "d2"), std::string(5'000, 'x'), limits));
}

TEST_F(FileStoreTest, TinyFilesCountAsMuchAsTheyTakeOnADisk) {
  const FileLimits limits{
      .file_bytes_max = 1U << 20, .device_bytes_max = 2 * kChargeMin, .hub_bytes_max = 1U << 20};
  ASSERT_TRUE(put(started("a"), "1", limits));
  ASSERT_TRUE(put(started("b"), "", limits));
  EXPECT_TRUE(put(started("c"), "1", limits).error().is(kQuotaExceeded));
}

TEST_F(FileStoreTest, AnUploadHasUpTo4096Blocks) {
  constexpr int kMax = kBlocksMax;
  const std::string upload = started("a");
  ASSERT_TRUE(block(upload, 0, "x"));
  // The others but the last at once: each of its own would wait for the disk.
  store_.reset();
  auto db = *sqlite::Database::open(folder_ + "/files.db", sqlite::Database::Access::read_write, 0,
                                    kSqliteErrors);
  ASSERT_TRUE(db->execute("BEGIN"));
  for (int i = 1; i < kMax - 1; ++i)
    ASSERT_TRUE(db->change(
        "INSERT INTO blocks (upload, position, block, object, size) SELECT number, ?1, ?2, ?3, 1 "
        "FROM uploads",
        i, id(i), "object-" + std::to_string(i)));
  ASSERT_TRUE(db->change("UPDATE charges SET bytes = bytes * ?1", kMax - 1));
  ASSERT_TRUE(db->execute("COMMIT"));
  db.reset();
  reopen();
  ASSERT_TRUE(block(upload, kMax - 1, "x"));
  EXPECT_TRUE(block(upload, kMax, "x").error().is(kTooManyBlocks));
  EXPECT_TRUE(block(upload, 7, "y")) << "in place of itself";
  EXPECT_EQ(charged(), kBlocksMax * kChargeMin);
  std::vector<BlockName> all;
  for (int i = 0; i < kMax; ++i) all.push_back({BlockFrom::latest, id(i)});
  const auto file = commit(upload, all);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->size_bytes, kBlocksMax);
  EXPECT_EQ(charged(), kBlocksMax * kChargeMin);
  all.push_back(all.front());
  EXPECT_TRUE(commit(upload, all).error().is(kTooManyBlocks));
}

TEST_F(FileStoreTest, NamesThatAreNone) {
  for (const std::string& name :
       {std::string(), std::string("/a"), std::string("a/"), std::string("a//b"), std::string("."),
        std::string(".."), std::string("../a"), std::string("a/../b"), std::string("a/."),
        std::string("a\\b"), std::string("a\nb"), std::string("a\0b", 3), std::string("\xff"),
        std::string("\xc0\xae\xc0\xae/a"), std::string("\xed\xa0\x80"), std::string("a\xe2\x82"),
        std::string("\xc2\x85"), std::string(kFileNameSizeMax + 1, 'a')})
    EXPECT_TRUE(begin(name).error().is(kBadFileName)) << name;
  for (const std::string& name :
       {std::string("a"), std::string("..."), std::string(".a/b..c"), std::string("a b/ü€😀"),
        std::string("%2e%2e/a"), std::string(kFileNameSizeMax, 'a')})
    EXPECT_TRUE(check_file_name(name)) << name;
}

// ---- when things go wrong

TEST_F(FileStoreTest, AFullDiskIsSaidAndLeavesNothing) {
  const std::string upload = started("a");
  medium_->free = kFreeBytesMin + 2;
  EXPECT_TRUE(block(upload, 1, "one").error().is(kFilesFull));
  ASSERT_TRUE(block(upload, 1, "on"));
  EXPECT_EQ(charged(), kChargeMin);
  medium_->free = 0;
  ASSERT_TRUE(commit(upload, names({1}))) << "moves no bytes";
  EXPECT_EQ(content("a"), "on");
}

TEST_F(FileStoreTest, ABrokenDiskChangesNothing) {
  const std::string upload = started("a");
  ASSERT_TRUE(put(upload, "one"));
  medium_->failure = &kFilesFailed;
  EXPECT_TRUE(put(upload, "two").error().is(kFilesFailed));
  EXPECT_TRUE(block(upload, 1, "two").error().is(kFilesFailed));
  medium_->failure = nullptr;
  EXPECT_EQ(content("a"), "one");
  EXPECT_EQ(charged(), kChargeMin);
}

TEST_F(FileStoreTest, WhatNoRowNamesIsRemovedAtTheNextStart) {
  ASSERT_TRUE(put(started("a"), "one"));
  medium_->objects.emplace(std::string(32, '7'), Bytes(3));  // written, and then killed
  reopen();
  EXPECT_EQ(objects(), 1U);
  EXPECT_EQ(content("a"), "one");
}

// A process that is killed at any point of an upload leaves the file before, or the new one whole.
TEST(FileStoreKilled, AFileIsWholeOrNotThere) {
  for (int steps = 0; steps <= 5; ++steps) {
    std::string pattern = ::testing::TempDir() + "pavise-files-XXXXXX";
    const std::string folder = ::mkdtemp(pattern.data());
    const ManualClock clock(kNow);
    const auto open = [&] {
      return *FileStore::open(folder, *open_directory_depot(folder + "/objects"), clock);
    };
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const auto store = open();
      const Upload first = *store->begin({kHub, "d1", 5, "a", kNow + kTtlMs});
      (void)store->put(first.id, as_bytes("before"), "", false, kRoomy).has_value();
      const Upload upload = *store->begin({kHub, "d1", 5, "a", kNow + kTtlMs});
      for (int i = 0; i < 4; ++i) {
        if (i == steps) ::_exit(0);
        (void)store->put_block(upload.id, id(i), as_bytes("new "), kRoomy).has_value();
      }
      if (steps == 5)
        (void)store->commit(upload.id, names({0, 1, 2, 3}), "", false, kRoomy).has_value();
      ::_exit(0);  // no destructor runs
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    const auto store = open();
    const auto file = store->file(kHub, "d1", "a");
    ASSERT_TRUE(file);
    EXPECT_EQ(as_text(*store->read(kHub, "d1", *file, 0, 99)),
              steps == 5 ? "new new new new " : "before");
    EXPECT_EQ(*store->charged(kHub, "d1"),
              kChargeMin * (steps == 5 ? 4U : 1U + static_cast<unsigned>(std::min(steps, 4))));
    std::filesystem::remove_all(folder);
  }
}

// ---- containers

TEST_F(FileStoreTest, AContainerHasFilesOfItsOwn) {
  const Container one = *store_->make_container(kHub, kNow + kTtlMs);
  const Container two = *store_->make_container(kHub, kNow + kTtlMs);
  const Upload upload = *store_->container_upload(one.id, "a");
  EXPECT_EQ(store_->container_upload(one.id, "a")->id, upload.id) << "the one that is under way";
  EXPECT_NE(store_->container_upload(two.id, "a")->id, upload.id);
  ASSERT_TRUE(put(upload.id, "hello"));
  ASSERT_TRUE(store_->end_upload(upload.id));
  ASSERT_TRUE(store_->end_upload(upload.id)) << "it is ended";
  EXPECT_TRUE(store_->file(one.files_hub(), kContainerDevice, "a"));
  EXPECT_FALSE(store_->file(two.files_hub(), kContainerDevice, "a"));
  EXPECT_EQ(store_->files(kHub, {}, {})->size(), 0U) << "nor of the hub's devices";
  EXPECT_EQ(*store_->charged(kHub, ""), 0U);
  reopen();
  EXPECT_TRUE(store_->container(one.id));
  ASSERT_TRUE(store_->remove_container(one.id));
  EXPECT_EQ(objects(), 0U);
  EXPECT_TRUE(store_->remove_container(one.id).error().is(kContainerNotFound));
  EXPECT_TRUE(store_->container_upload(one.id, "a").error().is(kContainerNotFound));
}

TEST_F(FileStoreTest, AContainerEndsWithItsTimeAndWithItsHub) {
  const Container soon = *store_->make_container(kHub, kNow + 1000);
  const Container late = *store_->make_container(kHub, kNow + kTtlMs);
  const Container theirs = *store_->make_container(kOtherHub, kNow + kTtlMs);
  for (const Container& each : {soon, late, theirs})
    ASSERT_TRUE(put(store_->container_upload(each.id, "secrets")->id, "keys"));
  ASSERT_EQ(objects(), 3U);
  ASSERT_TRUE(store_->sweep({kHub, kOtherHub}));
  EXPECT_EQ(objects(), 3U);
  clock_.advance_ms(999);
  EXPECT_TRUE(store_->container(soon.id));
  clock_.advance_ms(1);
  EXPECT_TRUE(store_->container(soon.id).error().is(kContainerNotFound));
  ASSERT_TRUE(store_->sweep({kHub}));
  EXPECT_EQ(objects(), 1U);
  EXPECT_TRUE(store_->container(late.id));
  EXPECT_TRUE(store_->container(theirs.id).error().is(kContainerNotFound));
}

TEST_F(FileStoreTest, AHubHasUpToTenContainers) {
  for (std::size_t i = 0; i < kContainersMax; ++i)
    ASSERT_TRUE(store_->make_container(kHub, kNow + 1000));
  EXPECT_TRUE(store_->make_container(kHub, kNow + 1000).error().is(kTooManyContainers));
  EXPECT_TRUE(store_->make_container(kOtherHub, kNow + 1000));
  clock_.advance_ms(1000);
  EXPECT_TRUE(store_->make_container(kHub, clock_.now_ms() + 1000)) << "those are over";
}

TEST_F(FileStoreTest, OneProcessAtATime) {
  EXPECT_TRUE(FileStore::open(folder_, std::make_unique<testing::MemoryDepot>(medium_), clock_)
                  .error()
                  .is(kFilesLocked));
}

TEST_F(FileStoreTest, ListsInPages) {
  for (const char* name : {"b", "a/x", "c"}) ASSERT_TRUE(put(started(name), "1"));
  ASSERT_TRUE(put(started("a", "d0"), "1"));
  const auto first = *store_->files(kHub, {}, {.limit = 3});
  ASSERT_EQ(first.size(), 3U);
  EXPECT_EQ(first[0].device, "d0");
  EXPECT_EQ(first[1].name, "a/x");
  const auto rest = *store_->files(
      kHub, {}, {.after_device = first[2].device, .after_name = first[2].name, .limit = 3});
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].name, "c");
  EXPECT_EQ(store_->files(kHub, "d1", {})->size(), 3U);
  EXPECT_EQ(store_->files(kHub, "d1", {.after_device = "d1", .after_name = "a/x"})->size(), 2U);
  EXPECT_TRUE(store_->files(kHub, "d9", {})->empty());
}

}  // namespace
}  // namespace pavise::hub::files
