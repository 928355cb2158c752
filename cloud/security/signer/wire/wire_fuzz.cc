// Both directions: the signer reads requests of a server that may be taken over, and the server
// reads responses.
#include <cstdint>
#include <span>

#include "cloud/security/signer/wire/wire.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace wire = pavise::security::signer::wire;
  const pavise::ByteView packet = std::as_bytes(std::span(data, size));
  if (const auto request = wire::parse_request(packet))
    PAVISE_CHECK(pavise::equal(wire::encode_request(*request), packet));
  (void)wire::parse_authority(packet);
  (void)wire::parse_leaves(packet, 1);
  (void)wire::parse_server_certificate(packet);
  (void)wire::parse_list(packet);
  return 0;
}
