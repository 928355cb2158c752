#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cloud/hub/routing/address.h"

// What is accepted can be written into a request line, and holds nothing that ends one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  using namespace pavise::hub::routing;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto is_clean = [](std::string_view part) {
    for (const char c : part)
      if (c <= 0x20 || c >= 0x7F) return false;
    return true;
  };
  if (const auto hook = WebhookAddress::parse(text))
    PAVISE_CHECK(!hook->host.empty() && hook->port != 0 && hook->target.starts_with('/') &&
                 is_clean(hook->host) && is_clean(hook->target));
  if (const auto servers = parse_servers(text))
    for (const Server& server : *servers)
      PAVISE_CHECK(!server.host.empty() && server.port != 0 && is_clean(server.host));
  if (check_subject(text)) PAVISE_CHECK(is_clean(text));
  (void)check_kafka_topic(text).has_value();
  return 0;
}
