// What apps stand on: made once at the start of the launcher.
#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "device/apps/house/running_app.h"
#include "device/apps/installation/installation.h"
#include "device/apps/storage/app_storage.h"

namespace pavise::device {

inline constexpr ErrorInfo kNoGround{"PV-LAP-001", Retry::never,
                                     "the device is not prepared for apps",
                                     "Build the image again with its own configuration."};

struct AppPaths {
  std::string packages = "/usr/lib/pavise/apps";
  std::string owner_keys = "/etc/pavise/app-owner.pem";
  std::string owner_tenant = "/etc/pavise/app-tenant";
  std::string groups = "/sys/fs/cgroup/compartments";
  std::string mounts = "/run/pavise/apps";
  std::string storage = "/data/apps";
  std::string deployed = "/data/app-packages";
  std::string taken_grants = "/data/app-grants";
  std::string resolver = "/usr/bin/pavise-names";
  std::string name_server = "/etc/pavise/name-server";  // may be missing
  std::string hardware = "/etc/pavise/hardware.conf";   // may be missing
  std::string simulator = "/run/pavise/configfs";       // made if the hardware asks for it
  std::string measured = "/run/pavise/apps-measured";   // of this boot
};

// kNoGround, kBadOwnerKeys.
Result<Owner> read_owner(const AppPaths& paths);
// The name server that this image is to ask, A.B.C.D[:PORT]; empty: what the network says. The
// resolver judges it.
std::string read_name_server(const AppPaths& paths);
// Control groups and mounts; and what the kernel tells anybody about the network is the system's
// own from now on. kNoGround.
Status make_grounds(const AppPaths& paths);
// Erases what belongs to no app any more, unless some package was refused: it may be its app's.
void erase_orphans(AppStorage& storage, const Installation& installation, const Tell& tell);

}  // namespace pavise::device
