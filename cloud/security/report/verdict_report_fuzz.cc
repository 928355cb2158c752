// A registry file is restored, copied and looked at by others; a damaged report must not end the
// server.
#include "cloud/security/report/verdict_report.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  const ByteView stored = std::as_bytes(std::span(data, size));
  (void)security::report_json(stored);
  const auto verdict = security::decode_report(stored);
  if (!verdict) return 0;
  const Bytes again = security::encode_report(*verdict);
  const auto read = security::decode_report(again);
  PAVISE_CHECK(read && equal(security::encode_report(*read), again));
  PAVISE_CHECK(*security::report_json(stored) == *security::report_json(again));
  return 0;
}
