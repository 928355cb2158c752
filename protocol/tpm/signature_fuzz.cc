#include "protocol/tpm/attest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pavise::ByteView input = std::as_bytes(std::span(data, size));
  const auto parsed = pavise::tpm::parse_signature(input);
  if (!parsed) return 0;
  const auto again = pavise::tpm::parse_signature(pavise::tpm::encode_signature(*parsed));
  PAVISE_CHECK(again.has_value() && *again == *parsed);
  return 0;
}
