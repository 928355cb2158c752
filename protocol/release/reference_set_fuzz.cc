#include "protocol/release/reference_set.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pavise::ByteView input = std::as_bytes(std::span(data, size));
  const auto set = pavise::release::ReferenceSet::parse_unverified(input);
  if (!set) return 0;
  PAVISE_CHECK(!set->pcrs.empty() && set->pcrs.size() <= pavise::release::kPcrCount);
  return 0;
}
