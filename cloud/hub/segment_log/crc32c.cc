#include "cloud/hub/segment_log/crc32c.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#include <array>

namespace pavise::hub {
namespace {

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit)
      value = (value & 1U) != 0 ? value >> 1U ^ 0x82F63B78U : value >> 1U;
    table[i] = value;
  }
  return table;
}
constexpr auto kTable = make_table();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t crc32c_sse42(ByteView data, std::uint32_t crc) {
  std::uint64_t state = ~crc;
  while (data.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, data.data(), 8);
    state = _mm_crc32_u64(state, word);
    data = data.subspan(8);
  }
  auto tail = static_cast<std::uint32_t>(state);
  for (const std::byte b : data) tail = _mm_crc32_u8(tail, std::to_integer<std::uint8_t>(b));
  return ~tail;
}
#endif

}  // namespace

std::uint32_t crc32c_portable(ByteView data, std::uint32_t crc) {
  crc = ~crc;
  for (const std::byte b : data)
    crc = kTable[(crc ^ std::to_integer<std::uint32_t>(b)) & 0xFFU] ^ crc >> 8U;
  return ~crc;
}

std::uint32_t crc32c(ByteView data, std::uint32_t crc) {
#if defined(__x86_64__)
  static const bool fast = __builtin_cpu_supports("sse4.2") != 0;
  if (fast) return crc32c_sse42(data, crc);
#endif
  return crc32c_portable(data, crc);
}

}  // namespace pavise::hub
