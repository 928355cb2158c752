#include "device/apps/measurement/kept_list.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  const ByteView content = std::as_bytes(std::span(data, size));
  const auto texts = device::parse_kept_list(content);
  if (!texts) return 0;
  std::string again;
  for (const std::string& text : *texts) again.append(text).append("\n");
  PAVISE_CHECK(equal(as_bytes(again), content));
  PAVISE_CHECK(texts->size() <= app_measurement::kAppEventsMax);
  return 0;
}
