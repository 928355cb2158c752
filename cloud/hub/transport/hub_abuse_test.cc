// Clients that do not play by the rules, at every layer.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cloud/hub/transport/testing/hub_fixture.h"
#include "protocol/iothub/fault.h"
#include "protocol/mqtt/encode.h"

namespace pavise::hub {
namespace {

using testing::TestClient;

class HubAbuseTest : public testing::HubFixture {
 protected:
  // The hub still serves a good device.
  void expect_alive(const Device& device) {
    TestClient client(device.context, hub_->port());
    ASSERT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::accepted);
    ASSERT_TRUE(client.send(mqtt::PingReq{}));
    EXPECT_TRUE(client.receive());
  }
};

TEST_F(HubAbuseTest, MqttPacketsTruncatedAtEveryByte) {
  start();
  const Device device = make_device('a');
  Bytes wire;
  ASSERT_TRUE(mqtt::encode(mqtt::Publish{.topic = device.events,
                                         .payload = as_bytes("x"),
                                         .qos = mqtt::QoS::at_least_once,
                                         .packet_id = 1},
                           wire));
  for (std::size_t size = 0; size < wire.size(); size += 7) {
    TestClient client(device.context, hub_->port());
    ASSERT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::accepted);
    ASSERT_TRUE(client.send_raw(ByteView(wire).first(size)));
  }
  expect_alive(device);
  EXPECT_TRUE(records().empty());
}

TEST_F(HubAbuseTest, OversizedPacketsAreRefusedByTheirHeader) {
  start();
  const Device device = make_device('a');
  {
    TestClient client(device.context, hub_->port());
    const Bytes connect_of_20_kib = *from_hex("1080a001");
    ASSERT_TRUE(client.send_raw(connect_of_20_kib));
    EXPECT_TRUE(client.ended());
  }
  EXPECT_TRUE(closed_with(mqtt::kPacketTooLarge));
  TestClient client(device.context, hub_->port());
  ASSERT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::accepted);
  const Bytes publish_of_256_mib = *from_hex("32ffffff7f");
  ASSERT_TRUE(client.send_raw(publish_of_256_mib));
  EXPECT_TRUE(client.ended());
  expect_alive(device);
}

TEST_F(HubAbuseTest, TelemetryAboveTheLimitEndsTheSession) {
  start();
  const Device device = make_device('a');
  TestClient client(device.context, hub_->port());
  ASSERT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::accepted);
  const Bytes payload(mqtt::kTelemetryPayloadMax + 1);
  ASSERT_TRUE(client.send(mqtt::Publish{.topic = device.events, .payload = payload}));
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(closed_with(kMessageTooLarge));
}

TEST_F(HubAbuseTest, WhatIsNotTlsIsRefused) {
  start();
  const Device device = make_device('a');
  const std::string garbage[] = {"GET / HTTP/1.1\r\n\r\n", std::string(100, '\0'),
                                 std::string("\x16\x03\x01\xff\xff", 5) + std::string(20'000, 'x'),
                                 "\x10\x0d"};
  for (const std::string& bytes : garbage) {
    const int fd = testing::connect_plain(hub_->port());
    ASSERT_GE(fd, 0);
    EXPECT_GT(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), 0);
    ::close(fd);
  }
  expect_alive(device);
}

TEST_F(HubAbuseTest, TruncatedTlsHandshakes) {
  start();
  const Device device = make_device('a');
  // A real ClientHello, cut at many places.
  SSL* ssl = SSL_new(device.context.get());
  SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_connect(ssl);
  char* hello = nullptr;
  const long size = BIO_get_mem_data(SSL_get_wbio(ssl), &hello);
  for (long cut = 0; cut < size; cut += 11) {
    const int fd = testing::connect_plain(hub_->port());
    ASSERT_GE(fd, 0);
    ::send(fd, hello, static_cast<std::size_t>(cut), MSG_NOSIGNAL);
    ::close(fd);
  }
  SSL_free(ssl);
  expect_alive(device);
}

TEST_F(HubAbuseTest, AClientThatNeverReadsIsClosedNotBuffered) {
  start();
  const Device device = make_device('a');
  TestClient client(device.context, hub_->port());
  ASSERT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::accepted);
  ASSERT_TRUE(
      client.send(mqtt::Subscribe{1, {{iothub::kDesiredPatchFilter, mqtt::QoS::at_most_once}}}));
  ASSERT_TRUE(client.receive());
  // Each change is 30 KiB to a client that does not read: the sockets fill, then the hub gives up.
  std::string big = "{";
  for (char key = 'a'; key < 'h'; ++key)
    big += std::string(key == 'a' ? "\"" : ",\"") + key + "\":\"" + std::string(4096, 'x') + "\"";
  big += "}";
  for (int i = 0; i < 2'000 && !closed_with(kReaderTooSlow, 0); ++i) merge_desired(device, big);
  EXPECT_TRUE(closed_with(kReaderTooSlow, 1'000));
  expect_alive(device);
}

TEST_F(HubAbuseTest, AFloodBeyondTheWindowIsHeldBackNotLost) {
  start();
  const Device device = make_device('a');
  TestClient client(device.context, hub_->port());
  ASSERT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::accepted);
  // QoS 0, so nothing is ever acknowledged to the client.
  constexpr std::size_t kCount = 5'000;
  for (std::size_t i = 0; i < kCount; ++i)
    ASSERT_TRUE(client.send(mqtt::Publish{.topic = device.events, .payload = as_bytes("x")}));
  ASSERT_TRUE(log_->wait(kCount - 1, 20'000));
  EXPECT_EQ(records().size(), kCount);
}

TEST_F(HubAbuseTest, ConnectionLimit) {
  start([](HubOptions& options) { options.connections_max = 2; });
  const Device a = make_device('a');
  const Device b = make_device('b');
  const Device c = make_device('c');
  {
    TestClient first(a.context, hub_->port());
    TestClient second(b.context, hub_->port());
    ASSERT_EQ(first.connect(a.id.text()), mqtt::ConnectCode::accepted);
    ASSERT_EQ(second.connect(b.id.text()), mqtt::ConnectCode::accepted);
    TestClient third(c.context, hub_->port());
    EXPECT_FALSE(third.connect(c.id.text()));
    EXPECT_EQ(hub_->metrics().refused_by_limit, 1U);
  }
  while (hub_->metrics().open_connections > 0) std::this_thread::yield();
  expect_alive(c);
}

TEST_F(HubAbuseTest, HandshakeLimit) {
  start([](HubOptions& options) {
    options.handshakes_max = 1;
    options.threads = 1;
  });
  const Device device = make_device('a');
  const int idle = testing::connect_plain(hub_->port());
  ASSERT_GE(idle, 0);
  while (hub_->metrics().open_connections == 0) std::this_thread::yield();
  EXPECT_FALSE(TestClient(device.context, hub_->port()).tls_ok());
  ::close(idle);
  while (hub_->metrics().open_connections > 0) std::this_thread::yield();
  expect_alive(device);
}

TEST_F(HubAbuseTest, OutOfDescriptorsTheHubWaitsAndGoesOn) {
  start();
  const Device device = make_device('a');
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int client_fd = testing::connect_plain(hub_->port());  // works, to find a high descriptor
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(client_fd) + 2;  // one more, for the client's side
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  const int stuck = testing::connect_plain(hub_->port());
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ::close(client_fd);
  if (stuck >= 0) ::close(stuck);
  expect_alive(device);
}

TEST_F(HubAbuseTest, AClientMayHaveItsTcpConnectionCut) {
  start();
  gatekeeper_.allow_faults();
  const Device device = make_device('a');
  TestClient client(device.context, hub_->port());
  ASSERT_EQ(client.connect(device.id.text()), mqtt::ConnectCode::accepted);
  const std::string topic = device.events + "AzIoTHub_FaultOperationType=KillTcp";
  ASSERT_TRUE(client.send(mqtt::Publish{
      .topic = topic, .payload = {}, .qos = mqtt::QoS::at_least_once, .packet_id = 1}));
  const auto answer = client.receive();
  ASSERT_TRUE(answer && std::holds_alternative<mqtt::PubAck>(*answer));
  ASSERT_TRUE(closed_with(iothub::kFaultCutsTcp));
  char byte = 0;
  EXPECT_EQ(::recv(client.fd(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET) << "no farewell, neither of TLS nor of TCP";
}

}  // namespace
}  // namespace pavise::hub
