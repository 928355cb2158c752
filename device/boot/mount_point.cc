#include "device/boot/mount_point.h"

#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace pavise::device {
namespace {

[[noreturn]] void stop_machine(const std::string& line, unsigned how = RB_POWER_OFF) {
  (void)!::write(STDERR_FILENO, line.data(), line.size());
  ::sync();
  // tcdrain() would block for ever on a console without reader; the kernel flushes at power-off.
  ::reboot(static_cast<int>(how));
  ::reboot(static_cast<int>(RB_POWER_OFF));
  ::reboot(static_cast<int>(RB_HALT_SYSTEM));
  for (;;) ::pause();
}

}  // namespace

Status mount_on(const MountPoint& point) {
  (void)::mkdir(point.target, 0755);  // fails on the read-only root, where the folder is there
  if (::mount(point.source, point.target, point.type, point.flags, point.options) != 0)
    return Error(kMountFailed, std::string(point.target) + ": " + std::strerror(errno));
  return {};
}

void power_off(const char* who, const Error& why) {
  stop_machine(std::string(who) + ": refused to go on: " + why.message() + " Powering off.\n");
}

void power_off_quietly(const char* who) {
  stop_machine(std::string(who) + ": down\n");
}

void restart_quietly(const char* who) {
  stop_machine(std::string(who) + ": restarts\n", RB_AUTOBOOT);
}

}  // namespace pavise::device
