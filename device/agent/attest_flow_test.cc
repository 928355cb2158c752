#include "device/agent/attest_flow.h"

#include <gtest/gtest.h>

#include "common/net/errors.h"
#include "device/agent/testing/fake_device.h"
#include "protocol/evidence/evidence.h"
#include "protocol/x509/certificate_request.h"

namespace pavise::agent {
namespace {

using testing::FakeMonitor;

constexpr UnixSeconds kNow = 1'790'000'000;

// A service that answers the two requests with what the test prepared.
struct FakeService {
  Result<Bytes> challenge = Bytes();
  Result<Bytes> verdict = Bytes();
  Bytes challenge_request = {};
  Bytes evidence = {};
  std::optional<Error> unreachable = {};
  int connections = 0;
  std::string exporter_label = {};
  UnixSeconds judged_as_of = 0;
  std::optional<net::ChainValidity> validity = net::ChainValidity{kNow - 100, kNow + 90 * 86'400};
};

class FakeChannel final : public AttestChannel {
 public:
  explicit FakeChannel(FakeService& service) : service_(service) {}
  Result<Bytes> post(const std::string& path, Bytes body) override {
    if (path == "/device/v1/challenge") {
      service_.challenge_request = std::move(body);
      return service_.challenge;
    }
    EXPECT_EQ(path, "/device/v1/evidence");
    service_.evidence = std::move(body);
    return service_.verdict;
  }
  Result<Digest256> exporter(std::string_view label) override {
    service_.exporter_label = label;
    Digest256 out;
    out.fill(std::byte{0xee});
    return out;
  }
  std::optional<net::ChainValidity> service_validity() override { return service_.validity; }

 private:
  FakeService& service_;
};

class FakeDialer final : public AttestDialer {
 public:
  explicit FakeDialer(FakeService& service) : service_(service) {}
  Result<std::unique_ptr<AttestChannel>> open(UnixSeconds now) override {
    ++service_.connections;
    service_.judged_as_of = now;
    if (service_.unreachable) return *service_.unreachable;
    return std::unique_ptr<AttestChannel>(std::make_unique<FakeChannel>(service_));
  }

 private:
  FakeService& service_;
};

class AttestFlowTest : public ::testing::Test {
 protected:
  AttestFlowTest() {
    challenge.session.fill(std::byte{1});
    challenge.nonce.fill(std::byte{2});
    challenge.pcrs = {0, 4, 11};
    service.challenge = challenge.encode();
    service.verdict = evidence::encode_response(monitor.accepted());
  }
  Result<AttestOutcome> attest() { return flow.attest(kNow); }
  static std::string refusal_code(const Result<AttestOutcome>& outcome) {
    const auto* refusal = outcome ? std::get_if<Refusal>(&*outcome) : nullptr;
    return refusal == nullptr ? "" : refusal->code;
  }

  FakeMonitor monitor;
  FakeService service;
  FakeDialer dialer{service};
  evidence::Challenge challenge;
  AttestFlow flow{monitor,
                  dialer,
                  *monitor.identity(),
                  *owner_of(*monitor.identity()),
                  {{"cmdline", "pavise.epoch=1"}, {"agent", "0.1"}}};
};

TEST_F(AttestFlowTest, SendsEvidenceBoundToMomentAndChannel) {
  auto outcome = attest();
  ASSERT_TRUE(outcome) << outcome.error().message();
  const auto& certificate = std::get<DeviceCertificate>(*outcome);
  EXPECT_EQ(certificate.hub_host, "hub.test");
  EXPECT_EQ(certificate.chain_der.size(), 2U);
  EXPECT_EQ(certificate.tenant, "acme");
  EXPECT_EQ(service.judged_as_of, kNow);
  EXPECT_EQ(service.exporter_label, "EXPORTER-pavise-attestation-v1");

  auto request = evidence::ChallengeRequest::parse(service.challenge_request);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->device, monitor.device);
  auto sent = evidence::Evidence::parse(ByteView(service.evidence));
  ASSERT_TRUE(sent) << sent.error().message();
  EXPECT_EQ(sent->fields().session, challenge.session);
  EXPECT_EQ(sent->fields().pcrs.size(), 3U);
  EXPECT_FALSE(sent->fields().activation_secret);
  EXPECT_EQ(sent->claim("cmdline"), "pavise.epoch=1");
  ASSERT_EQ(sent->fields().runtime_events.size(), 1U);
  EXPECT_EQ(sent->fields().runtime_events[0].text, "pavise:data-opened");
  auto csr = x509::CertificateRequest::parse(sent->fields().csr);
  ASSERT_TRUE(csr);
  EXPECT_TRUE(csr->verify());
  EXPECT_EQ(csr->common_name(), monitor.device.text());
  Digest256 exporter;
  exporter.fill(std::byte{0xee});
  EXPECT_EQ(monitor.bindings.at(0),
            evidence::quote_binding(challenge.nonce, exporter, crypto::sha256(sent->fields().csr)));
}

TEST_F(AttestFlowTest, TheRequestIsSignedOnce) {
  ASSERT_TRUE(attest());
  ASSERT_TRUE(attest());
  EXPECT_EQ(monitor.signatures, 1);
  EXPECT_EQ(service.connections, 2);
}

TEST_F(AttestFlowTest, ActivatesWhenAsked) {
  challenge.activation = evidence::Activation{Bytes(50), Bytes(60)};
  service.challenge = challenge.encode();
  ASSERT_TRUE(attest());
  EXPECT_EQ(monitor.activations, 1);
  auto sent = evidence::Evidence::parse(ByteView(service.evidence));
  ASSERT_TRUE(sent);
  ASSERT_TRUE(sent->fields().activation_secret);
  EXPECT_TRUE(equal(*sent->fields().activation_secret, monitor.activation_secret));

  monitor.activation_secret.resize(16);
  auto outcome = attest();
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().is(kServiceAnswer));
}

TEST_F(AttestFlowTest, ARefusalInPlaceOfEitherAnswerIsPassedOn) {
  const Bytes refused = evidence::encode_response(
      evidence::Refused{"PV-ATT-007", "the quote is over other PCRs", Retry::later});
  service.verdict = refused;
  EXPECT_EQ(refusal_code(attest()), "PV-ATT-007");
  service.challenge = refused;
  service.evidence.clear();
  EXPECT_EQ(refusal_code(attest()), "PV-ATT-007");
  EXPECT_TRUE(service.evidence.empty());
}

TEST_F(AttestFlowTest, AnswersThatAreNoneAreErrors) {
  const Bytes accepted = evidence::encode_response(monitor.accepted());
  for (const Bytes& garbage : {Bytes(), Bytes(20), accepted}) {
    service.challenge = garbage;
    auto outcome = attest();
    ASSERT_FALSE(outcome);
    EXPECT_TRUE(outcome.error().is(kServiceAnswer));
  }
  service.challenge = challenge.encode();
  for (const Bytes& garbage : {Bytes(), Bytes(20), challenge.encode()}) {
    service.verdict = garbage;
    auto outcome = attest();
    ASSERT_FALSE(outcome);
    EXPECT_TRUE(outcome.error().is(kServiceAnswer));
  }
}

TEST_F(AttestFlowTest, FailuresOfNetworkAndMonitorAreKept) {
  service.unreachable = Error(net::kRefused);
  EXPECT_TRUE(attest().error().is(net::kRefused));
  service.unreachable.reset();
  service.verdict = Error(net::kTimedOut);
  EXPECT_TRUE(attest().error().is(net::kTimedOut));
  monitor.fails = Error(kMonitorAnswer);
  EXPECT_TRUE(attest().error().is(kMonitorAnswer));
}

TEST_F(AttestFlowTest, ACertificateThatIsNotOursIsNotTaken) {
  const auto other_key = crypto::P256PrivateKey::generate()->public_key();
  for (const testing::LeafSpec& spec :
       {testing::LeafSpec{.device = DeviceId::parse(std::string(64, 'b'))},
        testing::LeafSpec{.key = other_key}}) {
    service.verdict = evidence::encode_response(monitor.accepted(spec));
    auto outcome = attest();
    ASSERT_FALSE(outcome);
    EXPECT_TRUE(outcome.error().is(kCertificateUnusable)) << outcome.error().message();
  }
}

// Whoever holds a key of the service can set a clock no further than that key's certificate
// reaches.
TEST_F(AttestFlowTest, AnAnswerFromAfterTheServicesOwnCertificateIsRefused) {
  service.validity = {kNow - 100, kNow - 1};
  auto refused = attest();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(kCertificateUnusable)) << refused.error().message();
  service.validity = {kNow - 100, kNow};
  EXPECT_TRUE(attest());
  service.validity.reset();
  EXPECT_TRUE(attest().error().is(kCertificateUnusable));
}

TEST_F(AttestFlowTest, TheTimeIsTheLaterOfBothBeginnings) {
  EXPECT_EQ(std::get<DeviceCertificate>(*attest()).issued_after, kNow);
  service.validity->not_before = kNow + 50;
  EXPECT_EQ(std::get<DeviceCertificate>(*attest()).issued_after, kNow + 50);
}

}  // namespace
}  // namespace pavise::agent
