// A webhook: batches as JSON by POST, over TLS that is verified.
#pragma once

#include <memory>

#include "cloud/hub/routing/sink.h"
#include "common/net/http_parser.h"
#include "common/net/socket.h"

namespace pavise::hub::routing {

struct WebhookTimes {
  net::Millis connect{5'000};
  net::Millis answer{10'000};  // from the first byte sent to the last one received
};

// An answer is read only so far; nothing in it matters but its status.
inline constexpr net::HttpLimits kWebhookLimits{.body_bytes_max = 64UL * 1024};

// What a status says of the messages: 2xx: taken. 400, 413, 415 and 422: refused for good. All
// others: not now; a redirect is not followed.
Outcome webhook_outcome(int status, std::size_t count);

// kBadAddress, kNoAuthorities.
Result<std::unique_ptr<Sink>> make_webhook_sink(const store::RoutingEndpointRecord& endpoint,
                                                const WebhookTimes& times = {});

}  // namespace pavise::hub::routing
