// The client's end of an AMQP connection, for tests: writes each performative by hand, so that it
// can do what every official client does, and what none does. It keeps what it was told.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/amqp/engine/engine.h"

namespace pavise::amqp::testing {

struct LinkOptions {
  std::string address = {};
  std::string other_address = {};  // of the client's own terminus
  Map properties = {};
  Map filter = {};
  std::vector<std::string> desired_capabilities = {};
  std::uint32_t credit = 0;  // of a receiver
  bool settled = false;      // snd-settle-mode 1
};

struct Failure {
  std::string condition;
  std::string description;
  Map info;
};

struct Received {
  Message message;
  std::uint32_t delivery = 0;
  Bytes tag;
  bool settled = false;
};

// One link of the client.
struct ClientLink {
  std::string name;
  std::uint16_t channel = 0;
  std::uint32_t handle = 0;
  bool sends = false;
  bool attached = false;  // the hub answered with a terminus
  bool detached = false;  // by the hub
  std::optional<Failure> failure = {};
  std::uint64_t max_message_size = 0;
  std::optional<Map> properties = {};  // of the hub's attach
  std::int64_t credit = 0;  // of a sender: what the hub granted; of a receiver: what is left
  std::uint32_t sent = 0;
  bool drained = false;
  std::deque<Received> received = {};
  // Of what was sent, by delivery id: "accepted", "rejected {condition}", ...
  std::map<std::uint32_t, std::string> outcomes = {};
  std::vector<Map> reject_infos = {};
};

class Client {
 public:
  // What the hub sent.
  void feed(ByteView bytes);
  // What is to be sent to the hub.
  Bytes take() { return std::exchange(out_, {}); }

  void header(ProtocolId id);
  void sasl_init(std::string_view mechanism, ByteView response);
  void open(std::string_view host, std::uint32_t idle_timeout_ms = 0);
  void begin();  // links after this are on a new session
  void end();    // of the newest session
  ClientLink& sender(const std::string& name, const LinkOptions& options);
  ClientLink& receiver(const std::string& name, const LinkOptions& options);
  void flow(ClientLink& link, std::uint32_t credit, bool drain = false);
  std::uint32_t send(ClientLink& link, const Message& message, std::uint32_t format = 0,
                     bool settled = false);
  // `frame_max` cuts the message into several transfers.
  std::uint32_t send_bytes(ClientLink& link, ByteView bytes, std::uint32_t format = 0,
                           bool settled = false, std::size_t frame_max = 32'000);
  void answer(ClientLink& link, const Received& received, Outcome outcome);
  void detach(ClientLink& link, bool closed = true);
  void close();
  void heartbeat();
  // Any performative at all.
  void raw(std::uint16_t channel, std::uint64_t code, List fields, ByteView payload = {});

  bool opened() const { return opened_; }
  bool ended() const { return ended_; }
  std::size_t sessions_ended() const { return sessions_ended_; }  // by the hub
  const std::optional<Failure>& closed() const { return closed_; }
  const std::vector<std::string>& mechanisms() const { return mechanisms_; }
  std::optional<int> sasl_code() const { return sasl_code_; }
  std::uint32_t idle_timeout_ms() const { return idle_timeout_ms_; }
  std::uint32_t frame_size_max() const { return frame_size_max_; }
  std::size_t headers() const { return headers_; }
  std::size_t heartbeats() const { return heartbeats_; }

 private:
  ClientLink& attach(const std::string& name, bool sends, const LinkOptions& options);
  void take_frame(const Frame& frame);
  void take_sasl(ByteView body);
  void take_attach(std::uint16_t channel, const List& fields);
  void take_transfer(std::uint16_t channel, const List& fields, ByteView payload);
  void take_disposition(std::uint16_t channel, const List& fields);
  ClientLink* by_hub_handle(std::uint16_t channel, const Value& handle);

  struct Session {
    std::uint32_t next_outgoing = 0;
    std::uint32_t next_incoming = 0;
    std::uint32_t next_delivery = 0;
  };

  FrameStream stream_;
  bool header_next_ = true;
  Bytes out_;
  std::deque<ClientLink> links_;
  std::map<std::tuple<std::uint16_t, std::string, bool>, ClientLink*> by_name_;
  std::map<std::pair<std::uint16_t, std::uint32_t>, ClientLink*> by_hub_handle_;
  std::map<const ClientLink*, std::pair<Bytes, Received>> unfinished_;
  std::vector<Session> sessions_;
  std::map<std::uint16_t, std::uint16_t> channels_;  // ours by the hub's
  std::map<std::pair<std::uint16_t, std::uint32_t>, ClientLink*> sent_on_;
  std::uint32_t next_handle_ = 0;
  bool opened_ = false;
  bool ended_ = false;
  std::size_t sessions_ended_ = 0;
  std::optional<Failure> closed_;
  std::vector<std::string> mechanisms_;
  std::optional<int> sasl_code_;
  std::uint32_t idle_timeout_ms_ = 0;
  std::uint32_t frame_size_max_ = 0;
  std::size_t headers_ = 0;
  std::size_t heartbeats_ = 0;
};

}  // namespace pavise::amqp::testing
