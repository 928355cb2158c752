// A token as a client hands it back; the query that it is for is fixed.
#include "cloud/hub/rest/continuation.h"
#include "common/base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  constexpr std::string_view kAsked = "plant-1\nSELECT * FROM devices";
  const std::string_view bytes = as_text(std::as_bytes(std::span(data, size)));
  // As it came; and, so that more of the inside is reached, as what was encoded.
  for (const std::string& text : {std::string(bytes), to_base64(as_bytes(bytes))}) {
    const auto parsed = hub::rest::Continuation::parse(text, kAsked);
    if (!parsed) continue;
    const auto again = hub::rest::Continuation::parse(parsed->text(kAsked), kAsked);
    PAVISE_CHECK(again && *again == *parsed);
  }
  return 0;
}
