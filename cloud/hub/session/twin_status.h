// How errors of the twin look to a device: a status in the topic and IoT Hub's number in the body.
#pragma once

#include "common/base/result.h"

namespace pavise::hub {

struct TwinStatus {
  int status;      // as in HTTP
  int error_code;  // as in Azure's IotHubErrorCode
};

inline constexpr TwinStatus kTooManyRequests{429, 429001};

TwinStatus twin_status(const ErrorInfo& error);

}  // namespace pavise::hub
