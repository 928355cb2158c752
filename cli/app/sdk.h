// The SDK of apps: a folder with headers, sources, CMake files and templates (sdk/).
#pragma once

#include <filesystem>
#include <optional>

#include "cli/app/errors.h"

namespace pavise::cli::app {

// The folder `given`, else the one that PAVISE_SDK names, else ../share/pavise/sdk seen from this
// program. Absolute. kNoSdk.
Result<std::filesystem::path> find_sdk(const std::optional<std::filesystem::path>& given);

// Runs CMake in `folder`/build with the SDK's toolchain file; what it prints goes to stderr. The
// program that it made; with `debug` in build/debug, with its symbols. Executes what the folder
// says. Blocks. kNotBuilt, kNoCMake.
Result<std::filesystem::path> build_program(const std::filesystem::path& folder,
                                            const std::filesystem::path& sdk, bool debug);

}  // namespace pavise::cli::app
