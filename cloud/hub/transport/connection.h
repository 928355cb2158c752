// One client connection of a worker: socket, TLS, session. Belongs to the worker's thread.
#pragma once

#include <memory>
#include <optional>

#include "cloud/hub/session/session.h"
#include "cloud/hub/transport/connection_table.h"
#include "cloud/hub/transport/socket.h"
#include "cloud/hub/transport/tls.h"

namespace pavise::hub {

class Connection;

// What a connection's session asks of the worker.
class ConnectionHost {
 public:
  virtual ~ConnectionHost() = default;
  virtual Result<std::uint64_t> queue_record(Connection& from, const RecordView& record) = 0;
  virtual void queue_twin(Connection& from, TwinCommand command, std::uint32_t token) = 0;
  virtual void announce(Connection& from, const DeviceId& device) = 0;
  virtual ConnectionTable& table() = 0;
};

class Connection final : public SessionPort {
 public:
  Connection(ConnectionHost& host, ConnectionRef self, Socket socket, const TlsServer& tls,
             std::int64_t handshake_deadline_ms);

  // SessionPort: passes on to the worker, saying which connection asks.
  Result<std::uint64_t> append(const RecordView& record) override;
  void ask_twin(TwinCommand command, std::uint32_t token) override;
  void announce(const DeviceId& device) override;
  std::optional<SubscriptionSet> load_subscriptions(const DeviceId& device) override;
  void store_subscriptions(const DeviceId& device,
                           std::optional<SubscriptionSet> subscriptions) override;

  // Sends what the socket takes, keeps the rest. False: the peer is gone or reads too slowly.
  bool send(ByteView ciphertext);
  bool flush();
  bool has_outbound() const { return !outbound_.empty(); }

  std::int64_t deadline_ms() const {
    return session ? session->deadline_ms() : handshake_deadline_ms_;
  }

  const ConnectionRef self;
  Socket socket;
  TlsStream tls;
  std::unique_ptr<Session> session;  // from the end of the handshake on
  std::string peer;                  // its address, if somebody wants to know
  Bytes stash;                       // ciphertext that arrived while reading is paused
  std::optional<Error> ended;        // set once: the worker closes it at the end of the turn
  std::int64_t timer_ms = 0;         // when the worker's timer for it goes off
  std::uint64_t last_batch = 0;      // newest batch of records that holds one of its own
  std::uint32_t epoll_events = 0;
  bool paused = false;

 private:
  ConnectionHost& host_;
  const std::int64_t handshake_deadline_ms_;
  Bytes outbound_;
};

}  // namespace pavise::hub
