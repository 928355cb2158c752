#include "device/init_wire/init_wire.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  const ByteView packet = std::as_bytes(std::span(data, size));
  const auto word = device::parse_init_word(packet);
  if (word) PAVISE_CHECK(size <= device::kInitWordBytesMax && equal(device::encode(*word), packet));
  return 0;
}
