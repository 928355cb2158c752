// The content of a package as a folder: two loop devices over the file, dm-verity over both, EROFS.
#pragma once

#include <string>

#include "common/base/result.h"
#include "device/apps/packages/package_file.h"

namespace pavise::device {

inline constexpr ErrorInfo kContentNotMounted{
    "PV-PKG-003", Retry::later, "the content of an app package cannot be mounted",
    "Build the image with its own kernel configuration; see the detail."};

// Owns the mapping and the mount; both go with it, or stay while something still uses them. Not
// thread-safe. Needs CAP_SYS_ADMIN.
class ContentMount {
 public:
  // `name`: of the mapping, unique on the machine. `folder` exists. A block that does not verify
  // is a read error for the app. kContentNotMounted, and the errors of DeviceMapper.
  static Result<ContentMount> mount(const PackageFile& package, const std::string& name,
                                    const std::string& folder);
  // Undoes what a process that is gone has left under these names; nothing there is no error.
  // Blocks for a second at most. kContentNotMounted.
  static Status clear(const std::string& name, const std::string& folder);
  ~ContentMount();
  ContentMount(ContentMount&& other) noexcept;
  ContentMount& operator=(ContentMount&&) = delete;

  const std::string& folder() const { return folder_; }

 private:
  ContentMount(std::string name, std::string folder);

  std::string name_;  // empty: nothing to undo
  std::string folder_;
};

}  // namespace pavise::device
