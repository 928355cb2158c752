// The whole program, free of the process around it, so that tests run it as a person would.
#pragma once

#include <span>

#include "cli/program/session.h"

namespace pavise::cli {

// Arguments after the program's name. Returns the exit code. Blocks for the server.
int run_program(std::span<const char* const> arguments, Streams& streams);

}  // namespace pavise::cli
