// Whatever was understood comes back the same from what is written of it, byte for byte.
#include <algorithm>

#include "device/apps/names/name_wire.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  const ByteView packet = std::as_bytes(std::span(data, size));
  if (const auto order = device::parse_order(packet))
    PAVISE_CHECK(std::ranges::equal(device::encode(*order), packet));
  if (const auto report = device::parse_report(packet)) {
    PAVISE_CHECK(std::ranges::equal(device::encode(*report), packet));
    PAVISE_CHECK(size <= device::kReportBytesMax);
  }
  return 0;
}
