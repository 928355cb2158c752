// The payload of set_limits, and what was kept.
#include <cstdlib>

#include "samples/refrigeration_monitor/kept.h"

using namespace refrigeration_monitor;  // NOLINT(google-build-using-namespace)

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const auto limits = parse_limits(text, {});
  if (limits && !limits->valid()) std::abort();
  const auto kept = Kept::parse(text);
  if (kept && (kept->text() != text || !kept->limits.valid())) std::abort();
  return 0;
}
