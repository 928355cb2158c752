// The hub as devices meet it: real TLS over loopback.
#include "cloud/hub/transport/hub.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cloud/hub/transport/testing/hub_fixture.h"
#include "protocol/mqtt/encode.h"

namespace pavise::hub {
namespace {

using testing::ClientContext;
using testing::device_id;
using testing::SavedSession;
using testing::TestClient;

class HubTest : public testing::HubFixture {
 protected:
  static mqtt::Publish qos1(const Device& device, std::string_view payload, std::uint16_t id) {
    return {.topic = device.events,
            .payload = as_bytes(payload),
            .qos = mqtt::QoS::at_least_once,
            .packet_id = id};
  }
  static std::optional<std::uint16_t> puback(TestClient& client, int timeout_ms = 5'000) {
    const auto packet = client.receive(timeout_ms);
    if (!packet || !std::holds_alternative<mqtt::PubAck>(*packet)) return std::nullopt;
    return std::get<mqtt::PubAck>(*packet).packet_id;
  }
};

TEST_F(HubTest, TelemetryIsDurableBeforeItsPuback) {
  start();
  const Device device = make_device('a');
  TestClient client(device.context, hub_->port());
  ASSERT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::accepted);
  for (std::uint16_t id = 1; id <= 20; ++id) {
    ASSERT_TRUE(client.send(qos1(device, "message " + std::to_string(id), id)));
    ASSERT_EQ(puback(client), id);
    // A power cut now, with everything unsynced lost, keeps the record.
    auto log = *SegmentLog::open(
        std::make_unique<testing::MemoryLogDirectory>(disk_->after_power_cut(0)), {}, clock_);
    ASSERT_EQ(log->durable_end(), id);
    EXPECT_EQ(as_text(log->read(id - 1U)->front().payload), "message " + std::to_string(id));
  }
  EXPECT_EQ(records().front().tenant, "acme");
  EXPECT_EQ(records().front().device, device.id.text());
  const HubMetrics metrics = hub_->metrics();
  EXPECT_EQ(metrics.messages, 20U);
  EXPECT_EQ(metrics.handshakes_full, 1U);
  EXPECT_EQ(metrics.open_connections, 1U);
}

TEST_F(HubTest, ManyUnderWayAreAcknowledgedInOrder) {
  start();
  const Device device = make_device('a');
  TestClient client(device.context, hub_->port());
  ASSERT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::accepted);
  constexpr std::uint16_t kCount = 3 * kUnackedMessagesMax;  // more than may be under way
  Bytes wire;
  for (std::uint16_t id = 1; id <= kCount; ++id)
    ASSERT_TRUE(mqtt::encode(qos1(device, "x", id), wire));
  ASSERT_TRUE(client.send_raw(wire));
  for (std::uint16_t id = 1; id <= kCount; ++id) ASSERT_EQ(puback(client), id);
  EXPECT_EQ(records().size(), kCount);
}

TEST_F(HubTest, LargestTelemetryMessage) {
  start();
  const Device device = make_device('a');
  TestClient client(device.context, hub_->port());
  ASSERT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::accepted);
  const std::string payload(mqtt::kTelemetryPayloadMax, 'p');
  for (std::uint16_t id = 1; id <= 8; ++id) ASSERT_TRUE(client.send(qos1(device, payload, id)));
  for (std::uint16_t id = 1; id <= 8; ++id) ASSERT_EQ(puback(client), id);
  EXPECT_EQ(records().back().payload.size(), payload.size());
}

TEST_F(HubTest, DiskFullMeansNoPubackAndNothingAcknowledgedIsLost) {
  start();
  const Device device = make_device('a');
  {
    TestClient client(device.context, hub_->port());
    ASSERT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::accepted);
    ASSERT_TRUE(client.send(qos1(device, "kept", 1)));
    ASSERT_EQ(puback(client), 1);
    disk_->set_faults({.space_left = 30});
    ASSERT_TRUE(client.send(qos1(device, "lost", 2)));
    EXPECT_EQ(puback(client), std::nullopt);
  }
  EXPECT_TRUE(closed_with(kNotStored));
  EXPECT_EQ(hub_->metrics().messages_lost, 1U);
  disk_->set_faults({});
  // The hub opens the log again by itself; the device sends again until it is answered.
  const std::int64_t give_up_ms = clock_.steady_ms() + 20'000;
  while (clock_.steady_ms() < give_up_ms) {
    TestClient client(device.context, hub_->port());
    ASSERT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::accepted);
    ASSERT_TRUE(client.send(qos1(device, "again", 2)));
    if (puback(client) == 2) break;
  }
  const auto kept = records();
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(as_text(kept[0].payload), "kept");
  EXPECT_EQ(as_text(kept[1].payload), "again");
}

TEST_F(HubTest, RevokedDeviceIsDisconnectedWithinASecond) {
  start();
  const Device device = make_device('a');
  const Device other = make_device('b');
  TestClient client(device.context, hub_->port());
  TestClient bystander(other.context, hub_->port());
  ASSERT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::accepted);
  ASSERT_EQ(bystander.connect(other.id.text()), mqtt::ConnectCode::accepted);
  EXPECT_EQ(hub_->connected_count(), 2U);
  const std::int64_t before = clock_.steady_ms();
  gatekeeper_.revoke(device.id.text());
  EXPECT_TRUE(client.ended(1'000));
  EXPECT_LT(clock_.steady_ms() - before, 1'000);
  EXPECT_TRUE(closed_with(kDeviceBarred));
  EXPECT_FALSE(hub_->connection(device.in_hub));
  ASSERT_TRUE(bystander.send(mqtt::PingReq{}));
  EXPECT_TRUE(bystander.receive());
  TestClient again(device.context, hub_->port());
  EXPECT_EQ(again.connect(device.id.text()), mqtt::ConnectCode::not_authorized);
}

// More devices than a worker tells apart at first sight, in slots of which many are used again.
TEST_F(HubTest, OfManyOnlyTheRevokedDevicesAreDisconnected) {
  start([](HubOptions& options) { options.threads = 1; });
  const ClientContext context(server_ca_.certificate_pem(), nullptr);
  std::vector<std::unique_ptr<TestClient>> clients;
  const auto connect = [&](std::size_t i) {
    const std::string id = "device-" + std::to_string(i);
    gatekeeper_.allow_token("token of " + id, id, (std::time(nullptr) + 600) * 1000);
    auto client = std::make_unique<TestClient>(context, hub_->port());
    EXPECT_EQ(client->connect(id, true, "token of " + id), mqtt::ConnectCode::accepted);
    return client;
  };
  constexpr std::size_t kDevices = 80;
  for (std::size_t i = 0; i < kDevices; ++i) connect(kDevices + i);
  for (std::size_t i = 0; i < kDevices; ++i) clients.push_back(connect(i));
  for (std::size_t i = 0; i < kDevices; i += 2) {
    gatekeeper_.revoke("device-" + std::to_string(i));
    EXPECT_TRUE(clients[i]->ended()) << i;
  }
  for (std::size_t i = 1; i < kDevices; i += 2) {
    EXPECT_TRUE(clients[i]->send(mqtt::PingReq{}));
    const auto answer = clients[i]->receive();
    EXPECT_TRUE(answer && std::holds_alternative<mqtt::PingResp>(*answer)) << i;
  }
}

TEST_F(HubTest, ADeviceThatIsBarredWhileConnectingIsRefused) {
  start();
  const Device device = make_device('a');
  TestClient client(device.context, hub_->port());
  ASSERT_TRUE(client.tls_ok());
  gatekeeper_.revoke(device.id.text());
  EXPECT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::not_authorized);
  EXPECT_TRUE(client.ended(1'000));
}

class ResumptionTest : public HubTest, public ::testing::WithParamInterface<int> {
 protected:
  // One connection whose session is kept.
  SavedSession first_session(const Device& device) {
    TestClient client(device.context, hub_->port());
    EXPECT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::accepted);
    EXPECT_FALSE(client.resumed());
    return client.session();
  }
};

TEST_P(ResumptionTest, KeepsTheIdentity) {
  start();
  Device device = make_device('a');
  Device other = make_device('b');
  device.context = ClientContext(server_ca_.certificate_pem(), &device.identity, GetParam());
  other.context = ClientContext(server_ca_.certificate_pem(), &other.identity, GetParam());
  SavedSession session = first_session(device);
  const SavedSession other_session = first_session(other);
  for (int round = 0; round < 3; ++round) {  // also the tickets issued on resumption are good
    TestClient client(device.context, hub_->port(), session);
    ASSERT_TRUE(client.tls_ok());
    ASSERT_TRUE(client.resumed());
    ASSERT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::accepted);
    ASSERT_TRUE(client.send(qos1(device, "resumed", 1)));
    EXPECT_EQ(puback(client), 1);
    session = client.session();
  }
  TestClient liar(other.context, hub_->port(), other_session);
  ASSERT_TRUE(liar.resumed());
  EXPECT_EQ(liar.connect(device.id.text()), mqtt::ConnectCode::not_authorized);
  EXPECT_EQ(records().back().device, device.id.text());
  EXPECT_EQ(hub_->metrics().handshakes_resumed, 4U);
}

TEST_P(ResumptionTest, ARevokedDeviceCannotResume) {
  start();
  Device device = make_device('a');
  device.context = ClientContext(server_ca_.certificate_pem(), &device.identity, GetParam());
  const SavedSession session = first_session(device);
  gatekeeper_.revoke(device.id.text());
  TestClient client(device.context, hub_->port(), session);
  EXPECT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::not_authorized);
  EXPECT_TRUE(client.resumed()) << "it is judged again all the same";
  EXPECT_TRUE(closed_with(kDeviceBarred));
}

INSTANTIATE_TEST_SUITE_P(Versions, ResumptionTest,
                         ::testing::Values(TLS1_3_VERSION, TLS1_2_VERSION), [](const auto& chosen) {
                           return chosen.param == TLS1_3_VERSION ? "tls13" : "tls12";
                         });

TEST_F(HubTest, SecondConnectionOfADeviceClosesTheFirst) {
  start();
  const Device device = make_device('a');
  for (int round = 0; round < 8; ++round) {  // on the same worker or another
    TestClient first(device.context, hub_->port());
    ASSERT_EQ(first.connect(device.id.text()), mqtt::ConnectCode::accepted);
    TestClient second(device.context, hub_->port());
    ASSERT_EQ(second.connect(device.id.text()), mqtt::ConnectCode::accepted);
    EXPECT_TRUE(first.ended());
    ASSERT_TRUE(second.send(mqtt::PingReq{}));
    EXPECT_TRUE(second.receive());
    EXPECT_TRUE(hub_->connection(device.in_hub));
    EXPECT_EQ(hub_->connected_count(), 1U);
  }
  EXPECT_TRUE(closed_with(kSuperseded));
}

TEST_F(HubTest, ClientsWithoutAGoodCertificateOrTokenAreRefused) {
  start();
  const Device known = make_device('a');
  const testing::TestCa stranger_ca("stranger");
  const auto stranger = stranger_ca.issue(known.id.text());
  const ClientContext no_certificate(server_ca_.certificate_pem(), nullptr);
  const ClientContext foreign(server_ca_.certificate_pem(), &stranger);
  const auto unknown = device_ca_.issue(known.id.text());
  const ClientContext not_registered(server_ca_.certificate_pem(), &unknown);
  for (const ClientContext* context : {&no_certificate, &foreign, &not_registered}) {
    TestClient client(*context, hub_->port());
    EXPECT_EQ(client.connect(known.id.text()), mqtt::ConnectCode::not_authorized);
  }
  EXPECT_TRUE(closed_with(kDeviceBarred));
  EXPECT_EQ(hub_->metrics().not_admitted, 3U);
  EXPECT_EQ(hub_->connected_count(), 0U);
}

TEST_F(HubTest, AClientWithATokenNeedsNoCertificate) {
  start();
  gatekeeper_.allow_token("token of a", device_id('a').text(), (std::time(nullptr) + 60) * 1000);
  const ClientContext no_certificate(server_ca_.certificate_pem(), nullptr);
  TestClient client(no_certificate, hub_->port());
  EXPECT_EQ(client.connect(device_id('a').text(), true, "token of a"), mqtt::ConnectCode::accepted);
  TestClient liar(no_certificate, hub_->port());
  EXPECT_EQ(liar.connect(device_id('b').text(), true, "token of a"),
            mqtt::ConnectCode::not_authorized);
}

TEST_F(HubTest, TheSessionEndsWithTheCertificate) {
  start();
  const Device device = make_device('a');
  gatekeeper_.allow_certificate(device.identity.certificate_der, device.id.text(),
                                (std::time(nullptr) + 1) * 1000);
  TestClient client(device.context, hub_->port());
  ASSERT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::accepted);
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(closed_with(kCertificateEnded));
}

TEST_F(HubTest, TheWillOfABrokenConnectionIsStored) {
  start();
  const Device device = make_device('a');
  {
    TestClient client(device.context, hub_->port());
    const std::string name = "hub.test/" + device.id.text() + "/?api-version=1";
    ASSERT_TRUE(client.send(mqtt::Connect{.client_id = device.id.text(),
                                          .will = mqtt::Will{device.events, as_bytes("gone")},
                                          .username = name}));
    ASSERT_TRUE(client.receive());
  }
  ASSERT_TRUE(log_->wait(0, 5'000));
  EXPECT_EQ(as_text(records().front().payload), "gone");
  EXPECT_EQ(records().front().properties, "iothub-MessageType=Will");
}

TEST_F(HubTest, WhoComesSendsAndGoesIsNoted) {
  start();
  const Device device = make_device('a');
  const std::string id(device.id.text());
  {
    TestClient client(device.context, hub_->port());
    ASSERT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::accepted);
    for (std::uint16_t number = 1; number <= 50; ++number) {
      ASSERT_TRUE(client.send(qos1(device, "x", number)));
      ASSERT_EQ(puback(client), number);
    }
    const auto noted = data_.noted();
    EXPECT_EQ(noted.front(), id + " came");
    // 50 messages in less than kNoteActiveEveryMs; twice that on a very slow machine.
    EXPECT_GE(std::ranges::count(noted, id + " active"), 1);
    EXPECT_LT(std::ranges::count(noted, id + " active"), 50);
    // Another connection takes over: the device neither came nor went.
    TestClient second(device.context, hub_->port());
    ASSERT_EQ(second.connect(device.id.text()), mqtt::ConnectCode::accepted);
    ASSERT_TRUE(closed_with(kSuperseded));
    EXPECT_EQ(std::ranges::count(data_.noted(), id + " came"), 1);
    EXPECT_EQ(std::ranges::count(data_.noted(), id + " went"), 0);
  }
  hub_->stop();
  EXPECT_EQ(std::ranges::count(data_.noted(), id + " went"), 1);
}

TEST_F(HubTest, StopEndsConnectionsAndRefusesCalls) {
  start();
  const Device device = make_device('a');
  TestClient client(device.context, hub_->port());
  ASSERT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::accepted);
  hub_->stop();
  hub_->stop();
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(closed_with(kServerStopping));
  hub_->desired_changed(device.in_hub, 2, "{}");
  EXPECT_EQ(hub_->connected_count(), 0U);
  gatekeeper_.revoke(device.id.text());  // a late call must not reach into nothing
  hub_.reset();
  gatekeeper_.revoke(device.id.text());
}

TEST_F(HubTest, StartFailuresAreClear) {
  start();
  const auto identity = server_ca_.issue("hub.test");
  const auto options = [&] {
    HubOptions out;
    out.port = 0;
    out.certificate_chain_pem = identity.certificate_pem;
    out.private_key_pem = SecretBytes::copy_of(as_bytes(identity.key_pem));
    return out;
  };
  const std::function<void(HubOptions&)> changes[] = {
      [](HubOptions& o) { o.address = "no address"; },
      [](HubOptions& o) { o.address = "192.0.2.1"; },
      [](HubOptions& o) { o.certificate_chain_pem = "no certificate"; },
      [](HubOptions& o) { o.private_key_pem = SecretBytes(); },
      [this](HubOptions& o) {
        o.private_key_pem = SecretBytes::copy_of(as_bytes(server_ca_.issue("x").key_pem));
      },
  };
  for (const auto& change : changes) {
    HubOptions changed = options();
    change(changed);
    testing::FakeGatekeeper gatekeeper;
    const auto hub = Hub::start(std::move(changed), gatekeeper, *log_, data_, clock_);
    ASSERT_FALSE(hub);
    EXPECT_TRUE(hub.error().is(kHubStartFailed)) << hub.error().message();
  }
}

}  // namespace
}  // namespace pavise::hub
