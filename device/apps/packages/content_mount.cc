#include "device/apps/packages/content_mount.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "device/devmapper/device_mapper.h"

namespace pavise::device {
namespace {

constexpr int kLoopTries = 16;  // somebody else may take the device that was free

Error failed(const std::string& what) {
  return {kContentNotMounted, what + ": " + std::strerror(errno)};
}

// A loop device goes when the last that has it open is gone.
struct LoopDevice {
  UniqueFd device;
  std::string path;
};

Result<LoopDevice> attach_loop(int file, std::uint64_t offset, std::uint64_t size) {
  const UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  if (!control) return failed("/dev/loop-control");
  loop_config config{};
  config.fd = static_cast<std::uint32_t>(file);
  config.block_size = image::kBlockBytes;
  config.info.lo_offset = offset;
  config.info.lo_sizelimit = size;
  config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
  for (int tries = 0; tries < kLoopTries; ++tries) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return failed("loop device");
    std::string path = "/dev/loop" + std::to_string(number);
    UniqueFd device(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!device) return failed(path);
    if (::ioctl(device.get(), LOOP_CONFIGURE, &config) == 0)
      return LoopDevice{std::move(device), std::move(path)};
    if (errno != EBUSY) return failed(path);
  }
  return failed("loop device");
}

VerityTarget target_of(const image::Header& header, const LoopDevice& data,
                       const LoopDevice& tree) {
  VerityTarget out;
  out.data_device = data.path;
  out.hash_device = tree.path;
  out.block_bytes = image::kBlockBytes;
  out.data_blocks = header.content_blocks;
  out.hash_start_block = 0;
  out.root_hash = header.root_hash;
  out.salt = to_bytes(header.salt);
  out.on_corruption = OnCorruption::read_error;
  return out;
}

}  // namespace

ContentMount::~ContentMount() {
  if (!folder_.empty()) (void)::umount2(folder_.c_str(), MNT_DETACH);
}

Result<ContentMount> ContentMount::mount(const PackageFile& package, const std::string& name,
                                         const std::string& folder) {
  while (::umount2(folder.c_str(), MNT_DETACH) == 0) {
  }
  const image::Header& header = package.package.header();
  const int file = package.file.get();
  PAVISE_TRY_ASSIGN(const LoopDevice data,
                    attach_loop(file, header.content_offset(), header.content_bytes()));
  PAVISE_TRY_ASSIGN(const LoopDevice tree,
                    attach_loop(file, header.tree_offset(), header.tree_bytes()));
  PAVISE_TRY_ASSIGN(DeviceMapper mapper, DeviceMapper::open());
  PAVISE_TRY_ASSIGN(
      const DeviceMapper::Numbered made,
      mapper.create_numbered(name, verity_table(target_of(header, data, tree)), true));
  const bool mounted = ::mount(made.node.c_str(), folder.c_str(), "erofs",
                               MS_RDONLY | MS_NODEV | MS_NOSUID, nullptr) == 0;
  const Error why = failed(folder);
  const Status goes = mapper.remove_when_unused(made.name);
  if (!mounted) return why;
  ContentMount out(folder);
  if (!goes) return goes.error();
  return out;
}

}  // namespace pavise::device
