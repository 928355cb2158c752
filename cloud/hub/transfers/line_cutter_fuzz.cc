// What an import reads: any bytes, cut into lines, each of them taken for a device.
#include <string>

#include "cloud/hub/transfers/device_line.h"
#include "cloud/hub/transfers/line_cutter.h"
#include "common/base/result.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise::hub;
  static const auto hub = *pavise::iothub::HubName::parse("plant-1");
  const std::string_view window(reinterpret_cast<const char*>(data), size);
  const auto lines = transfers::cut_lines(window, true, size);
  if (!lines) return 0;
  std::size_t end = 0;
  for (const transfers::CutLine& line : *lines) {
    PAVISE_CHECK(line.end > end && line.end <= size);
    PAVISE_CHECK(line.text.find('\n') == std::string_view::npos);
    end = line.end;
    const auto item = transfers::parse_device_line(hub, line.text);
    if (item) continue;
    (void)transfers::error_line(1, nullptr, item.error());
  }
  PAVISE_CHECK(end == size);
  return 0;
}
