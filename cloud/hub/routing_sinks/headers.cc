#include "cloud/hub/routing_sinks/headers.h"

namespace pavise::hub::routing {

Headers headers_of(const Message& message) {
  constexpr std::string_view kOurs = "iothub-";
  Headers out{{"iothub-id", message.id()}};
  for (const std::string& route : message.routes) out.emplace_back("iothub-route", route);
  for (const auto& [name, value] : message.system)
    out.emplace_back(name.starts_with(kOurs) ? name : std::string(kOurs) + name, value);
  for (const auto& [name, value] : message.application)
    out.emplace_back("iothub-app-" + name, value);
  return out;
}

}  // namespace pavise::hub::routing
