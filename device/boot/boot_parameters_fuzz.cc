#include "device/boot/boot_parameters.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parameters =
      pavise::device::BootParameters::parse({reinterpret_cast<const char*>(data), size});
  if (parameters) {
    PAVISE_CHECK(parameters->root_device().starts_with("/dev/"));
    PAVISE_CHECK(parameters->epoch() >= 1);
  }
  return 0;
}
