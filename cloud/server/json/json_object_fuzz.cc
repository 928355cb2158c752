// A body that parses can be read member by member without surprise.
#include <cstdint>

#include "cloud/server/json/json_object.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto body = pavise::server::JsonObject::parse({reinterpret_cast<const char*>(data), size});
  if (!body) return 0;
  (void)body->text("name", 16);
  (void)body->optional_integer("days", 1, 10);
  (void)body->object("desired");
  (void)body->texts("intermediates", 4, 16);
  (void)body->finish();
  return 0;
}
