// Outcomes of parts, as devices.jobs shows them.
#pragma once

#include <string>
#include <string_view>

#include "cloud/hub/ports/device_port.h"
#include "cloud/hub/store/records.h"

namespace pavise::hub::jobs {

inline constexpr std::string_view kTwinOutcome = R"({"outcome":{"deviceMethodResponse":null}})";

// {"outcome":{"deviceMethodResponse":{status, payload}}}, or the error of a call that failed.
// Errors: the device answered no JSON.
Result<std::string> method_outcome(const Result<MethodReply>& reply);
// {"error":{code, description}}: the name that IoT Hub has for it, and our words.
std::string error_outcome(const Error& error);
// "" and "*" are any; else the ETag, with or without quotes.
store::IfMatch if_match_of(std::string_view etag);

}  // namespace pavise::hub::jobs
