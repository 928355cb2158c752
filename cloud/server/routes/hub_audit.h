// What the calls about hubs share. Private to this room.
#pragma once

#include <string_view>

#include "cloud/server/routes/route.h"

namespace pavise::server {

// Written before the act: hubs and audit are two databases, and nothing may happen that the audit
// does not know of. So an entry may stand for an act that was refused afterwards. Errors of
// Registry.
Status audit_hub(const Call& call, std::string_view action, const iothub::HubName& hub,
                 std::string_view detail = {});

// RFC 9110 section 13.1.1, as far as it applies: one strong entity-tag, or '*'. kBadValue.
Result<hub::store::IfMatch> hub_if_match(const http::Request& request);

}  // namespace pavise::server
