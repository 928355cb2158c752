// What the ELF header of a program says (System V ABI, chapters 4 and 5).
#pragma once

#include <string>

#include "cli/app/errors.h"
#include "common/base/bytes.h"

namespace pavise::cli::app {

struct ProgramFile {
  std::string processor;    // "x86-64", "aarch64", "riscv64": the name of a need
  std::string interpreter;  // path of the loader; empty for a static program
};

// kNotProgram with the reason. Pure; thread-safe.
Result<ProgramFile> read_program(ByteView file);

}  // namespace pavise::cli::app
