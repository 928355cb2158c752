// gdbserver and what it needs, for the image of an app that is to be debugged.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/app/errors.h"

namespace pavise::cli::app {

struct DebuggerFile {
  std::filesystem::path from;
  std::string to;  // path inside the image (protocol/dev_grant/debugger_files.h)
};
struct DebuggerFiles {
  std::string processor;  // as a package's need names it
  std::vector<DebuggerFile> files;
};

// `gdbserver`: a program of this machine with a loader, which is asked (--list) for the libraries
// that it would take. Blocks. kFileFailed, kNotProgram, kDebuggerNotFound.
Result<DebuggerFiles> find_debugger(const std::filesystem::path& gdbserver);

}  // namespace pavise::cli::app
