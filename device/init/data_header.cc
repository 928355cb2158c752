#include "device/init/data_header.h"

#include <algorithm>
#include <string_view>

namespace pavise::device {
namespace {

constexpr std::string_view kMagic = "PVDATA01";
constexpr std::uint32_t kCrc32cPolynomial = 0x82f63b78;  // RFC 3720, 12.1, reflected

std::uint32_t crc32c(ByteView bytes) {
  std::uint32_t crc = ~0U;
  for (const std::byte b : bytes) {
    crc ^= std::to_integer<std::uint32_t>(b);
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc & 1U) != 0 ? crc >> 1U ^ kCrc32cPolynomial : crc >> 1U;
  }
  return ~crc;
}

bool is_blank(ByteView copy) {
  return std::ranges::all_of(copy, [](std::byte b) { return b == std::byte{}; });
}

}  // namespace

Bytes DataHeader::encode() const {
  PAVISE_CHECK(!blob.empty() && blob.size() <= kSealedBlobBytesMax);
  ByteWriter out;
  out.raw(as_bytes(kMagic)).be(generation).sized<std::uint32_t>(blob);
  out.be(crc32c(out.bytes()));
  Bytes copy = out.take();
  copy.resize(kHeaderCopyBytes);
  return copy;
}

std::optional<DataHeader> parse_header_copy(ByteView copy) {
  if (copy.size() != kHeaderCopyBytes) return std::nullopt;
  ByteReader in(copy);
  const auto magic = in.take(kMagic.size());
  const auto generation = in.be<std::uint64_t>();
  const auto blob = in.sized<std::uint32_t>(kSealedBlobBytesMax);
  const std::size_t covered = copy.size() - in.remaining();
  const auto checksum = in.be<std::uint32_t>();
  if (!in.ok() || !equal(*magic, as_bytes(kMagic)) || blob->empty()) return std::nullopt;
  if (*checksum != crc32c(copy.first(covered))) return std::nullopt;
  return DataHeader{*generation, to_bytes(*blob)};
}

Result<std::optional<DataHeader>> choose_header(ByteView first, ByteView second) {
  auto one = parse_header_copy(first);
  auto other = parse_header_copy(second);
  if (one && other) return other->generation > one->generation ? other : one;
  if (one) return one;
  if (other) return other;
  // The first copy is written first: with a blank second one no header was ever complete.
  if (is_blank(second)) return std::optional<DataHeader>{};
  return kDataHeaderBroken;
}

}  // namespace pavise::device
