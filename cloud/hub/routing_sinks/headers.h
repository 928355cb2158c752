// Properties of a message as headers, for services that have such.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cloud/hub/routing/message.h"

namespace pavise::hub::routing {

using Headers = std::vector<std::pair<std::string, std::string>>;

// "iothub-id", the same in every delivery, system properties by the names of the
// Event-Hubs-compatible endpoint with "iothub-" before those that do not begin so, "iothub-route"
// for each route, and what the sender gave as "iothub-app-{name}": no sender can give a header of
// another name.
Headers headers_of(const Message& message);

}  // namespace pavise::hub::routing
