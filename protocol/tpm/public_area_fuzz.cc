#include "protocol/tpm/public_area.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pavise::ByteView input = std::as_bytes(std::span(data, size));
  const auto parsed = pavise::tpm::PublicArea::parse(input);
  if (!parsed) return 0;
  PAVISE_CHECK(pavise::equal(parsed->encode(), input));
  PAVISE_CHECK(parsed->name() == pavise::tpm::name_of(input));
  (void)parsed->p256_key();
  (void)pavise::tpm::device_id_from_ek_public(input);
  return 0;
}
