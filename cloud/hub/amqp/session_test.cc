// Opening a connection, showing who one is, and how it ends.
#include <fstream>

#include "cloud/hub/amqp/testing/session_fixture.h"
#include "cloud/hub/session/close_reasons.h"

namespace pavise::hub::testing {
namespace {

using amqp::Value;

const std::string kEvents = "/devices/dev/messages/events";

std::string plain(std::string_view user, std::string_view password) {
  return std::string(1, '\0').append(user).append(1, '\0').append(password);
}

// --- SASL ----------------------------------------------------------------------------------------

class AmqpSaslTest : public AmqpSessionTest {
 protected:
  void start(std::string_view mechanism, const std::string& response = {}) {
    client_.header(amqp::ProtocolId::sasl);
    client_.sasl_init(mechanism, as_bytes(response));
    exchange();
  }
  void go_on() {
    client_.header(amqp::ProtocolId::amqp);
    client_.open(kHost);
    exchange();
  }
};

TEST_F(AmqpSaslTest, OffersWhatTheClientsBring) {
  start("ANONYMOUS");
  EXPECT_EQ(client_.mechanisms(),
            (std::vector<std::string>{"ANONYMOUS", "MSSBCBS", "PLAIN", "EXTERNAL"}));
}

TEST_F(AmqpSaslTest, MechanismsWithoutASecretOnlyOpenTheDoor) {
  for (const char* mechanism : {"ANONYMOUS", "MSSBCBS", "EXTERNAL"}) {
    FakeHub hub;
    AmqpSession session({.connection_id = "c"}, hub, hub, now_);
    Client client;
    client.header(amqp::ProtocolId::sasl);
    client.sasl_init(mechanism, {});
    client.header(amqp::ProtocolId::amqp);
    client.open(kHost);
    Bytes out;
    session.on_bytes(client.take(), now_, out);
    client.feed(out);
    EXPECT_EQ(client.sasl_code(), 0) << mechanism;
    EXPECT_TRUE(client.opened()) << mechanism;
    EXPECT_FALSE(session.established()) << mechanism;
  }
}

TEST_F(AmqpSaslTest, UnknownMechanismsAreRefused) {
  start("CRAM-MD5");
  EXPECT_EQ(client_.sasl_code(), 1);
  EXPECT_EQ(closed(), amqp::kSaslRefused.code);
}

TEST_F(AmqpSaslTest, PlainNamesADevice) {
  start("PLAIN", plain("dev@sas.plant-1", "good:dev"));
  EXPECT_EQ(client_.sasl_code(), 0);
  EXPECT_TRUE(session_.established());
  go_on();
  EXPECT_TRUE(send_link(kEvents).attached);
}

TEST_F(AmqpSaslTest, PlainNamesAModule) {
  start("PLAIN", plain("dev/modules/mod@sas.plant-1", "good:dev/mod"));
  EXPECT_EQ(client_.sasl_code(), 0);
  go_on();
  EXPECT_TRUE(send_link("/devices/dev/modules/mod/messages/events").attached);
  EXPECT_FALSE(send_link(kEvents).attached);
}

TEST_F(AmqpSaslTest, PlainNamesAPolicy) {
  start("PLAIN", plain("service@sas.root.plant-1", "policy:service"));
  EXPECT_EQ(client_.sasl_code(), 0);
  go_on();
  EXPECT_TRUE(send_link("/messages/devicebound").attached);
}

// As the Event Hubs clients of uamqp and of others that know AMQP alone.
TEST_F(AmqpSaslTest, PlainWithThePoliciesKeyReadsEventsAndNothingElse) {
  start("PLAIN", plain("service", "key:service"));
  EXPECT_EQ(client_.sasl_code(), 0);
  go_on();
  EXPECT_TRUE(receive_link("plant-1/ConsumerGroups/$Default/Partitions/0").attached);
  EXPECT_FALSE(send_link("/messages/devicebound").attached);
  EXPECT_FALSE(receive_link("/messages/serviceBound/feedback").attached);
  EXPECT_FALSE(send_link(kEvents).attached);
}

TEST_F(AmqpSaslTest, PlainIsRefused) {
  for (const auto& [user, password] :
       std::vector<std::pair<std::string, std::string>>{{"dev@sas.plant-1", "good:other"},
                                                        {"dev", "good:dev"},
                                                        {"service", "key:other"},
                                                        {"service", "policy:service"},
                                                        {"", "key:service"},
                                                        {"@sas.plant-1", "good:dev"},
                                                        {"dev@sas.plant-1", ""},
                                                        {"none@sas.root.plant-1", "policy:none"}}) {
    FakeHub hub;
    AmqpSession session({.connection_id = "c"}, hub, hub, now_);
    Client client;
    client.header(amqp::ProtocolId::sasl);
    client.sasl_init("PLAIN", as_bytes(plain(user, password)));
    Bytes out;
    session.on_bytes(client.take(), now_, out);
    client.feed(out);
    EXPECT_EQ(client.sasl_code(), 1) << user;
    EXPECT_TRUE(session.closed()) << user;
  }
}

TEST_F(AmqpSaslTest, PlainWithoutItsZerosIsRefused) {
  start("PLAIN", "dev@sas.plant-1 good:dev");
  EXPECT_EQ(client_.sasl_code(), 1);
}

// --- $cbs ----------------------------------------------------------------------------------------

TEST_F(AmqpSessionTest, PutTokenAnswersExactly200) {
  open();
  EXPECT_EQ(put_token(std::string(kHost) + "/devices/dev", "good:dev"), 200);
  const auto& reply = cbs_in_->received.back().message;
  EXPECT_EQ(reply.properties.correlation_id, Value("m1"));
  EXPECT_EQ(at(reply.application_properties, "status-description"), "OK");
  EXPECT_TRUE(session_.established());
  EXPECT_EQ(hub_.claims.back(), std::string(kHost) + "|dev||good:dev|");
}

TEST_F(AmqpSessionTest, AudiencesComeInManyForms) {
  open();
  const std::string host(kHost);
  EXPECT_EQ(put_token(host + "/devices/dev", "good:dev"), 200);
  EXPECT_EQ(put_token(host + "%2Fdevices%2Fdev", "good:dev"), 200);
  EXPECT_EQ(put_token("amqps://" + host + "/devices/dev%2B1", "good:dev+1"), 200);
  EXPECT_EQ(put_token(host + "/devices/dev/modules/mod", "good:dev/mod"), 200);
  EXPECT_EQ(put_token(host, "policy:service"), 200);
  EXPECT_EQ(
      put_token("sb://" + host + "/plant-1/ConsumerGroups/$Default/Partitions/0", "policy:service"),
      200);
  EXPECT_EQ(hub_.claims.back(),
            host + "|-||policy:service|plant-1/ConsumerGroups/$Default/Partitions/0|sb");
}

TEST_F(AmqpSessionTest, WrongTokensAreAnswered401) {
  open();
  EXPECT_EQ(put_token(std::string(kHost) + "/devices/dev", "good:other"), 401);
  // The client hears no reason.
  const auto& reply = cbs_in_->received.back().message;
  EXPECT_EQ(at(reply.application_properties, "status-description").find("refused by"),
            std::string::npos);
  EXPECT_FALSE(session_.established());
  EXPECT_EQ(closed(), "open");
}

TEST_F(AmqpSessionTest, OtherRequestsToCbsAreAnswered400) {
  open();
  put_token(kHost, "policy:service");
  struct Case {
    const char* name;
    Value value;
  };
  const Case cases[] = {{"operation", Value("delete-token")},
                        {"type", Value("jwt")},
                        {"name", Value("")},
                        {"name", Value(std::int32_t{1})}};
  for (const Case& c : cases) {
    amqp::Message request = put_token_request(kHost, "policy:service");
    for (auto& [key, value] : request.application_properties)
      if (amqp::text_of(key) == c.name) value = c.value;
    cbs_in_->received.clear();
    send(*cbs_out_, request);
    ASSERT_EQ(cbs_in_->received.size(), 1U);
    EXPECT_EQ(at(cbs_in_->received[0].message.application_properties, "status-code"), "400");
  }
}

TEST_F(AmqpSessionTest, ASharedKeysTokenThatIsCalledAJwtIsChecked) {
  open();
  put_token(kHost, "policy:service");
  cbs_in_->received.clear();
  amqp::Message request = put_token_request(kHost, "SharedAccessSignature unknown");
  for (auto& [key, value] : request.application_properties)
    if (amqp::text_of(key) == "type") value = Value("jwt");
  send(*cbs_out_, request);
  EXPECT_EQ(at(cbs_in_->received.at(0).message.application_properties, "status-code"), "401");
  EXPECT_EQ(hub_.claims.back(), std::string(kHost) + "|-||SharedAccessSignature unknown|");
}

TEST_F(AmqpSessionTest, TokensOfAConnectionAreBounded) {
  open();
  const std::string host(kHost);
  for (std::size_t i = 0; i < kTokensMax; ++i) {
    const std::string id = "d" + std::to_string(i);
    std::string audience = host;
    audience.append("/devices/").append(id);
    ASSERT_EQ(put_token(audience, "good:" + id), 200);
    if (i % 50 == 0) client_.flow(*cbs_in_, 100);
  }
  EXPECT_EQ(put_token(host + "/devices/more", "good:more"), 403);
  client_.flow(*cbs_in_, 100);
  EXPECT_EQ(put_token(host + "/devices/d0", "good:d0"), 200);  // a renewal needs no room
}

TEST_F(AmqpSessionTest, AnswersWaitForCreditWithinALimit) {
  open();
  put_token(kHost, "policy:service");
  client_.flow(*cbs_in_, 0);
  exchange();
  for (std::size_t i = 0; i < AmqpLimits::kQueuedMax; ++i)
    send(*cbs_out_, put_token_request(kHost, "policy:service"));
  EXPECT_FALSE(cbs_in_->detached);
  EXPECT_EQ(closed(), "open");
  cbs_in_->received.clear();
  client_.flow(*cbs_in_, 1000);
  exchange();
  EXPECT_EQ(cbs_in_->received.size(), AmqpLimits::kQueuedMax);
  client_.flow(*cbs_in_, 0);
  exchange();
  for (std::size_t i = 0; i <= AmqpLimits::kQueuedMax; ++i)
    send(*cbs_out_, put_token_request(kHost, "policy:service"));
  ASSERT_TRUE(cbs_in_->failure);
  EXPECT_EQ(cbs_in_->failure->condition, "com.microsoft:device-container-throttled");
}

// --- Certificates --------------------------------------------------------------------------------

TEST_F(AmqpSessionTest, ACertificateNeedsNoToken) {
  hub_.certificates.insert("dev");
  open();
  EXPECT_FALSE(session_.established());
  EXPECT_TRUE(send_link(kEvents).attached);
  EXPECT_TRUE(session_.established());
  EXPECT_FALSE(send_link("/devices/other/messages/events").attached);
}

// --- Addresses and refusals ----------------------------------------------------------------------

TEST_F(AmqpSessionTest, AttachesByEveryFormOfAddress) {
  be_device("Dev-1");
  for (const char* address : {"/devices/Dev-1/messages/events", "devices/Dev-1/messages/events/",
                              "amqps://plant-1.hub.test/devices/Dev-1/messages/events",
                              "/DEVICES/Dev-1/Messages/Events", "/devices/Dev%2D1/messages/events"})
    EXPECT_TRUE(send_link(address).attached) << address;
  EXPECT_TRUE(receive_link("/devices/Dev-1/messages/deviceBound").attached);
  EXPECT_FALSE(send_link("/devices/dev-1/messages/events").attached);  // ids keep their case
}

TEST_F(AmqpSessionTest, RefusalsSayWhyInTheWordsOfTheHub) {
  be_device();
  struct Case {
    const char* address;
    bool sends;
    const char* condition;
    std::int64_t code;
  };
  const Case cases[] = {
      {"/nowhere/at/all", true, "amqp:not-found", 404006},
      {"/devices/dev/messages", true, "amqp:not-found", 404006},
      {"", true, "amqp:not-found", 404006},
      {"/devices/dev/messages/events", false, "amqp:not-allowed", 400003},
      {"/devices/dev/messages/devicebound", true, "amqp:not-allowed", 400003},
      {"/messages/serviceBound/feedback", true, "amqp:not-allowed", 400003},
      {"/devices/other/messages/events", true, "amqp:unauthorized-access", 401003},
      {"/messages/devicebound", true, "amqp:unauthorized-access", 401003},
      {"plant-1/$management", true, "amqp:unauthorized-access", 401003},
  };
  for (const Case& c : cases) {
    const ClientLink& link = c.sends ? send_link(c.address) : receive_link(c.address);
    EXPECT_FALSE(link.attached) << c.address;
    ASSERT_TRUE(link.failure) << c.address;
    EXPECT_EQ(link.failure->condition, c.condition) << c.address;
    EXPECT_EQ(at(link.failure->info, "com.microsoft:error-code"), std::to_string(c.code))
        << c.address;
    EXPECT_TRUE(at(link.failure->info, "com.microsoft:tracking-id").starts_with("c1-"));
  }
  EXPECT_EQ(closed(), "open");
}

TEST_F(AmqpSessionTest, RefusedAttachesAreCounted) {
  open();
  for (unsigned i = 0; i < AmqpLimits::kRefusedMax; ++i) client_.detach(send_link("/nowhere"));
  EXPECT_EQ(closed(), "open");
  send_link("/nowhere");
  EXPECT_EQ(closed(), kTooManyRefused.code);
  EXPECT_EQ(client_.closed()->condition, "amqp:link:detach-forced");
}

// --- Time ----------------------------------------------------------------------------------------

TEST_F(AmqpSessionTest, OpeningHasADeadline) {
  EXPECT_EQ(session_.deadline_ms(), now_.steady_ms + AmqpLimits::kOpenTimeoutMs);
  pass(AmqpLimits::kOpenTimeoutMs - 1);
  EXPECT_EQ(closed(), "open");
  pass(1);
  EXPECT_EQ(closed(), kConnectTimeout.code);
}

TEST_F(AmqpSessionTest, CredentialsHaveADeadline) {
  open();
  pass(AmqpLimits::kCredentialsTimeoutMs - 1);
  EXPECT_EQ(closed(), "open");
  pass(1);
  EXPECT_EQ(closed(), kNobodyYet.code);
}

// Who is told a tracking id finds it in the hub's log.
TEST_F(AmqpSessionTest, EveryTrackingIdGoesToTheLog) {
  open();
  EXPECT_EQ(put_token(std::string(kHost) + "/devices/dev/modules/m1", "bad"), 401);
  ASSERT_EQ(hub_.refusals.size(), 1U);
  EXPECT_EQ(hub_.refusals[0], "c1-1 dev/m1 PV-SAS-900");
  const ClientLink& link = send_link("/devices/dev/messages/events");
  ASSERT_TRUE(link.failure);
  ASSERT_EQ(hub_.refusals.size(), 2U);
  EXPECT_TRUE(hub_.refusals[1].starts_with("c1-2 dev ")) << hub_.refusals[1];
  EXPECT_NE(link.failure->description.find("Tracking ID:c1-2)"), std::string::npos);
}

TEST_F(AmqpSessionTest, SilenceEndsTheConnection) {
  be_device();
  pass(amqp::kIdleTimeoutMs - 1);
  EXPECT_EQ(closed(), "open");
  pass(1);
  EXPECT_EQ(closed(), amqp::kIdleTimeout.code);
}

// --- End -----------------------------------------------------------------------------------------

TEST_F(AmqpSessionTest, TheClientMayClose) {
  be_device();
  client_.close();
  exchange();
  EXPECT_EQ(closed(), kClientDisconnected.code);
  EXPECT_TRUE(client_.ended() && !client_.closed());
}

TEST_F(AmqpSessionTest, TheHubMayClose) {
  be_device();
  session_.close(kServerStopping, out_);
  session_.close(kPeerClosed, out_);
  client_.feed(std::exchange(out_, {}));
  EXPECT_EQ(closed(), kServerStopping.code);
  EXPECT_EQ(client_.closed()->condition, "amqp:link:detach-forced");
}

TEST_F(AmqpSessionTest, WhoShallNotComeBackHearsAnotherCondition) {
  be_device();
  session_.close(kDeviceBarred, out_);
  client_.feed(std::exchange(out_, {}));
  EXPECT_EQ(client_.closed()->condition, "amqp:connection:forced");
}

TEST_F(AmqpSessionTest, NoiseEndsTheConnection) {
  session_.on_bytes(as_bytes("GET / HTTP/1.1\r\n\r\n"), now_, out_);
  EXPECT_EQ(closed(), amqp::kBadProtocolHeader.code);
  // Nothing more is heard.
  session_.on_bytes(as_bytes("more"), now_, out_);
  SessionEvent event = EventsArrived{};
  session_.on_event(event, now_, out_);
  session_.on_time(now_, out_);
  session_.on_durable(9, out_);
}

// --- Strangers -----------------------------------------------------------------------------------

TEST_F(AmqpSessionTest, FewLinksToCbs) {
  open();
  for (std::size_t i = 0; i < AmqpLimits::kCbsLinksMax; ++i)
    EXPECT_TRUE(send_link("$cbs").attached) << i;
  ClientLink& more = send_link("$cbs");
  EXPECT_FALSE(more.attached);
  EXPECT_EQ(more.failure->condition, "amqp:resource-limit-exceeded");
  EXPECT_EQ(closed(), "open");
}

TEST_F(AmqpSessionTest, TokensAreSmallAlsoOnceAClientIsKnown) {
  be_device();
  ClientLink& link = send_link("$cbs");
  EXPECT_EQ(link.max_message_size, AmqpLimits::kCbsMessageSizeMax);
  client_.send_bytes(link, Bytes(AmqpLimits::kCbsMessageSizeMax));
  exchange();
  EXPECT_FALSE(link.detached);
  client_.send_bytes(link, Bytes(AmqpLimits::kCbsMessageSizeMax + 1));
  exchange();
  EXPECT_EQ(link.failure->condition, "amqp:link:message-size-exceeded");
  EXPECT_EQ(closed(), "open");
}

TEST_F(AmqpSessionTest, WhoIsKnownHasMoreRoom) {
  open();
  for (std::size_t i = 0; i < amqp::kStrangerSessionsMax - 1; ++i) client_.begin();
  exchange();
  EXPECT_EQ(closed(), "open");
  be_device();
  client_.begin();
  client_.begin();
  ClientLink& link = send_link("/devices/dev/messages/events");
  const Bytes large(2 * amqp::kStrangerBytesMax);
  amqp::Message message;
  message.body = amqp::Message::Data{large};
  send(link, message);
  EXPECT_EQ(hub_.records.size(), 1U);
  EXPECT_EQ(closed(), "open");
}

TEST_F(AmqpSessionTest, AStrangersManySessionsEndIt) {
  open();
  for (std::size_t i = 0; i < amqp::kStrangerSessionsMax + 1; ++i) client_.begin();
  exchange();
  EXPECT_EQ(closed(), amqp::kTooManySessions.code);
}

// What official clients and Proton sent, as it was captured: they stay within what strangers have.
class EverybodysHub final : public FakeHub {
 public:
  Result<Principal> authenticate(const Claim& claim) override {
    Principal out{.hub = *iothub::HubName::parse(kHubName),
                  .tenant = *TenantId::parse("acme"),
                  .identity = std::nullopt,
                  .rights = 15,
                  .expires_ms = expires_ms};
    if (claim.device)
      out.identity = iothub::Identity::make(out.hub, *claim.device, claim.module_id);
    return out;
  }
};

TEST(AmqpCaptures, StayWithinTheLimitsOfStrangers) {
  for (const char* name : {"node_device", "node_service", "node_events", "proton_plain",
                           "python_events", "events_by_key"}) {
    std::ifstream file("cloud/hub/amqp/testdata/corpus/session_fuzz/" + std::string(name),
                       std::ios::binary);
    const std::string wire{std::istreambuf_iterator<char>(file), {}};
    ASSERT_GT(wire.size(), 1U) << name;
    EverybodysHub hub;
    const SessionNow now{1'000, kStartWallMs};
    AmqpSession session({.connection_id = "c"}, hub, hub, now);
    Bytes out;
    // In pieces, as it came: what the hub grants meanwhile was heard.
    for (std::size_t at = 1; at < wire.size(); at += 64)
      session.on_bytes(as_bytes(wire).subspan(at, std::min<std::size_t>(64, wire.size() - at)), now,
                       out);
    EXPECT_TRUE(session.established()) << name;
    if (session.closed()) {
      EXPECT_TRUE(session.closed()->is(kClientDisconnected)) << session.closed()->message();
    }
  }
}

}  // namespace
}  // namespace pavise::hub::testing
