// What the ELF header of a program says (System V ABI, chapters 4 and 5).
#pragma once

#include <string>
#include <vector>

#include "cli/app/errors.h"
#include "common/base/bytes.h"

namespace pavise::cli::app {

inline constexpr std::size_t kLibrariesMax = 128;
inline constexpr std::size_t kLibraryNameMax = 255;

struct ProgramFile {
  std::string processor;               // "x86-64", "aarch64", "riscv64": the name of a need
  std::string interpreter;             // path of the loader; empty for a static program
  std::vector<std::string> libraries;  // DT_NEEDED: as a rule names without a path
};

// A program, or a shared library. kNotProgram with the reason. Pure; thread-safe.
Result<ProgramFile> read_program(ByteView file);

}  // namespace pavise::cli::app
