#include "device/init/memory_note.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace pavise::device {
namespace {

class MemoryNoteTest : public testing::Test {
 protected:
  MemoryNoteTest() {
    std::string pattern = testing::TempDir() + "pavise-note-XXXXXX";
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ / "init-memory";
  }
  ~MemoryNoteTest() override { std::filesystem::remove_all(folder_); }
  std::string content() const {
    std::ifstream in(path_);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::filesystem::path folder_;
  std::filesystem::path path_;
};

TEST_F(MemoryNoteTest, HoldsOneLineOfTheSameLengthForEverybodyToRead) {
  auto note = MemoryNote::create(path_);
  ASSERT_TRUE(note) << note.error().message();
  for (const std::int64_t now_ms : {std::int64_t{0}, kMemoryNoteEveryMs}) {
    ASSERT_TRUE(note->keep(now_ms));
    const std::string text = content();
    EXPECT_EQ(text.size(), kMemoryNoteBytes);
    EXPECT_TRUE(text.starts_with("Pss: ") && text.ends_with(" kB\n")) << text;
    EXPECT_GT(std::stol(text.substr(5)), 0);
  }
  EXPECT_EQ(std::filesystem::status(path_).permissions(), std::filesystem::perms::owner_read |
                                                              std::filesystem::perms::group_read |
                                                              std::filesystem::perms::others_read);
}

TEST_F(MemoryNoteTest, WritesOnlyWhenTheLastNoteIsOld) {
  auto note = MemoryNote::create(path_);
  ASSERT_TRUE(note);
  ASSERT_TRUE(note->keep(5));
  std::filesystem::resize_file(path_, 0);
  ASSERT_TRUE(note->keep(5 + kMemoryNoteEveryMs - 1));
  EXPECT_EQ(content(), "");
  ASSERT_TRUE(note->keep(5 + kMemoryNoteEveryMs));
  EXPECT_EQ(content().size(), kMemoryNoteBytes);
}

TEST_F(MemoryNoteTest, ReplacesAFileOfAnEarlierStartAndFollowsNoLink) {
  const auto other = folder_ / "other";
  std::ofstream(other) << "kept";
  std::filesystem::create_symlink(other, path_);
  auto note = MemoryNote::create(path_);
  ASSERT_TRUE(note);
  ASSERT_TRUE(note->keep(0));
  EXPECT_EQ(std::filesystem::file_size(other), 4U);
  EXPECT_TRUE(MemoryNote::create(path_));
}

TEST_F(MemoryNoteTest, SaysWhenItCannot) {
  EXPECT_TRUE(MemoryNote::create(folder_ / "no/such").error().is(kNoMemoryNote));
}

}  // namespace
}  // namespace pavise::device
