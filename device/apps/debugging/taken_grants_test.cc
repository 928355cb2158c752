#include "device/apps/debugging/taken_grants.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace pavise::device {
namespace {

constexpr UnixSeconds kNow = 1'795'000'000;

class TakenGrantsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "pavise-taken-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  static dev_grant::Terms terms(UnixSeconds seconds, unsigned app = 7) {
    Bytes id(16, std::byte{1});
    id.back() = static_cast<std::byte>(app);
    return {.device = *DeviceId::parse(std::string(64, 'a')),
            .component = *manifest::ComponentId::from_bytes(id),
            .not_before = kNow,
            .not_after = kNow + seconds};
  }
  std::string path() const { return folder / "taken"; }
  // As the next launcher finds it.
  TakenGrants open() const {
    auto out = TakenGrants::open(path());
    EXPECT_TRUE(out) << out.error().message();
    return *std::move(out);
  }
  static std::string word(const Result<UnixSeconds>& taken) {
    return taken ? std::to_string(*taken - kNow) : std::string(taken.error().code());
  }
  void put(std::string_view content) const {
    std::ofstream(path(), std::ios::binary | std::ios::trunc) << content;
  }

  std::filesystem::path folder;
};

TEST_F(TakenGrantsTest, WhatIsNewIsTakenAsLateAsItIs) {
  EXPECT_EQ(word(open().take(terms(60), kNow + 5)), "5");
  struct stat info{};
  ASSERT_EQ(::stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(TakenGrantsTest, TimeThatHasPassedForAGrantHasPassedForTheNextLauncherToo) {
  EXPECT_EQ(word(open().take(terms(60), kNow + 5)), "5");
  TakenGrants second = open();
  EXPECT_EQ(word(second.take(terms(60), kNow)), "5") << "the clock was set back";
  EXPECT_TRUE(second.see(terms(60), kNow + 40));
  EXPECT_TRUE(second.see(terms(60), kNow + 20));
  EXPECT_EQ(word(open().take(terms(60), kNow)), "40");
  EXPECT_EQ(word(open().take(terms(61), kNow)), "0") << "another grant";
  EXPECT_EQ(word(open().take(terms(60, 8), kNow)), "0") << "of another app";
}

TEST_F(TakenGrantsTest, WhatHasEndedIsNotTakenAgain) {
  TakenGrants first = open();
  EXPECT_EQ(word(first.take(terms(60), kNow)), "0");
  EXPECT_TRUE(first.see(terms(60), kNow + 1000));
  EXPECT_EQ(word(first.take(terms(60), kNow)), "PV-DBG-008");
  EXPECT_EQ(word(open().take(terms(60), kNow)), "PV-DBG-008");
  EXPECT_EQ(word(open().take(terms(60, 9), kNow + 60)), "PV-DBG-008");
}

TEST_F(TakenGrantsTest, SeeingWhatWasNeverTakenKeepsNothing) {
  EXPECT_TRUE(open().see(terms(60), kNow + 60));
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(TakenGrantsTest, NumberAtNAndNPlusOne) {
  TakenGrants taken = open();
  for (unsigned i = 0; i < kTakenGrantsMax; ++i)
    ASSERT_EQ(word(taken.take(terms(1000 + i, i), kNow)), "0");
  EXPECT_EQ(word(open().take(terms(1000, 0), kNow)), "0") << "still listed";
  // One more: the first to expire is forgotten, and whoever expires no later is spent.
  EXPECT_EQ(word(taken.take(terms(2000, 100), kNow)), "0");
  EXPECT_EQ(word(taken.take(terms(1000, 0), kNow)), "PV-DBG-008");
  EXPECT_EQ(word(taken.take(terms(1000, 101), kNow)), "PV-DBG-008");
  EXPECT_EQ(word(taken.take(terms(1001, 1), kNow)), "0");
  EXPECT_EQ(word(open().take(terms(2000, 100), kNow)), "0") << "what was refused changed nothing";
  std::ifstream file(path());
  EXPECT_EQ(std::count(std::istreambuf_iterator<char>(file), {}, '\n'),
            static_cast<std::ptrdiff_t>(kTakenGrantsMax) + 1);
}

TEST_F(TakenGrantsTest, WhatCannotBeWrittenIsNotTaken) {
  TakenGrants taken = open();
  std::filesystem::create_directories(path() + ".new/in the way");
  EXPECT_EQ(word(taken.take(terms(60), kNow)), "PV-DBG-010");
  std::filesystem::remove_all(path() + ".new");
  EXPECT_EQ(word(taken.take(terms(60), kNow)), "0");
}

TEST_F(TakenGrantsTest, ADamagedListIsNoList) {
  const std::string app = "6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e01";
  const std::string good = "spent 0\n" + app + " 1 2 3\n";
  put(good);
  EXPECT_TRUE(TakenGrants::open(path()));
  for (const std::string& bad :
       {std::string(), std::string("spent 0"), std::string("spent -1\n"), std::string("spent 00\n"),
        std::string("spent 253402300800\n"), good.substr(0, good.size() - 1), good + "\n",
        "spent 0\n" + app + " 1 2\n", "spent 0\n" + app + " 1  3\n",
        std::string("spent 0\nx 1 2 3\n"), good + std::string(1, '\0')}) {
    put(bad);
    const auto opened = TakenGrants::open(path());
    ASSERT_FALSE(opened) << bad;
    EXPECT_TRUE(opened.error().is(kTakenUnreadable));
  }
  std::filesystem::remove(path());
  std::filesystem::create_symlink("/etc/passwd", path());
  EXPECT_TRUE(TakenGrants::open(path()).error().is(kTakenUnreadable));
}

TEST_F(TakenGrantsTest, TheLongestListIsRead) {
  TakenList list{.spent_until = dev_grant::kGrantTimeMax, .grants = {}};
  constexpr UnixSeconds kLate = dev_grant::kGrantTimeMax;
  list.grants.assign(
      kTakenGrantsMax,
      TakenGrant{*manifest::ComponentId::from_bytes(Bytes(16, std::byte{1})), kLate, kLate, kLate});
  const auto read = parse_taken_list(as_bytes(text_of(list)));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, list);
  list.grants.push_back(list.grants.front());
  EXPECT_FALSE(parse_taken_list(as_bytes(text_of(list))));
  EXPECT_TRUE(parse_taken_list(Bytes(kTakenListBytesMax + 1)).error().is(kTakenUnreadable));
}

}  // namespace
}  // namespace pavise::device
