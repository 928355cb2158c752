#include "device/boot/verity_superblock.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using pavise::device::VeritySuperblock;
  const auto superblock = VeritySuperblock::parse(std::as_bytes(std::span(data, size)));
  if (superblock) PAVISE_CHECK(superblock->data_blocks() > 0);
  return 0;
}
