#include "cli/app/source_watch.h"

#include <gtest/gtest.h>

#include "cli/app/files.h"
#include "protocol/erofs/testing/images.h"

namespace pavise::cli::app {
namespace {

using erofs::testing::Folder;
using std::chrono::milliseconds;

class Watched : public ::testing::Test {
 protected:
  Watched() {
    folder.write("app/main.c", "int main;");
    folder.write("app/build/CMakeCache.txt", "");
    folder.write("app/root/etc/settings.json", "{}");
    folder.write("app/.git/HEAD", "");
    auto opened = SourceWatch::open(folder / "app");
    EXPECT_TRUE(opened) << opened.error().message();
    watch.emplace(*std::move(opened));
  }
  // What happened is in the kernel's queue before the call that did it returns.
  bool changed() {
    const auto seen = watch->wait(milliseconds(0));
    EXPECT_TRUE(seen) << seen.error().message();
    return seen && *seen;
  }

  Folder folder;
  std::optional<SourceWatch> watch;
};

TEST_F(Watched, SourcesChange) {
  EXPECT_FALSE(changed());
  folder.write("app/main.c", "int main; ");
  EXPECT_TRUE(changed());
  EXPECT_FALSE(changed()) << "once";
  folder.write("app/root/etc/settings.json", "[]");
  EXPECT_TRUE(changed());
  std::filesystem::remove(folder / "app/main.c");
  EXPECT_TRUE(changed());
  // As editors do that never leave half a file.
  ASSERT_TRUE(write_whole(folder / "app/app_manifest.json", as_bytes("{}")));
  EXPECT_TRUE(changed());
  std::filesystem::permissions(folder / "app/root/etc/settings.json",
                               std::filesystem::perms::owner_all);
  EXPECT_TRUE(changed());
}

TEST_F(Watched, NewFoldersAreSources) {
  std::filesystem::create_directories(folder / "app/source/deep");
  EXPECT_TRUE(changed());
  folder.write("app/source/deep/more.c", "");
  EXPECT_TRUE(changed());
  std::filesystem::rename(folder / "app/source", folder / "app/sources");
  EXPECT_TRUE(changed());
  folder.write("app/sources/deep/more.c", "int more;");
  EXPECT_TRUE(changed());
  std::filesystem::remove_all(folder / "app/sources");
  EXPECT_TRUE(changed());
}

TEST_F(Watched, WhatToolsMakeIsNoSource) {
  folder.write("app/build/CMakeCache.txt", "again");
  folder.write("app/build/new/file.o", "");
  folder.write("app/.git/HEAD", "again");
  folder.write("app/.main.c.swp", "");
  folder.write("app/main.c~", "");
  ASSERT_TRUE(write_whole(folder / "app/blink.pvimage", as_bytes("package")));
  ASSERT_TRUE(write_whole(folder / "app/blink.cdx.json", as_bytes("{}")));
  EXPECT_FALSE(changed());
  folder.write("app/root/build/tool", "");
  EXPECT_TRUE(changed()) << "a folder of this name within the image";
}

TEST_F(Watched, ALinkedFolderIsNotFollowed) {
  folder.write("elsewhere/file", "");
  std::filesystem::create_symlink(folder / "elsewhere", folder / "app/link");
  EXPECT_TRUE(changed());
  folder.write("elsewhere/file", "again");
  EXPECT_FALSE(changed());
}

TEST_F(Watched, WaitsForWhatComes) {
  const auto none = watch->wait(milliseconds(1));
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->has_value());
}

TEST(SourceWatch, WantsAFolder) {
  const Folder folder;
  folder.write("file", "");
  EXPECT_TRUE(SourceWatch::open(folder / "file").error().is(kWatchFailed));
  EXPECT_TRUE(SourceWatch::open(folder / "absent").error().is(kWatchFailed));
}

}  // namespace
}  // namespace pavise::cli::app
