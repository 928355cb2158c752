// A database file of ours: made with mode 0600, checked, brought to the newest schema, and held by
// one process at a time.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>

#include "common/sqlite/database.h"

namespace pavise::sqlite {

// Opens or creates `path` for reading and writing, runs SQLite's quick check and migrate().
// Errors of `errors`: failed, corrupt, too_new, busy, full.
Result<std::unique_ptr<Database>> open_file(const std::string& path, std::uint32_t pages_max,
                                            std::span<const char* const> migrations,
                                            const Errors& errors);

// Runs the missing steps, each in its own transaction with the new version number (PRAGMA
// user_version); step i brings a file of version i to version i + 1. A file that is not new is
// copied to "<path>.v<version>.bak" before the first step. too_new, full, failed.
Status migrate(Database& db, const std::string& path, std::span<const char* const> migrations);

// An advisory lock on a file, held as long as the object lives. The kernel drops it when the
// process ends in whatever way.
class FileLock {
 public:
  // Creates `path` if it is missing. busy, failed.
  static Result<FileLock> take(const std::string& path, const Errors& errors);
  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace pavise::sqlite
