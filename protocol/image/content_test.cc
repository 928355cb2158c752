// What an app's image may hold: images of real folders, and what only an attacker writes.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/base/unique_fd.h"
#include "protocol/erofs/testing/images.h"
#include "protocol/image/package.h"

namespace pavise::image {
namespace {

using erofs::testing::dirent_of;
using erofs::testing::Folder;
using erofs::testing::image_of;
using erofs::testing::inode_of;
using erofs::testing::put;
using erofs::testing::seal;

constexpr std::string_view kEntryPoint = "/app/run";

// A folder with a program in it, and what `add` puts there.
template <class F>
Bytes image_with(F add) {
  const Folder folder;
  folder.write("app/run", "program", 0755);
  add(folder);
  return image_of(folder);
}

Error refusal(ByteView image, std::string_view entry_point = kEntryPoint) {
  const Status outcome = inspect_content(image, entry_point);
  EXPECT_FALSE(outcome);
  return outcome ? Error(kNotPackage, "accepted") : outcome.error();
}

std::string text(const Error& error) {
  return std::string(error.code()) + " " + error.detail();
}

TEST(Content, FilesFoldersAndLinksWithinAreFine) {
  const Bytes image = image_with([](const Folder& folder) {
    folder.write("etc/app/settings.json", "{}", 0600);
    folder.write("lib/libx.so.1.2", "x", 0444);
    std::filesystem::create_symlink("libx.so.1.2", folder / "lib/libx.so.1");
    std::filesystem::create_symlink("../../lib/libx.so.1", folder / "etc/app/x");
    std::filesystem::create_symlink("./app/./run", folder / "start");
    std::filesystem::create_symlink("..", folder / "etc/up");
    std::filesystem::create_symlink("nowhere/at-all", folder / "dangling");
  });
  const Status outcome = inspect_content(image, kEntryPoint);
  EXPECT_TRUE(outcome) << outcome.error().message();
}

TEST(Content, SpecialFilesAreRefused) {
  EXPECT_EQ(text(refusal(image_with([](const Folder& folder) {
              ASSERT_EQ(::mkfifo((folder / "app/pipe").c_str(), 0600), 0);
            }))),
            "PV-IMG-020 /app/pipe: fifo");
  EXPECT_EQ(text(refusal(image_with([](const Folder& folder) {
              const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
              sockaddr_un address{};
              address.sun_family = AF_UNIX;
              const std::string path = folder / "app/socket";
              ASSERT_LT(path.size(), sizeof address.sun_path);
              path.copy(address.sun_path, path.size());
              ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
            }))),
            "PV-IMG-020 /app/socket: socket");
}

// Nobody but root can make a device node, so a fifo is turned into one, as an attacker would.
TEST(Content, DeviceNodesAreRefused) {
  const Bytes image = image_with(
      [](const Folder& folder) { ASSERT_EQ(::mkfifo((folder / "app/mem").c_str(), 0600), 0); });
  const struct {
    std::uint64_t mode, type;
    const char* words;
  } rows[] = {{0020600, 3, "PV-IMG-020 /app/mem: character device"},
              {0060600, 4, "PV-IMG-020 /app/mem: block device"}};
  for (const auto& row : rows) {
    Bytes bad = image;
    put(bad, inode_of(bad, "mem") + 4, row.mode, 2);
    put(bad, dirent_of(bad, "mem") + 10, row.type, 1);
    seal(bad);
    EXPECT_EQ(text(refusal(bad)), row.words);
  }
}

TEST(Content, PrivilegesAreRefused) {
  for (const unsigned mode : {04755U, 02755U, 01755U})
    EXPECT_EQ(text(refusal(
                  image_with([mode](const Folder& folder) { folder.write("app/su", "x", mode); }))),
              "PV-IMG-021 /app/su");
  Bytes bad = image_with([](const Folder& folder) { folder.write("app/mine", "x"); });
  put(bad, inode_of(bad, "mine") + 24, 1000, 2);  // its user
  seal(bad);
  EXPECT_EQ(text(refusal(bad)), "PV-IMG-021 /app/mine");
  bad = image_with([](const Folder& folder) { folder.write("app/mine", "x"); });
  put(bad, inode_of(bad, "mine") + 26, 5, 2);  // its group
  seal(bad);
  EXPECT_EQ(text(refusal(bad)), "PV-IMG-021 /app/mine");
}

TEST(Content, FileCapabilitiesAreRefused) {
  Bytes bad = image_with([](const Folder& folder) { folder.write("app/ping", "x", 0755); });
  put(bad, inode_of(bad, "ping") + 2, 1, 2);
  seal(bad);
  EXPECT_EQ(text(refusal(bad)), "PV-ERF-004 /app/ping");
}

TEST(Content, LinksThatLeaveAreRefused) {
  for (const char* target : {"/etc/passwd", "..", "../x", "../../x", "a/..", "x/../../y", "./..",
                             "a/../b", "//x", "../x/.."}) {
    EXPECT_EQ(text(refusal(image_with([target](const Folder& folder) {
                std::filesystem::create_symlink(target, folder / "link");
              }))),
              "PV-IMG-022 /link")
        << target;
  }
  EXPECT_EQ(text(refusal(image_with([](const Folder& folder) {
              std::filesystem::create_symlink("../../x", folder / "app/link");
            }))),
            "PV-IMG-022 /app/link");
}

TEST(Content, ControlCharactersInNamesAreRefused) {
  EXPECT_TRUE(refusal(image_with([](const Folder& folder) {
                folder.write("app/a\nb", "x");
              })).is(kBadFileName));
  EXPECT_TRUE(refusal(image_with([](const Folder& folder) {
                folder.write("app/a\x7f", "x");
              })).is(kBadFileName));
  EXPECT_TRUE(inspect_content(
      image_with([](const Folder& folder) { folder.write("app/caf\xc3\xa9", "x"); }), kEntryPoint));
}

TEST(Content, TheEntryPointIsAProgram) {
  const Bytes image = image_with([](const Folder& folder) {
    folder.write("app/text", "x", 0644);
    folder.write("app/half", "x", 0744);
    folder.write("app/empty", "", 0755);
    std::filesystem::create_symlink("run", folder / "app/link");
  });
  EXPECT_TRUE(inspect_content(image, kEntryPoint));
  for (const char* path : {"/app/text", "/app/half", "/app/empty", "/app/link", "/app", "/absent"})
    EXPECT_EQ(text(refusal(image, path)), std::string("PV-IMG-024 ") + path);
}

}  // namespace
}  // namespace pavise::image
