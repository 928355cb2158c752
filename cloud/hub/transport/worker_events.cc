// What a worker counts and tells of its connections, for those who watch the hub.
#include "cloud/hub/transport/worker.h"

namespace pavise::hub {

void Worker::count_end(const Connection& connection) {
  HubCounters& counters =
      connection.counters != nullptr ? *connection.counters : hub_counters_.of_none();
  counters.closed.add(connection.ended->info());
  if (connection.established) counters.ended[static_cast<std::size_t>(connection.counted_as)].add();
}

HubEvent Worker::event_of(const Connection& connection) const {
  HubEvent event{.hub = connection.named_hub,
                 .let_in = connection.let_in,
                 .peer_address = connection.peer,
                 .connection_id = std::to_string(lock_owner(connection)),
                 .protocol = connection.spoken};
  const auto& known = connection.attached.empty() ? connection.proved : connection.attached;
  if (!known.empty()) {
    const Connection::Attached& first = known.front();
    event.device = first.identity.client_id();
    event.hub = first.identity.hub().text();
    event.tenant = &first.tenant;
  } else {
    event.device = connection.claimed_device;
  }
  return event;
}

void Worker::report(const std::function<void(const HubEvent&)>& listener,
                    const Connection& connection, const Error* reason) const {
  if (!listener) return;
  HubEvent event = event_of(connection);
  event.reason = reason;
  listener(event);
}

void Worker::note_refusal(Connection& from, std::string_view device, std::string_view tracking_id,
                          const Error& why) {
  if (!shared_.options.on_refused) return;
  HubEvent event = event_of(from);
  if (!device.empty()) event.device = device.substr(0, kClaimedSizeMax);
  event.tracking_id = tracking_id;
  event.reason = &why;
  shared_.options.on_refused(event);
}

}  // namespace pavise::hub
