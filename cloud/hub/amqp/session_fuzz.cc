// What a client sends, after one byte for the size of the pieces. The hub around the session admits
// everybody and answers everything, so that the whole of the session can be reached. Whatever
// comes, the session keeps to its limits and what it sends is well-formed.
#include <algorithm>

#include "cloud/hub/amqp/session.h"
#include "cloud/hub/amqp/testing/fake_hub.h"
#include "cloud/hub/session/close_reasons.h"

namespace {
using namespace pavise;
using namespace pavise::hub;

class WillingHub final : public hub::testing::FakeHub {
 public:
  Result<Principal> authenticate(const Claim& claim) override {
    Principal out{.hub = *iothub::HubName::parse(hub::testing::kHubName),
                  .tenant = *TenantId::parse("acme"),
                  .identity = std::nullopt,
                  .rights = 15,
                  .expires_ms = expires_ms};
    if (claim.device) {
      out.identity = iothub::Identity::make(out.hub, *claim.device, claim.module_id);
      if (!out.identity) return refusal;
    }
    return out;
  }
};

// Answers what was asked since the last call.
class Answerer {
 public:
  Answerer(WillingHub& hub, AmqpSession& session, SessionNow now, Bytes& out)
      : hub_(hub), session_(session), now_(now), out_(out) {}

  void answer() {
    for (const auto& [request, token] : std::exchange(hub_.twins, {}))
      tell(TwinAnswered{token, TwinReply{"{}", 2}});
    for (const auto& [who, token] : std::exchange(hub_.asked, {})) {
      const std::string lock =
          "01234567-89ab-cdef-0123-" + std::to_string(100'000'000'000 + locks_++);
      DeviceMessage message;
      message.lock_token = lock;
      message.payload = Bytes(10);
      tell(MessageOffered{token, std::optional(message)});
      tell(ServiceMessageOffered{token, std::optional(ServiceMessage{lock, 1, "[]"})});
    }
    for (const auto& [message, token] : std::exchange(hub_.sent, {})) tell(MessageSent{token, {}});
    for (const auto& [partition, token] : std::exchange(hub_.described, {}))
      tell(PartitionDescribed{token, PartitionInfo{.next_offset = 5, .empty = false}});
    for (const auto& [time, token] : std::exchange(hub_.searched, {}))
      tell(OffsetFound{token, std::uint64_t{1}});
    for (const auto& [query, token] : std::exchange(hub_.reads, {})) {
      Record record;
      record.offset = query.from;
      record.device = "d";
      tell(EventsRead{token, EventPage{{record}, query.from + 1, true}});
    }
  }
  template <class Event>
  void tell(Event held) {
    SessionEvent event = std::move(held);
    session_.on_event(event, now_, out_);
  }

 private:
  WillingHub& hub_;
  AmqpSession& session_;
  SessionNow now_;
  Bytes& out_;
  std::uint64_t locks_ = 0;
};

void check_output(ByteView out) {
  amqp::FrameStream stream;
  stream.feed(out);
  bool header = true;
  for (;;) {
    if (header) {
      const auto id = stream.next_header();
      PAVISE_CHECK(id.has_value());
      if (!*id) break;
      header = false;
    }
    const auto frame = stream.next_frame(amqp::kFrameSizeMax);
    PAVISE_CHECK(frame.has_value());
    if (!*frame) break;
    if ((*frame)->body.empty()) continue;
    amqp::ValueReader reader((*frame)->body);
    const auto code = reader.next_descriptor();
    PAVISE_CHECK(code.has_value() && reader.next().has_value());
    header = (*frame)->sasl && *code == 0x44;  // the outcome; a new header follows
  }
  PAVISE_CHECK(stream.buffered_bytes() == 0);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const SessionNow now{0, 1'000'000};
  WillingHub hub;
  hub.expires_ms = 2'000'000;
  AmqpSession session({.connection_id = "f"}, hub, hub, now);
  Bytes out;
  Answerer answerer(hub, session, now, out);
  const std::size_t chunk = data[0] == 0 ? SIZE_MAX : std::size_t{data[0]} * 4;
  const ByteView wire = std::as_bytes(std::span(data + 1, size - 1));
  for (std::size_t at = 0; at < wire.size() && !session.closed();) {
    const std::size_t piece = std::min(chunk, wire.size() - at);
    session.on_bytes(wire.subspan(at, piece), now, out);
    at += piece;
    answerer.answer();
    answerer.tell(EventsArrived{});
    for (const auto& [id, channels] : hub.channels) {
      const auto slash = id.find('/');
      const auto identity = iothub::Identity::make(
          *iothub::HubName::parse(hub::testing::kHubName), id.substr(0, slash),
          slash == std::string::npos ? "" : id.substr(slash + 1));
      if (!identity) continue;
      answerer.tell(MethodCalled{*identity, 1, "m", "{}"});
      answerer.tell(DesiredChanged{*identity, 2, std::make_shared<const std::string>("{}")});
      answerer.tell(MessageWaiting{*identity});
    }
    session.on_durable(hub.records.size(), out);
  }
  session.on_time({300'000, 3'000'000}, out);  // tokens end, silence ends
  session.close(kPeerClosed, out);
  check_output(out);
  return 0;
}
