#include "device/apps/compartment/app_root.h"

#include <fcntl.h>
#include <linux/serial.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/base/unique_fd.h"

namespace pavise::device {
namespace {

constexpr unsigned long kNoSuidNoExec = MS_NOSUID | MS_NOEXEC;
constexpr unsigned long kLocked = MS_NOSUID | MS_NODEV | MS_NOEXEC;

struct StandardNode {
  const char* path;
  unsigned minor;  // of the memory devices, major 1
};
constexpr std::array<StandardNode, 5> kStandardNodes{
    {{"dev/null", 3}, {"dev/zero", 5}, {"dev/full", 7}, {"dev/random", 8}, {"dev/urandom", 9}}};

Error failed(const std::string& what) {
  return {kRootNotBuilt, what + ": " + std::strerror(errno)};
}

Status mount_new(const char* type, const char* target, unsigned long flags,
                 const std::string& options) {
  if (::mount(type, target, type, flags, options.c_str()) != 0) return failed(target);
  return {};
}

// The flags of a bind mount take effect only when it is mounted once more.
Status bind(const std::string& source, const std::string& target, unsigned long flags) {
  if (::mount(source.c_str(), target.c_str(), nullptr, MS_BIND, nullptr) != 0 ||
      ::mount(nullptr, target.c_str(), nullptr, MS_BIND | MS_REMOUNT | flags, nullptr) != 0)
    return failed(source);
  return {};
}

bool is_component(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
}

Status make_node(const std::string& path, mode_t mode, dev_t device, uid_t user) {
  if (::mknod(path.c_str(), mode, device) != 0 || ::chown(path.c_str(), user, user) != 0)
    return failed(path);
  return {};
}

// Closing a serial port waits half a minute for what was written to go. Who closes it may be the
// launcher, whom an app may send its descriptor: so it does not wait. Only who is privileged can
// change that again. Other nodes have no such thing.
void close_without_waiting(const std::string& port) {
  const UniqueFd node(::open(port.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  serial_struct how{};
  if (!node || ::ioctl(node.get(), TIOCGSERIAL, &how) != 0) return;
  how.closing_wait = ASYNC_CLOSING_WAIT_NONE;
  (void)::ioctl(node.get(), TIOCSSERIAL, &how);
}

// A node of its own with the same numbers: the app owns it, and the one outside stays as it is.
Status give_device(const DeviceNode& device, uid_t user) {
  struct stat info{};
  if (!is_component(device.name) || ::stat(device.source.c_str(), &info) != 0)
    return failed(device.source);
  if (!S_ISCHR(info.st_mode))
    return Error(kRootNotBuilt, device.source + ": not a character device");
  if (device.source.starts_with("/dev/tty")) close_without_waiting(device.source);
  return make_node("dev/" + device.name, S_IFCHR | (device.writable ? 0600U : 0400U), info.st_rdev,
                   user);
}

// Nodes have the mode that is asked for while one of these lives.
class NoUmask {
 public:
  NoUmask() : before_(::umask(0)) {}
  ~NoUmask() { ::umask(before_); }
  NoUmask(const NoUmask&) = delete;
  NoUmask& operator=(const NoUmask&) = delete;

 private:
  mode_t before_;
};

Status build_dev(const AppRootSpec& spec, uid_t user) {
  const NoUmask as_asked;
  PAVISE_TRY(mount_new("tmpfs", "dev", kNoSuidNoExec, "mode=0755,size=64k"));
  for (const StandardNode& node : kStandardNodes)
    if (::mknod(node.path, S_IFCHR | 0666U, makedev(1, node.minor)) != 0) return failed(node.path);
  if (::symlink("/proc/self/fd", "dev/fd") != 0) return failed("dev/fd");
  for (const DeviceNode& device : spec.devices) PAVISE_TRY(give_device(device, user));
  if (::mount(nullptr, "dev", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | kNoSuidNoExec, nullptr) !=
      0)
    return failed("dev");
  return {};
}

bool has_file(const char* folder, const char* path) {
  struct stat above{};
  struct stat info{};
  return ::lstat(folder, &above) == 0 && S_ISDIR(above.st_mode) && ::lstat(path, &info) == 0 &&
         S_ISREG(info.st_mode);
}

// Memory for one file, mounted where /tmp will be. Afterwards there is no way to it but the file
// itself, on a mount that cannot be written to.
Status give_resolver(const std::string& text) {
  if (text.empty() || !has_file("etc", "etc/resolv.conf")) return {};
  PAVISE_TRY(mount_new("tmpfs", "tmp", kLocked, "mode=0700,size=4k"));
  {
    const UniqueFd file(::open("tmp/resolv.conf", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
    if (!file || ::fchmod(file.get(), 0444) != 0 ||
        ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
      return failed("resolv.conf");
  }
  PAVISE_TRY(bind("tmp/resolv.conf", "etc/resolv.conf", MS_RDONLY | kLocked));
  if (::umount2("tmp", 0) != 0) return failed("tmp");
  return {};
}

Status leave_old_root() {
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return failed("pivot_root");
  // The old root lies on top of the new one now.
  if (::umount2(".", MNT_DETACH) != 0 || ::chdir("/") != 0) return failed("umount");
  return {};
}

// Where something is mounted, or may be written because something usually is, has to be a folder of
// the image: through a link it would be elsewhere.
Status require_folders() {
  for (const char* path : {"dev", "proc", "tmp", "data", "certificates"}) {
    struct stat info{};
    if (::lstat(path, &info) == 0 && !S_ISDIR(info.st_mode))
      return Error(kRootNotBuilt, std::string(path) + " is no folder");
  }
  return {};
}

}  // namespace

Status enter_app_root(const AppRootSpec& spec, uid_t user) {
  // Nothing that is mounted here is seen outside.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return failed("/");
  // Devices of the nodes are resolved before the root changes, the storage's path as well.
  PAVISE_TRY(bind(spec.image, spec.image, MS_RDONLY | MS_NOSUID | MS_NODEV));
  if (::chdir(spec.image.c_str()) != 0) return failed(spec.image);
  PAVISE_TRY(require_folders());
  PAVISE_TRY(build_dev(spec, user));
  PAVISE_TRY(mount_new("proc", "proc", kLocked, "hidepid=invisible,subset=pid"));
  PAVISE_TRY(give_resolver(spec.resolver));
  const std::string owner = std::to_string(user);
  PAVISE_TRY(mount_new("tmpfs", "tmp", kLocked,
                       "mode=0700,uid=" + owner + ",gid=" + owner +
                           ",size=" + std::to_string(spec.temporary_bytes_max)));
  if (!spec.storage.empty()) PAVISE_TRY(bind(spec.storage, "data", kLocked));
  if (!spec.certificates.empty()) PAVISE_TRY(bind(spec.certificates, "certificates", kLocked));
  return leave_old_root();
}

}  // namespace pavise::device
