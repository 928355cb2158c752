// The strict DER signature reader: whatever it accepts, the writer must reproduce exactly.
#include <cstdint>

#include "common/crypto/crypto.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  const ByteView input = std::as_bytes(std::span(data, size));
  if (const auto raw = crypto::ecdsa_from_der(input))
    PAVISE_CHECK(equal(crypto::ecdsa_to_der(*raw), input));
  if (size >= 1) {
    const std::size_t cut = std::min<std::size_t>(data[0], size);
    (void)crypto::ecdsa_from_integers(input.first(cut), input.subspan(cut));
    (void)crypto::P256PublicKey::from_spki_der(input);
    (void)crypto::P256PublicKey::from_pem(as_text(input));
  }
  return 0;
}
