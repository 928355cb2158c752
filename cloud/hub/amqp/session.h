// One AMQP 1.0 connection in the IoT Hub dialect (reference: iothub-dps-wire 0, B, D2, D3): devices
// and modules, many on one connection, services, and readers of events.
//
// A state machine without I/O, like the MQTT session. Not thread-safe; never blocks.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "cloud/hub/amqp/credentials.h"
#include "cloud/hub/amqp/selector.h"
#include "cloud/hub/ports/protocol_session.h"
#include "cloud/hub/session/active_fault.h"
#include "protocol/amqp/engine/engine.h"
#include "protocol/iothub/hub_error.h"

namespace pavise::hub {

struct AmqpLimits {
  // From TCP accept to the open frame, and to the first accepted credentials.
  static constexpr std::int64_t kOpenTimeoutMs = 15'000;
  static constexpr std::int64_t kCredentialsTimeoutMs = 60'000;
  // What may wait for the disk per connection, before reading pauses.
  static constexpr std::size_t kUnackedMax = 512;
  static constexpr std::size_t kUnackedBytesMax = 1024UL * 1024;
  static constexpr unsigned kTelemetryCredit = 200;
  static constexpr unsigned kRequestCredit = 32;
  static constexpr std::size_t kTwinRequestsMax = 8;  // of one device
  static constexpr std::size_t kMethodCallsMax = 64;
  static constexpr std::size_t kLocksMax = 16;   // messages under way on one link
  static constexpr std::size_t kQueuedMax = 64;  // answers that wait for credit on one link
  // Of $cbs, where clients are strangers; official ones have two. A token fits many times.
  static constexpr std::size_t kCbsLinksMax = 8;
  static constexpr std::size_t kCbsMessageSizeMax = 16UL * 1024;
  static constexpr unsigned kRefusedMax = 64;        // attaches, then the connection ends
  static constexpr std::size_t kRequestsMax = 2048;  // that the hub has not answered
};

struct AmqpOptions {
  std::string connection_id;  // begins the tracking ids that clients are shown
  std::uint16_t port = 5671;  // where redirects lead
};

class AmqpSession final : public ProtocolSession {
 public:
  AmqpSession(AmqpOptions options, DevicePort& devices, ServicePort& services, SessionNow now);
  AmqpSession(const AmqpSession&) = delete;
  AmqpSession& operator=(const AmqpSession&) = delete;
  ~AmqpSession() override;

  void on_bytes(ByteView bytes, SessionNow now, Bytes& out) override;
  void on_durable(std::uint64_t number_end, Bytes& out) override;
  void on_not_stored(std::uint64_t begin, std::uint64_t end, Bytes& out) override;
  void on_event(SessionEvent& event, SessionNow now, Bytes& out) override;
  void on_time(SessionNow now, Bytes& out) override;
  void on_rights_changed(const RightsChanged& change, SessionNow now, Bytes& out) override;
  void close(Error reason, Bytes& out) override;
  const std::optional<Error>& closed() const override { return closed_; }
  bool wants_input() const override;
  void set_output_blocked(bool blocked, Bytes& out) override;
  std::int64_t deadline_ms() const override { return deadline_ms_; }
  bool established() const override { return established_; }

 private:
  // What a device's links are for; one link each.
  enum Slot : std::uint8_t {
    kTelemetry,
    kMessages,
    kCalls,
    kCallAnswers,
    kTwinRequests,
    kTwinAnswers,
    kSlots
  };
  struct Device {
    Principal principal;
    std::string origin;
    std::array<amqp::LinkId, kSlots> links{};  // 0: none
    bool wants_desired = false;
    std::size_t twin_requests = 0;
    std::size_t link_count = 0;
    std::deque<std::uint64_t> calls = {};
    std::unique_ptr<ActiveFault> fault = {};  // that it asked for
  };
  struct Reader {
    StartAt start;
    std::optional<std::uint64_t> next = {};  // nullopt: the start is not known yet
    Token token = 0;                         // of claim_partition()
    bool wants_metrics = false;
    bool asked = false;    // the hub works on something for it
    bool at_end = false;   // nothing more is there; EventsArrived will come
    bool arrived = false;  // EventsArrived came after the last read began: it may have missed some
    std::deque<Record> page = {};
    std::optional<PartitionInfo> info = {};
  };
  struct Link {
    amqp::LinkId id = 0;
    Address address;
    bool client_sends = false;
    std::string own_address = {};  // the client's terminus: where answers go
    Device* device = nullptr;
    std::optional<Principal> service = {};
    UnixMillis hub_created_ms = 0;  // of a service's: another hub may get that one's name
    std::deque<Bytes> queue = {};   // encoded, waiting for credit
    bool asked = false;             // for a message
    std::unordered_map<amqp::DeliveryId, std::string> locks = {};
    std::unique_ptr<Reader> reader = {};

    const iothub::HubName& hub() const {  // precondition: a service's
      PAVISE_CHECK(service.has_value());
      return service->hub;
    }
  };
  struct Unacked {
    std::uint64_t first, last;  // numbers of its records
    std::size_t bytes;
    amqp::LinkId link;
    amqp::DeliveryId delivery;
  };
  // A question to the hub.
  struct Request {
    enum class Kind {
      twin_get,
      twin_merge,
      message,
      settle,
      send,
      partition,
      start,
      read,
      metrics
    };
    Kind kind;
    amqp::LinkId link = 0;
    amqp::DeliveryId delivery = 0;
    std::string device = {};  // client id
    amqp::Value correlation = {};
  };
  struct EventHandler;

  // session.cc: the connection and its links
  void pump();
  void finish(Bytes& out);
  void handle(amqp::Event& event);
  void take(amqp::SaslStarted& event);
  void take(amqp::ConnectionOpened& event);
  void take(amqp::LinkOpened& event);
  void take(amqp::LinkClosed& event);
  void take(amqp::CreditChanged& event);
  void take(amqp::MessageReceived& event);
  void take(amqp::MessageSettled& event);
  void take(amqp::ConnectionClosed& event);
  void establish();  // the client has proved who it is
  void attach_cbs(Link link);
  void put_token(amqp::Message& request);
  void accept(Link link, unsigned credit, std::size_t message_size_max = amqp::kMessageSizeMax);
  void refuse(amqp::LinkId link, const Error& why, std::string_view device = {});
  void drop(amqp::LinkId link);  // forgets it; the engine has or hears of it
  void close_link(amqp::LinkId link, const Error& why);
  void set_deadline();
  void end(Error reason, bool say = true);
  void serve(Link& link);  // sends what waits, asks for more
  void send(Link& link, const amqp::Message& message);
  bool can_send(const Link& link);
  bool send_now(Link& link, ByteView encoded, ByteView tag, bool settled);
  // Also tells the log, with the tracking id; `device` as far as it is known.
  amqp::Condition condition(const Error& why, std::string_view device = {});
  std::string tracking_id();
  Link* find(amqp::LinkId id);
  Link* find_answers(Address::Kind kind, std::string_view reply_to);
  std::optional<Token> ask(Request request);
  std::optional<Request> answered(Token token);

  // grants.cc
  void expire();
  void ends_at(UnixMillis expires_ms);
  void dismiss(const std::vector<iothub::Identity>& gone, const Error& why);

  // device_links.cc
  static std::optional<Slot> slot_of(const Link& link);
  void attach_device(Link link);
  Channels channels_of(const Device& device) const;
  void channels_changed(Device& device, Channels before);
  void take_telemetry(Link& link, amqp::MessageReceived& event);
  Result<Unacked> store(Device& device, amqp::MessageReceived& event);
  // faults.cc
  Result<std::optional<iothub::Fault>> take_fault(const Device& device,
                                                  std::string_view property_bag) const;
  void strike_faults();
  void strike(Device& device);
  std::vector<amqp::LinkId> links_struck(const Device& device, iothub::FaultKind kind) const;
  // device_links.cc
  void take_twin_request(Link& link, amqp::Message& request);
  void answer_twin(Device& device, const amqp::Value& correlation, int status,
                   std::optional<std::uint64_t> version, std::string_view body);
  void take_method_answer(Link& link, amqp::Message& answer);
  void ask_for_message(Link& link);
  void ask_again_after(const Error& why);
  void serve_all();
  Device* device_of(const iothub::Identity& identity);
  void close_device(Device& device, const Error& why);
  void settle_lock(Link& link, const std::string& lock_token, Settlement settlement);
  void hear(TwinAnswered& event);
  void hear(DesiredChanged& event);
  void hear(MethodCalled& event);
  void hear(MessageWaiting& event);
  void hear(MessageOffered& event);
  void hear(MessageSettled& event);
  void hear(ChannelLost& event);

  // service_links.cc
  void attach_service(Link link, const amqp::LinkOpened& event);
  bool close_if_hub_is_gone(const Link& link);
  void attach_reader(Link link, const amqp::LinkOpened& event);
  void redirect(const Link& link, const Principal& principal);
  void take_service_message(Link& link, amqp::MessageReceived& event, amqp::Message& message);
  void take_management_request(Link& link, amqp::Message& request);
  void answer_management(const amqp::Value& correlation, int status, std::string_view description,
                         amqp::Value body, std::string_view reply_to = {});
  void serve_reader(Link& link);
  void hear(MessageSent& event);
  void hear(ServiceMessageWaiting& event);
  void hear(ServiceMessageOffered& event);
  void hear(PartitionDescribed& event);
  void hear(OffsetFound& event);
  void hear(EventsRead& event);
  void hear(EventsArrived& event);
  void hear(ReaderDisplaced& event);

  const AmqpOptions options_;
  DevicePort& devices_port_;
  ServicePort& services_port_;
  amqp::Engine engine_;
  Credentials credentials_;
  std::optional<Error> closed_;
  std::unordered_map<amqp::LinkId, Link> links_;
  std::map<std::string, Device> devices_;  // by client id
  std::unordered_map<Token, Request> requests_;
  std::set<amqp::LinkId> unserved_;  // may have something to send
  std::deque<Unacked> unacked_;
  std::size_t unacked_bytes_ = 0;
  SessionNow now_;
  std::int64_t opened_by_ms_;
  UnixMillis earliest_expiry_ms_ = INT64_MAX;  // of a principal, or earlier
  std::int64_t deadline_ms_ = 0;
  Token next_token_ = 1;
  std::uint64_t next_tag_ = 1;
  std::uint64_t trackings_ = 0;
  unsigned refused_ = 0;
  bool opened_ = false;
  bool established_ = false;
  bool blocked_ = false;
  bool had_faults_ = false;                // else nobody needs to look for them
  std::int64_t ask_again_ms_ = INT64_MAX;  // the store was too busy to say whether a message waits
};

}  // namespace pavise::hub
