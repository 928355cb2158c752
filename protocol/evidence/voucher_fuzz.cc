#include "protocol/evidence/voucher.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  const ByteView input = std::as_bytes(std::span(data, size));
  if (const auto voucher = evidence::Voucher::parse(input))
    PAVISE_CHECK(equal(voucher->encode(), input));
  return 0;
}
