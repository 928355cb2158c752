// Whatever is taken for a grant has one spelling, and nobody's key signed it by chance.
#include <cstdint>

#include "protocol/dev_grant/dev_grant.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  static const auto key = crypto::P256PrivateKey::generate().value().public_key();
  const ByteView bytes = std::as_bytes(std::span(data, size));
  const auto grant = dev_grant::Grant::parse(bytes);
  if (!grant) return 0;
  PAVISE_CHECK(equal(grant->encode(), bytes));
  const dev_grant::Terms& terms = grant->unverified_terms();
  PAVISE_CHECK(terms.not_before < terms.not_after);
  PAVISE_CHECK(terms.not_after - terms.not_before <= dev_grant::kGrantSecondsMax);
  PAVISE_CHECK(!grant->accept(std::span(&key, 1), terms.device, terms.not_before));
  return 0;
}
