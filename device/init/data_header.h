// What stands before the encrypted area of the data partition: the sealed key, twice, so that a cut
// of power while one copy is written leaves the other.
//
//   copy   = "PVDATA01" ‖ be64 generation ‖ be32 blob length ‖ blob ‖ be32 CRC-32C of all before
//   places = byte 0 and byte kHeaderSecondAt of the partition; the encrypted area starts at kDataAt
//
// The checksum finds torn writes and dying disks. It protects nothing against an attacker, and need
// not: the blob is authenticated by the TPM that sealed it.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace pavise::device {

// Errors: PV-INI-nnn (the table continues in the other headers of this folder).
inline constexpr ErrorInfo kDataHeaderBroken{
    "PV-INI-001", Retry::needs_operator,
    "the header of the data partition is damaged in both copies",
    "Replace the disk; the data cannot be opened any more."};

inline constexpr std::size_t kSealedBlobBytesMax = 4096;
inline constexpr std::size_t kHeaderCopyBytes = 8192;
inline constexpr std::uint64_t kHeaderSecondAt = 32768;
inline constexpr std::uint64_t kDataAt = 65536;

struct DataHeader {
  std::uint64_t generation = 0;  // the higher of two sound copies counts
  Bytes blob;                    // 1 to kSealedBlobBytesMax bytes

  // Exactly kHeaderCopyBytes. Precondition: the blob's size is within its limits.
  Bytes encode() const;
};

// One copy of kHeaderCopyBytes; nothing if it is not sound. Pure; thread-safe.
std::optional<DataHeader> parse_header_copy(ByteView copy);

// What the two copies say together: the header, nothing for a partition that was never used (or
// whose very first write was cut), or kDataHeaderBroken. Pure; thread-safe.
Result<std::optional<DataHeader>> choose_header(ByteView first, ByteView second);

}  // namespace pavise::device
