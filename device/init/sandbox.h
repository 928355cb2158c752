// What PID 1 keeps after set-up. Its children inherit the filter, so it must leave them what their
// own sandboxes keep; theirs are narrower.
#pragma once

#include "common/base/result.h"
#include "device/sandbox/sandbox.h"

namespace pavise::device {

// The policy, for the test that forbidden acts fail.
sandbox::SandboxPolicy init_policy();

// Applies it to this process. Errors: PV-SBX-nnn.
Status give_up_powers();

}  // namespace pavise::device
