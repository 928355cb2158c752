#include "device/init/data_header.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  const auto input = std::as_bytes(std::span(data, size));
  const std::size_t half = size / 2;
  const auto chosen = device::choose_header(input.first(half), input.subspan(half));
  if (chosen && *chosen) {
    const auto again = device::parse_header_copy((*chosen)->encode());
    PAVISE_CHECK(again && again->blob == (*chosen)->blob);
  }
  return 0;
}
