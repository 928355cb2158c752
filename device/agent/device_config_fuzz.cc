#include <cstdint>

#include "device/agent/device_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config =
      pavise::agent::DeviceConfig::parse({reinterpret_cast<const char*>(data), size});
  if (!config) return 0;
  PAVISE_CHECK(!config->service_host.empty() && config->service_port != 0);
  PAVISE_CHECK(config->telemetry_interval_s >= pavise::agent::kTelemetryIntervalMinS &&
               config->telemetry_interval_s <= pavise::agent::kTelemetryIntervalMaxS);
  return 0;
}
