#include "device/apps/measurement/kept_list.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace pavise::device {
namespace {

using app_measurement::kAppEventsMax;

std::string app(std::size_t version) {
  return "pavise:app 0e0c6b3e-6f0f-4e0a-9c3a-2d5d4f4b7f10 9999.9999." + std::to_string(version) +
         " 5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef "
         "0e5c3a17d2b94f68a1c07d3e5b92f4680e5c3a17d2b94f68a1c07d3e5b92f468";
}
std::vector<std::string> apps(std::size_t count) {
  std::vector<std::string> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) out.push_back(app(9000 + i));
  return out;
}
std::string lines_of(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += text + "\n";
  return out;
}

class KeptListTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "pavise-kept-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path() const { return folder_ / "apps-measured"; }
  void put(std::string_view content) const {
    std::ofstream(path(), std::ios::binary | std::ios::trunc) << content;
  }
  std::string content() const {
    std::ifstream file(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::filesystem::path folder_;
};

TEST_F(KeptListTest, NoFileIsAnEmptyList) {
  const auto texts = read_kept_list(path());
  ASSERT_TRUE(texts);
  EXPECT_TRUE(texts->empty());
}

TEST_F(KeptListTest, TheLargestIsKeptWhole) {
  ASSERT_TRUE(write_kept_list(path(), apps(kAppEventsMax)));
  EXPECT_EQ(content(), lines_of(apps(kAppEventsMax)));
  EXPECT_EQ(content().size(), kKeptListBytesMax);
  EXPECT_EQ(read_kept_list(path()).value(), apps(kAppEventsMax));
  struct stat info{};
  ASSERT_EQ(::stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_FALSE(std::filesystem::exists(path() + ".new"));
}

TEST_F(KeptListTest, WhatIsNoListIsRefused) {
  for (const std::string& bad :
       {lines_of(apps(kAppEventsMax + 1)), lines_of({app(1), app(1)}), app(1),
        lines_of(apps(1)) + "\n", lines_of({"pavise:data-opened"}), lines_of({app(1) + "\r"}),
        std::string(1, '\0'), std::string(kKeptListBytesMax + 1, 'x')}) {
    put(bad);
    const auto texts = read_kept_list(path());
    ASSERT_FALSE(texts) << bad.substr(0, 200);
    EXPECT_TRUE(texts.error().is(kListUnreadable)) << texts.error().message();
  }
}

TEST_F(KeptListTest, EveryCutIsRefusedOrABeginning) {
  const std::string whole = lines_of(apps(3));
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const auto texts = parse_kept_list(as_bytes(std::string_view(whole).substr(0, size)));
    if (texts) {
      EXPECT_EQ(lines_of(*texts).size(), size);
    }
  }
}

TEST_F(KeptListTest, ALinkOrAFolderIsNotFollowed) {
  std::filesystem::create_symlink("/etc/passwd", path());
  EXPECT_TRUE(read_kept_list(path()).error().is(kListUnreadable));
  std::filesystem::remove(path());
  std::filesystem::create_directory(path());
  EXPECT_TRUE(read_kept_list(path()).error().is(kListUnreadable));
  EXPECT_TRUE(write_kept_list(path(), apps(1)).error().is(kListNotKept));
}

TEST_F(KeptListTest, AFailureLeavesWhatWasThere) {
  ASSERT_TRUE(write_kept_list(path(), apps(1)));
  // A link where the new file is written.
  std::filesystem::create_symlink(path(), path() + ".new");
  EXPECT_TRUE(write_kept_list(path(), apps(2)).error().is(kListNotKept));
  EXPECT_EQ(read_kept_list(path()).value(), apps(1));
  EXPECT_TRUE(
      write_kept_list((folder_ / "none" / "list").string(), apps(1)).error().is(kListNotKept));
}

}  // namespace
}  // namespace pavise::device
