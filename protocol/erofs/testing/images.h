// EROFS images as Debian's mkfs.erofs writes them for a package, for tests; and what an attacker
// would change in one.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "common/base/bytes.h"
#include "protocol/erofs/erofs.h"

namespace pavise::erofs::testing {

// A folder of its own, removed with the object.
class Folder {
 public:
  Folder() {
    std::string pattern = ::testing::TempDir() + "pavise-erofs-XXXXXX";
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  void write(const std::string& name, const std::string& text, unsigned mode = 0644) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
    EXPECT_EQ(::chmod((path_ / name).c_str(), mode), 0);
  }

 private:
  std::filesystem::path path_;
};

// Its exit code; what it prints is dropped.
inline int run(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& argument : command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    const int quiet = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (quiet < 0 || ::dup2(quiet, STDOUT_FILENO) < 0) ::_exit(126);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

inline Bytes read_file(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return to_bytes(as_bytes(out.str()));
}

// The folder as an image, with the options of `pavise app build` and `more`.
inline Bytes image_of(const Folder& folder, const std::vector<std::string>& more = {}) {
  const Folder out;
  std::vector<std::string> command{"mkfs.erofs", "--quiet",
                                   "-x-1",       "-T0",
                                   "--all-root", "-U6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e01"};
  command.insert(command.end(), more.begin(), more.end());
  command.push_back(out / "image");
  command.push_back(folder.path());
  EXPECT_EQ(run(command), 0);
  Bytes image = read_file(out / "image");
  image.resize(std::max(image.size(), kBlocksMin * kBlockBytes));
  return image;
}

inline void put(Bytes& image, std::size_t at, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i)
    image.at(at + i) = static_cast<std::byte>(value >> (8 * i) & 0xffU);
}
inline std::uint64_t get(const Bytes& image, std::size_t at, std::size_t bytes) {
  std::uint64_t out = 0;
  for (std::size_t i = bytes; i-- > 0;)
    out = out << 8U | std::to_integer<std::uint64_t>(image.at(at + i));
  return out;
}

// Makes the superblock's checksum right again.
inline void seal(Bytes& image) {
  std::uint32_t crc = ~0U;
  for (std::size_t at = 1024; at < kBlockBytes; ++at) {
    crc ^= at >= 1028 && at < 1032 ? 0U : std::to_integer<std::uint32_t>(image[at]);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
  }
  put(image, 1028, crc, 4);
}

// Where the entry of this name begins in its directory block; the name has to be unique in it.
inline std::size_t dirent_of(const Bytes& image, std::string_view name) {
  for (std::size_t block = 0; block < image.size(); block += 4)
    for (std::size_t i = 0; i < 16; ++i) {
      const std::size_t at = block + i * 12;
      if (at + 12 > image.size() || get(image, at + 11, 1) != 0) break;
      const std::size_t begin = block + get(image, at + 8, 2);
      if (get(image, at, 8) > 4096 || get(image, at + 10, 1) > 7 || get(image, at + 10, 1) == 0)
        break;
      if (begin + name.size() <= image.size() &&
          as_text(ByteView(image).subspan(begin, name.size())) == name)
        return at;
    }
  ADD_FAILURE() << name;
  return 0;
}
// Where the inode of this name begins; images of this helper have their inodes from block 0 on.
inline std::size_t inode_of(const Bytes& image, std::string_view name) {
  return static_cast<std::size_t>(get(image, dirent_of(image, name), 8)) * 32;
}

}  // namespace pavise::erofs::testing
