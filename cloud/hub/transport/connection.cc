#include "cloud/hub/transport/connection.h"

#include <sys/socket.h>

#include <cerrno>

#include "cloud/hub/transport/hub_options.h"

namespace pavise::hub {

Connection::Connection(ConnectionHost& host, ConnectionRef self_ref, Protocol listened,
                       Socket accepted, const TlsServer& tls_server,
                       std::int64_t handshake_deadline_ms)
    : self(self_ref),
      protocol(listened),
      socket(std::move(accepted)),
      tls(tls_server),
      spoken(listened == Protocol::mqtt   ? Spoken::mqtt
             : listened == Protocol::amqp ? Spoken::amqp
                                          : Spoken::https),
      host_(host),
      handshake_deadline_ms_(handshake_deadline_ms) {}

Result<Principal> Connection::authenticate(const Claim& claim) {
  return host_.authenticate(*this, claim);
}
void Connection::attach(const Principal& principal, Channels channels) {
  host_.attach(*this, principal, channels);
}
void Connection::detach(const iothub::Identity& identity, Channels channels) {
  host_.detach(*this, identity, channels);
}
void Connection::note_refusal(std::string_view device, std::string_view tracking_id,
                              const Error& why) {
  host_.note_refusal(*this, device, tracking_id, why);
}
void Connection::leave(const iothub::Identity& identity) {
  host_.leave(*this, identity);
}
Result<std::uint64_t> Connection::append(const RecordView& record) {
  return host_.queue_record(*this, record);
}
void Connection::ask_twin(const iothub::Identity& identity, TwinRequest request, Token token) {
  host_.ask_twin(*this, identity, std::move(request), token);
}
void Connection::answer_method(std::uint64_t call, Result<MethodReply> reply) {
  host_.answer_method(*this, call, std::move(reply));
}
void Connection::next_message(const iothub::Identity& identity, Token token) {
  host_.next_message(*this, identity, token);
}
void Connection::settle_message(const iothub::Identity& identity, const std::string& lock_token,
                                Settlement settlement, Token token) {
  host_.settle_message(*this, identity, lock_token, settlement, token);
}
std::optional<std::uint8_t> Connection::load_subscriptions(const iothub::Identity& identity) {
  return host_.table().load_subscriptions(identity);
}
void Connection::store_subscriptions(const iothub::Identity& identity,
                                     std::optional<std::uint8_t> subscriptions) {
  if (host_.table().store_subscriptions(identity, subscriptions))
    host_.keep_subscriptions(identity, subscriptions.value_or(0));
}

void Connection::send_message(const iothub::HubName& hub, MessageToDevice message, Token token) {
  host_.send_message(*this, hub, std::move(message), token);
}
void Connection::next_service_message(const iothub::HubName& hub, ServiceQueue queue, Token token) {
  host_.next_service_message(*this, hub, queue, token);
}
void Connection::settle_service_message(const iothub::HubName& hub, ServiceQueue queue,
                                        const std::string& lock_token, Settlement settlement,
                                        Token token) {
  host_.settle_service_message(*this, hub, queue, lock_token, settlement, token);
}
unsigned Connection::partition_count(const iothub::HubName& hub) {
  return host_.facts(hub).partition_count;
}
UnixMillis Connection::created_ms(const iothub::HubName& hub) {
  return host_.facts(hub).created_ms;
}
void Connection::describe_partition(const iothub::HubName& hub, unsigned partition, Token token) {
  host_.describe_partition(*this, hub, partition, token);
}
void Connection::find_offset(const iothub::HubName& hub, unsigned partition, UnixMillis at_or_after,
                             Token token) {
  host_.find_offset(*this, hub, partition, at_or_after, token);
}
void Connection::read_events(const iothub::HubName& hub, const EventQuery& query, Token token) {
  host_.read_events(*this, hub, query, token);
}
PartitionGrant Connection::claim_partition(const iothub::HubName& hub,
                                           const std::string& consumer_group, unsigned partition,
                                           std::optional<std::int64_t> epoch, Token reader) {
  return host_.claim_partition(*this, hub, consumer_group, partition, epoch, reader);
}
void Connection::release_partition(const iothub::HubName& hub, const std::string& consumer_group,
                                   unsigned partition, Token reader) {
  host_.release_partition(*this, hub, consumer_group, partition, reader);
}

void Connection::serve(HttpRequest request, Token token) {
  host_.serve(*this, std::move(request), token);
}
std::optional<HttpHeadVerdict> Connection::judge(const HttpHead& head) {
  HttpHead known = head;
  known.tls = {.chain = tls.peer_chain(), .server_name = tls.server_name()};
  known.peer = peer;
  return host_.judge(known);
}
bool Connection::take_body_room(std::size_t bytes, HttpBodyKind kind, const std::string& owner) {
  return host_.take_body_room(bytes, kind, owner);
}
void Connection::give_body_room(std::size_t bytes, HttpBodyKind kind, const std::string& owner) {
  host_.give_body_room(bytes, kind, owner);
}

bool Connection::send(ByteView ciphertext) {
  if (outbound_.empty()) {
    while (!ciphertext.empty()) {
      const ssize_t n =
          ::send(socket.get(), ciphertext.data(), ciphertext.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n >= 0) {
        ciphertext = ciphertext.subspan(static_cast<std::size_t>(n));
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        break;
      } else if (errno != EINTR) {
        return false;
      }
    }
  }
  if (!outbound_.empty() && outbound_.size() + ciphertext.size() > kOutboundBytesMax) return false;
  pavise::append(outbound_, ciphertext);
  return true;
}

bool Connection::flush() {
  const Bytes waiting = std::exchange(outbound_, {});
  return send(waiting);
}

}  // namespace pavise::hub
