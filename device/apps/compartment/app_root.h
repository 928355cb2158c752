// What an app sees as the file system.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace pavise::device {

inline constexpr ErrorInfo kRootNotBuilt{
    "PV-CMP-003", Retry::never, "an app's file system cannot be put together",
    "Build the package again: its image has the folders dev, proc, tmp and data, and "
    "certificates if it may keep such."};

// A node that the app may use, as /dev/`name`.
struct DeviceNode {
  std::string source;  // where it is outside
  std::string name;    // one path component
  bool writable = true;
};

struct AppRootSpec {
  std::string image;    // folder with the content of the image; has dev, proc, tmp and data
  std::string storage;  // folder that becomes /data; empty: /data stays the image's, read-only
  // Folder that becomes /certificates, which the image has then; empty: there is none.
  std::string certificates{};
  std::vector<DeviceNode> devices;
  std::uint64_t temporary_bytes_max = 0;
  // Stands in the place of the image's /etc/resolv.conf, read-only, if the image has that file;
  // empty: it stays the image's.
  std::string resolver{};
};

// For the first process of new mount and process namespaces, with CAP_SYS_ADMIN and CAP_MKNOD:
// replaces its root. Afterwards nothing of the old one can be reached but open descriptors.
// `user` owns /tmp and the nodes. kRootNotBuilt.
Status enter_app_root(const AppRootSpec& spec, uid_t user);

}  // namespace pavise::device
