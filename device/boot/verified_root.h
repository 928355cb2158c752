// Opens the read-only root under dm-verity and carries what the boot stub left to it.
#pragma once

#include <string>

#include "common/base/result.h"
#include "device/boot/boot_parameters.h"

namespace pavise::device {

inline constexpr ErrorInfo kNoDisk{"PV-BOT-004", Retry::never,
                                   "a partition of the image is missing",
                                   "Attach the disk that the image was written to."};
inline constexpr ErrorInfo kDiskTooSmall{"PV-BOT-005", Retry::never,
                                         "the root partition is smaller than its hash tree says",
                                         "Write the image to the disk again."};
inline constexpr ErrorInfo kPolicyUnreadable{
    "PV-BOT-006", Retry::never, "the PCR policy of the image cannot be carried over",
    "Build the image again; without it the data partition stays closed."};
inline constexpr ErrorInfo kSwitchFailed{"PV-BOT-007", Retry::never,
                                         "the verified root cannot be entered",
                                         "Build and write the image again."};

// How long a disk may take to appear, in milliseconds.
inline constexpr int kDiskWaitMs = 5000;
inline constexpr std::size_t kPolicyBytesMax = 16384;

// Waits for both partitions, opens the mapping, mounts it at `target`. Blocks.
Status mount_verified_root(const BootParameters& parameters, const char* target);

// Copies systemd-stub's /.extra/tpm2-pcr-signature.json to `path`. Absent in an image that was
// built without policy: kPolicyUnreadable, and the boot goes on without data partition.
Status carry_pcr_policy(const char* path);

// Moves the mounts below `target`, makes it the root and starts `program`. Returns only on failure.
Error enter(const char* target, const char* program);

}  // namespace pavise::device
