// One call and its answer.
#pragma once

#include "cloud/hub/ports/http_port.h"

namespace pavise::hub::rest {

using Headers = HttpHeaders;
using Request = HttpRequest;
using Response = HttpResponse;

// Called exactly once per request, from any thread.
using Respond = std::function<void(Response)>;

}  // namespace pavise::hub::rest
