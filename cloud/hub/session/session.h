// One MQTT 3.1.1 session of a device in the IoT Hub dialect, as a state machine without I/O.
//
// The surroundings feed it bytes, time and answers; it appends what is to be sent to `out` and asks
// for effects through SessionPort. Not thread-safe; never blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/hub/segment_log/record.h"
#include "cloud/hub/session/close_reasons.h"
#include "cloud/hub/twin_store/twin_store.h"
#include "cloud/security/authority/device_authority.h"
#include "common/base/clock.h"
#include "protocol/iothub/topics.h"
#include "protocol/mqtt/packet_stream.h"

namespace pavise::hub {

// From TCP accept to the accepted CONNECT.
inline constexpr std::int64_t kConnectTimeoutMs = 15'000;
// Longest silence that the hub bears, whatever keep-alive the client asks for (reference A4).
inline constexpr std::int64_t kKeepAliveMaxMs = 1'767'000;
// What may wait for the disk or the twin store per session, before reading pauses.
inline constexpr std::size_t kUnackedMessagesMax = 512;
inline constexpr std::size_t kUnackedBytesMax = 1024UL * 1024;
inline constexpr std::size_t kTwinRequestsMax = 8;
// CONNECT with the longest user name and a small will.
inline constexpr std::size_t kConnectPacketMax = 16UL * 1024;

struct SessionNow {
  std::int64_t steady_ms = 0;
  UnixMillis wall_ms = 0;
};

// Subscriptions as a set of iothub::Subscription.
using SubscriptionSet = std::uint8_t;

// What a session needs from its surroundings. No call comes back into the session.
class SessionPort {
 public:
  virtual ~SessionPort() = default;
  // Queues a record for the event log. Returns its number; on_durable() names it later. Any error
  // ends the session.
  virtual Result<std::uint64_t> append(const RecordView& record) = 0;
  // Queues a twin command; its answer comes through on_twin_answer(token, ...).
  virtual void ask_twin(TwinCommand command, std::uint32_t token) = 0;
  // The device is connected now: an older session of it must end.
  virtual void announce(const DeviceId& device) = 0;
  // Subscriptions of a session with CleanSession 0; nullopt if there is none.
  virtual std::optional<SubscriptionSet> load_subscriptions(const DeviceId& device) = 0;
  virtual void store_subscriptions(const DeviceId& device,
                                   std::optional<SubscriptionSet> subscriptions) = 0;
};

class Session {
 public:
  // `host_name` and `port` must outlive the session.
  Session(const std::string& host_name, security::AdmittedDevice identity, SessionPort& port,
          SessionNow now);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  void on_bytes(ByteView bytes, SessionNow now, Bytes& out);
  // Records below this number are on disk: their publishes are acknowledged [MQTT-4.3.2-2].
  void on_durable(std::uint64_t number_end, Bytes& out);
  // Records in [begin, end) are lost: the session ends if one awaits its PUBACK.
  void on_not_stored(std::uint64_t begin, std::uint64_t end);
  void on_twin_answer(std::uint32_t token, const Result<TwinAnswer>& answer, Bytes& out);
  // `body` is the notification, with $version in it.
  void on_desired_changed(std::uint64_t version, std::string_view body, Bytes& out);
  void on_time(SessionNow now);

  // Ends the session for an outside reason. Idempotent: the first reason stays. Publishes the will
  // unless the client said DISCONNECT [MQTT-3.1.2-8], [MQTT-3.1.2-10].
  void close(Error reason);
  // Set once the session has ended; what is in `out` is still to be sent, then the connection ends.
  const std::optional<Error>& closed() const { return closed_; }

  // False while too much of it waits to become durable: stop reading from the network.
  bool wants_input() const;
  // Steady time at which on_time() is due.
  std::int64_t deadline_ms() const { return deadline_ms_; }
  bool connected() const { return connected_; }
  const security::AdmittedDevice& identity() const { return identity_; }

 private:
  struct PendingAck {
    std::uint64_t number;
    std::uint32_t bytes;
    std::uint16_t packet_id;
  };
  struct PendingTwin {
    std::uint32_t token;
    std::string request_id;
    bool is_get;
  };
  struct StoredWill {
    std::string properties;
    Bytes payload;
  };
  struct PacketHandler;

  void handle(const mqtt::Packet& packet, SessionNow now, Bytes& out);
  void handle_connect(const mqtt::Connect& connect, SessionNow now, Bytes& out);
  Status check_connect(const mqtt::Connect& connect, mqtt::ConnectCode& code);
  Status take_will(const mqtt::Will& will);
  void handle_publish(const mqtt::Publish& publish, SessionNow now, Bytes& out);
  Status handle_telemetry(const mqtt::Publish& publish, std::string_view property_bag,
                          SessionNow now);
  void request_twin(TwinCommand::Kind kind, std::string_view request_id,
                    std::optional<std::uint64_t> if_version, ByteView body, Bytes& out);
  void handle_subscribe(const mqtt::Subscribe& subscribe, Bytes& out);
  void handle_unsubscribe(const mqtt::Unsubscribe& unsubscribe, Bytes& out);
  void remember_subscriptions();
  void answer_twin(int status, std::string_view request_id, std::optional<std::uint64_t> version,
                   std::string_view body, Bytes& out);
  bool is_subscribed(iothub::Subscription subscription) const;
  void send(const mqtt::Packet& packet, Bytes& out);
  void set_deadline(SessionNow now);

  const std::string& host_name_;
  const security::AdmittedDevice identity_;
  SessionPort& port_;
  mqtt::PacketStream stream_{kConnectPacketMax};
  std::optional<Error> closed_;
  std::vector<PendingAck> pending_acks_;  // in order; the first acks_done_ are answered
  std::size_t acks_done_ = 0;
  std::size_t unacked_bytes_ = 0;
  std::vector<PendingTwin> pending_twins_;
  std::unique_ptr<StoredWill> will_;
  std::int64_t last_packet_ms_;
  std::int64_t keep_alive_ms_ = kConnectTimeoutMs;
  std::int64_t deadline_ms_ = 0;
  UnixMillis last_wall_ms_;
  std::uint32_t next_token_ = 1;
  SubscriptionSet subscriptions_ = 0;
  bool connected_ = false;
  bool clean_session_ = true;
};

}  // namespace pavise::hub
