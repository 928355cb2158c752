// Whole evidence messages against an expectation that none of them can meet.
#include "cloud/security/attestation/verifier.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  static const std::vector<release::ReferenceSet> releases(1);
  const auto evidence = evidence::Evidence::parse(std::as_bytes(std::span(data, size)));
  if (!evidence) return 0;
  const attestation::Expectation expectation{.pcr_mask = 0x7895,
                                             .device = *DeviceId::parse(std::string(64, '0')),
                                             .activation_secret = std::nullopt,
                                             .marks = std::nullopt,
                                             .firmware_denied = {}};
  const auto verdict = attestation::verify(evidence->fields(), expectation, releases);
  PAVISE_CHECK(!verdict.accepted && !verdict.code.empty() && !verdict.reason.empty());
  PAVISE_CHECK(!verdict.tls_key.has_value());
  return 0;
}
