#include "protocol/tpm/attest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pavise::ByteView input = std::as_bytes(std::span(data, size));
  const auto parsed = pavise::tpm::Attest::parse(input);
  if (!parsed) return 0;
  // The width of a PCR select is not kept, so compare values, not bytes.
  const auto again = pavise::tpm::Attest::parse(parsed->encode());
  PAVISE_CHECK(again.has_value() && *again == *parsed);
  return 0;
}
