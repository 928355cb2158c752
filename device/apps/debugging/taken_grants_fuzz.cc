#include <span>

#include "device/apps/debugging/taken_grants.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  const ByteView content = std::as_bytes(std::span(data, size));
  const auto list = device::parse_taken_list(content);
  if (!list) return 0;
  PAVISE_CHECK(equal(as_bytes(device::text_of(*list)), content));
  PAVISE_CHECK(list->grants.size() <= device::kTakenGrantsMax);
  return 0;
}
