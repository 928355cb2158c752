// Parses arbitrary bytes against a fixed trusted key: whatever is accepted must encode to itself.
#include <cstdint>

#include "protocol/pcr_policy/pcr_policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  // The base point of P-256: a valid key whose private half everybody knows.
  static const auto trusted = [] {
    const auto x = from_hex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
    const auto y = from_hex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
    return crypto::P256PublicKey::from_xy(*x, *y);
  }();
  PAVISE_CHECK(trusted.has_value());
  const ByteView file = std::as_bytes(std::span(data, size));
  const auto policy = pcr_policy::SignedPcrPolicy::parse(file, *trusted);
  if (policy) PAVISE_CHECK(equal(policy->encode(), file));
  return 0;
}
