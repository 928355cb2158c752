// What sessions ask of their worker: the ConnectionHost side, but for records, which go with its
// batches.
#include <algorithm>

#include "cloud/hub/transport/worker.h"

namespace pavise::hub {

LockOwner Worker::lock_owner(const Connection& connection) const {
  // Never used twice while the process lives, and never 0.
  return (std::uint64_t{connection.self.worker + 1} << 56U) |
         (std::uint64_t{connection.self.slot} << 32U) | connection.self.generation;
}

Result<Principal> Worker::authenticate(Connection& from, const Claim& claim) {
  // Asked on every connection, resumed or not: rights may have gone since the last one.
  auto principal = shared_.gatekeeper.authenticate(
      claim, {.chain = from.tls.peer_chain(), .server_name = from.tls.server_name()});
  if (principal) {
    if (from.counters == nullptr) from.counters = &hub_counters_.of(principal->hub);
    from.let_in = true;
    from.claimed_device.clear();
    if (!principal->identity) from.named_hub = principal->hub.text();
    if (!principal->policy.empty() &&
        std::ranges::find(from.policies_of, principal->hub) == from.policies_of.end())
      from.policies_of.push_back(principal->hub);
    note_proved(from, *principal);
    return principal;
  }
  counters_.not_admitted.add();
  const auto hub =
      shared_.gatekeeper.hub_of(claim.host.empty() ? from.tls.server_name() : claim.host);
  (hub ? hub_counters_.of(*hub) : hub_counters_.of_none()).refused.add(principal.error().info());
  if (from.peer.empty()) return principal;  // nobody listens
  if (hub) from.named_hub = hub->text();
  from.claimed_device = claim.device.value_or("").substr(0, kClaimedSizeMax);
  if (!claim.module_id.empty())
    from.claimed_device.append("/").append(claim.module_id.substr(0, kClaimedSizeMax));
  return principal;
}

void Worker::note_proved(Connection& from, const Principal& principal) {
  const auto& identity = principal.identity;
  const auto is_it = [&](const Connection::Attached& one) { return one.identity == identity; };
  if (identity && std::ranges::none_of(from.attached, is_it) &&
      std::ranges::none_of(from.proved, is_it)) {
    from.proved.push_back({*identity, principal.tenant});
    devices_at_[from.self.slot] |= device_bit(identity->device());
  }
}

void Worker::attach(Connection& from, const Principal& principal, Channels channels) {
  PAVISE_CHECK(principal.identity.has_value());
  const iothub::Identity& identity = *principal.identity;
  const bool known = std::ranges::find(from.attached, identity, &Connection::Attached::identity) !=
                     from.attached.end();
  const auto replaced = shared_.table.attach(
      identity, from.self, channels, {shared_.clock.now_ms(), principal.certificate_serial});
  if (replaced)
    shared_.inboxes[replaced->worker]->post(
        ForSession{*replaced, ChannelLost{identity, Error(kSuperseded)}});
  if (!known) {
    from.attached.push_back({identity, principal.tenant});
    std::erase_if(from.proved, [&](const auto& one) { return one.identity == identity; });
    if (from.proved.empty()) from.proved = {};
    devices_at_[from.self.slot] |= device_bit(identity.device());
    if (!replaced) shared_.data.note_connection(identity, true);
    if (principal.method == AuthMethod::attested) shared_.data.ensure_attested(identity);
  }
  if ((channels & static_cast<Channels>(Channel::methods)) != 0)
    shared_.methods.on_listening(identity, from.self);
}

void Worker::note_active(Connection& from, const iothub::Identity& identity) {
  // Of a connection with many identities, each one's own requests are few.
  if (from.attached.size() == 1) {
    const std::int64_t now_ms = shared_.clock.steady_ms();
    if (now_ms < from.active_noted_ms + kNoteActiveEveryMs) return;
    from.active_noted_ms = now_ms;
  }
  shared_.data.note_active(identity);
}

// Every record of a connection with many identities comes by here.
void Worker::note_sender(const RecordView& record) {
  const std::int64_t now_ms = shared_.clock.steady_ms();
  if (now_ms >= senders_since_ms_ + kNoteActiveEveryMs) {
    senders_.clear();
    senders_since_ms_ = now_ms;
  }
  const std::string_view module_id = record.origin.substr(0, record.origin.find('\n'));
  const std::hash<std::string_view> hash;
  const std::uint64_t sender = (hash(record.device) * 31 + hash(module_id)) * 31 + hash(record.hub);
  if (!senders_.insert(sender).second) return;
  auto hub = iothub::HubName::parse(record.hub);
  if (!hub) return;
  if (const auto identity = iothub::Identity::make(*std::move(hub), record.device, module_id))
    shared_.data.note_active(*identity);
}

void Worker::note_batch_senders() {
  for (const ConnectionRef ref : batch_connections_) {
    Connection* const connection = find(ref);
    if (connection != nullptr && connection->attached.size() == 1)
      note_active(*connection, connection->attached.front().identity);
  }
}

void Worker::detach(Connection& from, const iothub::Identity& identity, Channels channels) {
  shared_.table.detach(identity, from.self, channels);
}

void Worker::leave(Connection& from, const iothub::Identity& identity) {
  const auto one = std::ranges::find(from.attached, identity, &Connection::Attached::identity);
  if (one == from.attached.end()) return;
  from.proved.push_back(std::move(*one));
  from.attached.erase(one);
  if (shared_.table.remove(from.proved.back().identity, from.self))
    shared_.data.note_connection(from.proved.back().identity, false);
  shared_.methods.on_connection_ended(from.self, &from.proved.back().identity);
}

template <class Event, class T>
std::function<void(Result<T>)> Worker::answer_with(const Connection& from, Token token) {
  return [inbox = shared_.inboxes[number_].get(), ref = from.self, token](Result<T> result) {
    inbox->post(ForSession{ref, Event{token, std::move(result)}});
  };
}

void Worker::ask_twin(Connection& from, const iothub::Identity& identity, TwinRequest request,
                      Token token) {
  note_active(from, identity);
  SlowOperation noted;
  noted.begun_us = metrics::steady_us();
  noted.operation =
      request.kind == TwinRequest::Kind::get ? Operation::twin_get : Operation::twin_update;
  shared_.data.twin(identity, std::move(request),
                    [this, identity, noted = std::move(noted),
                     answer = answer_with<TwinAnswered, TwinReply>(from, token)](
                        Result<TwinReply> reply) mutable {
                      noted.device = identity.client_id();
                      noted.us = metrics::steady_us() - noted.begun_us;
                      noted.at_ms = shared_.clock.now_ms();
                      if (!reply) noted.failure = &reply.error().info();
                      shared_.operations.note(identity.hub(), std::move(noted));
                      answer(std::move(reply));
                    });
}

void Worker::answer_method(Connection& from, std::uint64_t call, Result<MethodReply> reply) {
  counters_.methods.add();
  shared_.methods.answer(call, from.self, std::move(reply));
}

void Worker::next_message(Connection& from, const iothub::Identity& identity, Token token) {
  from.holds_locks = true;
  shared_.data.next_message(identity, lock_owner(from),
                            answer_with<MessageOffered, std::optional<DeviceMessage>>(from, token));
}

void Worker::settle_message(Connection& from, const iothub::Identity& identity,
                            const std::string& lock_token, Settlement settlement, Token token) {
  if (settlement == Settlement::complete) counters_.messages_sent.add();
  note_active(from, identity);
  shared_.data.settle_message(identity, lock_token, settlement,
                              answer_with<MessageSettled, void>(from, token));
}

void Worker::send_message(Connection& from, const iothub::HubName& hub, MessageToDevice message,
                          Token token) {
  shared_.data.send_message(hub, std::move(message), answer_with<MessageSent, void>(from, token));
}

void Worker::next_service_message(Connection& from, const iothub::HubName& hub, ServiceQueue queue,
                                  Token token) {
  from.holds_locks = true;
  from.waits_for_service_messages = true;
  shared_.data.next_service_message(
      hub, queue, lock_owner(from),
      answer_with<ServiceMessageOffered, std::optional<ServiceMessage>>(from, token));
}

void Worker::settle_service_message(Connection& from, const iothub::HubName& hub,
                                    ServiceQueue queue, const std::string& lock_token,
                                    Settlement settlement, Token token) {
  shared_.data.settle_service_message(hub, queue, lock_token, settlement,
                                      answer_with<MessageSettled, void>(from, token));
}

PartitionKey Worker::partition_key(const iothub::HubName& hub, unsigned partition) const {
  const HubData::HubFacts facts = shared_.data.facts(hub);
  return {hub, facts.tenant, facts.created_ms, partition, facts.partition_count};
}

void Worker::describe_partition(Connection& from, const iothub::HubName& hub, unsigned partition,
                                Token token) {
  shared_.events.describe(partition_key(hub, partition),
                          answer_with<PartitionDescribed, PartitionInfo>(from, token));
}

void Worker::find_offset(Connection& from, const iothub::HubName& hub, unsigned partition,
                         UnixMillis at_or_after, Token token) {
  shared_.events.find(partition_key(hub, partition), at_or_after,
                      answer_with<OffsetFound, std::uint64_t>(from, token));
}

void Worker::read_events(Connection& from, const iothub::HubName& hub, const EventQuery& query,
                         Token token) {
  // Before the read begins: what becomes durable after it is told, even if the page missed it.
  if (!from.waits_for_events) {
    from.waits_for_events = true;
    event_readers_.push_back(from.self);
  }
  shared_.events.read(partition_key(hub, query.partition), query,
                      answer_with<EventsRead, EventPage>(from, token));
}

PartitionGrant Worker::claim_partition(Connection& from, const iothub::HubName& hub,
                                       const std::string& consumer_group, unsigned partition,
                                       std::optional<std::int64_t> epoch, Token reader) {
  from.claims_partitions = true;
  const auto outcome =
      shared_.claims.claim(hub, consumer_group, partition, epoch, {from.self, reader});
  for (const auto& displaced : outcome.displaced)
    shared_.inboxes[displaced.owner.worker]->post(
        ForSession{displaced.owner, ReaderDisplaced{displaced.token}});
  return outcome.grant;
}

void Worker::release_partition(Connection& from, const iothub::HubName& hub,
                               const std::string& consumer_group, unsigned partition,
                               Token reader) {
  shared_.claims.release(hub, consumer_group, partition, {from.self, reader});
}

void Worker::serve(Connection& from, HttpRequest request, Token token) {
  request.peer_chain = from.tls.peer_chain();
  request.server_name = from.tls.server_name();
  request.peer = from.peer;
  Inbox* inbox = shared_.inboxes[number_].get();
  shared_.options.http->serve(
      std::move(request), [inbox, ref = from.self, token](HttpResponse response) {
        inbox->post(ForSession{ref, HttpAnswered{token, std::move(response)}});
      });
}

std::optional<HttpHeadVerdict> Worker::judge(const HttpHead& head) {
  return shared_.options.http->judge(head);
}

}  // namespace pavise::hub
