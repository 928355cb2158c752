// Whatever comes over the line: lines are bounded, and what counts as a reading is one.
#include <cstdlib>

#include "samples/refrigeration_monitor/reading.h"
#include "samples/refrigeration_monitor/watch.h"

using namespace refrigeration_monitor;  // NOLINT(google-build-using-namespace)

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  LineBuffer lines;
  Watch watch({}, 0);
  for (std::size_t i = 0; i < size; ++i) {
    const auto text = lines.take(static_cast<char>(data[i]));
    if (!text) continue;
    require(text->size() <= kLineBytesMax + 1);
    const Line line = parse_line(*text);
    watch.take(line, static_cast<std::int64_t>(i) * 1000);
    if (!line.reading) continue;
    // One spelling: written again it is the same line.
    const Reading& reading = *line.reading;
    const std::string said = "T=" + celsius_text(reading.centi_celsius) +
                             " H=" + std::to_string(reading.humidity_percent) +
                             " DOOR=" + (reading.door_open ? "1 " : "0 ");
    require(said + '*' + checksum(said) == *text);
  }
  return 0;
}
