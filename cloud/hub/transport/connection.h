// One client connection of a worker: socket, TLS, session. Belongs to the worker's thread.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "cloud/hub/ports/hub_data.h"
#include "cloud/hub/ports/protocol_session.h"
#include "cloud/hub/transport/connection_table.h"
#include "cloud/hub/transport/hub_options.h"
#include "cloud/hub/transport/metrics.h"
#include "cloud/hub/transport/socket.h"
#include "cloud/hub/transport/tls.h"

namespace pavise::hub {

class Connection;

// What a connection's session asks of the worker.
class ConnectionHost {
 public:
  virtual ~ConnectionHost() = default;
  virtual Result<Principal> authenticate(Connection& from, const Claim& claim) = 0;
  virtual void attach(Connection& from, const Principal& principal, Channels channels) = 0;
  virtual void detach(Connection& from, const iothub::Identity& identity, Channels channels) = 0;
  virtual void note_refusal(Connection& from, std::string_view device, std::string_view tracking_id,
                            const Error& why) = 0;
  virtual void leave(Connection& from, const iothub::Identity& identity) = 0;
  virtual Result<std::uint64_t> queue_record(Connection& from, const RecordView& record) = 0;
  virtual void ask_twin(Connection& from, const iothub::Identity& identity, TwinRequest request,
                        Token token) = 0;
  virtual void answer_method(Connection& from, std::uint64_t call, Result<MethodReply> reply) = 0;
  virtual void next_message(Connection& from, const iothub::Identity& identity, Token token) = 0;
  virtual void settle_message(Connection& from, const iothub::Identity& identity,
                              const std::string& lock_token, Settlement settlement,
                              Token token) = 0;
  virtual ConnectionTable& table() = 0;
  virtual void keep_subscriptions(const iothub::Identity& identity, std::uint8_t subscriptions) = 0;
  // As ServicePort has them.
  virtual void send_message(Connection& from, const iothub::HubName& hub, MessageToDevice message,
                            Token token) = 0;
  virtual void next_service_message(Connection& from, const iothub::HubName& hub,
                                    ServiceQueue queue, Token token) = 0;
  virtual void settle_service_message(Connection& from, const iothub::HubName& hub,
                                      ServiceQueue queue, const std::string& lock_token,
                                      Settlement settlement, Token token) = 0;
  virtual HubData::HubFacts facts(const iothub::HubName& hub) = 0;
  virtual void describe_partition(Connection& from, const iothub::HubName& hub, unsigned partition,
                                  Token token) = 0;
  virtual void find_offset(Connection& from, const iothub::HubName& hub, unsigned partition,
                           UnixMillis at_or_after, Token token) = 0;
  virtual void read_events(Connection& from, const iothub::HubName& hub, const EventQuery& query,
                           Token token) = 0;
  virtual PartitionGrant claim_partition(Connection& from, const iothub::HubName& hub,
                                         const std::string& consumer_group, unsigned partition,
                                         std::optional<std::int64_t> epoch, Token reader) = 0;
  virtual void release_partition(Connection& from, const iothub::HubName& hub,
                                 const std::string& consumer_group, unsigned partition,
                                 Token reader) = 0;
  virtual void serve(Connection& from, HttpRequest request, Token token) = 0;
  virtual std::optional<HttpHeadVerdict> judge(const HttpHead& head) = 0;
  virtual bool take_body_room(std::size_t bytes, HttpBodyKind kind, const std::string& owner) = 0;
  virtual void give_body_room(std::size_t bytes, HttpBodyKind kind, const std::string& owner) = 0;
};

class Connection final : public DevicePort, public ServicePort, public HttpPort {
 public:
  // An identity that this connection serves.
  struct Attached {
    iothub::Identity identity;
    TenantId tenant;
  };

  Connection(ConnectionHost& host, ConnectionRef self, Protocol protocol, Socket socket,
             const TlsServer& tls, std::int64_t handshake_deadline_ms);

  // DevicePort: passes on to the worker, saying which connection asks.
  Result<Principal> authenticate(const Claim& claim) override;
  void attach(const Principal& principal, Channels channels) override;
  void detach(const iothub::Identity& identity, Channels channels) override;
  void note_refusal(std::string_view device, std::string_view tracking_id,
                    const Error& why) override;
  void leave(const iothub::Identity& identity) override;
  Result<std::uint64_t> append(const RecordView& record) override;
  void ask_twin(const iothub::Identity& identity, TwinRequest request, Token token) override;
  void answer_method(std::uint64_t call, Result<MethodReply> reply) override;
  void next_message(const iothub::Identity& identity, Token token) override;
  void settle_message(const iothub::Identity& identity, const std::string& lock_token,
                      Settlement settlement, Token token) override;
  std::optional<std::uint8_t> load_subscriptions(const iothub::Identity& identity) override;
  void store_subscriptions(const iothub::Identity& identity,
                           std::optional<std::uint8_t> subscriptions) override;

  // ServicePort
  void send_message(const iothub::HubName& hub, MessageToDevice message, Token token) override;
  void next_service_message(const iothub::HubName& hub, ServiceQueue queue, Token token) override;
  void settle_service_message(const iothub::HubName& hub, ServiceQueue queue,
                              const std::string& lock_token, Settlement settlement,
                              Token token) override;
  unsigned partition_count(const iothub::HubName& hub) override;
  UnixMillis created_ms(const iothub::HubName& hub) override;
  void describe_partition(const iothub::HubName& hub, unsigned partition, Token token) override;
  void find_offset(const iothub::HubName& hub, unsigned partition, UnixMillis at_or_after,
                   Token token) override;
  void read_events(const iothub::HubName& hub, const EventQuery& query, Token token) override;
  PartitionGrant claim_partition(const iothub::HubName& hub, const std::string& consumer_group,
                                 unsigned partition, std::optional<std::int64_t> epoch,
                                 Token reader) override;
  void release_partition(const iothub::HubName& hub, const std::string& consumer_group,
                         unsigned partition, Token reader) override;

  // HttpPort
  void serve(HttpRequest request, Token token) override;
  bool has_peer_certificate() const override { return !tls.peer_chain().empty(); }
  std::optional<HttpHeadVerdict> judge(const HttpHead& head) override;
  bool take_body_room(std::size_t bytes, HttpBodyKind kind, const std::string& owner) override;
  void give_body_room(std::size_t bytes, HttpBodyKind kind, const std::string& owner) override;

  // Sends what the socket takes, keeps the rest. False: the peer is gone or reads too slowly.
  bool send(ByteView ciphertext);
  bool flush();
  bool has_outbound() const { return !outbound_.empty(); }

  std::int64_t deadline_ms() const {
    return session ? session->deadline_ms() : handshake_deadline_ms_;
  }

  const ConnectionRef self;
  const Protocol protocol;
  Socket socket;
  TlsStream tls;
  std::unique_ptr<ProtocolSession> session;  // from the end of the handshake on
  std::vector<Attached> attached;
  std::vector<Attached> proved;              // showed who they are, and are not served yet
  std::vector<iothub::HubName> policies_of;  // hubs of which a policy let it in
  std::string peer;                          // its address, if somebody wants to know
  std::string claimed_device;                // whose claim was refused, for the log
  std::string named_hub;                     // of a client that serves no identity, for the log
  Bytes stash;                               // ciphertext that arrived while reading is paused
  Bytes farewell;                            // what the session says when it is ended
  std::optional<Error> ended;  // set once: the worker closes it at the end of the turn
  std::int64_t timer_ms = 0;   // when the worker's timer for it goes off
  std::int64_t active_noted_ms = INT64_MIN;  // steady time of the last note of activity
  std::uint64_t last_batch = 0;              // newest batch of records that holds one of its own
  std::uint32_t epoll_events = 0;
  bool paused = false;
  bool established = false;  // counted among the sessions, no longer among the handshakes
  bool holds_locks = false;  // messages may be locked in its name
  bool waits_for_service_messages = false;
  bool waits_for_events = false;
  bool blocked = false;  // its session knows that the client does not read
  bool claims_partitions = false;
  bool let_in = false;               // a claim of it was believed
  Spoken spoken;                     // a WebSocket changes it
  Spoken counted_as = Spoken::mqtt;  // while established
  HubCounters* counters = nullptr;   // of its hub, once it has named one that let it in

 private:
  ConnectionHost& host_;
  const std::int64_t handshake_deadline_ms_;
  Bytes outbound_;
};

}  // namespace pavise::hub
