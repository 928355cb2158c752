// What PID 1 and its launcher keep after set-up.
#pragma once

#include "common/base/result.h"
#include "device/sandbox/sandbox.h"

namespace pavise::device {

// PID 1: ends children, reads what they print, asks the launcher, powers off, sets the clock. It
// opens no file and starts no program.
sandbox::SandboxPolicy init_policy();

// The launcher: starts programs as other users. They inherit its filter, so it must leave them what
// their own sandboxes keep; theirs are narrower.
sandbox::SandboxPolicy launcher_policy();

}  // namespace pavise::device
