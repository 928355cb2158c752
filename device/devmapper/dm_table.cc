#include "device/devmapper/dm_table.h"

#include <string_view>

#include "common/base/result.h"

namespace pavise::device {
namespace {

constexpr std::uint64_t kCryptSectorBytes = 4096;

// Hex straight into a buffer that wipes itself: to_hex() would leave the key in a plain string.
SecretBytes hex_of(const SecretBytes& key) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  SecretBytes out(key.size() * 2);
  std::size_t at = 0;
  for (const std::byte b : key.view()) {
    const auto value = std::to_integer<unsigned>(b);
    out.span()[at++] = static_cast<std::byte>(kDigits[value >> 4U]);
    out.span()[at++] = static_cast<std::byte>(kDigits[value & 15U]);
  }
  return out;
}

}  // namespace

DmTable verity_table(const VerityTarget& target) {
  const std::string block = std::to_string(target.block_bytes);
  std::string line =
      "1 " + target.data_device + ' ' + target.hash_device + ' ' + block + ' ' + block + ' ' +
      std::to_string(target.data_blocks) + ' ' + std::to_string(target.hash_start_block) +
      " sha256 " + to_hex(target.root_hash) + ' ' +
      (target.salt.empty() ? std::string("-") : to_hex(target.salt)) +
      (target.on_corruption == OnCorruption::stop_kernel ? " 1 panic_on_corruption" : "");
  return {target.data_blocks * (target.block_bytes / kSectorBytes), "verity",
          SecretBytes::copy_of(as_bytes(line))};
}

DmTable crypt_table(const std::string& device, std::uint64_t offset_sectors, std::uint64_t sectors,
                    const SecretBytes& key) {
  constexpr std::uint64_t kUnit = kCryptSectorBytes / kSectorBytes;
  PAVISE_CHECK(key.size() == kXtsKeyBytes);
  PAVISE_CHECK(sectors % kUnit == 0 && offset_sectors % kUnit == 0);
  const std::string head = "aes-xts-plain64 ";
  const std::string tail =
      " 0 " + device + ' ' + std::to_string(offset_sectors) + " 1 sector_size:4096";
  const SecretBytes hex = hex_of(key);
  SecretBytes line(head.size() + hex.size() + tail.size());
  auto out = line.span();
  std::memcpy(out.data(), head.data(), head.size());
  std::memcpy(out.data() + head.size(), hex.view().data(), hex.size());
  std::memcpy(out.data() + head.size() + hex.size(), tail.data(), tail.size());
  return {sectors, "crypt", std::move(line)};
}

}  // namespace pavise::device
