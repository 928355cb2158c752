// Rules, grants and uses.
#include "samples/modbus_guardian/grants.h"
#include "samples/modbus_guardian/rules.h"

using namespace modbus_guardian;  // NOLINT(google-build-using-namespace)

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  if (const auto rules = Rules::parse(text)) (void)rules->admits(rules->machine);
  (void)Grants::parse(text).has_value();
  (void)Grants([](const std::string&) { return true; }).restore(text).has_value();
  return 0;
}
