// Byte 0: what the rest is: a target condition, a content, the body of applyConfigurationContent.
#include <boost/json/serialize.hpp>

#include "cloud/hub/configurations/definition.h"
#include "common/base/bytes.h"
#include "protocol/twin/twin.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  namespace configurations = hub::configurations;
  if (size == 0) return 0;
  const std::string text(as_text(std::as_bytes(std::span(data + 1, size - 1))));
  if (data[0] % 3 == 0) {
    (void)configurations::parse_target(text).has_value();
  } else if (data[0] % 3 == 1) {
    const auto definition = configurations::Definition::parse(
        {.id = "c", .content_json = text, .target_condition = "*", .metrics_json = text});
    if (!definition) return 0;
    const auto patch = boost::json::serialize(configurations::patch_of(definition->settings));
    PAVISE_CHECK(twin::Twin().merge(twin::Section::desired, patch, 0));
  } else {
    const auto content = configurations::parse_device_content(text);
    if (content) PAVISE_CHECK(!content->device.empty() || !content->modules.empty());
  }
  return 0;
}
