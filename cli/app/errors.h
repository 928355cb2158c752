// Failures of `pavise app` beside those of the formats (PV-MAN, PV-IMG, PV-ERF).
#pragma once

#include "common/base/result.h"

namespace pavise::cli::app {

inline constexpr ErrorInfo kNoSource{
    "PV-APP-001", Retry::never, "the folder is not that of an app",
    "Name the folder of app_manifest.json (pavise app new makes one); beside it CMakeLists.txt or "
    "root/, or the program with --binary."};
inline constexpr ErrorInfo kFileFailed{"PV-APP-002", Retry::never,
                                       "a file cannot be read or written",
                                       "Check its path, its permissions and the space left."};
inline constexpr ErrorInfo kToolFailed{"PV-APP-003", Retry::never, "mkfs.erofs failed",
                                       "Install erofs-utils, or see the detail."};
inline constexpr ErrorInfo kNotProgram{
    "PV-APP-004", Retry::never, "the entry point is no program that devices can run",
    "Build it for Linux on x86-64, aarch64 or riscv64 (ELF, 64 bits)."};
inline constexpr ErrorInfo kNoInterpreter{
    "PV-APP-005", Retry::never, "the program needs a loader that the image does not have",
    "Link it statically (-static), or put the loader and its libraries under root/."};
inline constexpr ErrorInfo kKeyOpenToOthers{"PV-APP-006", Retry::never,
                                            "others may read or change the key file",
                                            "Make it yours alone: chmod 600 FILE."};
inline constexpr ErrorInfo kKeyExists{"PV-APP-007", Retry::never,
                                      "there is a file of this name already",
                                      "Choose another name; a lost key cannot be made again."};
inline constexpr ErrorInfo kNotAzureManifest{
    "PV-APP-008", Retry::never, "the file is no manifest of Azure Sphere",
    "Give the app_manifest.json of a high-level app, with SchemaVersion 1."};
inline constexpr ErrorInfo kNoSdk{"PV-APP-009", Retry::never,
                                  "the SDK is not where it was looked for",
                                  "Name its folder with --sdk, or in PAVISE_SDK."};
inline constexpr ErrorInfo kNoTemplate{"PV-APP-010", Retry::never,
                                       "an app cannot be made from this template",
                                       "Use telemetry, gpio, tls-server or cpp-minimal."};
inline constexpr ErrorInfo kFolderExists{"PV-APP-011", Retry::never,
                                         "there is something of this name already",
                                         "Choose another name, or another folder with --out."};
inline constexpr ErrorInfo kNotBuilt{
    "PV-APP-012", Retry::never, "the program was not built",
    "See what CMake printed above; it wants a C or C++ compiler and make (Debian: "
    "build-essential). If the SDK has moved, remove build/ in the app's folder."};
inline constexpr ErrorInfo kNoTenant{
    "PV-APP-013", Retry::never, "the template needs the owner's tenant", "Name it with --tenant."};
inline constexpr ErrorInfo kWatchFailed{
    "PV-APP-014", Retry::never, "the app's sources cannot be watched",
    "See the detail; for a large tree raise fs.inotify.max_user_watches, or leave out --watch."};
inline constexpr ErrorInfo kNoLibrary{
    "PV-APP-030", Retry::never, "the program needs a library that the image does not have",
    "Link it statically (-static), or put the library under root/, where the loader looks for it."};
inline constexpr ErrorInfo kDebuggerNotFound{
    "PV-APP-031", Retry::never, "there is no debugger that could go into the package",
    "Install Debian's gdbserver for the processor of the app, or name another with --gdbserver."};

inline constexpr ErrorInfo kNoCMake{
    "PV-APP-032", Retry::needs_operator, "there is no CMake to build the program with",
    "Install cmake and build-essential (Debian), or give a program of elsewhere: --binary."};

}  // namespace pavise::cli::app
