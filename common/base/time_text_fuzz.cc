// Whatever reads as a time is written and read again as the same time.
#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/time_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  const auto time_ms = parse_utc_text(as_text(std::as_bytes(std::span(data, size))));
  if (!time_ms || *time_ms == 0) return 0;
  constexpr UnixMillis kEnd = 253'402'300'800'000;  // the year 10000, for a zone behind UTC
  if (*time_ms < kEnd) PAVISE_CHECK(parse_utc_text(utc_text(*time_ms)) == time_ms);
  return 0;
}
