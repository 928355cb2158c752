#include <cstdint>

#include "cli/app/program_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto out = pavise::cli::app::read_program(std::as_bytes(std::span(data, size)));
  if (out) PAVISE_CHECK(!out->processor.empty() && out->interpreter.size() <= size);
  return 0;
}
