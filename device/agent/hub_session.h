// One MQTT session with the hub, without I/O: bytes in, bytes and events out. IoT Hub dialect over
// MQTT 3.1.1 with a clean session, QoS 1 telemetry of agent and apps, twin get, reported and
// desired, methods.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "device/agent/app_outbox.h"
#include "device/agent/errors.h"
#include "device/agent/telemetry_queue.h"
#include "protocol/mqtt/packet_stream.h"

namespace pavise::agent {

struct HubSessionOptions {
  std::string device_id;
  std::string hub_host;  // in the user name
  std::string agent_version;
  std::int64_t keep_alive_s = 60;
  std::int64_t answer_timeout_ms = 30'000;  // for CONNACK, PUBACK, PINGRESP and twin answers
};

// The largest packet that the hub may send: a method with a payload at the hub's limit of 128 KiB.
inline constexpr std::size_t kInboundPacketMax = 130UL * 1024;
// Patches to report that wait for the answer to an earlier one.
inline constexpr std::size_t kPendingReportsMax = 16;

struct HubConnected {};
struct TelemetryAcknowledged {};
struct AppTelemetryAcknowledged {
  AppMessageId message;
};
struct TwinReceived {
  std::string desired;  // the desired section, JSON object
};
struct DesiredChanged {
  std::string patch;  // JSON object with $version
};
struct ReportAnswered {
  int status = 0;
};
// Wants answer_method(); the hub itself says when it took too long.
struct MethodCalled {
  std::string request_id;
  std::string name;
  std::string payload;  // as it came: empty, or what should be JSON
};
using HubEvent = std::variant<HubConnected, TelemetryAcknowledged, AppTelemetryAcknowledged,
                              TwinReceived, DesiredChanged, ReportAnswered, MethodCalled>;

// Not thread-safe, never blocks. All times are steady milliseconds of the caller's clock. After an
// error the session is over: make a new one on a new connection.
class HubSession {
 public:
  // `queue` and `outbox` outlive the session; what is in flight in them belongs to this session.
  // What the outbox holds goes as it is: its maker has checked the properties.
  HubSession(HubSessionOptions options, TelemetryQueue& queue, AppOutbox& outbox,
             std::int64_t now_ms);

  // Bytes of the hub. kHubNotAuthorized, kHubUnavailable, kHubRefusedConnect (CONNACK),
  // kHubProtocol (anything out of place).
  Status feed(ByteView bytes, std::int64_t now_ms);
  // Pings, sends what waits, and finds out that the hub is silent (kHubSilent). Call it at
  // next_wake_ms() at the latest and after a push() to queue or outbox.
  Status on_time(std::int64_t now_ms);
  // Reports a JSON object; sent when an earlier report is answered. Patches beyond
  // kPendingReportsMax replace the last one.
  void report(std::string patch);
  // To a call of this session; `body` is JSON of at most 128 KiB.
  void answer_method(std::string_view request_id, int status, std::string_view body);
  Bytes farewell() const;  // DISCONNECT

  Bytes take_output() { return std::exchange(output_, {}); }
  std::vector<HubEvent> take_events() { return std::exchange(events_, {}); }
  std::int64_t next_wake_ms() const;
  bool connected() const { return connected_; }

 private:
  struct Request {
    std::string id;
    std::int64_t sent_at_ms;
  };

  Status on_packet(const mqtt::Packet& packet, std::int64_t now_ms);
  Status on_connack(const mqtt::ConnAck& packet, std::int64_t now_ms);
  Status on_suback(const mqtt::SubAck& packet, std::int64_t now_ms);
  Status on_publish(const mqtt::Publish& packet);
  Status on_method(const mqtt::Publish& packet);
  Status on_twin_answer(std::string_view request_id, int status, std::string_view body);
  void send(const mqtt::Packet& packet);
  void send_waiting(std::int64_t now_ms);
  void send_telemetry(std::int64_t now_ms);
  std::string new_request_id();
  std::uint16_t new_packet_id();
  std::int64_t oldest_wait_ms() const;

  HubSessionOptions options_;
  TelemetryQueue& queue_;
  AppOutbox& outbox_;
  mqtt::PacketStream stream_{kInboundPacketMax};
  Bytes output_;
  std::vector<HubEvent> events_;
  std::vector<std::string> pending_reports_;
  std::optional<Request> twin_get_;
  std::optional<Request> report_;
  std::int64_t started_at_ms_;
  std::int64_t last_sent_ms_;
  std::optional<std::int64_t> subscribed_at_ms_;
  std::optional<std::int64_t> pinged_at_ms_;
  std::uint16_t last_packet_id_ = 0;
  unsigned last_request_ = 0;
  bool connected_ = false;
  bool twin_ready_ = false;
};

}  // namespace pavise::agent
