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

// The next bytes. Records of TLS's own, as tickets, come as 0 bytes in between.
std::string next(HubConnection& hub, const std::vector<pollfd>& others = {}) {
  std::array<std::byte, 2> out{};
  while (true) {
    const auto size = hub.read(out, kLongMs, others);
    if (!size) return std::string(size.error().code());
    if (*size != 0) return std::string(as_text(ByteView(out).first(*size)));
  }
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
  EXPECT_EQ(next(hub), "he");
  // The rest of the record is no longer in the socket, where one could wait for it.
  EXPECT_EQ(next(hub), "ll");
  EXPECT_EQ(next(hub), "o");

  auto ends = testing::socket_ends();
  const std::vector<pollfd> others{{ends[0].get(), POLLIN, 0}};
  EXPECT_EQ(*hub.read(out, 0, others), 0U);
  ASSERT_EQ(::send(ends[1].get(), "x", 1, 0), 1);
  EXPECT_EQ(*hub.read(out, kLongMs, others), 0U);
  // One that has always something to say does not keep the hub from being heard.
  ASSERT_TRUE(hub.write(as_bytes("hi")));
  EXPECT_EQ(next(hub, others), "he");

  ASSERT_TRUE(hub.write(as_bytes("bye")));
  std::string end;
  for (int i = 0; i < 4 && end != net::kClosed.code; ++i) end = next(hub);
  EXPECT_EQ(end, net::kClosed.code);
}

}  // namespace
}  // namespace pavise::agent
