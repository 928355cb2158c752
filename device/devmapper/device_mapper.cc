#include "device/devmapper/device_mapper.h"

#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace pavise::device {
namespace {

constexpr std::size_t kAlign = 8;  // the kernel wants target specs on 8 bytes

dm_ioctl header(const std::string& name, std::size_t size_bytes, std::uint32_t flags) {
  dm_ioctl io{};
  io.version[0] = DM_VERSION_MAJOR;  // 4.0: the oldest minor, all that we use is in it
  io.data_size = static_cast<std::uint32_t>(size_bytes);
  io.data_start = sizeof(dm_ioctl);
  io.flags = flags;
  std::memcpy(io.name, name.data(), name.size());
  return io;
}

Error refused(const char* step, const std::string& name) {
  return {kMapperRefused, name + ", " + step + ": " + std::strerror(errno)};
}

}  // namespace

Result<SecretBytes> dm_table_request(const std::string& name, const DmTable& table,
                                     bool read_only) {
  if (name.empty() || name.size() > kDmNameMax) return Error(kBadMapping, "name");
  if (table.parameters.size() > kDmParametersBytesMax) return Error(kBadMapping, "parameters");
  dm_target_spec spec{};
  if (table.type.empty() || table.type.size() >= sizeof(spec.target_type))
    return Error(kBadMapping, "type");
  const std::size_t spec_at = sizeof(dm_ioctl);
  const std::size_t text_at = spec_at + sizeof(spec);
  const std::size_t end = text_at + table.parameters.size() + 1;  // NUL
  const std::size_t size_bytes = (end + kAlign - 1) / kAlign * kAlign;

  // SECURE_DATA makes the kernel wipe its copy: the table may hold a key.
  dm_ioctl io = header(name, size_bytes, DM_SECURE_DATA_FLAG | (read_only ? DM_READONLY_FLAG : 0U));
  io.target_count = 1;
  spec.length = table.sectors;
  spec.next = static_cast<std::uint32_t>(size_bytes - spec_at);
  std::memcpy(spec.target_type, table.type.data(), table.type.size());

  SecretBytes request(size_bytes);
  std::byte* const out = request.span().data();
  std::memcpy(out, &io, sizeof(io));
  std::memcpy(out + spec_at, &spec, sizeof(spec));
  const ByteView text = table.parameters.view();
  if (!text.empty()) std::memcpy(out + text_at, text.data(), text.size());
  return request;
}

Result<DeviceMapper> DeviceMapper::open() {
  const int fd = ::open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
  if (fd < 0) return Error(kMapperMissing, std::strerror(errno));
  return DeviceMapper(fd);
}

DeviceMapper::~DeviceMapper() {
  if (fd_ >= 0) ::close(fd_);
}

std::optional<unsigned> DeviceMapper::add(const std::string& name) {
  dm_ioctl io = header(name, sizeof(dm_ioctl), 0);
  if (::ioctl(fd_, DM_DEV_CREATE, &io) != 0) return std::nullopt;
  return minor(static_cast<dev_t>(io.dev));
}

Result<std::string> DeviceMapper::activate(const std::string& name, unsigned node,
                                           SecretBytes& table) {
  if (::ioctl(fd_, DM_TABLE_LOAD, table.span().data()) != 0) {
    Error error = refused("load", name);
    (void)remove(name);
    return error;
  }
  dm_ioctl io = header(name, sizeof(dm_ioctl), 0);  // DEV_SUSPEND without the suspend flag resumes
  if (::ioctl(fd_, DM_DEV_SUSPEND, &io) != 0) {
    Error error = refused("activate", name);
    (void)remove(name);
    return error;
  }
  return "/dev/dm-" + std::to_string(node);
}

Result<std::string> DeviceMapper::create(const std::string& name, const DmTable& table,
                                         bool read_only) {
  PAVISE_TRY_ASSIGN(SecretBytes request, dm_table_request(name, table, read_only));
  const auto node = add(name);
  if (!node) return refused("create", name);
  return activate(name, *node, request);
}

Result<DeviceMapper::Numbered> DeviceMapper::create_numbered(const std::string& stem,
                                                             const DmTable& table, bool read_only) {
  for (int number = 1;; ++number) {
    std::string name = stem + '-' + std::to_string(number);
    PAVISE_TRY_ASSIGN(SecretBytes request, dm_table_request(name, table, read_only));
    const auto node = add(name);
    if (!node && errno == EBUSY && number < kDmNumberMax) continue;
    if (!node) return refused("create", name);
    PAVISE_TRY_ASSIGN(std::string path, activate(name, *node, request));
    return Numbered{std::move(name), std::move(path)};
  }
}

Status DeviceMapper::remove(const std::string& name) {
  return remove(name, 0);
}

Status DeviceMapper::remove_when_unused(const std::string& name) {
  return remove(name, DM_DEFERRED_REMOVE);
}

Status DeviceMapper::remove(const std::string& name, std::uint32_t flags) {
  if (name.empty() || name.size() > kDmNameMax) return Error(kBadMapping, "name");
  dm_ioctl io = header(name, sizeof(dm_ioctl), flags);
  if (::ioctl(fd_, DM_DEV_REMOVE, &io) != 0) return refused("remove", name);
  return {};
}

}  // namespace pavise::device
