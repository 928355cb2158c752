#include <cstdint>

#include "protocol/x509/certificate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pavise::ByteView bytes = std::as_bytes(std::span(data, size));
  if (const auto certificate = pavise::x509::Certificate::parse(bytes)) {
    PAVISE_CHECK(!certificate->subject().common_name.empty());
    PAVISE_CHECK(certificate->to_be_signed().size() < size);
  }
  return 0;
}
