// Table lines of the two device-mapper targets that the device uses
// (Documentation/admin-guide/device-mapper/{verity,dm-crypt}.rst). Pure; thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/bytes.h"

namespace pavise::device {

inline constexpr std::uint64_t kSectorBytes = 512;  // unit of device-mapper, whatever the disk's
inline constexpr std::size_t kXtsKeyBytes = 64;     // AES-256-XTS: two keys of 32 bytes

// One mapping that covers a whole device: `sectors` long, of target type `type`.
struct DmTable {
  std::uint64_t sectors = 0;
  std::string type;
  SecretBytes parameters;  // text without terminating NUL; secret because crypt's holds the key
};

// What a block that does not verify does.
enum class OnCorruption {
  stop_kernel,  // a program must never see, and never survive, a byte that is not covered
  read_error,   // the reader gets EIO: for content without which the device goes on
};

struct VerityTarget {
  std::string data_device;
  std::string hash_device;
  std::uint32_t block_bytes = 0;
  std::uint64_t data_blocks = 0;
  std::uint64_t hash_start_block = 0;
  Digest256 root_hash{};
  Bytes salt;
  OnCorruption on_corruption = OnCorruption::stop_kernel;
};

// SHA-256, on-disk format 1.
DmTable verity_table(const VerityTarget& target);

// aes-xts-plain64 over `sectors` sectors of `device` from `offset_sectors` on, 4096-byte units.
// Precondition: key is kXtsKeyBytes long, sectors and offset are multiples of 8.
DmTable crypt_table(const std::string& device, std::uint64_t offset_sectors, std::uint64_t sectors,
                    const SecretBytes& key);

}  // namespace pavise::device
