#include "common/base/bytes.h"
#include "protocol/app_wire/app_wire.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  const auto parsed = app_wire::parse_from_app(std::as_bytes(std::span(data, size)));
  if (!parsed) return 0;
  PAVISE_CHECK(size >= 1 && size <= app_wire::kPacketBytesMax);
  if (std::holds_alternative<app_wire::Well>(*parsed)) {
    PAVISE_CHECK(size == 1);
  } else if (const auto* connect = std::get_if<app_wire::Connect>(&*parsed)) {
    PAVISE_CHECK(connect->id != 0 && 7 + connect->peer.size() == size);
  } else if (const auto* power = std::get_if<app_wire::Power>(&*parsed)) {
    PAVISE_CHECK(power->id != 0 && size == 6);
  } else if (const auto* defer = std::get_if<app_wire::Defer>(&*parsed)) {
    PAVISE_CHECK(defer->id != 0 && size == 9);
  } else if (const auto* time = std::get_if<app_wire::SetTime>(&*parsed)) {
    PAVISE_CHECK(time->id != 0 && time->unix_ms <= app_wire::kUnixMsMax && size == 13);
  }
  return 0;
}
