// From a packet to an operation and back (api/monitor.cddl; codec: protocol/monitor_ipc).
#pragma once

#include "device/monitor/monitor.h"
#include "device/monitor/server.h"

namespace pavise::monitor {

// Serves one request. Operations of other clients do not exist for this one (kNotYours);
// whatever cannot be parsed is kBadRequest. Never fails: a refusal is a response with a code and a
// reason.
SecretBytes answer(Monitor& monitor, Client client, const Result<Bytes>& packet);

}  // namespace pavise::monitor
