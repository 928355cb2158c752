// Where the image of an app that can be debugged has its debugger; other images have none. `pavise
// app build --debug` puts it there, the launcher looks for it (docs/formats/dev-grant.md).
#pragma once

#include <string_view>

namespace pavise::dev_grant {

inline constexpr std::string_view kDebuggerFolder = "/.debug";
// gdbserver is started by its own loader, with its own libraries: the app's may be of another C
// library, or there may be none.
inline constexpr std::string_view kDebuggerLoader = "/.debug/loader";
inline constexpr std::string_view kDebuggerLibraries = "/.debug/lib";
inline constexpr std::string_view kDebuggerProgram = "/.debug/gdbserver";

}  // namespace pavise::dev_grant
