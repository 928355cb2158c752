// Says when something of an app's sources has changed.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>

#include "cli/app/errors.h"
#include "common/base/unique_fd.h"

namespace pavise::cli::app {

inline constexpr std::size_t kWatchedFoldersMax = 4096;

// Watches a folder and those below it (inotify(7)), but for what builds make there (build/,
// packages, bills of materials) and what editors leave (hidden files, those that end with ~). What
// happens between two calls of wait() is not lost. Not thread-safe.
class SourceWatch {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // kWatchFailed, also for more folders than kWatchedFoldersMax.
  static Result<SourceWatch> open(const std::filesystem::path& folder);

  // Blocks up to `timeout` for a change, and then until nothing has changed for a moment: an editor
  // writes a file in several steps. When the change was seen; nullopt if there was none.
  // kWatchFailed.
  Result<std::optional<Time>> wait(std::chrono::milliseconds timeout);

 private:
  SourceWatch(UniqueFd queue, std::filesystem::path folder)
      : queue_(std::move(queue)), folder_(std::move(folder)) {}
  Status add(const std::filesystem::path& folder);
  Status add_below(const std::filesystem::path& folder);
  bool is_source(const std::filesystem::path& path) const;
  Result<bool> wait_readable(std::chrono::milliseconds timeout);
  Result<bool> take_events();

  UniqueFd queue_;
  std::filesystem::path folder_;
  std::map<int, std::filesystem::path> watched_;
};

}  // namespace pavise::cli::app
