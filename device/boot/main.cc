// The initrd's /init: from the signed kernel to the verified root, or power-off with a reason.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "device/boot/boot_parameters.h"
#include "device/boot/mount_point.h"
#include "device/boot/verified_root.h"

namespace pavise::device {
namespace {

constexpr const char* kWho = "pavise-boot";
constexpr const char* kNewRoot = "/root";
constexpr unsigned long kLocked = MS_NOSUID | MS_NOEXEC | MS_NODEV;

Result<BootParameters> read_parameters() {
  const int fd = ::open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
  std::array<char, kCommandLineBytesMax + 1> text{};
  const ssize_t size = fd < 0 ? -1 : ::read(fd, text.data(), text.size());
  if (size < 0) return Error(kBadCommandLine, "/proc/cmdline cannot be read");
  ::close(fd);
  return BootParameters::parse({text.data(), static_cast<std::size_t>(size)});
}

Error boot() {
  const std::array<MountPoint, 4> kernel_mounts{{
      {"proc", "/proc", "proc", kLocked},
      {"sysfs", "/sys", "sysfs", kLocked},
      {"devtmpfs", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC},
      {"tmpfs", "/run", "tmpfs", kLocked, "mode=0755,size=1m"},
  }};
  for (const MountPoint& point : kernel_mounts) PAVISE_TRY(mount_on(point));
  PAVISE_TRY_ASSIGN(const BootParameters parameters, read_parameters());
  PAVISE_TRY(mount_verified_root(parameters, kNewRoot));
  (void)::mkdir("/run/pavise", 0755);
  if (const Status carried = carry_pcr_policy("/run/pavise/pcr-policy"); !carried)
    std::fprintf(stderr, "%s: %s\n", kWho, carried.error().message().c_str());
  return enter(kNewRoot, "/sbin/pavise-init");
}

}  // namespace
}  // namespace pavise::device

int main() {
  pavise::device::power_off(pavise::device::kWho, pavise::device::boot());
}
