// Percent-encoding (RFC 3986 section 2.1) as the IoT Hub clients use it.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "protocol/iothub/errors.h"

namespace pavise::iothub {

// Encodes all but the unreserved characters of RFC 3986; upper-case hex.
std::string percent_encode(std::string_view text);

// kBadEscape. '+' stays '+': no client sends it for a space.
Result<std::string> percent_decode(std::string_view text);

}  // namespace pavise::iothub
