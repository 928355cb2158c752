// Whatever a token calls a public key: a point on the curve comes out, or nothing.
#include "cli/pkcs11/ec_point.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pavise::ByteView bytes(reinterpret_cast<const std::byte*>(data), size);
  (void)pavise::cli::pkcs11::is_p256(bytes);
  const auto key = pavise::cli::pkcs11::parse_ec_point(bytes);
  if (key) PAVISE_CHECK(pavise::equal(key->point(), bytes.last(65)));
  return 0;
}
