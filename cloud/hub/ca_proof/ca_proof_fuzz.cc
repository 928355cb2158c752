// Certificates from people: whatever comes, reading ends with facts or an error.
#include "cloud/hub/ca_proof/ca_proof.h"

namespace {
constexpr pavise::UnixMillis kNowMs = 1'795'000'000'000;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pavise::ByteView der(reinterpret_cast<const std::byte*>(data), size);
  if (const auto facts = pavise::hub::read_ca_certificate(der, kNowMs))
    PAVISE_CHECK(facts->subject.size() <= pavise::hub::kCaSubjectSizeMax);
  (void)pavise::hub::check_possession(der, der, "CODE", kNowMs).has_value();
  return 0;
}
