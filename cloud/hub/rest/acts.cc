// Who changed the registry through the hub's calls, for its audit.
#include "cloud/hub/rest/routes.h"

namespace pavise::hub::rest {

namespace {

std::string actor_of(const Principal& principal) {
  // A device that makes its own modules.
  if (principal.identity) return "device " + principal.identity->client_id();
  return "policy " + principal.policy;
}

}  // namespace

Status note_act(store::HubTransaction& transaction, const Call& call, std::string_view action,
                std::string_view subject, std::string_view detail) {
  return transaction.note_act(call.hub(), {.at_ms = call.services.clock.now_ms(),
                                           .actor = actor_of(call.principal),
                                           .peer = call.request.peer,
                                           .action = std::string(action),
                                           .subject = std::string(subject),
                                           .detail = std::string(detail)});
}

Status note_act(store::HubTransaction& transaction, const Call& call, std::string_view verb,
                const iothub::Identity& identity, std::string_view detail) {
  const std::string_view kind = identity.is_module() ? "module." : "device.";
  return note_act(transaction, call, std::string(kind).append(verb), identity.client_id(), detail);
}

}  // namespace pavise::hub::rest
