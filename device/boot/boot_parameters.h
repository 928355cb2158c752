// Our keys of the kernel command line, which is part of the signed image.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace pavise::device {

// Errors: PV-BOT-nnn (the table continues in boot_errors.h).
inline constexpr ErrorInfo kBadCommandLine{"PV-BOT-001", Retry::never,
                                           "the kernel command line is not one of ours",
                                           "Build the image again with device/os/build."};

inline constexpr std::size_t kCommandLineBytesMax = 2048;
inline constexpr std::size_t kDevicePathBytesMax = 64;
inline constexpr std::uint32_t kEpochMax = 1'000'000;

// Every field is required: pavise.root=, pavise.verity=, pavise.data=, pavise.roothash=,
// pavise.epoch=. Keys of the kernel are passed over; an unknown or repeated pavise. key is an
// error.
class BootParameters {
 public:
  // kBadCommandLine, with the key in the detail. Pure; thread-safe.
  static Result<BootParameters> parse(std::string_view command_line);

  const std::string& root_device() const { return root_device_; }      // EROFS
  const std::string& verity_device() const { return verity_device_; }  // its hash tree
  const std::string& data_device() const { return data_device_; }
  const Digest256& root_hash() const { return root_hash_; }
  std::uint32_t epoch() const { return epoch_; }  // security epoch of this release, at least 1

 private:
  BootParameters() = default;
  std::string root_device_;
  std::string verity_device_;
  std::string data_device_;
  Digest256 root_hash_{};
  std::uint32_t epoch_ = 0;
};

}  // namespace pavise::device
