#include <cstdint>

#include "cli/app/program_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto out = pavise::cli::app::read_program(std::as_bytes(std::span(data, size)));
  if (!out) return 0;
  PAVISE_CHECK(!out->processor.empty() && out->interpreter.size() <= size);
  PAVISE_CHECK(out->libraries.size() <= pavise::cli::app::kLibrariesMax);
  for (const std::string& name : out->libraries)
    PAVISE_CHECK(name.size() <= pavise::cli::app::kLibraryNameMax && name.size() < size);
  return 0;
}
