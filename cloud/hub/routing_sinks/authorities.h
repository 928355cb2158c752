// Which certificate authorities an endpoint is trusted by.
#pragma once

#include <string>

#include "cloud/hub/routing/errors.h"
#include "cloud/hub/store/routing_records.h"

namespace pavise::hub::routing {

inline constexpr const char* kSystemAuthorities = "/etc/ssl/certs/ca-certificates.crt";
inline constexpr std::size_t kSystemAuthoritiesMax = 2UL * 1024 * 1024;

// Its own, or those of the system; PEM. kNoAuthorities.
Result<std::string> authorities_of(const store::RoutingEndpointRecord& endpoint,
                                   const char* system_file = kSystemAuthorities);

}  // namespace pavise::hub::routing
