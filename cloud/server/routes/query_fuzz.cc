// Any query either parses into known names with printable values or is refused.
#include <array>
#include <cstdint>

#include "cloud/server/routes/query.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::array<std::string_view, 3> kKnown = {"device", "from", "limit"};
  const auto query =
      pavise::server::Query::parse({reinterpret_cast<const char*>(data), size}, kKnown);
  if (!query) return 0;
  (void)query->number("limit", 1, 1000, 100);
  if (const auto device = query->text("device"))
    for (const char c : *device) PAVISE_CHECK(static_cast<unsigned char>(c) >= 0x20);
  return 0;
}
