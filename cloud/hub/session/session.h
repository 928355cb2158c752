// One MQTT 3.1.1 session of a device or module in the IoT Hub dialect (reference: iothub-dps-wire
// part A), as a state machine without I/O: see ProtocolSession for the rules.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/hub/ports/protocol_session.h"
#include "cloud/hub/session/active_fault.h"
#include "cloud/hub/session/close_reasons.h"
#include "protocol/iothub/topics.h"
#include "protocol/mqtt/packet_stream.h"

namespace pavise::hub {

// From TCP accept to the accepted CONNECT.
inline constexpr std::int64_t kConnectTimeoutMs = 15'000;
// Longest silence that the hub bears, whatever keep-alive the client asks for (reference A4).
inline constexpr std::int64_t kKeepAliveMaxMs = 1'767'000;
// What may wait for the disk or the store per session, before reading pauses.
inline constexpr std::size_t kUnackedMessagesMax = 512;
inline constexpr std::size_t kUnackedBytesMax = 1024UL * 1024;
inline constexpr std::size_t kTwinRequestsMax = 8;
// Cloud-to-device messages sent and not yet acknowledged; the next one waits.
inline constexpr std::size_t kMessagesInFlightMax = 8;
// Calls whose answers are still awaited; the oldest is forgotten beyond it (it has timed out).
inline constexpr std::size_t kMethodCallsMax = 64;
// CONNECT with the longest user name, a token and a small will.
inline constexpr std::size_t kConnectPacketMax = 16UL * 1024;

// Subscriptions as a set of iothub::Subscription, and one bit for their quality of service.
using SubscriptionSet = std::uint8_t;
inline constexpr SubscriptionSet kMessagesAtLeastOnce = 0x80;

class Session final : public ProtocolSession {
 public:
  Session(DevicePort& port, SessionNow now);  // the port must outlive the session
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() override;

  void on_bytes(ByteView bytes, SessionNow now, Bytes& out) override;
  void on_durable(std::uint64_t number_end, Bytes& out) override;
  void on_not_stored(std::uint64_t begin, std::uint64_t end, Bytes& out) override;
  void on_event(SessionEvent& event, SessionNow now, Bytes& out) override;
  void on_time(SessionNow now, Bytes& out) override;
  // Publishes the will unless the client said DISCONNECT [MQTT-3.1.2-8], [MQTT-3.1.2-10].
  void close(Error reason, Bytes& out) override;
  const std::optional<Error>& closed() const override { return closed_; }
  bool wants_input() const override;
  void set_output_blocked(bool blocked, Bytes& out) override;
  std::int64_t deadline_ms() const override { return deadline_ms_; }
  bool established() const override { return client_ != nullptr; }

 private:
  struct PendingAck {
    std::uint64_t number;
    std::uint32_t bytes;
    std::uint16_t packet_id;
  };
  struct PendingTwin {
    Token token;
    std::string request_id;
    bool is_get;
  };
  struct InFlight {
    std::uint16_t packet_id;
    std::string lock_token;
  };
  struct StoredWill {
    std::string properties;
    Bytes payload;
  };
  // Who is connected; made when CONNECT is accepted.
  struct Client {
    Principal principal;
    std::string origin;             // RecordOrigin, encoded
    std::string message_root = {};  // as the client wrote it in its filter; empty: the usual form
    std::unique_ptr<ActiveFault> fault = {};  // that it asked for
    const iothub::Identity& identity() const { return *principal.identity; }
  };
  struct PacketHandler;
  struct EventHandler;

  void handle(const mqtt::Packet& packet, SessionNow now, Bytes& out);
  void handle_connect(const mqtt::Connect& connect, SessionNow now, Bytes& out);
  Result<Principal> check_connect(const mqtt::Connect& connect, mqtt::ConnectCode& code);
  Status take_will(const mqtt::Will& will, const iothub::Identity& identity);
  void handle_publish(const mqtt::Publish& publish, SessionNow now, Bytes& out);
  Status handle_telemetry(const mqtt::Publish& publish, std::string_view property_bag,
                          SessionNow now);
  Result<std::uint64_t> store(UnixMillis time_ms, std::string_view properties, ByteView payload);
  void request_twin(TwinRequest::Kind kind, std::string_view request_id,
                    std::optional<std::uint64_t> if_version, ByteView body, Bytes& out);
  void answer_twin(int status, std::string_view request_id, std::optional<std::uint64_t> version,
                   std::string_view body, Bytes& out);
  void take_method_response(const iothub::MethodResponseTopic& topic, ByteView body);
  void handle_subscribe(const mqtt::Subscribe& subscribe, Bytes& out);
  void handle_unsubscribe(const mqtt::Unsubscribe& unsubscribe, Bytes& out);
  void subscriptions_changed(SubscriptionSet before);
  void ask_for_message();
  void send_message(const DeviceMessage& message, Bytes& out);
  void handle_puback(std::uint16_t packet_id);

  void hear(TwinAnswered& event, Bytes& out);
  void hear(DesiredChanged& event, Bytes& out);
  void hear(MethodCalled& event, Bytes& out);
  void hear(MessageWaiting& event, Bytes& out);
  void hear(MessageOffered& event, Bytes& out);
  void hear(ChannelLost& event, Bytes& out);

  std::optional<iothub::SubscriptionMatch> match(std::string_view filter) const;
  bool is_subscribed(iothub::Subscription subscription) const;
  void send(const mqtt::Packet& packet, Bytes& out);
  // The fault that this message asks for; nullopt: none. kFaultOfOtherProtocol, those of
  // parse_fault(), and what a fault under way refuses it with.
  Result<std::optional<iothub::Fault>> take_fault(std::string_view property_bag,
                                                  SessionNow now) const;
  void set_deadline(SessionNow now);
  void end(Error reason);

  DevicePort& port_;
  mqtt::PacketStream stream_{kConnectPacketMax};
  std::optional<Error> closed_;
  std::unique_ptr<Client> client_;
  std::vector<PendingAck> pending_acks_;  // in order; the first acks_done_ are answered
  std::size_t acks_done_ = 0;
  std::size_t unacked_bytes_ = 0;
  std::vector<PendingTwin> pending_twins_;
  std::vector<std::uint64_t> method_calls_;  // oldest first
  std::vector<InFlight> in_flight_;
  std::unique_ptr<StoredWill> will_;
  std::int64_t last_packet_ms_;
  std::int64_t keep_alive_ms_ = kConnectTimeoutMs;
  std::int64_t deadline_ms_ = 0;
  UnixMillis last_wall_ms_;
  Token next_token_ = 1;
  std::uint16_t next_packet_id_ = 1;
  SubscriptionSet subscriptions_ = 0;
  bool clean_session_ = true;
  bool asked_for_message_ = false;
  bool ask_again_ = false;       // the store was too busy to say whether a message waits
  bool output_blocked_ = false;  // the client does not read what it was sent
};

}  // namespace pavise::hub
