#include "cloud/security/attestation/ek_certificate.h"

namespace {

// An anchor that signed nothing in the corpus: what is accepted here would be accepted anywhere.
constexpr std::string_view kAnchor = R"(-----BEGIN CERTIFICATE-----
MIIBsDCCAVWgAwIBAgIUO7YFv0ogPVJiMT4lb8WdI3641xowCgYIKoZIzj0EAwIw
JDEiMCAGA1UEAwwZYW5jaG9yIG9mIHRoZSBmdXp6IGRyaXZlcjAgFw0yNjExMjIw
ODIyMDdaGA8yMTI2MTAyOTA4MjIwN1owJDEiMCAGA1UEAwwZYW5jaG9yIG9mIHRo
ZSBmdXp6IGRyaXZlcjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABB5aYd/GPVe5
cCXrBTMYuJHHJonv5isuHWTfmij7mxTacClYA21OrMx+MeSJUimQUsMmq15E78bf
NOoXtalpLkKjYzBhMB0GA1UdDgQWBBQ30NQatp306aoMwD7jVtAoF5+MDjAfBgNV
HSMEGDAWgBQ30NQatp306aoMwD7jVtAoF5+MDjAPBgNVHRMBAf8EBTADAQH/MA4G
A1UdDwEB/wQEAwICBDAKBggqhkjOPQQDAgNJADBGAiEAp+ppMnhpL0q9HwIOzpzM
8NoDkG42Iiwhbxi/6YgQhh8CIQDYQAacMJ4Fp4svRP4b2RjAinQ7oL1nkLPpTb0f
KWetZA==
-----END CERTIFICATE-----
)";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto roots = pavise::attestation::VendorRoots::parse_pem(pavise::as_bytes(kAnchor));
  const pavise::ByteView input = std::as_bytes(std::span(data, size));
  PAVISE_CHECK(roots.has_value());
  PAVISE_CHECK(!pavise::attestation::verify_ek_certificate(input, {}, *roots, 1'800'000'000));
  (void)pavise::attestation::VendorRoots::parse_pem(input);
  return 0;
}
