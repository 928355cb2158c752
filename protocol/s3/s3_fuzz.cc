// What any store may answer.
#include "protocol/s3/answers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  const ByteView bytes = std::as_bytes(std::span(data, size));
  PAVISE_CHECK(s3::error_code(bytes).size() <= s3::kErrorCodeSizeMax);
  if (const auto listing = s3::parse_listing(bytes)) {
    PAVISE_CHECK(listing->keys.size() <= s3::kListedMax);
    for (const std::string& key : listing->keys) PAVISE_CHECK(key.size() <= s3::kListedKeySizeMax);
  }
  return 0;
}
