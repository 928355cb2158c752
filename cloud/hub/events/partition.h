// Which partition a device's records belong to.
#pragma once

#include <cstdint>
#include <string_view>

namespace pavise::hub {

// FNV-1a, 64 bits: stable over versions and machines, because readers keep positions per partition.
constexpr std::uint64_t partition_hash(std::string_view device) {
  std::uint64_t hash = 14'695'981'039'346'656'037ULL;
  for (const char c : device) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1'099'511'628'211ULL;
  }
  return hash ^ (hash >> 32U);
}

constexpr unsigned partition_of(std::string_view device, unsigned partition_count) {
  return static_cast<unsigned>(partition_hash(device) % partition_count);
}

}  // namespace pavise::hub
