#include "device/agent/network.h"

#include <gtest/gtest.h>

#include "common/net/testing/loopback.h"
#include "device/agent/certificate.h"
#include "device/agent/testing/app_starter.h"
#include "device/agent/testing/fake_device.h"

namespace pavise::agent {
namespace {

constexpr std::int64_t kLongMs = 600'000;  // nothing here waits for its end

// Says "hello" in one record for each that comes, and leaves at "bye".
void polite_hub(SSL* ssl) {
  std::array<char, 16> got{};
  int size = 0;
  while ((size = SSL_read(ssl, got.data(), got.size())) > 0) {
    if (std::string_view(got.data(), static_cast<std::size_t>(size)) == "bye") break;
    SSL_write(ssl, "hello", 5);
  }
  SSL_shutdown(ssl);
}

TEST(TlsHubConnection, ReadsWhatCameAndWakesForOthers) {
  const net::testing::TestCa ca;
  net::testing::LoopbackServer server({.identity = ca.issue({.subject_alt_name = "DNS:hub.test"})},
                                      polite_hub);
  testing::FakeMonitor monitor;
  const CertificateOwner owner = *owner_of(*monitor.identity());
  const auto accepted = monitor.accepted();
  auto certificate = read_certificate(accepted, evidence::encode_response(accepted), owner);
  ASSERT_TRUE(certificate);
  certificate->hub_port = server.port();
  DeviceConfig config;
  config.hub_address = "127.0.0.1";
  TlsHubConnector connector(config, ca.pem(), monitor);
  auto connected = connector.connect(*certificate, SystemClock().now_s());
  ASSERT_TRUE(connected) << connected.error().message();
  HubConnection& hub = **connected;

  std::array<std::byte, 2> out{};
  EXPECT_EQ(*hub.read(out, 0, {}), 0U);
  ASSERT_TRUE(hub.write(as_bytes("hi")));
  EXPECT_EQ(*hub.read(out, kLongMs, {}), 2U);
  EXPECT_EQ(as_text(out), "he");
  // The rest of the record is no longer in the socket, where one could wait for it.
  EXPECT_EQ(*hub.read(out, kLongMs, {}), 2U);
  EXPECT_EQ(*hub.read(out, kLongMs, {}), 1U);

  auto ends = testing::socket_ends();
  const std::vector<pollfd> others{{ends[0].get(), POLLIN, 0}};
  EXPECT_EQ(*hub.read(out, 0, others), 0U);
  ASSERT_EQ(::send(ends[1].get(), "x", 1, 0), 1);
  EXPECT_EQ(*hub.read(out, kLongMs, others), 0U);
  // One that has always something to say does not keep the hub from being heard.
  ASSERT_TRUE(hub.write(as_bytes("hi")));
  std::size_t size = 0;
  while (size == 0) size = *hub.read(out, kLongMs, others);
  EXPECT_EQ(as_text(out), "he");

  ASSERT_TRUE(hub.write(as_bytes("bye")));
  Result<std::size_t> end = hub.read(out, kLongMs, {});
  while (end && *end != 0) end = hub.read(out, kLongMs, {});
  ASSERT_FALSE(end);
  EXPECT_TRUE(end.error().is(net::kClosed));
}

}  // namespace
}  // namespace pavise::agent
