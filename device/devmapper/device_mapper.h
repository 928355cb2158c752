// The kernel's device-mapper, by ioctl on /dev/mapper/control (linux/dm-ioctl.h, version 4).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "device/devmapper/dm_table.h"

namespace pavise::device {

// Errors: PV-DMP-nnn.
inline constexpr ErrorInfo kMapperMissing{"PV-DMP-001", Retry::never,
                                          "the kernel has no device-mapper",
                                          "Build the image with its own kernel configuration."};
inline constexpr ErrorInfo kMapperRefused{
    "PV-DMP-002", Retry::never, "the kernel refused a block mapping",
    "Compare the partition sizes with the image; write the image again."};
inline constexpr ErrorInfo kBadMapping{"PV-DMP-003", Retry::never,
                                       "a mapping's name or table is too long or empty",
                                       "Report it: the caller built a wrong table."};

inline constexpr std::size_t kDmNameMax = 40;
// Mappings of one stem that may be there at a time.
inline constexpr int kDmNumberMax = 64;
inline constexpr std::size_t kDmParametersBytesMax = 2048;

// The DM_TABLE_LOAD request for one target, as the kernel reads it. Pure; for tests.
Result<SecretBytes> dm_table_request(const std::string& name, const DmTable& table, bool read_only);

// Owns the control device. Calls block until the kernel answers. Not thread-safe.
class DeviceMapper {
 public:
  // kMapperMissing if /dev/mapper/control cannot be opened.
  static Result<DeviceMapper> open();

  DeviceMapper(DeviceMapper&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  DeviceMapper(const DeviceMapper&) = delete;
  DeviceMapper& operator=(const DeviceMapper&) = delete;
  DeviceMapper& operator=(DeviceMapper&&) = delete;
  ~DeviceMapper();

  // Creates mapping `name` with this table and activates it. Returns its node, "/dev/dm-<n>", which
  // devtmpfs makes. On failure nothing stays behind. kBadMapping, kMapperRefused.
  Result<std::string> create(const std::string& name, const DmTable& table, bool read_only);
  struct Numbered {
    std::string name;
    std::string node;
  };
  // The same under the first of `stem`-1, `stem`-2, ... that nobody has: whoever uses an earlier
  // one still keeps it. kBadMapping, kMapperRefused (also: all up to kDmNumberMax are there).
  Result<Numbered> create_numbered(const std::string& stem, const DmTable& table, bool read_only);
  // kMapperRefused if it does not exist or is in use.
  Status remove(const std::string& name);
  // Now, or when the last that has it open or mounted is gone. kMapperRefused if it does not exist.
  Status remove_when_unused(const std::string& name);

 private:
  explicit DeviceMapper(int fd) : fd_(fd) {}
  // Node number of an empty mapping; nothing: errno says why.
  std::optional<unsigned> add(const std::string& name);
  Result<std::string> activate(const std::string& name, unsigned node, SecretBytes& table);
  Status remove(const std::string& name, std::uint32_t flags);

  int fd_;
};

}  // namespace pavise::device
