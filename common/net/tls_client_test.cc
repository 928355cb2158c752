#include "common/net/tls_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ctime>

#include "common/net/testing/loopback.h"

namespace pavise::net {
namespace {

using testing::CertificateSpec;
using testing::LoopbackServer;
using testing::TestCa;

Deadline soon() {
  return Deadline::after(Millis(5000));
}

// Answers every piece with the client's common name (or "-") and what was sent.
void echo(SSL* ssl) {
  char buffer[256];
  std::size_t size = 0;
  while (SSL_read_ex(ssl, buffer, sizeof buffer, &size) == 1) {
    char name[100] = "-";
    if (X509* peer = SSL_get0_peer_certificate(ssl))
      X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, name, sizeof name);
    const std::string answer = std::string(name) + ":" + std::string(buffer, size);
    if (SSL_write_ex(ssl, answer.data(), answer.size(), &size) != 1) return;
  }
}

Result<std::string> ask(TlsClient& client, std::string_view text) {
  PAVISE_TRY(client.write(as_bytes(text), soon()));
  std::array<std::byte, 256> buffer;
  PAVISE_TRY_ASSIGN(const std::size_t size, client.read(buffer, soon()));
  return std::string(as_text(ByteView(buffer).first(size)));
}

TlsOptions trusting(const TestCa& ca) {
  TlsOptions options;
  options.trust_anchors_pem = ca.pem();
  return options;
}

TEST(TlsClient, SpeaksAndExportsTheSameKeyingMaterial) {
  const TestCa ca;
  Bytes exported;
  LoopbackServer server({.identity = ca.issue()}, [&](SSL* ssl) {
    exported.resize(32);
    SSL_export_keying_material(ssl, as_uchar(std::span<std::byte>(exported)), 32, "EXPORTER-x", 10,
                               nullptr, 0, 0);
    echo(ssl);
  });
  auto client = TlsClient::connect("127.0.0.1", server.port(), trusting(ca));
  ASSERT_TRUE(client) << client.error().message();
  auto answer = ask(*client, "hello");
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(*answer, "-:hello");
  auto ours = client->export_keying_material("EXPORTER-x");
  ASSERT_TRUE(ours);
  EXPECT_TRUE(equal(*ours, exported));
  EXPECT_FALSE(client->resumed());
}

TEST(TlsClient, MutualTlsWithAKeyItDoesNotHold) {
  const TestCa ca;
  const TestCa device_ca("Devices");
  for (const int version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
    LoopbackServer server({.identity = ca.issue(), .client_ca = &device_ca, .max_version = version},
                          echo);
    const auto device = device_ca.issue({.common_name = "device-7"});
    int signatures = 0;
    TlsOptions options = trusting(ca);
    options.allow_tls12 = true;
    options.identity = ClientIdentity{{device.certificate_der}, [&](const Digest256& digest) {
                                        ++signatures;
                                        return testing::sign_digest_with(device.key.get(), digest);
                                      }};
    auto client = TlsClient::connect("127.0.0.1", server.port(), options);
    ASSERT_TRUE(client) << client.error().message();
    auto answer = ask(*client, "x");
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(*answer, "device-7:x");
    EXPECT_EQ(signatures, 1);
  }
}

TEST(TlsClient, ResumesASessionAndKeepsTheIdentity) {
  const TestCa ca;
  LoopbackServer server({.identity = ca.issue(), .client_ca = &ca}, echo);
  const auto device = ca.issue({.common_name = "device-8"});
  int signatures = 0;
  TlsOptions options = trusting(ca);
  options.identity = ClientIdentity{{device.certificate_der}, [&](const Digest256& digest) {
                                      ++signatures;
                                      return testing::sign_digest_with(device.key.get(), digest);
                                    }};
  auto first = TlsClient::connect("127.0.0.1", server.port(), options);
  ASSERT_TRUE(first);
  ASSERT_TRUE(ask(*first, "x"));
  options.resume = first->session();
  ASSERT_NE(options.resume, nullptr);
  auto second = TlsClient::connect("127.0.0.1", server.port(), options);
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_TRUE(second->resumed());
  auto answer = ask(*second, "x");
  ASSERT_TRUE(answer);
  EXPECT_EQ(*answer, "device-8:x");
  EXPECT_EQ(signatures, 1);

  // Never offered to a server of another name.
  options.server_name = "localhost";
  auto other = TlsClient::connect("127.0.0.1", server.port(), options);
  ASSERT_TRUE(other) << other.error().message();
  EXPECT_FALSE(other->resumed());
}

TEST(TlsClient, SaysWhyAServerIsNotTrusted) {
  const TestCa ca;
  const TestCa foreign("Foreign CA");
  const UnixSeconds now = std::time(nullptr);
  struct Row {
    const char* name;
    testing::TestIdentity identity;
    std::string server_name;
    std::optional<UnixSeconds> at;
    const ErrorInfo* expected;
  };
  const Row rows[] = {
      {"good", ca.issue(), "", {}, nullptr},
      {"good by name", ca.issue(), "localhost", {}, nullptr},
      {"foreign CA", foreign.issue(), "", {}, &kNotTrusted},
      {"other name", ca.issue(), "pavise.example", {}, &kNameMismatch},
      {"other address", ca.issue({.subject_alt_name = "IP:10.0.2.2"}), "", {}, &kNameMismatch},
      {"name only in the subject",
       ca.issue({.common_name = "localhost", .subject_alt_name = ""}),
       "localhost",
       {},
       &kNameMismatch},
      {"wild card for a part",
       ca.issue({.subject_alt_name = "DNS:loc*.example"}),
       "local.example",
       {},
       &kNameMismatch},
      {"expired",
       ca.issue({.not_before = now - 7200, .not_after = now - 3600}),
       "",
       {},
       &kClockOrValidity},
      {"expired, seen from then", ca.issue({.not_before = now - 7200, .not_after = now - 3600}), "",
       now - 5000, nullptr},
      {"clock set back", ca.issue(), "", now - 86400, &kClockOrValidity},
      {"clock set far ahead", ca.issue(), "", now + 30 * 86400, &kClockOrValidity},
  };
  for (const Row& row : rows) {
    LoopbackServer server({.identity = row.identity}, echo);
    TlsOptions options = trusting(ca);
    options.server_name = row.server_name;
    options.validation_time = row.at;
    auto client = TlsClient::connect("127.0.0.1", server.port(), options);
    if (row.expected == nullptr) {
      EXPECT_TRUE(client) << row.name << ": " << client.error().message();
    } else {
      ASSERT_FALSE(client) << row.name;
      EXPECT_TRUE(client.error().is(*row.expected)) << row.name << ": " << client.error().message();
    }
  }
}

// For a device without a clock. Each row is a chain, the time here, and what comes of it with and
// without the permission to learn.
TEST(TlsClient, LearnsTheTimeFromAServerAndNothingElse) {
  const TestCa ca;
  const TestCa foreign("Foreign CA");
  constexpr UnixSeconds kDay = 86'400;
  const UnixSeconds now = std::time(nullptr);
  const CertificateSpec current{.not_before = now - 3600, .not_after = now + kDay};
  const CertificateSpec old{.not_before = now - 90 * kDay, .not_after = now - kDay};
  struct Row {
    const char* name;
    testing::TestIdentity identity;
    std::string server_name;
    UnixSeconds at;
    const ErrorInfo* strict;
    const ErrorInfo* learning;
  };
  const Row rows[] = {
      {"the time is right", ca.issue(current), "", now, nullptr, nullptr},
      {"clock before the certificate", ca.issue(current), "", now - kDay, &kClockOrValidity,
       nullptr},
      {"clock years before it", ca.issue(current), "", now - 9 * 365 * kDay, &kClockOrValidity,
       nullptr},
      {"an old certificate, ended before our floor", ca.issue(old), "", now, &kClockOrValidity,
       &kClockOrValidity},
      {"one second after its end", ca.issue(old), "", now - kDay + 1, &kClockOrValidity,
       &kClockOrValidity},
      {"never valid", ca.issue({.not_before = now, .not_after = now - 3600}), "", now - kDay,
       &kClockOrValidity, &kClockOrValidity},
      {"outlives its issuer",
       ca.issue({.not_before = now + 11 * 365 * kDay, .not_after = now + 12 * 365 * kDay}), "", now,
       &kClockOrValidity, &kClockOrValidity},
      {"foreign CA, not yet valid", foreign.issue(current), "", now - kDay, &kNotTrusted,
       &kNotTrusted},
      {"other name, not yet valid", ca.issue(current), "pavise.example", now - kDay, nullptr,
       &kNameMismatch},
  };
  for (const Row& row : rows) {
    LoopbackServer server({.identity = row.identity}, echo);
    TlsOptions options = trusting(ca);
    options.server_name = row.server_name;
    options.validation_time = row.at;
    const auto strict = TlsClient::connect("127.0.0.1", server.port(), options);
    if (row.strict != nullptr) {
      ASSERT_FALSE(strict) << row.name;
      EXPECT_TRUE(strict.error().is(*row.strict)) << row.name << ": " << strict.error().message();
    } else if (row.learning == nullptr) {
      EXPECT_TRUE(strict) << row.name << ": " << strict.error().message();
    }
    options.learn_time.emplace();
    const auto learning = TlsClient::connect("127.0.0.1", server.port(), options);
    if (row.learning == nullptr) {
      ASSERT_TRUE(learning) << row.name << ": " << learning.error().message();
      EXPECT_EQ(learning->server_validity(), (ChainValidity{now - 3600, now + kDay})) << row.name;
    } else {
      ASSERT_FALSE(learning) << row.name;
      EXPECT_TRUE(learning.error().is(*row.learning))
          << row.name << ": " << learning.error().message();
    }
  }
}

// A resumed connection shows no chain, so there is nothing to learn from.
TEST(TlsClient, LearnsNothingFromAResumedConnection) {
  const TestCa ca;
  LoopbackServer server({.identity = ca.issue()}, echo);
  TlsOptions options = trusting(ca);
  auto first = TlsClient::connect("127.0.0.1", server.port(), options);
  ASSERT_TRUE(first);
  ASSERT_TRUE(ask(*first, "x"));
  options.resume = first->session();
  auto resumed = TlsClient::connect("127.0.0.1", server.port(), options);
  ASSERT_TRUE(resumed);
  ASSERT_TRUE(resumed->resumed());
  EXPECT_FALSE(resumed->server_validity());
  ASSERT_TRUE(ask(*resumed, "x"));
  options.resume = resumed->session();
  options.learn_time.emplace();
  EXPECT_FALSE(TlsClient::connect("127.0.0.1", server.port(), options));
}

TEST(TlsClient, TrustAnchorsSayWhenTheyBegan) {
  const TestCa ca;
  const TestCa second;
  const UnixSeconds expected = std::time(nullptr) - 10 * 365 * 86'400LL;
  const auto begin = trust_anchors_begin(ca.pem() + second.pem());
  ASSERT_TRUE(begin);
  EXPECT_NEAR(static_cast<double>(*begin), static_cast<double>(expected), 60);
  EXPECT_FALSE(trust_anchors_begin(""));
  EXPECT_FALSE(trust_anchors_begin(ca.pem() + "-----BEGIN CERTIFICATE-----\nAAAA\n"));
}

TEST(TlsClient, RefusesOldTlsUnlessAllowed) {
  const TestCa ca;
  LoopbackServer server({.identity = ca.issue(), .max_version = TLS1_2_VERSION}, echo);
  auto refused = TlsClient::connect("127.0.0.1", server.port(), trusting(ca));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(kHandshakeFailed)) << refused.error().message();
  TlsOptions options = trusting(ca);
  options.allow_tls12 = true;
  EXPECT_TRUE(TlsClient::connect("127.0.0.1", server.port(), options));
}

TEST(TlsClient, ReportsThatTheServerRejectsOurCertificate) {
  const TestCa ca;
  const TestCa other("Other");
  LoopbackServer server({.identity = ca.issue(), .client_ca = &ca}, echo);
  const auto stranger = other.issue();
  TlsOptions with_foreign = trusting(ca);
  with_foreign.identity = ClientIdentity{{stranger.certificate_der}, stranger.signer()};
  for (const TlsOptions& options : {trusting(ca), with_foreign}) {
    auto client = TlsClient::connect("127.0.0.1", server.port(), options);
    ASSERT_TRUE(client) << client.error().message();  // TLS 1.3: the verdict comes later
    std::array<std::byte, 16> buffer;
    auto got = client->read(buffer, soon());
    ASSERT_FALSE(got);
    EXPECT_TRUE(got.error().is(kClientRejected)) << got.error().message();
    EXPECT_FALSE(client->write(as_bytes("x"), soon()));
  }
}

TEST(TlsClient, PassesOnWhyTheSignerFailed) {
  static constexpr ErrorInfo kTpmGone{"PV-TST-001", Retry::later, "the TPM is gone", ""};
  const TestCa ca;
  LoopbackServer server({.identity = ca.issue(), .client_ca = &ca}, echo);
  TlsOptions options = trusting(ca);
  options.identity =
      ClientIdentity{{ca.issue().certificate_der},
                     [](const Digest256&) -> Result<Bytes> { return Error(kTpmGone); }};
  auto client = TlsClient::connect("127.0.0.1", server.port(), options);
  ASSERT_FALSE(client);
  EXPECT_TRUE(client.error().is(kSignerFailed));
  EXPECT_NE(client.error().message().find("PV-TST-001"), std::string::npos);
}

TEST(TlsClient, RefusesUnusableOptions) {
  const TestCa ca;
  LoopbackServer server({.identity = ca.issue()}, echo);
  const auto identity = ca.issue();
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> p384(EVP_EC_gen("P-384"),
                                                                 &EVP_PKEY_free);
  std::vector<std::pair<std::string, TlsOptions>> rows;
  rows.emplace_back("no anchors", TlsOptions{});
  rows.emplace_back("anchors are no PEM", TlsOptions{.trust_anchors_pem = "hello"});
  std::string damaged = ca.pem();
  damaged.replace(40, 4, "####");
  rows.emplace_back("a damaged anchor", TlsOptions{.trust_anchors_pem = ca.pem() + damaged});
  for (auto& [name, chain, sign] :
       std::vector<std::tuple<std::string, std::vector<Bytes>, DigestSigner>>{
           {"empty chain", {}, identity.signer()},
           {"chain of garbage", {Bytes(5)}, identity.signer()},
           {"no signer", {identity.certificate_der}, nullptr},
           {"P-384 leaf", {ca.issue({.key = p384.get()}).certificate_der}, identity.signer()}}) {
    TlsOptions options = trusting(ca);
    options.identity = ClientIdentity{chain, sign};
    rows.emplace_back(name, options);
  }
  for (const auto& [name, options] : rows) {
    auto client = TlsClient::connect("127.0.0.1", server.port(), options);
    ASSERT_FALSE(client) << name;
    EXPECT_TRUE(client.error().is(kBadOptions)) << name << ": " << client.error().message();
  }
}

TEST(TlsClient, DeadlinesHold) {
  const TestCa ca;
  LoopbackServer server({.identity = ca.issue()}, [](SSL* ssl) {
    char byte = 0;
    SSL_read(ssl, &byte, 1);  // never answers
  });
  auto client = TlsClient::connect("127.0.0.1", server.port(), trusting(ca));
  ASSERT_TRUE(client);
  std::array<std::byte, 16> buffer;
  auto got = client->read(buffer, Deadline::after(Millis(20)));
  ASSERT_FALSE(got);
  EXPECT_TRUE(got.error().is(kTimedOut));
  ASSERT_TRUE(client->write(as_bytes("x"), soon()));  // still usable
  auto closed = client->read(buffer, soon());
  ASSERT_TRUE(closed) << closed.error().message();
  EXPECT_EQ(*closed, 0U);
}

TEST(TlsClient, SilentServerEndsAtTheConnectDeadline) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::uint16_t port = ntohs(address.sin_port);
  const TestCa ca;
  TlsOptions options = trusting(ca);
  options.connect_timeout = Millis(50);

  auto refused = TlsClient::connect("127.0.0.1", port, options);  // bound, not listening
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(kRefused)) << refused.error().message();

  ASSERT_EQ(listen(listener, 1), 0);
  auto silent = TlsClient::connect("127.0.0.1", port, options);
  ASSERT_FALSE(silent);
  EXPECT_TRUE(silent.error().is(kTimedOut)) << silent.error().message();
  close(listener);
}

TEST(TlsClient, NameErrorsAreSaidAsSuch) {
  const TestCa ca;
  for (const std::string& host : {std::string(), std::string("a\0b", 3), std::string("a..b")}) {
    auto client = TlsClient::connect(host, 1, trusting(ca));
    ASSERT_FALSE(client);
    EXPECT_TRUE(client.error().is(kNameUnresolved)) << client.error().message();
  }
}

}  // namespace
}  // namespace pavise::net
