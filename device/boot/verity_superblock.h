// The superblock that `veritysetup format` writes before the hash tree (cryptsetup, "DMVerity"
// on-disk format 1). It lies on an untrusted disk; all that it can do wrong is make the root hash
// not match. We accept only the one shape that our image build makes.
#pragma once

#include <cstdint>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace pavise::device {

inline constexpr ErrorInfo kBadVeritySuperblock{
    "PV-BOT-002", Retry::never, "the hash partition does not start with our verity superblock",
    "Write the image to the disk again."};

inline constexpr std::size_t kVeritySuperblockBytes = 512;
inline constexpr std::uint32_t kVerityBlockBytes = 4096;
inline constexpr std::size_t kVeritySaltBytes = 32;
inline constexpr std::uint64_t kVerityDataBlocksMax = 1U << 20U;  // 4 GiB root

class VeritySuperblock {
 public:
  // `bytes`: the first kVeritySuperblockBytes of the hash partition. kBadVeritySuperblock with the
  // field in the detail. Pure; thread-safe.
  static Result<VeritySuperblock> parse(ByteView bytes);

  std::uint64_t data_blocks() const { return data_blocks_; }
  ByteView salt() const { return salt_; }

 private:
  VeritySuperblock() = default;
  std::uint64_t data_blocks_ = 0;
  std::array<std::byte, kVeritySaltBytes> salt_{};
};

}  // namespace pavise::device
