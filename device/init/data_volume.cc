#include "device/init/data_volume.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "device/devmapper/device_mapper.h"
#include "device/init/child.h"
#include "device/init/data_template.h"

namespace pavise::device {
namespace {

constexpr const char* kMapping = "data";
constexpr std::uint64_t kCryptUnitBytes = 4096;
// Not in <linux/ext4.h> of the C library's headers: fs/ext4/ext4.h, EXT4_IOC_RESIZE_FS.
constexpr unsigned long kExt4Resize = _IOW('f', 16, std::uint64_t);

Error device_error(const std::string& what) {
  return {kDataDevice, what + ": " + std::strerror(errno)};
}

Status read_exactly(int fd, std::uint64_t at, std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t size = ::pread(fd, out.data(), out.size(), static_cast<off_t>(at));
    if (size <= 0) return device_error("read");
    at += static_cast<std::uint64_t>(size);
    out = out.subspan(static_cast<std::size_t>(size));
  }
  return {};
}

Status write_exactly(int fd, std::uint64_t at, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t size = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (size <= 0) return device_error("write");
    at += static_cast<std::uint64_t>(size);
    bytes = bytes.subspan(static_cast<std::size_t>(size));
  }
  return {};
}

Result<std::uint64_t> device_size(int fd) {
  std::uint64_t size_bytes = 0;
  if (::ioctl(fd, BLKGETSIZE64, &size_bytes) != 0) return device_error("size");
  return size_bytes;
}

Result<std::optional<DataHeader>> read_header(int fd) {
  Bytes first(kHeaderCopyBytes);
  Bytes second(kHeaderCopyBytes);
  PAVISE_TRY(read_exactly(fd, 0, first));
  PAVISE_TRY(read_exactly(fd, kHeaderSecondAt, second));
  return choose_header(first, second);
}

// One copy after the other, each on the disk before the next: there is always a sound one.
Status write_header(int fd, const DataHeader& header) {
  const Bytes copy = header.encode();
  for (const std::uint64_t at : {std::uint64_t{0}, kHeaderSecondAt}) {
    PAVISE_TRY(write_exactly(fd, at, copy));
    if (::fsync(fd) != 0) return device_error("flush");
  }
  return {};
}

Status write_template(const std::string& node, const DataTemplate& file_system) {
  const UniqueFd volume(::open(node.c_str(), O_RDWR | O_CLOEXEC));
  if (!volume) return device_error(node);
  PAVISE_TRY_ASSIGN(const std::uint64_t size_bytes, device_size(volume.get()));
  if (size_bytes < file_system.size_bytes()) return Error(kDataDevice, "too small");
  const Bytes zeros(64 * std::size_t{file_system.block_bytes()});
  for (const auto& run : file_system.runs()) {
    if (run.data) {
      PAVISE_TRY(write_exactly(volume.get(), run.offset_bytes, *run.data));
      continue;
    }
    for (std::uint64_t done = 0; done < run.size_bytes; done += zeros.size()) {
      const auto piece = std::min<std::uint64_t>(zeros.size(), run.size_bytes - done);
      PAVISE_TRY(write_exactly(volume.get(), run.offset_bytes + done,
                               ByteView(zeros).first(static_cast<std::size_t>(piece))));
    }
  }
  if (::fsync(volume.get()) != 0) return device_error("flush");
  return {};
}

Status format(const std::string& node, const std::string& template_path) {
  const UniqueFd file(::open(template_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Error(kBadTemplate, template_path);
  Bytes bytes(kTemplateBytesMax + 1);
  std::size_t used = 0;
  for (ssize_t size = 0; (size = ::read(file.get(), bytes.data() + used, bytes.size() - used)) > 0;)
    used += static_cast<std::size_t>(size);
  bytes.resize(used);
  PAVISE_TRY_ASSIGN(const DataTemplate file_system, DataTemplate::parse(bytes));
  return write_template(node, file_system);
}

// The template is small; the kernel grows the mounted file system over the whole partition.
Status grow(const char* target, std::uint64_t size_bytes) {
  const UniqueFd folder(::open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::uint64_t blocks = size_bytes / kCryptUnitBytes;
  if (!folder || ::ioctl(folder.get(), kExt4Resize, &blocks) != 0)
    return Error(kDataMount, std::string("grow: ") + std::strerror(errno));
  return {};
}

Status mount_data(const std::string& node, const char* target) {
  if (::mount(node.c_str(), target, "ext4", MS_NODEV | MS_NOSUID | MS_NOEXEC | MS_NOATIME,
              "errors=remount-ro,usrquota") != 0)
    return Error(kDataMount, std::strerror(errno));
  return {};
}

}  // namespace

Status open_data_volume(const std::string& device, const std::string& template_path,
                        const char* target, const KeyAsker& ask) {
  const UniqueFd disk(::open(device.c_str(), O_RDWR | O_CLOEXEC));
  if (!disk) return device_error(device);
  PAVISE_TRY_ASSIGN(const std::uint64_t disk_bytes, device_size(disk.get()));
  if (disk_bytes < kDataAt + kCryptUnitBytes) return Error(kDataDevice, "too small");
  const std::uint64_t data_bytes = (disk_bytes - kDataAt) / kCryptUnitBytes * kCryptUnitBytes;
  PAVISE_TRY_ASSIGN(const std::optional<DataHeader> header, read_header(disk.get()));

  PAVISE_TRY_ASSIGN(DataKey answer, ask(header ? ByteView(header->blob) : ByteView{}));
  if (answer.key.size() != kXtsKeyBytes || answer.blob.empty() ||
      answer.blob.size() > kSealedBlobBytesMax)
    return Error(kDataDevice, "the monitor's answer has a wrong size");
  PAVISE_TRY_ASSIGN(DeviceMapper mapper, DeviceMapper::open());
  PAVISE_TRY_ASSIGN(const std::string node,
                    mapper.create(kMapping,
                                  crypt_table(device, kDataAt / kSectorBytes,
                                              data_bytes / kSectorBytes, answer.key),
                                  false));
  answer.key = SecretBytes();

  // The header comes last: until it is there the partition counts as blank and is made anew.
  if (!header) PAVISE_TRY(format(node, template_path));
  if (!header || answer.blob_is_new)
    PAVISE_TRY(
        write_header(disk.get(), {header ? header->generation + 1 : 1, std::move(answer.blob)}));
  PAVISE_TRY(mount_data(node, target));
  return grow(target, data_bytes);
}

}  // namespace pavise::device
