#include "device/apps/powers/powers.h"

#include <linux/capability.h>

#include "device/apps/compartment/app_filter.h"

namespace pavise::device {

Result<sandbox::SandboxPolicy> apps_launcher_policy() {
  sandbox::SandboxPolicy policy{.name = "launcher of apps"};
  policy.capabilities_kept = {
      CAP_SYS_ADMIN,  // namespaces, mounts, device-mapper, quotas
      CAP_MKNOD,
      CAP_CHOWN,  // the app's nodes and storage
      CAP_DAC_OVERRIDE,
      CAP_FOWNER,  // to erase the storage of an app that is gone
      CAP_SETUID,
      CAP_SETGID,   // to become the app's user
      CAP_SETPCAP,  // to give all of this up on the way
      CAP_KILL,     // to end it
      CAP_BPF,
      CAP_NET_ADMIN,         // the guard of its sockets
      CAP_NET_BIND_SERVICE,  // name servers of apps
  };
  policy.mounts = true;
  PAVISE_TRY_ASSIGN(policy.compiled_filter, make_launcher_filter());
  policy.limits.open_files = 1024;
  return policy;
}

}  // namespace pavise::device
