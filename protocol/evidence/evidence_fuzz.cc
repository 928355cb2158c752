#include "protocol/evidence/evidence.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  const ByteView input = std::as_bytes(std::span(data, size));
  const auto parsed = evidence::Evidence::parse(input);
  // One value, one encoding; only an empty map of claims is not reproduced.
  if (parsed && size < evidence::kEvidenceBytesMax) {
    const Bytes again = evidence::encode_evidence(parsed->fields());
    if (again.size() == size) PAVISE_CHECK(equal(again, input));
    PAVISE_CHECK(again.size() == size || parsed->fields().claims.empty());
  }
  return 0;
}
