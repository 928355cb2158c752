// Files and folders as `pavise app` needs them. Internal to the CLI.
#pragma once

#include <filesystem>
#include <string>

#include "cli/app/errors.h"
#include "common/base/bytes.h"

namespace pavise::cli::app {

// The whole file, at most `bytes_max`. kFileFailed.
Result<Bytes> read_whole(const std::filesystem::path& path, std::size_t bytes_max);
// Beside the file first, then in its place, so that there is never half of one. kFileFailed.
Status write_whole(const std::filesystem::path& path, ByteView bytes, unsigned mode = 0644);

// A folder for one command, removed with the object.
class TemporaryFolder {
 public:
  static Result<TemporaryFolder> create();  // kFileFailed
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::move(other.path_)) {
    other.path_.clear();
  }
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder();

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace pavise::cli::app
