// First byte picks the parser; what parses must survive building and parsing again.
#include "common/base/bytes.h"
#include "protocol/iothub/fault.h"
#include "protocol/iothub/property_bag.h"
#include "protocol/iothub/topics.h"
#include "protocol/iothub/username.h"

namespace {

using namespace pavise;

void fuzz_bag(std::string_view text) {
  const auto bag = iothub::PropertyBag::parse(text);
  if (!bag) return;
  if (const auto fault = iothub::parse_fault(*bag); fault && *fault)
    PAVISE_CHECK((*fault)->delay_ms <= iothub::kFaultDelaySMax * 1000 && (*fault)->delay_ms >= 0);
  const auto again = iothub::PropertyBag::parse(bag->encode());
  if (bag->encode().size() > iothub::kPropertyBagSizeMax) return;  // escapes make it longer
  PAVISE_CHECK(again.has_value() && again->all() == bag->all());
}

void fuzz_device_topic(std::string_view text) {
  const auto topic = iothub::parse_device_topic(text);
  if (!topic) return;
  if (const auto* get = std::get_if<iothub::TwinGetTopic>(&*topic)) {
    const std::string built = iothub::twin_get_topic(get->request_id);
    const auto again = iothub::parse_device_topic(built);
    PAVISE_CHECK(std::get<iothub::TwinGetTopic>(*again).request_id == get->request_id);
  }
  if (const auto* patch = std::get_if<iothub::ReportedPatchTopic>(&*topic)) {
    const std::string built = iothub::reported_patch_topic(patch->request_id, patch->if_version);
    const auto again = iothub::parse_device_topic(built);
    PAVISE_CHECK(std::get<iothub::ReportedPatchTopic>(*again).if_version == patch->if_version);
  }
}

void fuzz_filter(std::string_view text) {
  const auto match = iothub::match_subscription(text, "dev", "mod");
  if (!match) return;
  PAVISE_CHECK(match->kinds != 0 && text.starts_with(match->root));
  const std::string topic = iothub::input_topic(match->root, "in/1", "a=1");
  PAVISE_CHECK(topic.ends_with("inputs/in%2F1/a=1"));
}

void fuzz_method(std::string_view text) {
  const auto topic = iothub::parse_method_topic(text);
  if (!topic) return;
  const std::string built = iothub::method_topic(topic->name, topic->request_id);
  const auto again = iothub::parse_method_topic(built);
  PAVISE_CHECK(again.has_value() && again->name == topic->name);
  PAVISE_CHECK(again->request_id == topic->request_id);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text = as_text(std::as_bytes(std::span(data + 1, size - 1)));
  switch (data[0] % 6) {
    case 0:
      (void)iothub::Username::parse(text);
      break;
    case 1:
      fuzz_bag(text);
      break;
    case 2:
      fuzz_device_topic(text);
      break;
    case 4:
      fuzz_filter(text);
      break;
    case 3:
      (void)iothub::parse_hub_topic(text);
      break;
    default:
      fuzz_method(text);
      break;
  }
  return 0;
}
