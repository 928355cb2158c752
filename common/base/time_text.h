// Time as text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace pavise {

// "2016-03-30T16:24:48.789Z" (RFC 3339, UTC, milliseconds). A time that is not in the years 1970 to
// 9999, or 0, is "0001-01-01T00:00:00Z": never.
std::string utc_text(UnixMillis ms);

// RFC 3339 from 1970 on: "2016-03-30T16:24:48Z", with up to nine digits of a fraction (what is
// below milliseconds is cut off), and with "Z", "+01:00" or "-01:00"; a time without any of them is
// UTC, as some clients write it. nullopt: anything else.
std::optional<UnixMillis> parse_utc_text(std::string_view text);

}  // namespace pavise
