// The server's end of one AMQP 1.0 connection, free of I/O: bytes in, events out; calls in, bytes
// out. A thin layer over qpid-proton's C core (ADR 0016), which never sees a frame that was not
// checked first. SASL is our own, because clients bring mechanisms of their own or skip it
// (reference 0.2).
//
// Not thread-safe; never blocks.
#pragma once

#include <deque>
#include <memory>
#include <variant>

#include "protocol/amqp/codec/message.h"
#include "protocol/amqp/engine/performative.h"

// Of qpid-proton.
struct pn_delivery_t;
struct pn_event_t;
struct pn_link_t;
struct pn_session_t;

namespace pavise::amqp {

// The attach frames say 1 MiB, as the clients expect of a hub (reference B).
inline constexpr std::size_t kMessageSizeMax = 1024UL * 1024;
// Of all messages of a connection whose last transfer is not there yet.
inline constexpr std::size_t kUnfinishedBytesMax = 4 * kMessageSizeMax;
// A stranger's frames, and all of its unfinished messages: room for a token, and for no more.
inline constexpr std::size_t kStrangerBytesMax = 16UL * 1024;
inline constexpr std::int64_t kIdleTimeoutMs = 240'000;  // half of it is advertised
// What send() takes before the client's session window or the network must move.
inline constexpr std::size_t kOutgoingBytesMax = 512UL * 1024;

// Never used twice on a connection.
using LinkId = std::uint32_t;
using DeliveryId = std::uint64_t;

struct Condition {
  std::string name;
  std::string description = {};
  Map info = {};
};

// --- What the client did -------------------------------------------------------------------------

// sasl_done() must answer before anything else comes.
struct SaslStarted {
  std::string mechanism;
  SecretBytes response;
  std::string host;  // empty: none was named
};
struct ConnectionOpened {
  std::string container;
  std::string host;  // empty: none was named
};
// accept() or refuse() must answer.
struct LinkOpened {
  LinkId link;
  bool client_sends;
  std::string name;
  std::string source;  // addresses; empty: none
  std::string target;
  Map properties;
  Map filter;          // of the source
  bool wants_settled;  // the sender of the link is to settle what it sends
  std::vector<std::string> desired_capabilities;
};
struct LinkClosed {  // the link is gone
  LinkId link;
};
// There may be credit for send().
struct CreditChanged {
  LinkId link;
};
// settle() must answer, whether or not `settled`.
struct MessageReceived {
  LinkId link;
  DeliveryId delivery;
  std::uint32_t format;
  Bytes bytes;
  bool settled;  // by the client: no answer reaches it
};
enum class Outcome { accepted, rejected, released, modified };
struct MessageSettled {
  LinkId link;
  DeliveryId delivery;
  std::optional<Outcome> outcome;  // nullopt: settled without one
};
struct ConnectionClosed {};

using Event = std::variant<SaslStarted, ConnectionOpened, LinkOpened, LinkClosed, CreditChanged,
                           MessageReceived, MessageSettled, ConnectionClosed>;

class Engine {
 public:
  // `mechanisms`: advertised in this order.
  Engine(std::string container, std::vector<std::string> mechanisms);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  // The caller bounds what it feeds before it calls next() until nothing is left.
  void feed(ByteView bytes);
  // nullopt: all is handled that can be, or the connection failed.
  std::optional<Event> next();
  // Appends what is to be sent.
  void drain(Bytes& out);
  // Heartbeats and the client's silence. Steady time.
  void on_time(std::int64_t now_ms);
  std::int64_t deadline_ms() const { return deadline_ms_; }
  // Set once the client broke the protocol or fell silent; what drain() yields is still to be sent.
  const std::optional<Error>& failed() const { return failed_; }

  // The client has proved who it is: from now on it has the room of a known one.
  void admit();

  void sasl_done(bool accepted);
  void open();
  // Answers the attach. A link of unknown id, because it was closed meanwhile, is passed over here
  // and below.
  void accept(LinkId link, unsigned credit, std::size_t message_size_max = kMessageSizeMax);
  // Before accept(): the answer repeats the properties that the client attached with.
  void repeat_properties(LinkId link);
  void refuse(LinkId link, const Condition& why);
  // Ends a link: no events of it follow.
  void close_link(LinkId link, const Condition& why);
  // Ends the session of a link: LinkClosed follows for each of its links.
  void end_session(LinkId link, const Condition& why);
  // More messages that the client may send.
  void grant(LinkId link, unsigned credit);
  void settle(LinkId link, DeliveryId delivery, Outcome outcome, const Condition* why = nullptr);

  // May send() be called?
  bool can_send(LinkId link) const;
  // Then only room is missing.
  bool has_credit(LinkId link) const;
  // Precondition: can_send(); `tag` unique among what is not settled, at most 32 bytes. A delivery
  // that is sent `settled` is never heard of again.
  DeliveryId send(LinkId link, ByteView tag, ByteView message, bool settled);
  // Nothing is there to send: gives credit back if the client asked for that.
  void nothing_to_send(LinkId link);
  // Ends the links, the sessions and the connection, all at once: with an error, or without. Node,
  // told by the connection alone, waits 45 s for the answers of its links.
  void close(const std::optional<Condition>& why);

 private:
  struct Proton;
  struct Link;
  enum class Phase { header, sasl_init, sasl_pending, amqp_header, amqp, ended };

  void handle_header(ProtocolId id);
  void handle_sasl(const Frame& frame);
  void handle_frame(const Frame& frame);
  void step();
  void write_outcomes();
  void close_connection(const std::optional<Condition>& why);
  void handle(pn_event_t* event);
  void session_ended(pn_session_t* session);
  void forget_links(pn_session_t* session);
  void link_attached(pn_link_t* link);
  void link_detached(pn_link_t* link, bool detached);
  void delivery_arrived(pn_delivery_t* delivery);
  void delivery_updated(pn_delivery_t* delivery);
  void fail(Error error, std::string_view condition);

  std::unique_ptr<Proton> proton_;
  std::string container_;
  std::vector<std::string> mechanisms_;
  FrameStream stream_;
  ConnectionGuard guard_;
  std::deque<Event> events_;
  Bytes sasl_out_;
  Bytes written_;  // before what proton has yet to write
  std::optional<Error> failed_;
  std::int64_t deadline_ms_ = INT64_MAX;
  Phase phase_ = Phase::header;
  bool admitted_ = false;
  bool used_sasl_ = false;
  bool outcomes_wait_ = false;  // given to proton, not written
};

}  // namespace pavise::amqp
