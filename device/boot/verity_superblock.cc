#include "device/boot/verity_superblock.h"

#include <algorithm>
#include <string>

namespace pavise::device {
namespace {

constexpr std::size_t kUuidBytes = 16;
constexpr std::size_t kAlgorithmBytes = 32;
constexpr std::size_t kSaltFieldBytes = 256;

// The field is a string with zeros up to its end.
bool is_padded(ByteView field, std::string_view text) {
  return equal(field.first(text.size()), as_bytes(text)) &&
         std::ranges::all_of(field.subspan(text.size()),
                             [](std::byte b) { return b == std::byte{}; });
}

}  // namespace

Result<VeritySuperblock> VeritySuperblock::parse(ByteView bytes) {
  using namespace std::string_view_literals;
  if (bytes.size() != kVeritySuperblockBytes) return Error(kBadVeritySuperblock, "size");
  ByteReader in(bytes);
  const auto signature = in.take(8);
  const auto version = in.le<std::uint32_t>();
  const auto hash_type = in.le<std::uint32_t>();
  in.take(kUuidBytes);
  const auto algorithm = in.take(kAlgorithmBytes);
  const auto data_block_bytes = in.le<std::uint32_t>();
  const auto hash_block_bytes = in.le<std::uint32_t>();
  const auto data_blocks = in.le<std::uint64_t>();
  const auto salt_bytes = in.le<std::uint16_t>();
  in.take(6);
  const auto salt = in.take(kSaltFieldBytes);
  PAVISE_CHECK(in.ok());

  if (!equal(*signature, as_bytes("verity\0\0"sv))) return Error(kBadVeritySuperblock, "signature");
  if (*version != 1 || *hash_type != 1) return Error(kBadVeritySuperblock, "version");
  if (!is_padded(*algorithm, "sha256")) return Error(kBadVeritySuperblock, "algorithm");
  if (*data_block_bytes != kVerityBlockBytes || *hash_block_bytes != kVerityBlockBytes)
    return Error(kBadVeritySuperblock, "block size");
  if (*data_blocks == 0 || *data_blocks > kVerityDataBlocksMax)
    return Error(kBadVeritySuperblock, "data blocks");
  if (*salt_bytes != kVeritySaltBytes) return Error(kBadVeritySuperblock, "salt");
  VeritySuperblock out;
  out.data_blocks_ = *data_blocks;
  std::ranges::copy(salt->first(kVeritySaltBytes), out.salt_.begin());
  return out;
}

}  // namespace pavise::device
