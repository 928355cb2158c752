// How long a client may do what it was allowed to, and what it hears at the end.
#include "cloud/hub/amqp/errors.h"
#include "cloud/hub/amqp/testing/session_fixture.h"
#include "cloud/hub/session/close_reasons.h"

namespace pavise::hub::testing {
namespace {

constexpr std::string_view kUnauthorized = "amqp:unauthorized-access";
constexpr std::string_view kForced = "amqp:link:detach-forced";
const std::string kEvents = "/devices/dev/messages/events";

class AmqpGrantsTest : public AmqpSessionTest {
 protected:
  void change(const RightsChanged& change) {
    session_.on_rights_changed(change, now_, out_);
    exchange();
  }
  void bar(const std::string& device, const std::optional<std::string>& module_id = {}) {
    hub_.barred.insert(module_id ? device + "/" + *module_id : device);
    change({.device = device,
            .hub = iothub::HubName::parse(kHubName),
            .module_id = module_id,
            .reason = Error(kDeviceBarred)});
  }
  // The links to $cbs, the session and the connection ended.
  void expect_farewell(std::string_view condition, const ErrorInfo& why) {
    ASSERT_TRUE(cbs_in_->failure && cbs_out_->failure);
    EXPECT_EQ(cbs_in_->failure->condition, condition);
    EXPECT_EQ(cbs_out_->failure->condition, condition);
    EXPECT_EQ(client_.sessions_ended(), 1U);
    EXPECT_EQ(closed(), why.code);
    ASSERT_TRUE(client_.closed());
    EXPECT_EQ(client_.closed()->condition, condition);
  }
};

// --- Tokens end ----------------------------------------------------------------------------------

TEST_F(AmqpGrantsTest, LinksEndWithTheirToken) {
  open();
  hub_.expires_ms = kStartWallMs + 50'000;
  be_device("a");
  ClientLink& link = send_link("/devices/a/messages/events");
  hub_.expires_ms = kStartWallMs + 100'000;
  be_device("b");
  ClientLink& other = send_link("/devices/b/messages/events");
  EXPECT_EQ(session_.deadline_ms(), 1'000 + 50'000);
  pass(49'999);
  EXPECT_FALSE(link.detached);
  hub_.expires_ms = 0;  // asked again, the hub has nothing better
  pass(1);
  ASSERT_TRUE(link.failure);
  EXPECT_EQ(link.failure->condition, "amqp:link:detach-forced");
  EXPECT_EQ(hub_.channels["a"], 0);
  EXPECT_FALSE(other.detached);
  EXPECT_EQ(session_.deadline_ms(), 1'000 + 100'000);
  EXPECT_EQ(hub_.left, std::vector<std::string>{"a"});
  pass(50'000);
  EXPECT_TRUE(other.detached);
  expect_farewell("amqp:link:detach-forced", kGrantEnded);
}

TEST_F(AmqpGrantsTest, ANewTokenCarriesLinksOn) {
  open();
  hub_.expires_ms = kStartWallMs + 50'000;
  be_device();
  ClientLink& link = send_link(kEvents);
  pass(40'000);
  hub_.expires_ms = kStartWallMs + 100'000;
  be_device();
  pass(10'000);
  EXPECT_FALSE(link.detached);
  EXPECT_EQ(session_.deadline_ms(), 1'000 + 100'000);
}

TEST_F(AmqpGrantsTest, ServiceLinksEndWithTheirToken) {
  open();
  hub_.expires_ms = kStartWallMs + 50'000;
  be_service();
  ClientLink& link = send_link("/messages/devicebound");
  hub_.expires_ms = 0;
  pass(50'000);
  ASSERT_TRUE(link.failure);
  EXPECT_EQ(link.failure->condition, "amqp:link:detach-forced");
}

TEST_F(AmqpGrantsTest, ATokenWithoutLinksEndsItsConnection) {
  open();
  hub_.expires_ms = kStartWallMs + 50'000;
  be_device();
  EXPECT_EQ(session_.deadline_ms(), 1'000 + 50'000);
  pass(49'999);
  EXPECT_FALSE(cbs_in_->detached);
  pass(1);
  expect_farewell(kForced, kGrantEnded);
}

TEST_F(AmqpGrantsTest, AnotherTokenKeepsTheConnection) {
  open();
  hub_.expires_ms = kStartWallMs + 50'000;
  be_device("a");
  hub_.expires_ms = kStartWallMs + 100'000;
  be_device("b");
  pass(50'000);
  EXPECT_FALSE(cbs_in_->detached);
  EXPECT_EQ(session_.deadline_ms(), 1'000 + 100'000);
  hub_.expires_ms = 0;
  EXPECT_FALSE(send_link("/devices/a/messages/events").attached);
}

TEST_F(AmqpGrantsTest, ATokenBySaslEndsItsConnection) {
  hub_.expires_ms = kStartWallMs + 50'000;
  client_.header(amqp::ProtocolId::sasl);
  const std::string response = std::string("\0dev@sas.plant-1\0good:dev", 25);
  client_.sasl_init("PLAIN", as_bytes(response));
  exchange();
  client_.header(amqp::ProtocolId::amqp);
  client_.open(kHost);
  exchange();
  pass(50'000);
  EXPECT_EQ(closed(), kGrantEnded.code);
  ASSERT_TRUE(client_.closed());
  EXPECT_EQ(client_.closed()->condition, kForced);
  EXPECT_EQ(at(client_.closed()->info, "com.microsoft:error-code"), "401003");
}

// --- Rights change -------------------------------------------------------------------------------

TEST_F(AmqpGrantsTest, ABarredDeviceWithoutLinksLosesItsConnection) {
  be_device();
  bar("dev");
  expect_farewell(kUnauthorized, kDeviceBarred);
}

TEST_F(AmqpGrantsTest, ABarredDeviceHearsItOnItsLinks) {
  be_device();
  ClientLink& events = send_link(kEvents);
  ClientLink& messages = receive_link("/devices/dev/messages/devicebound");
  bar("dev");
  for (const ClientLink* link : {&events, &messages}) {
    ASSERT_TRUE(link->failure);
    EXPECT_EQ(link->failure->condition, kUnauthorized);
  }
  EXPECT_EQ(hub_.channels["dev"], 0);
  EXPECT_EQ(hub_.left, std::vector<std::string>{"dev"});
  bar("dev");  // told twice: no matter
  expect_farewell(kUnauthorized, kDeviceBarred);
}

TEST_F(AmqpGrantsTest, OfManyDevicesOnlyTheBarredOneGoes) {
  be_device("a");
  be_device("b");
  be_device("c");
  ClientLink& a = send_link("/devices/a/messages/events");
  ClientLink& b = send_link("/devices/b/messages/events");
  bar("b");
  ASSERT_TRUE(b.failure);
  EXPECT_EQ(b.failure->condition, kUnauthorized);
  bar("c");  // which has no links
  EXPECT_FALSE(a.detached || cbs_in_->detached);
  EXPECT_EQ(hub_.left, std::vector<std::string>{"b"});
  send(a, data("goes on"));
  EXPECT_EQ(hub_.records.size(), 1U);
  EXPECT_EQ(put_token(std::string(kHost) + "/devices/b", "good:b"), 401);
  bar("a");
  expect_farewell(kUnauthorized, kDeviceBarred);
}

TEST_F(AmqpGrantsTest, AGatewaysPolicyKeepsTheConnection) {
  open();
  ASSERT_EQ(put_token(kHost, "policy:device"), 200);
  ClientLink& one = send_link("/devices/one/messages/events");
  hub_.policies.clear();
  change({.device = "one", .reason = Error(kDeviceBarred)});
  EXPECT_EQ(one.failure->condition, kUnauthorized);
  EXPECT_FALSE(cbs_in_->detached);
}

TEST_F(AmqpGrantsTest, AServiceKeepsTheConnection) {
  be_service();
  be_device();
  ClientLink& service = send_link("/messages/devicebound");
  bar("dev");
  EXPECT_FALSE(service.detached || cbs_in_->detached);
}

// As when the other one of its two keys was replaced.
TEST_F(AmqpGrantsTest, WhoCanStillProveItMayAttachAgain) {
  be_device();
  ClientLink& link = send_link(kEvents);
  change({.device = "dev", .reason = Error(kDeviceBarred)});
  ASSERT_TRUE(link.failure);
  EXPECT_EQ(link.failure->condition, kForced);
  EXPECT_FALSE(cbs_in_->detached);
  EXPECT_EQ(hub_.left, std::vector<std::string>{"dev"});
  EXPECT_TRUE(send_link(kEvents).attached);
}

TEST_F(AmqpGrantsTest, ADeviceByCertificateWithoutLinksLosesItsConnection) {
  hub_.certificates.insert("dev");
  open();
  ClientLink& link = send_link(kEvents);
  client_.detach(link);
  exchange();
  hub_.certificates.clear();
  change({.device = "dev", .reason = Error(kDeviceBarred)});
  EXPECT_EQ(closed(), kDeviceBarred.code);
  EXPECT_EQ(client_.closed()->condition, kUnauthorized);
}

TEST_F(AmqpGrantsTest, AModuleGoesAloneADeviceWithItsModules) {
  const std::string module_events = "/devices/dev/modules/mod/messages/events";
  const auto put_both = [&] {
    be_device();
    ASSERT_EQ(put_token(std::string(kHost) + "/devices/dev/modules/mod", "good:dev/mod"), 200);
  };
  put_both();
  ClientLink& device = send_link(kEvents);
  ClientLink& first = send_link(module_events);
  bar("dev", "mod");
  EXPECT_TRUE(first.detached);
  EXPECT_FALSE(device.detached);
  hub_.barred.clear();
  put_both();
  ClientLink& second = send_link(module_events);
  ASSERT_TRUE(second.attached);
  hub_.barred = {"dev", "dev/mod"};
  change({.device = "dev", .reason = Error(kDeviceBarred)});
  EXPECT_TRUE(device.detached && second.detached);
  expect_farewell(kUnauthorized, kDeviceBarred);
}

}  // namespace
}  // namespace pavise::hub::testing
