#include <cstdint>

#include "protocol/x509/certificate_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pavise::ByteView bytes = std::as_bytes(std::span(data, size));
  if (const auto request = pavise::x509::CertificateRequest::parse(bytes)) (void)request->verify();
  return 0;
}
