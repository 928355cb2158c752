#include "protocol/amqp/engine/engine.h"

#include <gtest/gtest.h>

#include "protocol/amqp/engine/full_frames.h"
#include "protocol/amqp/engine/testing/client.h"

namespace pavise::amqp {
namespace {

using testing::Client;
using testing::ClientLink;
using testing::LinkOptions;

// An engine and a client on two ends of a wire that the test moves.
struct Pair {
  // Carries bytes both ways until both are silent. What the client did is in events_.
  void exchange(std::size_t chunk = SIZE_MAX) {
    for (;;) {
      const Bytes up = client_.take();
      for (std::size_t at = 0; at < up.size(); at += std::min(chunk, up.size() - at)) {
        engine_.feed(ByteView(up).subspan(at, std::min(chunk, up.size() - at)));
        take_events();
      }
      take_events();
      Bytes down;
      engine_.drain(down);
      client_.feed(down);
      if (up.empty() && down.empty()) return;
    }
  }
  void take_events() {
    while (auto event = engine_.next()) {
      if (std::holds_alternative<ConnectionOpened>(*event)) engine_.open();
      if (const auto* link = std::get_if<LinkOpened>(&*event); link && accept_links_)
        engine_.accept(link->link, credit_);
      events_.push_back(std::move(*event));
    }
  }
  void connect(bool admit = true) {
    client_.header(ProtocolId::amqp);
    client_.open("plant-1.hub.test");
    exchange();
    ASSERT_TRUE(client_.opened());
    if (admit) engine_.admit();
    events_.clear();
  }
  template <class T>
  std::vector<const T*> all() const {
    std::vector<const T*> out;
    for (const Event& event : events_)
      if (const auto* held = std::get_if<T>(&event)) out.push_back(held);
    return out;
  }
  template <class T>
  const T& only() const {
    const auto found = all<T>();
    PAVISE_CHECK(found.size() == 1);
    return *found.front();
  }
  std::string_view failed() const { return engine_.failed() ? engine_.failed()->code() : "no"; }

  Engine engine_{"hub", {"ANONYMOUS", "PLAIN"}};
  Client client_;
  std::vector<Event> events_;
  bool accept_links_ = true;
  unsigned credit_ = 10;
};

class EngineTest : public ::testing::Test, protected Pair {};

Message text_message(std::string_view text) {
  Message out;
  out.body = Message::Data{to_bytes(as_bytes(text))};
  return out;
}

Bytes encoded(const Message& message) {
  Bytes out;
  message.encode(out);
  return out;
}

// --- Headers, SASL, open -------------------------------------------------------------------------

TEST_F(EngineTest, OpensWithoutSasl) {
  connect();
  EXPECT_EQ(client_.headers(), 1U);
  EXPECT_EQ(client_.idle_timeout_ms(), kIdleTimeoutMs / 2);
  EXPECT_EQ(client_.frame_size_max(), kFrameSizeMax);
}

TEST_F(EngineTest, OpensAfterSasl) {
  client_.header(ProtocolId::sasl);
  client_.sasl_init("PLAIN", as_bytes(std::string_view("\0user\0pass", 10)));
  client_.header(ProtocolId::amqp);  // clients need not wait
  client_.open("plant-1.hub.test");
  exchange(1);
  EXPECT_EQ(client_.mechanisms(), (std::vector<std::string>{"ANONYMOUS", "PLAIN"}));
  const auto& started = only<SaslStarted>();
  EXPECT_EQ(started.mechanism, "PLAIN");
  EXPECT_EQ(as_text(started.response.view()), std::string_view("\0user\0pass", 10));
  EXPECT_FALSE(client_.opened());  // nothing is handled before the decision
  engine_.sasl_done(true);
  exchange();
  EXPECT_EQ(client_.sasl_code(), 0);
  EXPECT_TRUE(client_.opened());
  EXPECT_EQ(only<ConnectionOpened>().host, "plant-1.hub.test");
  EXPECT_EQ(only<ConnectionOpened>().container, "client");
}

TEST_F(EngineTest, SaslMayBeRefused) {
  client_.header(ProtocolId::sasl);
  client_.sasl_init("PLAIN", {});
  exchange();
  engine_.sasl_done(false);
  exchange();
  EXPECT_EQ(client_.sasl_code(), 1);
  EXPECT_EQ(failed(), kSaslRefused.code);
}

TEST_F(EngineTest, OtherHeadersAreAnsweredWithOurs) {
  engine_.feed(as_bytes("GET / HTTP/1.1\r\n"));
  take_events();
  EXPECT_EQ(failed(), kBadProtocolHeader.code);
  Bytes out;
  engine_.drain(out);
  EXPECT_EQ(to_hex(out), "414d515000010000");
}

TEST_F(EngineTest, SaslTwiceIsRefused) {
  client_.header(ProtocolId::sasl);
  client_.sasl_init("ANONYMOUS", {});
  client_.header(ProtocolId::sasl);
  exchange();
  engine_.sasl_done(true);
  exchange();
  EXPECT_EQ(failed(), kBadProtocolHeader.code);
}

// --- Links and messages --------------------------------------------------------------------------

TEST_F(EngineTest, TellsWhatAnAttachSays) {
  connect();
  client_.receiver("in", {.address = "/devices/d/messages/devicebound",
                          .other_address = "mine",
                          .properties = {{Value(Symbol{"p"}), Value("v")}},
                          .filter = {{Value(Symbol{"f"}), Value("x")}},
                          .desired_capabilities = {"a", "b"},
                          .settled = true});
  exchange();
  const auto& opened = only<LinkOpened>();
  EXPECT_FALSE(opened.client_sends);
  EXPECT_EQ(opened.name, "in");
  EXPECT_EQ(opened.source, "/devices/d/messages/devicebound");
  EXPECT_EQ(opened.target, "mine");
  EXPECT_EQ(text_of(*find(opened.properties, "p")), "v");
  EXPECT_EQ(text_of(*find(opened.filter, "f")), "x");
  EXPECT_EQ(opened.desired_capabilities, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(opened.wants_settled);
}

TEST_F(EngineTest, RepeatsThePropertiesOfALinkWhenTold) {
  accept_links_ = false;
  connect();
  const LinkOptions options{.address = "a", .properties = {{Value(Symbol{"p"}), Value("v")}}};
  ClientLink& repeated = client_.receiver("repeated", options);
  ClientLink& plain = client_.receiver("plain", options);
  ClientLink& none = client_.receiver("none", {.address = "a"});
  exchange();
  for (const auto* opened : all<LinkOpened>()) {
    if (opened->name != "plain") engine_.repeat_properties(opened->link);
    engine_.accept(opened->link, 0);
  }
  exchange();
  EXPECT_EQ(repeated.properties, options.properties);
  EXPECT_EQ(plain.properties, std::nullopt);
  EXPECT_EQ(none.properties, std::nullopt);
}

TEST_F(EngineTest, ReceivesAndSettles) {
  connect();
  ClientLink& link = client_.sender("out", {.address = "a"});
  exchange();
  EXPECT_TRUE(link.attached);
  EXPECT_EQ(link.credit, 10);
  EXPECT_EQ(link.max_message_size, kMessageSizeMax);
  const auto first = client_.send(link, text_message("1"));
  const auto second = client_.send(link, text_message("2"), kBatchFormat);
  const auto third = client_.send(link, text_message("3"), 0, true);
  exchange();
  const auto received = all<MessageReceived>();
  ASSERT_EQ(received.size(), 3U);
  EXPECT_EQ(received[0]->bytes, encoded(text_message("1")));
  EXPECT_EQ(received[0]->format, 0U);
  EXPECT_EQ(received[1]->format, kBatchFormat);
  EXPECT_FALSE(received[1]->settled);
  EXPECT_TRUE(received[2]->settled);
  const Condition why{"amqp:not-found", "no", {{Value(Symbol{"k"}), Value(std::int32_t{404001})}}};
  engine_.settle(received[1]->link, received[1]->delivery, Outcome::rejected, &why);
  engine_.settle(received[0]->link, received[0]->delivery, Outcome::accepted);
  engine_.settle(received[2]->link, received[2]->delivery, Outcome::accepted);
  engine_.settle(received[2]->link, received[2]->delivery, Outcome::accepted);  // no matter
  exchange();
  EXPECT_EQ(link.outcomes.at(first), "accepted");
  EXPECT_EQ(link.outcomes.at(second), "rejected amqp:not-found");
  EXPECT_FALSE(link.outcomes.contains(third));
  ASSERT_EQ(link.reject_infos.size(), 1U);
  EXPECT_EQ(integer_of(*find(link.reject_infos[0], "k")), 404001);
}

TEST_F(EngineTest, JoinsTransfersThatComeByteByByte) {
  connect();
  ClientLink& link = client_.sender("out", {.address = "a"});
  exchange();
  Bytes large(1000, std::byte{7});
  client_.send_bytes(link, large, 5, false, 7);
  exchange(1);
  EXPECT_EQ(only<MessageReceived>().bytes, large);
  EXPECT_EQ(only<MessageReceived>().format, 5U);
}

TEST_F(EngineTest, SendsWithinCredit) {
  connect();
  ClientLink& link = client_.receiver("in", {.address = "a"});
  exchange();
  const LinkId id = only<LinkOpened>().link;
  EXPECT_FALSE(engine_.can_send(id));
  client_.flow(link, 2);
  exchange();
  EXPECT_EQ(only<CreditChanged>().link, id);
  ASSERT_TRUE(engine_.can_send(id));
  const DeliveryId kept = engine_.send(id, as_bytes("t1"), encoded(text_message("1")), false);
  engine_.send(id, as_bytes("t2"), encoded(text_message("2")), true);
  EXPECT_FALSE(engine_.can_send(id));
  exchange();
  ASSERT_EQ(link.received.size(), 2U);
  EXPECT_EQ(as_text(link.received[0].message.data()), "1");
  EXPECT_EQ(as_text(link.received[0].tag), "t1");
  EXPECT_TRUE(link.received[1].settled);
  events_.clear();
  client_.answer(link, link.received[0], Outcome::released);
  exchange();
  EXPECT_EQ(only<MessageSettled>().delivery, kept);
  EXPECT_EQ(only<MessageSettled>().outcome, Outcome::released);
}

TEST_F(EngineTest, AnOutcomeComesBeforeTheMessagesAfterIt) {
  connect();
  ClientLink& requests = client_.sender("requests", {.address = "a"});
  ClientLink& answers = client_.receiver("answers", {.address = "a", .credit = 2});
  exchange();
  const LinkId out = all<LinkOpened>().at(1)->link;
  client_.send(requests, text_message("request"));
  engine_.feed(client_.take());
  take_events();
  const auto& request = only<MessageReceived>();
  engine_.send(out, as_bytes("t0"), encoded(text_message("earlier")), true);
  engine_.settle(request.link, request.delivery, Outcome::accepted);
  engine_.send(out, as_bytes("t1"), encoded(text_message("answer")), true);
  Bytes down;
  engine_.drain(down);
  FrameStream stream;
  stream.feed(down);
  std::vector<std::uint64_t> codes;
  while (const auto frame = *stream.next_frame(SIZE_MAX))
    codes.push_back(*ValueReader(frame->body).next_descriptor());
  EXPECT_EQ(codes, (std::vector<std::uint64_t>{0x14, 0x15, 0x14}));
  client_.feed(down);
  EXPECT_EQ(answers.received.size(), 2U);
}

// A client's frames hold what was cut from a message and all fields of the transfer.
TEST_F(EngineTest, FillsTheFramesOfAClientAndNoMore) {
  for (const std::uint32_t size_max : {512U, 1000U, 65'536U}) {
    Pair pair;
    pair.client_.header(ProtocolId::amqp);
    pair.client_.raw(0, 0x10, {Value("client"), Value("h"), Value(size_max)});
    pair.exchange();
    pair.engine_.admit();
    ClientLink& link = pair.client_.receiver("in", {.address = "a", .credit = 1});
    pair.exchange();
    const LinkId id = pair.all<LinkOpened>().at(0)->link;
    const std::string text(200'000, 'x');
    pair.engine_.send(id, as_bytes("t"), encoded(text_message(text)), true);
    Bytes down;
    pair.engine_.drain(down);
    FrameStream stream;
    stream.feed(down);
    std::size_t largest = 0;
    while (const auto frame = *stream.next_frame(SIZE_MAX))
      largest = std::max(largest, frame->whole.size());
    EXPECT_LE(largest, size_max);
    EXPECT_GE(largest + kFullTransferGrowth, size_max);
    if (size_max == 512) continue;  // proton has no smaller frames, so there is no room for nulls
    pair.client_.feed(down);
    pair.exchange();
    ASSERT_EQ(link.received.size(), 1U);
    EXPECT_EQ(as_text(link.received[0].message.data()), text);
  }
}

TEST_F(EngineTest, GivesCreditBackWhenAskedTo) {
  connect();
  ClientLink& link = client_.receiver("in", {.address = "a"});
  exchange();
  client_.flow(link, 5, true);
  exchange();
  engine_.nothing_to_send(only<LinkOpened>().link);
  exchange();
  EXPECT_TRUE(link.drained);
}

TEST_F(EngineTest, RefusesALinkWithAReason) {
  accept_links_ = false;
  connect();
  ClientLink& link = client_.sender("out", {.address = "nowhere"});
  exchange();
  engine_.refuse(only<LinkOpened>().link,
                 {"amqp:not-found", "no such address", {{Value(Symbol{"a"}), Value("b")}}});
  exchange();
  EXPECT_FALSE(link.attached);
  ASSERT_TRUE(link.failure);
  EXPECT_EQ(link.failure->condition, "amqp:not-found");
  EXPECT_EQ(link.failure->description, "no such address");
  EXPECT_EQ(text_of(*find(link.failure->info, "a")), "b");
}

TEST_F(EngineTest, AClosedLinkIsNeverHeardOfAgain) {
  connect();
  ClientLink& link = client_.sender("out", {.address = "a"});
  exchange();
  const LinkId id = only<LinkOpened>().link;
  engine_.close_link(id, {"amqp:link:stolen"});
  // The client does not know yet.
  client_.send(link, text_message("late"));
  exchange();
  EXPECT_EQ(link.failure->condition, "amqp:link:stolen");
  client_.detach(link);
  exchange();
  EXPECT_TRUE(all<MessageReceived>().empty());
  EXPECT_TRUE(all<LinkClosed>().empty());
  EXPECT_FALSE(engine_.can_send(id));
  EXPECT_EQ(failed(), "no");
  // The name is free again.
  EXPECT_TRUE(client_.sender("out", {.address = "a"}).name == "out");
  exchange();
  EXPECT_EQ(all<LinkOpened>().size(), 2U);
}

TEST_F(EngineTest, DetachEndAndCloseAreToldAndAnswered) {
  connect();
  ClientLink& first = client_.sender("1", {.address = "a"});
  client_.sender("2", {.address = "a"});
  ClientLink& third = client_.sender("3", {.address = "a"});
  exchange();
  client_.detach(first);
  client_.detach(third, false);
  exchange();
  EXPECT_EQ(all<LinkClosed>().size(), 2U);
  EXPECT_TRUE(first.detached && !first.failure);
  client_.end();
  exchange();
  EXPECT_EQ(all<LinkClosed>().size(), 3U);
  client_.close();
  exchange();
  EXPECT_EQ(all<ConnectionClosed>().size(), 1U);
  EXPECT_TRUE(client_.ended() && !client_.closed());
}

TEST_F(EngineTest, CloseCarriesACondition) {
  connect();
  engine_.close(Condition{"amqp:unauthorized-access", "words"});
  exchange();
  ASSERT_TRUE(client_.closed());
  EXPECT_EQ(client_.closed()->condition, "amqp:unauthorized-access");
  EXPECT_EQ(client_.closed()->description, "words");
}

TEST_F(EngineTest, LinksAndSessionsEndBeforeTheConnection) {
  connect();
  ClientLink& in = client_.receiver("in", {.address = "a", .credit = 1});
  client_.begin();
  ClientLink& out = client_.sender("out", {.address = "a"});
  exchange();
  engine_.close(Condition{"amqp:link:detach-forced", "words"});
  exchange();
  for (const ClientLink* link : {&in, &out}) {
    ASSERT_TRUE(link->failure);
    EXPECT_EQ(link->failure->condition, "amqp:link:detach-forced");
  }
  EXPECT_EQ(client_.sessions_ended(), 2U);
  ASSERT_TRUE(client_.closed());
  EXPECT_EQ(client_.closed()->condition, "amqp:link:detach-forced");
}

// --- Limits --------------------------------------------------------------------------------------

TEST_F(EngineTest, CreditIsKept) {
  connect();
  ClientLink& link = client_.sender("out", {.address = "a"});
  exchange();
  for (unsigned i = 0; i < credit_; ++i) client_.send(link, text_message("x"));
  exchange();
  EXPECT_EQ(all<MessageReceived>().size(), credit_);
  EXPECT_EQ(failed(), "no");
  client_.send(link, text_message("one too many"));
  exchange();
  EXPECT_EQ(failed(), kCreditExceeded.code);
  EXPECT_EQ(client_.closed()->condition, "amqp:link:transfer-limit-exceeded");
}

TEST_F(EngineTest, MessageSizeIsBounded) {
  connect();
  ClientLink& link = client_.sender("out", {.address = "a"});
  ClientLink& other = client_.sender("other", {.address = "a"});
  exchange();
  client_.send_bytes(link, Bytes(kMessageSizeMax));
  exchange();
  EXPECT_EQ(only<MessageReceived>().bytes.size(), kMessageSizeMax);
  EXPECT_FALSE(link.detached);
  client_.send_bytes(link, Bytes(kMessageSizeMax + 1));
  exchange();
  EXPECT_EQ(link.failure->condition, "amqp:link:message-size-exceeded");
  EXPECT_EQ(all<LinkClosed>().size(), 1U);
  client_.send(other, text_message("goes on"));
  exchange();
  EXPECT_EQ(all<MessageReceived>().size(), 2U);
  EXPECT_EQ(failed(), "no");
}

TEST_F(EngineTest, UnfinishedMessagesAreBoundedTogether) {
  connect();
  std::vector<ClientLink*> links;
  for (int i = 0; i < 5; ++i)
    links.push_back(&client_.sender("l" + std::to_string(i), {.address = "a"}));
  exchange();
  const Bytes piece(kFrameSizeMax - 100);
  const std::size_t per_link = kMessageSizeMax / piece.size();  // below the limit of a message
  std::size_t sent = 0;
  for (std::uint32_t i = 0; i < links.size(); ++i) {
    for (std::size_t n = 0; n < per_link && sent + piece.size() <= kUnfinishedBytesMax; ++n) {
      client_.raw(0, 0x14,
                  {Value(links[i]->handle), n == 0 ? Value(i) : Value(),
                   Value(to_bytes(as_bytes("t"))), Value(), Value(false), Value(true)},
                  piece);
      sent += piece.size();
    }
  }
  exchange();
  EXPECT_EQ(failed(), "no");
  client_.raw(0, 0x14,
              {Value(links[4]->handle), Value(std::uint32_t{4}), Value(Bytes(1)), Value(), Value(),
               Value(true)},
              Bytes(kUnfinishedBytesMax - sent));
  exchange();
  EXPECT_EQ(failed(), "no");
  client_.raw(0, 0x14, {Value(links[4]->handle), Value(), Value(), Value(), Value(), Value(true)},
              Bytes(1));
  exchange();
  EXPECT_EQ(failed(), kTooMuchUnfinished.code);
}

TEST_F(EngineTest, SessionsAreBounded) {
  connect();
  for (std::size_t i = 0; i < kSessionsMax; ++i) client_.begin();
  exchange();
  EXPECT_EQ(failed(), "no");
  client_.begin();
  exchange();
  EXPECT_EQ(failed(), kTooManySessions.code);
}

TEST_F(EngineTest, LinksAreBounded) {
  connect();
  for (std::size_t i = 0; i < kLinksMax; ++i)
    client_.sender("l" + std::to_string(i), {.address = "a"});
  exchange();
  EXPECT_EQ(failed(), "no");
  EXPECT_EQ(all<LinkOpened>().size(), kLinksMax);
  client_.sender("more", {.address = "a"});
  exchange();
  EXPECT_EQ(failed(), kTooManyLinks.code);
  EXPECT_EQ(client_.closed()->condition, "amqp:resource-limit-exceeded");
}

TEST_F(EngineTest, StrangersHaveFewSessions) {
  connect(false);
  for (std::size_t i = 0; i < kStrangerSessionsMax; ++i) client_.begin();
  exchange();
  EXPECT_EQ(failed(), "no");
  client_.begin();
  exchange();
  EXPECT_EQ(failed(), kTooManySessions.code);
}

TEST_F(EngineTest, StrangersHaveFewLinks) {
  connect(false);
  for (std::size_t i = 0; i < kStrangerLinksMax; ++i)
    client_.sender("l" + std::to_string(i), {.address = "a"});
  exchange();
  EXPECT_EQ(failed(), "no");
  client_.sender("more", {.address = "a"});
  exchange();
  EXPECT_EQ(failed(), kTooManyLinks.code);
}

TEST_F(EngineTest, StrangersHaveRoomForATokenAndNoMore) {
  connect(false);
  ClientLink& one = client_.sender("one", {.address = "a"});
  ClientLink& two = client_.sender("two", {.address = "a"});
  exchange();
  client_.send_bytes(one, Bytes(kStrangerBytesMax), 0, false, 8'000);
  exchange();
  EXPECT_EQ(failed(), "no");
  EXPECT_EQ(only<MessageReceived>().bytes.size(), kStrangerBytesMax);
  const auto unfinished = [&](const ClientLink& link, std::size_t size, bool first) {
    client_.raw(0, 0x14,
                {Value(link.handle), first ? Value(link.handle + 1) : Value(),
                 Value(to_bytes(as_bytes("t"))), Value(), Value(false), Value(true)},
                Bytes(size));
    exchange();
  };
  unfinished(one, kStrangerBytesMax / 2, true);
  unfinished(two, kStrangerBytesMax / 2, true);
  EXPECT_EQ(failed(), "no");
  unfinished(two, 1, false);
  EXPECT_EQ(failed(), kTooMuchUnfinished.code);
}

TEST_F(EngineTest, StrangersSendSmallFrames) {
  connect(false);
  ClientLink& link = client_.sender("out", {.address = "a"});
  exchange();
  client_.send_bytes(link, Bytes(kStrangerBytesMax), 0, false, kFrameSizeMax);
  exchange();
  EXPECT_EQ(failed(), kFrameTooLarge.code);
}

TEST_F(EngineTest, ALinkMayTakeSmallerMessages) {
  connect();
  accept_links_ = false;
  ClientLink& link = client_.sender("out", {.address = "a"});
  exchange();
  engine_.accept(only<LinkOpened>().link, 10, 1000);
  exchange();
  EXPECT_EQ(link.max_message_size, 1000U);
  client_.send_bytes(link, Bytes(1000));
  exchange();
  EXPECT_EQ(only<MessageReceived>().bytes.size(), 1000U);
  client_.send_bytes(link, Bytes(1001));
  exchange();
  EXPECT_EQ(link.failure->condition, "amqp:link:message-size-exceeded");
}

TEST_F(EngineTest, FrameSizeIsBounded) {
  connect();
  ClientLink& link = client_.sender("out", {.address = "a"});
  exchange();
  client_.send_bytes(link, Bytes(200'000), 0, false, kFrameSizeMax);
  exchange();
  EXPECT_EQ(failed(), kFrameTooLarge.code);
  EXPECT_EQ(client_.closed()->condition, "amqp:connection:framing-error");
}

TEST_F(EngineTest, SendingStopsBeforeAReaderThatDoesNotRead) {
  connect();
  ClientLink& link = client_.receiver("in", {.address = "a"});
  client_.flow(link, 100'000);
  exchange();
  const LinkId id = only<LinkOpened>().link;
  const Bytes message = encoded(text_message(std::string(10'000, 'x')));
  std::size_t sent = 0;
  for (ByteWriter tag; engine_.can_send(id); tag = {}) {
    tag.be(sent);
    engine_.send(id, tag.bytes(), message, true);
    sent += message.size();
  }
  EXPECT_GE(sent, kOutgoingBytesMax);
  EXPECT_LT(sent, kOutgoingBytesMax + message.size() + 1);
}

// --- Time ----------------------------------------------------------------------------------------

TEST_F(EngineTest, SilenceEndsTheConnection) {
  connect();
  engine_.on_time(1000);
  EXPECT_EQ(engine_.deadline_ms(), 1000 + kIdleTimeoutMs);
  client_.heartbeat();
  exchange();
  engine_.on_time(2000);
  engine_.on_time(2000 + kIdleTimeoutMs - 1);
  EXPECT_EQ(failed(), "no");
  engine_.on_time(2000 + kIdleTimeoutMs);
  EXPECT_EQ(failed(), kIdleTimeout.code);
  exchange();
  EXPECT_EQ(client_.closed()->condition, "amqp:resource-limit-exceeded");
}

TEST_F(EngineTest, SendsHeartbeatsAsTheClientAsks) {
  client_.header(ProtocolId::amqp);
  client_.open("h", 60'000);
  exchange();
  engine_.on_time(1000);
  EXPECT_EQ(engine_.deadline_ms(), 31'000);
  engine_.on_time(31'000);
  exchange();
  EXPECT_EQ(client_.heartbeats(), 1U);
}

// --- What the protocol forbids -------------------------------------------------------------------

TEST_F(EngineTest, RefusesWhatIsOutOfOrder) {
  const auto null = Value();
  const auto u = [](std::uint32_t n) { return Value(n); };
  struct Case {
    const char* what;
    std::uint64_t code;
    List fields;
    const ErrorInfo& error;
  };
  const Case cases[] = {
      {"a second open", 0x10, {Value("c")}, kOutOfOrder},
      {"begin of a channel in use", 0x11, {null, u(0), u(1), u(1)}, kOutOfOrder},
      {"begin that answers", 0x11, {Value(std::uint16_t{9}), u(0), u(1), u(1)}, kOutOfOrder},
      {"attach of a handle in use", 0x12, {Value("x"), u(0), Value(true)}, kOutOfOrder},
      {"attach of a large handle", 0x12, {Value("x"), u(kLinksMax), Value(true)}, kTooManyLinks},
      {"attach without a name", 0x12, {Value(""), u(5), Value(true)}, kBadPerformative},
      {"attach of a sender without a count",
       0x12,
       {Value("x"), u(5), Value(false)},
       kBadPerformative},
      {"attach of a role that is text",
       0x12,
       {Value("x"), u(5), Value("sender")},
       kBadPerformative},
      {"attach of a name in use",
       0x12,
       {Value("out"), u(5), Value(false), null, null, null, null, null, null, u(0)},
       kEngineFailed},
      {"flow of an unknown handle", 0x13, {null, u(1), u(0), u(1), u(77)}, kOutOfOrder},
      {"transfer on a receiver", 0x14, {u(1), u(0), Value(Bytes(1))}, kOutOfOrder},
      {"transfer without an id", 0x14, {u(0)}, kBadPerformative},
      {"transfer with a long tag", 0x14, {u(0), u(0), Value(Bytes(33))}, kBadPerformative},
      {"transfer out of sequence", 0x14, {u(0), u(7), Value(Bytes(1))}, kEngineFailed},
      {"detach of an unknown handle", 0x16, {u(77)}, kOutOfOrder},
      {"an unknown performative", 0x19, {}, kBadPerformative},
      {"too many fields", 0x18, {null, null}, kBadPerformative},
  };
  for (const Case& c : cases) {
    Pair run;
    run.connect();
    ClientLink& link = run.client_.sender("out", {.address = "a"});
    run.client_.receiver("in", {.address = "a"});
    run.exchange();
    run.client_.send(link, text_message("starts the sequence"));
    run.exchange();
    List fields = c.fields;
    run.client_.raw(0, c.code, std::move(fields));
    run.exchange();
    EXPECT_EQ(run.failed(), c.error.code)
        << c.what << " " << (run.engine_.failed() ? run.engine_.failed()->message() : "");
    EXPECT_TRUE(run.client_.closed()) << c.what;
  }
}

TEST_F(EngineTest, RefusesFramesBeforeOpen) {
  client_.header(ProtocolId::amqp);
  client_.begin();
  exchange();
  EXPECT_EQ(failed(), kOutOfOrder.code);
}

TEST_F(EngineTest, RefusesDeepNestingBeforeProtonSeesIt) {
  connect();
  // 30,000 levels in one frame of 60 KB.
  Bytes body{std::byte{0}, std::byte{0x53}, std::byte{0x10}};
  for (int i = 0; i < 30'000; ++i) body.insert(body.end(), {std::byte{0}, std::byte{0x43}});
  Bytes wire;
  encode_frame(false, 0, body, wire);
  engine_.feed(wire);
  take_events();
  EXPECT_EQ(failed(), kTooDeep.code);
}

}  // namespace
}  // namespace pavise::amqp
