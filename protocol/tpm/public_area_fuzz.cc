#include "protocol/tpm/public_area.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pavise::ByteView input = std::as_bytes(std::span(data, size));
  const auto parsed = pavise::tpm::PublicArea::parse(input);
  if (!parsed) return 0;
  PAVISE_CHECK(pavise::equal(parsed->encode(), input));
  if (parsed->name_algorithm == pavise::tpm::kAlgSha256) {
    PAVISE_CHECK(parsed->name() == pavise::tpm::name_of(input));
    PAVISE_CHECK(pavise::equal(parsed->full_name(), parsed->name()));
  } else {
    PAVISE_CHECK(!pavise::tpm::is_attestation_key(*parsed));
  }
  (void)parsed->p256_key();
  (void)pavise::tpm::device_id_from_ek_public(input);
  return 0;
}
