// What apps may keep: folders for each, below one root on the data partition.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "protocol/manifest/component_id.h"

namespace pavise::device {

inline constexpr ErrorInfo kStorageFailed{
    "PV-STO-001", Retry::later, "the storage of an app cannot be provided",
    "See the detail: the data partition may be closed or full."};

inline constexpr uid_t kAppUserMin = 1000;  // those of the system's own programs are below
inline constexpr uid_t kAppUserMax = 59'999;
// Files and folders that an app may have: one for each 4 KiB of its quota, and some.
inline constexpr std::uint64_t kStorageFilesFree = 16;

// What an app may keep; 0: nothing of the kind. One quota, that of its user, is for both.
struct StorageGrant {
  std::uint64_t file_bytes = 0;
  std::uint64_t certificate_bytes = 0;

  std::uint64_t bytes() const { return file_bytes + certificate_bytes; }
};

// Empty: it may not keep such.
struct StorageFolders {
  std::string files;
  std::string certificates;
};

using AppUsers = std::map<manifest::ComponentId, uid_t>;

// A user for each of `apps`: the one that owns its folder already, else the lowest that nobody has.
// `owners` with the same user twice, or with one out of range, lose it. Pure.
AppUsers assign_users(std::span<const manifest::ComponentId> apps, const AppUsers& owners);

// Not thread-safe. Blocks on the disk.
class AppStorage {
 public:
  // `root` is made if it is missing, for root alone to look into. kStorageFailed.
  static Result<AppStorage> open(const std::string& root);

  // Who owns the folders that are there; of an app with both, one of them.
  AppUsers owners() const;
  // The app's folders, `user`'s, which may hold what `grant` says (the kernel's quota for that user
  // on this file system). What is in them stays, also in one that is not granted any more, and
  // counts. `grant` is not nothing. kStorageFailed.
  Result<StorageFolders> provide(const manifest::ComponentId& app, uid_t user,
                                 const StorageGrant& grant);
  // Whether the user has what provide() allowed, or all but what the next block or file takes.
  bool is_full(uid_t user) const;
  // All that is in them, however deep. Of an app that does not run. Missing is no error; after
  // one, or the end of power, calling it again goes on. kStorageFailed.
  Status erase(const manifest::ComponentId& app);

 private:
  AppStorage(std::string root, UniqueFd folder)
      : root_(std::move(root)), folder_(std::move(folder)) {}
  Status limit(uid_t user, std::uint64_t bytes);  // 0: none
  Status provide_folder(const std::string& name, uid_t user);
  Status erase_folder(const std::string& name);

  std::string root_;
  UniqueFd folder_;
};

}  // namespace pavise::device
