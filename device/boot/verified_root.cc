#include "device/boot/verified_root.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/base/unique_fd.h"
#include "device/boot/mount_point.h"
#include "device/boot/verity_superblock.h"
#include "device/devmapper/device_mapper.h"

namespace pavise::device {
namespace {

constexpr const char* kStubPolicy = "/.extra/tpm2-pcr-signature.json";
constexpr int kDiskPollMs = 20;

UniqueFd open_file(const char* path, int flags, mode_t mode = 0) {
  return UniqueFd(::open(path, flags | O_CLOEXEC, mode));
}

Status wait_for(const std::string& device) {
  for (int waited_ms = 0; ::access(device.c_str(), F_OK) != 0; waited_ms += kDiskPollMs) {
    if (waited_ms >= kDiskWaitMs) return Error(kNoDisk, device);
    ::usleep(kDiskPollMs * 1000);
  }
  return {};
}

Result<VeritySuperblock> read_superblock(const std::string& device) {
  const UniqueFd file = open_file(device.c_str(), O_RDONLY);
  std::array<std::byte, kVeritySuperblockBytes> bytes{};
  if (!file ||
      ::pread(file.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return Error(kNoDisk, device + ": " + std::strerror(errno));
  return VeritySuperblock::parse(bytes);
}

Status check_size(const std::string& device, std::uint64_t needed_bytes) {
  const UniqueFd file = open_file(device.c_str(), O_RDONLY);
  std::uint64_t size_bytes = 0;
  if (!file || ::ioctl(file.get(), BLKGETSIZE64, &size_bytes) != 0)
    return Error(kNoDisk, device + ": " + std::strerror(errno));
  if (size_bytes < needed_bytes) return Error(kDiskTooSmall, device);
  return {};
}

}  // namespace

Status mount_verified_root(const BootParameters& parameters, const char* target) {
  PAVISE_TRY(wait_for(parameters.root_device()));
  PAVISE_TRY(wait_for(parameters.verity_device()));
  PAVISE_TRY_ASSIGN(const VeritySuperblock superblock, read_superblock(parameters.verity_device()));
  PAVISE_TRY(check_size(parameters.root_device(), superblock.data_blocks() * kVerityBlockBytes));

  VerityTarget verity;
  verity.data_device = parameters.root_device();
  verity.hash_device = parameters.verity_device();
  verity.block_bytes = kVerityBlockBytes;
  verity.data_blocks = superblock.data_blocks();
  verity.hash_start_block = 1;  // the tree follows the superblock's block
  verity.root_hash = parameters.root_hash();
  verity.salt = to_bytes(superblock.salt());
  PAVISE_TRY_ASSIGN(DeviceMapper mapper, DeviceMapper::open());
  PAVISE_TRY_ASSIGN(const std::string node, mapper.create("root", verity_table(verity), true));
  return mount_on({node.c_str(), target, "erofs", MS_RDONLY | MS_NODEV | MS_NOSUID});
}

Status carry_pcr_policy(const char* path) {
  const UniqueFd from = open_file(kStubPolicy, O_RDONLY | O_NOFOLLOW);
  if (!from) return Error(kPolicyUnreadable, std::strerror(errno));
  std::array<std::byte, kPolicyBytesMax + 1> bytes;
  const ssize_t size = ::read(from.get(), bytes.data(), bytes.size());
  if (size <= 0 || static_cast<std::size_t>(size) > kPolicyBytesMax)
    return Error(kPolicyUnreadable, "size");
  const UniqueFd to = open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0444);
  if (!to || ::write(to.get(), bytes.data(), static_cast<std::size_t>(size)) != size)
    return Error(kPolicyUnreadable, std::strerror(errno));
  return {};
}

Error enter(const char* target, const char* program) {
  const auto failed = [](const char* step) {
    return Error(kSwitchFailed, std::string(step) + ": " + std::strerror(errno));
  };
  for (const char* name : {"/dev", "/proc", "/sys", "/run"}) {
    const std::string below = std::string(target) + name;
    if (::mount(name, below.c_str(), nullptr, MS_MOVE, nullptr) != 0) return failed(name);
  }
  // The initrd's memory is freed when its files go; the program text stays until exec.
  (void)::unlink("/init");
  (void)::unlink(kStubPolicy);
  if (::chdir(target) != 0) return failed("chdir");
  if (::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0) return failed("move");
  if (::chroot(".") != 0 || ::chdir("/") != 0) return failed("chroot");
  const std::array<const char*, 2> arguments{program, nullptr};
  const std::array<const char*, 1> environment{nullptr};
  ::execve(program, const_cast<char* const*>(arguments.data()),
           const_cast<char* const*>(environment.data()));
  return failed(program);
}

}  // namespace pavise::device
