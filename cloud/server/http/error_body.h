// The error answer that every path of the server gives: one shape, described in api/openapi.yaml.
#pragma once

#include <string>

#include "cloud/server/http/message.h"
#include "common/base/result.h"

namespace pavise::server::http {

// 16 hexadecimal characters, random: connects an answer with the log lines about it.
std::string new_tracking_id();

// {"error":{"code","message","detail","next","retry","tracking_id"}} with this status.
// Adds Retry-After: 1 when the class is `later`.
Response error_response(int status, const Error& error, const std::string& tracking_id);

}  // namespace pavise::server::http
