// The methods of debugging an app (api/methods.cddl): pavise.apps.grant, .debug, .debug.exchange.
// Internal to answer_method().
#pragma once

#include <string_view>

#include "common/base/result.h"
#include "protocol/apps_ipc/apps_ipc.h"

namespace pavise::agent {

// Each takes the members that its method has, each once, and nothing else. kBadMethodPayload.
Result<apps_ipc::GiveGrant> read_grant_payload(std::string_view payload);
Result<apps_ipc::Debug> read_debug_payload(std::string_view payload);
Result<apps_ipc::Exchange> read_exchange_payload(std::string_view payload);

// Results as JSON.
std::string debug_body_of(const apps_ipc::GrantTaken& taken);
std::string debug_body_of(const apps_ipc::DebugBegun& begun, std::string_view name);
std::string debug_body_of(const apps_ipc::Exchanged& exchanged);

}  // namespace pavise::agent
