#include "device/init/data_template.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = pavise::device::DataTemplate::parse(std::as_bytes(std::span(data, size)));
  if (!parsed) return 0;
  for (const auto& run : parsed->runs()) {
    PAVISE_CHECK(run.offset_bytes + run.size_bytes <= parsed->size_bytes());
    PAVISE_CHECK(!run.data || run.data->size() == run.size_bytes);
  }
  return 0;
}
