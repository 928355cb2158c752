// The launcher's loop.
#pragma once

#include "common/base/clock.h"
#include "device/apps/program/grounds.h"

namespace pavise::device {

inline constexpr int kInitChannel = 3;

// Lives until SIGTERM, which it must find blocked, or init is gone. Blocks. Prints lines to
// standard output. kNoGround, kBadOwnerKeys, those of crypto::random_fill().
Status launch_apps(const AppPaths& paths, const Clock& clock);

}  // namespace pavise::device
