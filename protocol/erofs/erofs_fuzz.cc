#include <algorithm>
#include <cstdint>

#include "protocol/erofs/erofs.h"

// The input is an image with its zeros left out: after one byte that says how many blocks the image
// has, runs of [offset u32][length u16][bytes]. The superblock's checksum is put right, since no
// mutation would.
namespace {

using namespace pavise;

std::uint32_t checksum(ByteView image) {
  std::uint32_t crc = ~0U;
  for (std::size_t at = 1024; at < erofs::kBlockBytes; ++at) {
    crc ^= at >= 1028 && at < 1032 ? 0U : std::to_integer<std::uint32_t>(image[at]);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
  }
  return crc;
}

Bytes image_of(ByteReader in) {
  const std::size_t blocks = in.le<std::uint8_t>().value_or(0) % 32U + erofs::kBlocksMin;
  Bytes out(blocks * erofs::kBlockBytes);
  while (in.remaining() != 0) {
    const std::size_t at = in.le<std::uint32_t>().value_or(0) % out.size();
    const std::size_t length = in.le<std::uint16_t>().value_or(0);
    const auto bytes = in.take(std::min(length, in.remaining()));
    if (!bytes) break;
    std::ranges::copy(bytes->first(std::min(bytes->size(), out.size() - at)),
                      out.begin() + static_cast<std::ptrdiff_t>(at));
  }
  const std::uint32_t crc = checksum(out);
  for (std::size_t i = 0; i < 4; ++i)
    out[1028 + i] = static_cast<std::byte>(crc >> (8 * i) & 0xffU);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes image = image_of(ByteReader(std::as_bytes(std::span(data, size))));
  (void)erofs::blocks_of(image);
  std::size_t entries = 0;
  const Status outcome = erofs::walk(image, [&](const erofs::Entry& entry) -> Status {
    PAVISE_CHECK(entry.path.starts_with('/') && ++entries <= erofs::kEntriesMax + 1);
    PAVISE_CHECK(entry.depth <= erofs::kDepthMax);
    std::uint64_t sum = 0;  // touch every byte that is handed out
    for (const ByteView part : {entry.head, entry.tail})
      for (const std::byte b : part) sum += std::to_integer<std::uint64_t>(b);
    const bool has_bytes = entry.kind == erofs::Kind::file || entry.kind == erofs::Kind::symlink;
    PAVISE_CHECK(!has_bytes || entry.head.size() + entry.tail.size() == entry.size_bytes);
    PAVISE_CHECK(sum <= entry.size_bytes * 255);
    return {};
  });
  (void)outcome;
  return 0;
}
