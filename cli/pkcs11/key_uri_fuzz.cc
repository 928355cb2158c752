// Any text as the name of a key: refused, or its parts are within what it says.
#include "cli/pkcs11/key_uri.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto uri = pavise::cli::pkcs11::KeyUri::parse(text);
  if (!uri) return 0;
  PAVISE_CHECK(uri->module_path().empty() || uri->module_path().starts_with('/'));
  PAVISE_CHECK(!uri->label() || uri->label()->size() <= size);
  (void)uri->means(CK_TOKEN_INFO{});
  (void)uri->means(CK_INFO{});
  (void)uri->means(0, CK_SLOT_INFO{});
  return 0;
}
