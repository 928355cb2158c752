// JSON text as a value whose numbers are the doubles nearest to what was written (IEEE 754). What
// Boost.JSON 1.81's own parser makes of long numbers is a little off, and more so each time it is
// stored and read again.
#pragma once

#include <boost/json/value.hpp>
#include <string_view>

namespace pavise {

inline constexpr std::size_t kJsonDepthDefault = 32;  // as Boost.JSON has it

// One JSON document (RFC 8259) and nothing behind it, at most `depth_max` deep. On error the value
// is null and `failed` says why. A number beyond the range of double is infinite, one too near to 0
// is 0.
boost::json::value parse_exactly(std::string_view text, std::size_t depth_max,
                                 boost::system::error_code& failed);
inline boost::json::value parse_exactly(std::string_view text, boost::system::error_code& failed) {
  return parse_exactly(text, kJsonDepthDefault, failed);
}

// The same, but a number beyond the range of double is an error (exponent_overflow): no JSON could
// be written of it again.
boost::json::value parse_finite(std::string_view text, std::size_t depth_max,
                                boost::system::error_code& failed);

}  // namespace pavise
