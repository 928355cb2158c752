// The content of a package as a folder: two loop devices over the file, dm-verity over both, EROFS.
#pragma once

#include <string>
#include <utility>

#include "common/base/result.h"
#include "device/apps/packages/package_file.h"

namespace pavise::device {

inline constexpr ErrorInfo kContentNotMounted{
    "PV-PKG-003", Retry::later, "the content of an app package cannot be mounted",
    "Build the image with its own kernel configuration; see the detail."};

// Owns the mount, and with it all below: mapping and loop devices go by themselves when the last
// that uses them is gone, also after an end of this process. Not thread-safe. Needs CAP_SYS_ADMIN.
class ContentMount {
 public:
  // `name`: of the mapping; a number is added, since an earlier one may go later than its mount.
  // What is mounted on `folder`, which exists, is so no more: an earlier process may have left it.
  // A block that does not verify is a read error for the app. kContentNotMounted, and the errors of
  // DeviceMapper.
  static Result<ContentMount> mount(const PackageFile& package, const std::string& name,
                                    const std::string& folder);
  ~ContentMount();
  ContentMount(ContentMount&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}
  ContentMount& operator=(ContentMount&&) = delete;

  const std::string& folder() const { return folder_; }

 private:
  explicit ContentMount(std::string folder) : folder_(std::move(folder)) {}

  std::string folder_;  // empty: nothing to undo
};

}  // namespace pavise::device
