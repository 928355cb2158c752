// The launcher's loop.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/clock.h"
#include "device/apps/program/grounds.h"

namespace pavise::device {

inline constexpr int kInitChannel = 3;

// `clock_ahead_ms`: as init says it (common/base/clock_ahead.h); none: as it is now.
// Lives until SIGTERM, which it must find blocked, or init is gone. Blocks. Prints lines to
// standard output. kNoGround, kBadOwnerKeys, those of crypto::random_fill().
Status launch_apps(const AppPaths& paths, const Clock& clock,
                   std::optional<std::int64_t> clock_ahead_ms);

}  // namespace pavise::device
