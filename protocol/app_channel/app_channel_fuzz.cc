#include "common/base/bytes.h"
#include "protocol/app_channel/app_channel.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  const ByteView packet = std::as_bytes(std::span(data, size));
  const auto parsed = app_channel::parse_from_app(packet);
  if (!parsed) return 0;
  // What was taken is inside of the packet, and within its limits.
  if (const auto* telemetry = std::get_if<app_channel::Telemetry>(&*parsed)) {
    PAVISE_CHECK(telemetry->content_type.size() <= app_channel::kContentTypeBytesMax);
    PAVISE_CHECK(telemetry->properties.size() <= app_channel::kPropertiesBytesMax);
    PAVISE_CHECK(11 + telemetry->content_type.size() + telemetry->properties.size() +
                     telemetry->body.size() ==
                 size);
  } else if (const auto* answer = std::get_if<app_channel::MethodAnswer>(&*parsed)) {
    PAVISE_CHECK(9 + answer->body.size() == size);
  } else {
    const auto& under_way = std::get<app_channel::UnderWay>(*parsed);
    PAVISE_CHECK(under_way.ids.size() <= app_channel::kUnderWayMax);
    PAVISE_CHECK(6 + 4 * under_way.ids.size() == size);
  }
  return 0;
}
