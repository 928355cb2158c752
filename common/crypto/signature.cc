// ECDSA signature encodings. By hand because the strict form is small and d2i_ECDSA_SIG accepts
// BER.
#include <algorithm>

#include "common/crypto/internal.h"

namespace pavise::crypto {
namespace {

constexpr std::byte kSequence{0x30};
constexpr std::byte kInteger{0x02};
constexpr std::size_t kDerBytesMax = 72;  // 2 + 2 * (2 + 33)

void append_integer(Bytes& out, ByteView integer_32) {
  const auto first =
      std::ranges::find_if(integer_32, [](std::byte b) { return b != std::byte{0}; });
  // A zero still needs one byte, though no valid signature holds one.
  const auto offset = std::min<std::size_t>(static_cast<std::size_t>(first - integer_32.begin()),
                                            integer_32.size() - 1);
  const ByteView digits = integer_32.subspan(offset);
  const bool needs_sign_byte = (digits[0] & std::byte{0x80}) != std::byte{0};
  out.push_back(kInteger);
  out.push_back(static_cast<std::byte>(digits.size() + (needs_sign_byte ? 1 : 0)));
  if (needs_sign_byte) out.push_back(std::byte{0});
  append(out, digits);
}

// A positive, minimally encoded INTEGER of at most 32 value bytes (X.690, 8.3).
bool read_integer(ByteReader& reader, std::span<std::byte, 32> out) {
  if (reader.be<std::uint8_t>() != std::to_integer<std::uint8_t>(kInteger)) return false;
  const auto digits = reader.sized<std::uint8_t>(33);
  if (!digits || digits->empty()) return false;
  const bool top_bit = ((*digits)[0] & std::byte{0x80}) != std::byte{0};
  if (top_bit) return false;  // negative
  if (digits->size() > 1 && (*digits)[0] == std::byte{0} &&
      ((*digits)[1] & std::byte{0x80}) == std::byte{0})
    return false;  // a needless leading zero
  return internal::pad_to_32(*digits, out);
}

}  // namespace

namespace internal {

bool in_scalar_range(ByteView scalar_32) {
  const bool zero = std::ranges::all_of(scalar_32, [](std::byte b) { return b == std::byte{0}; });
  return !zero && std::memcmp(scalar_32.data(), kOrder.data(), kOrder.size()) < 0;
}

bool pad_to_32(ByteView integer, std::span<std::byte, 32> out) {
  while (integer.size() > out.size()) {
    if (integer[0] != std::byte{0}) return false;
    integer = integer.subspan(1);
  }
  std::ranges::fill(out, std::byte{0});
  std::ranges::copy(integer, out.end() - static_cast<std::ptrdiff_t>(integer.size()));
  return true;
}

}  // namespace internal

Bytes ecdsa_to_der(const EcdsaRaw& raw) {
  Bytes out;
  out.reserve(kDerBytesMax);
  out.push_back(kSequence);
  out.push_back(std::byte{0});  // the length, below 128; known when both integers are written
  append_integer(out, ByteView(raw).first<32>());
  append_integer(out, ByteView(raw).last<32>());
  out[1] = static_cast<std::byte>(out.size() - 2);
  return out;
}

Result<EcdsaRaw> ecdsa_from_der(ByteView der) {
  if (der.size() > kDerBytesMax) return kBadSignature;
  ByteReader outer(der);
  if (outer.be<std::uint8_t>() != std::to_integer<std::uint8_t>(kSequence)) return kBadSignature;
  const auto body = outer.sized<std::uint8_t>(kDerBytesMax - 2);
  if (!body || !outer.at_end()) return kBadSignature;

  EcdsaRaw raw{};
  const auto r = std::span(raw).first<32>();
  const auto s = std::span(raw).last<32>();
  ByteReader inner(*body);
  if (!read_integer(inner, r) || !read_integer(inner, s) || !inner.at_end()) return kBadSignature;
  if (!internal::in_scalar_range(r) || !internal::in_scalar_range(s)) return kBadSignature;
  return raw;
}

Result<EcdsaRaw> ecdsa_from_integers(ByteView r, ByteView s) {
  EcdsaRaw raw{};
  const auto r_out = std::span(raw).first<32>();
  const auto s_out = std::span(raw).last<32>();
  if (r.empty() || r.size() > 32 || s.empty() || s.size() > 32) return kBadSignature;
  if (!internal::pad_to_32(r, r_out) || !internal::pad_to_32(s, s_out)) return kBadSignature;
  if (!internal::in_scalar_range(r_out) || !internal::in_scalar_range(s_out)) return kBadSignature;
  return raw;
}

}  // namespace pavise::crypto
