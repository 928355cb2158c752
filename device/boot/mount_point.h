// Mounting, for the two programs that do it: the initrd's init and PID 1.
#pragma once

#include <string>

#include "common/base/result.h"

namespace pavise::device {

inline constexpr ErrorInfo kMountFailed{
    "PV-BOT-003", Retry::never, "a file system cannot be mounted",
    "Build and write the image again; see the kernel's message."};

struct MountPoint {
  const char* source;
  const char* target;  // made if it does not exist, where the file system beneath allows it
  const char* type;
  unsigned long flags;  // MS_*
  const char* options = nullptr;
};

// kMountFailed with the target and the kernel's reason. Blocks for the time of the mount.
Status mount_on(const MountPoint& point);

// Stop the machine: print a line to the console, flush disks, power off. Only for PID 1.
[[noreturn]] void power_off(const char* who, const Error& why);
[[noreturn]] void power_off_quietly(const char* who);
[[noreturn]] void restart_quietly(const char* who);  // likewise, and starts it again

}  // namespace pavise::device
