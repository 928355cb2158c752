// The encrypted data partition: header, dm-crypt, file system. What a key is and whether it may be
// used is the monitor's business; this only carries blobs and opens what it is given.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "device/init/data_header.h"

namespace pavise::device {

inline constexpr ErrorInfo kDataDevice{"PV-INI-005", Retry::needs_operator,
                                       "the data partition cannot be read or written",
                                       "Check the disk; write the image again if it is too small."};
inline constexpr ErrorInfo kDataMount{
    "PV-INI-006", Retry::needs_operator, "the data file system cannot be mounted",
    "See the kernel's message; erase the data partition to start with an empty one."};

// What the monitor gives for a sealed blob.
struct DataKey {
  SecretBytes key;  // kXtsKeyBytes
  Bytes blob;       // to be kept in the header
  bool blob_is_new = false;
};
// Given the blob of the header (empty on a blank partition). Called exactly once.
using KeyAsker = std::function<Result<DataKey>(ByteView blob)>;

// Opens `device` and mounts it at `target` (nodev, nosuid, noexec). A blank partition gets a file
// system from `template_path` first. Blocks for disk and TPM. Errors: kDataDevice, kDataMount,
// kDataHeaderBroken, kBadTemplate, those of DeviceMapper, and what `ask` returns.
Status open_data_volume(const std::string& device, const std::string& template_path,
                        const char* target, const KeyAsker& ask);

}  // namespace pavise::device
