// Time as text.
#pragma once

#include <string>

#include "common/base/clock.h"

namespace pavise {

// "2016-03-30T16:24:48.789Z" (RFC 3339, UTC, milliseconds). A time that is not in the years 1970 to
// 9999, or 0, is "0001-01-01T00:00:00Z": never.
std::string utc_text(UnixMillis ms);

}  // namespace pavise
