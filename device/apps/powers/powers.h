// The powers of the launcher of apps. It is the one program of the device that keeps some for its
// whole life, since each start of an app needs them.
#pragma once

#include "common/base/result.h"
#include "common/sandbox/sandbox.h"

namespace pavise::device {

// Root without most of its capabilities, without Landlock (which forbids to mount), with a filter
// that refuses what neither launcher nor apps have business with. It is inherited by all apps, each
// of which adds a narrow one. kFilterNotMade.
Result<sandbox::SandboxPolicy> apps_launcher_policy();

}  // namespace pavise::device
