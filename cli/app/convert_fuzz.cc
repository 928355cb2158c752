#include <cstdint>

#include "cli/app/convert.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto out = cli::app::convert_azure_manifest(text, {.tenant = TenantId::parse("home")});
  // Whatever came in, what comes out is a manifest.
  if (out) PAVISE_CHECK(manifest::Manifest::parse(as_bytes(out->manifest)).has_value());
  return 0;
}
