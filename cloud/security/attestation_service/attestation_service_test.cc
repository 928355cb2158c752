#include "cloud/security/attestation_service/attestation_service.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <thread>
#include <type_traits>

#include "cloud/security/attestation/errors.h"
#include "cloud/security/report/verdict_report.h"
#include "cloud/security/testing/world/world.h"
#include "protocol/x509/certificate.h"

namespace pavise::security {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using testing::SoftDevice;
using testing::World;
using SoftImage = attestation::testing::SoftImage;

const TenantId kAcme = *TenantId::parse("acme");

static_assert(!std::is_constructible_v<AttestationGrant, DeviceId, TenantId,
                                       const std::array<std::byte, 64>&>,
              "only AttestationService may permit an issuance");

class AttestationServiceTest : public ::testing::Test {
 protected:
  AttestationServiceTest() {
    world_.publish(SoftImage{});
    world_.enroll(device_, kAcme);
  }
  static evidence::Accepted accepted(const EvidenceReply& reply) {
    EXPECT_TRUE(reply.accepted) << reply.code;
    return std::get<evidence::Accepted>(evidence::parse_response(reply.body).value());
  }
  static evidence::Refused refused(const EvidenceReply& reply) {
    EXPECT_FALSE(reply.accepted);
    auto message = std::get<evidence::Refused>(evidence::parse_response(reply.body).value());
    EXPECT_EQ(message.code, reply.code);
    return message;
  }
  VerdictRecord last() { return world_.registry().last_verdict(device_.id()).value(); }
  DeviceRecord record() { return world_.registry().device(device_.id()).value(); }

  World world_;
  SoftDevice device_{0};
};

TEST_F(AttestationServiceTest, GoodEvidenceGetsACertificateThatIsAdmitted) {
  const auto message = accepted(world_.attest(device_));
  EXPECT_EQ(message.tenant, kAcme);
  EXPECT_EQ(message.hub_host, "hub.example");
  EXPECT_EQ(message.hub_port, 8883);
  EXPECT_EQ(message.renew_by, world_.clock.now_s() + 12 * 3600);
  ASSERT_THAT(message.chain, SizeIs(2));
  EXPECT_EQ(message.chain[0], world_.registry().tenant(kAcme)->issuing_certificate);

  const auto leaf = x509::Certificate::parse(message.leaf);
  ASSERT_TRUE(leaf);
  EXPECT_EQ(leaf->subject().common_name, device_.id().text());
  EXPECT_TRUE(equal(leaf->spki(), device_.attester.tpm.tls_key.public_key().spki_der()));
  EXPECT_EQ(leaf->not_after(), world_.clock.now_s() + kLeafLifetimeS);
  EXPECT_EQ(leaf->not_before(), world_.clock.now_s() - kLeafBackdateS);

  const auto admitted = world_.authority().admit(message.leaf);
  ASSERT_TRUE(admitted);
  EXPECT_EQ(admitted->device, device_.id());
  world_.restart();
  EXPECT_TRUE(world_.authority().admit(message.leaf)) << "after a restart";
}

// CVE-2026-6420: what was proven before a refused state must not be believed after it.
TEST_F(AttestationServiceTest, ARefusedStateMovesTheClockMarkToo) {
  ASSERT_TRUE(world_.attest(device_).accepted);
  const auto earlier = device_.attester.tpm.clock;
  SoftImage changed;
  changed.kernel = "changed";
  device_.attester.boot(changed);
  EXPECT_EQ(refused(world_.attest(device_)).code, attestation::kStateNotReleased.code);
  EXPECT_EQ(record().clock->reset_count, device_.attester.tpm.clock.reset_count);
  device_.attester.boot(SoftImage{});
  device_.attester.tpm.clock = earlier;
  EXPECT_EQ(refused(world_.attest(device_)).code, attestation::kClock.code);
}

TEST_F(AttestationServiceTest, AReleaseRevokedWhileTheCertificateIsSignedIsNotAccepted) {
  world_.hooks.before = [this] {
    for (const ReleaseRecord& release : *world_.releases().releases())
      EXPECT_TRUE(world_.releases().revoke("anna", release.digest, "bug"));
    return Status();
  };
  EXPECT_EQ(refused(world_.attest(device_)).code, kAttestOverlap.code);
  world_.hooks.before = [] { return Status(); };
  EXPECT_TRUE(world_.registry().certificates(device_.id(), 10)->empty());
}

TEST_F(AttestationServiceTest, TheVerdictIsKeptWithItsReport) {
  ASSERT_TRUE(world_.attest(device_).accepted);
  EXPECT_EQ(last().outcome, Outcome::accepted);
  const auto report = boost::json::parse(*report_json(last().report));
  EXPECT_EQ(report.at("checks").as_array().size(), attestation::kChecks);
  EXPECT_EQ(report.at("release").at("version"), "0.1.0");
  EXPECT_FALSE(report.at("measurements").as_array().empty());
  EXPECT_EQ(report.at("evidence_sha256").as_string().size(), 64U);
  EXPECT_EQ(record().clock->clock_ms, device_.attester.tpm.clock.clock_ms);
  EXPECT_EQ(record().last_attested, world_.clock.now_s());
}

TEST_F(AttestationServiceTest, TheVerdictIsKeptWithTheApps) {
  device_.attester.measure_app(attestation::testing::app_text(1));
  ASSERT_TRUE(world_.attest(device_).accepted);
  const auto report = boost::json::parse(*report_json(last().report));
  ASSERT_EQ(report.at("apps").as_array().size(), 1U);
  EXPECT_EQ(report.at("apps").at(0).at("version"), "1.0.1");
  // The challenge asks for PCR 13: an app that is not named is noticed.
  device_.attester.tpm.extend(13, Digest256{});
  EXPECT_EQ(refused(world_.attest(device_)).code, attestation::kLogReplay.code);
}

TEST_F(AttestationServiceTest, RenewalWorksEvenLongAfterExpiry) {
  const auto first = accepted(world_.attest(device_));
  world_.clock.advance_ms(30LL * 24 * 3600 * 1000);
  EXPECT_TRUE(world_.authority().admit(first.leaf).error().is(kCertificateExpired));
  const auto second = accepted(world_.attest(device_));
  EXPECT_TRUE(world_.authority().admit(second.leaf));
}

TEST_F(AttestationServiceTest, AFirstActivationMayComeWithTheEvidence) {
  SoftDevice fresh(1);
  world_.register_device(fresh);
  const auto reply = world_.attest(fresh);
  EXPECT_EQ(refused(reply).code, kAttestUnclaimed.code);
  EXPECT_EQ(refused(reply).retry, Retry::needs_operator);
  EXPECT_EQ(world_.registry().device(fresh.id())->ak_public, fresh.ak_public());
  ASSERT_TRUE(world_.tenancy().claim("anna", kAcme, fresh.voucher().encode()));
  EXPECT_FALSE(world_.challenge(fresh).activation) << "bound: nothing to activate";
  EXPECT_TRUE(world_.attest(fresh).accepted);
}

TEST_F(AttestationServiceTest, AnUnclaimedDeviceIsJudgedButGetsNothing) {
  ASSERT_TRUE(world_.tenancy().release_device("anna", kAcme, device_.id()));
  EXPECT_EQ(refused(world_.attest(device_)).code, kAttestUnclaimed.code);
  EXPECT_THAT(*report_json(last().report), HasSubstr("\"version\":\"0.1.0\""));
  EXPECT_THAT(*world_.registry().certificates(device_.id(), 10), SizeIs(0));
}

TEST_F(AttestationServiceTest, ADisabledDeviceIsRefusedUntilItIsEnabled) {
  ASSERT_TRUE(world_.tenancy().set_device_status("anna", device_.id(), DeviceStatus::disabled));
  EXPECT_EQ(refused(world_.attest(device_)).code, kAttestDisabled.code);
  EXPECT_EQ(last().code, kAttestDisabled.code);
  ASSERT_TRUE(world_.tenancy().set_device_status("anna", device_.id(), DeviceStatus::enabled));
  EXPECT_TRUE(world_.attest(device_).accepted);
}

TEST_F(AttestationServiceTest, AnImageThatIsNotReleasedIsNamed) {
  SoftImage other;
  other.kernel = "vmlinuz with a back door";
  device_.attester.boot(other);
  const auto message = refused(world_.attest(device_));
  EXPECT_EQ(message.code, attestation::kStateNotReleased.code);
  EXPECT_THAT(message.reason, HasSubstr("kernel"));
  EXPECT_THAT(*report_json(last().report), HasSubstr("differs"));
  world_.publish(other);
  EXPECT_TRUE(world_.attest(device_).accepted);
  for (const ReleaseRecord& release : *world_.releases().releases())
    ASSERT_TRUE(world_.releases().revoke("anna", release.digest, "bug"));
  EXPECT_FALSE(world_.attest(device_).accepted);
}

TEST_F(AttestationServiceTest, ARevokedCertificateEndsAndTheDeviceMayComeBack) {
  const auto message = accepted(world_.attest(device_));
  const auto serial = world_.registry().certificates(device_.id(), 1)->front().serial;
  ASSERT_TRUE(world_.issuer().revoke("anna", serial, "lost"));
  EXPECT_TRUE(world_.authority().admit(message.leaf).error().is(kCertificateRevoked));
  EXPECT_TRUE(world_.issuer().revoke("anna", "none", "lost").error().is(kNotFound));
  const auto next = accepted(world_.attest(device_));
  EXPECT_TRUE(world_.authority().admit(next.leaf));
  EXPECT_EQ(*world_.issuer().revoke_device("anna", device_.id(), "all"), 1U);
  EXPECT_TRUE(world_.authority().admit(next.leaf).error().is(kCertificateRevoked));
}

// ---- bind, in the factory

TEST_F(AttestationServiceTest, BindingInTheFactoryNeedsNoEvidence) {
  SoftDevice fresh(1);
  world_.register_device(fresh);
  const auto bind = [&](bool right_secret, std::byte exporter_flip) {
    const auto asked = world_.challenge(fresh);
    const auto secret =
        fresh.ek->activate(fresh.attester.tpm.ak.name(), asked.activation->id_object,
                           asked.activation->encrypted_secret);
    evidence::BindRequest request{.session = asked.session};
    if (right_secret) std::ranges::copy(*secret, request.secret.begin());
    TlsExporter exporter = world_.exporter;
    exporter[0] ^= exporter_flip;
    return world_.service().bind(request.encode(), exporter);
  };
  EXPECT_TRUE(bind(false, std::byte{0}).error().is(kActivationWrong));
  EXPECT_TRUE(bind(true, std::byte{1}).error().is(kNoChallenge)) << "another connection";
  EXPECT_FALSE(world_.registry().device(fresh.id())->ak_public);
  const auto bound = bind(true, std::byte{0});
  ASSERT_TRUE(bound);
  EXPECT_TRUE(std::holds_alternative<evidence::Bound>(*evidence::parse_bind_response(*bound)));
  EXPECT_EQ(world_.registry().device(fresh.id())->ak_public, fresh.ak_public());
  EXPECT_FALSE(world_.challenge(fresh).activation);
}

TEST_F(AttestationServiceTest, BindingAgainWithoutActivationIsRefused) {
  const auto asked = world_.challenge(device_);
  const evidence::BindRequest request{.session = asked.session};
  EXPECT_TRUE(
      world_.service().bind(request.encode(), world_.exporter).error().is(kActivationWrong));
  EXPECT_FALSE(world_.service().bind(Bytes(3), world_.exporter));
}

// ---- sessions

TEST_F(AttestationServiceTest, EvidenceCountsOnlyOnTheConnectionOfItsChallenge) {
  const auto asked = world_.challenge(device_);
  const auto answer = device_.attest(asked, world_.exporter);
  TlsExporter other = world_.exporter;
  other[0] ^= std::byte{1};
  auto fields = answer.fields();
  fields.session = asked.session;
  const Bytes body = evidence::encode_evidence(fields);
  EXPECT_EQ(refused(world_.service().evidence(body, other)).code, kNoChallenge.code);
  EXPECT_EQ(last().code, kNoChallenge.code);
  EXPECT_EQ(refused(world_.service().evidence(body, world_.exporter)).code, kNoChallenge.code)
      << "the attempt has ended the session";
}

TEST_F(AttestationServiceTest, AChallengeLivesTwoMinutes) {
  auto asked = world_.challenge(device_);
  world_.clock.advance_ms(kAttestSessionLifetimeMs - 1);
  EXPECT_TRUE(world_.send(asked, device_.attest(asked, world_.exporter)).accepted);
  asked = world_.challenge(device_);
  world_.clock.advance_ms(kAttestSessionLifetimeMs);
  EXPECT_EQ(refused(world_.send(asked, device_.attest(asked, world_.exporter))).code,
            kNoChallenge.code);
}

TEST_F(AttestationServiceTest, OfTwoParallelSessionsTheLaterNonceWins) {
  const auto first = world_.challenge(device_);
  const auto second = world_.challenge(device_);
  const auto to_first = device_.attest(first, world_.exporter);
  const auto to_second = device_.attest(second, world_.exporter);
  EXPECT_EQ(refused(world_.send(first, to_first)).code, kNoChallenge.code);
  EXPECT_TRUE(world_.send(second, to_second).accepted);
}

TEST_F(AttestationServiceTest, OneDeviceCannotAnswerForAnother) {
  SoftDevice other(1);
  world_.enroll(other, kAcme);
  const auto asked = world_.challenge(device_);
  EXPECT_EQ(refused(world_.send(asked, other.attest(asked, world_.exporter))).code,
            attestation::kAttestationKey.code);
  EXPECT_EQ(last().code, attestation::kAttestationKey.code);
  EXPECT_FALSE(world_.registry().last_verdict(other.id())) << "the other's history is untouched";
}

TEST_F(AttestationServiceTest, SessionsAreBounded) {
  world_.options.sessions_max = 1;
  world_.restart();
  SoftDevice other(1);
  world_.enroll(other, kAcme);
  (void)world_.challenge(device_);
  (void)world_.challenge(device_);
  EXPECT_EQ(world_.service().sessions(), 1U);
  const evidence::ChallengeRequest request{other.id(), other.ak_public()};
  EXPECT_TRUE(
      world_.service().challenge(request.encode(), world_.exporter).error().is(kAttestBusy));
  world_.clock.advance_ms(kAttestSessionLifetimeMs);
  EXPECT_TRUE(world_.attest(other).accepted);
}

TEST_F(AttestationServiceTest, JunkAndOversizeAreRefusedByCode) {
  EXPECT_FALSE(world_.service().challenge(as_bytes("junk"), world_.exporter));
  EXPECT_FALSE(
      world_.service().challenge(Bytes(evidence::kChallengeRequestBytesMax + 1), world_.exporter));
  for (const Bytes& body :
       {Bytes{}, Bytes(evidence::kEvidenceBytesMax), Bytes(evidence::kEvidenceBytesMax + 1)})
    EXPECT_FALSE(refused(world_.service().evidence(body, world_.exporter)).code.empty());
  const auto asked = world_.challenge(device_);
  auto fields_of = device_.attest(asked, world_.exporter);
  auto fields = fields_of.fields();
  fields.session = asked.session;
  const Bytes whole = evidence::encode_evidence(fields);
  for (std::size_t size = 0; size < whole.size(); size += 97)
    EXPECT_FALSE(world_.service().evidence(ByteView(whole).first(size), world_.exporter).accepted);
  EXPECT_TRUE(world_.service().evidence(whole, world_.exporter).accepted)
      << "what cannot be read ends no session";
}

TEST_F(AttestationServiceTest, ErrorsOfAChallengeAreRefusalsOnTheWire) {
  SoftDevice stranger(2);
  const evidence::ChallengeRequest request{stranger.id(), stranger.ak_public()};
  const auto failed = world_.service().challenge(request.encode(), world_.exporter);
  ASSERT_TRUE(failed.error().is(kAttestUnknownDevice));
  const auto message = evidence::parse_response(AttestationService::encode_refusal(failed.error()));
  EXPECT_EQ(std::get<evidence::Refused>(*message).code, kAttestUnknownDevice.code);
}

// ---- table 1.3 of the known breaks, the registry's side

// Keylime's parts saw different registrar data: a real EK beside a software AK.
TEST_F(AttestationServiceTest, Cve2022_1053_ASoftwareKeyBesideARealEkIsNeverBound) {
  SoftDevice victim(1);
  world_.register_device(victim);
  SoftDevice attacker(2);  // knows all public data of the victim, has no access to its TPM
  const evidence::ChallengeRequest request{victim.id(), attacker.ak_public()};
  const auto asked = evidence::Challenge::parse(
      world_.service().challenge(request.encode(), world_.exporter).value());
  ASSERT_TRUE(asked->activation);
  EXPECT_FALSE(attacker.ek->activate(attacker.attester.tpm.ak.name(), asked->activation->id_object,
                                     asked->activation->encrypted_secret));
  auto evidence = attacker.attest(*asked, world_.exporter);
  evidence.activation_secret.emplace();
  EXPECT_EQ(refused(world_.send(*asked, evidence)).code, attestation::kAttestationKey.code);
  EXPECT_FALSE(world_.registry().device(victim.id())->ak_public);
}

// Keylime's registrar answered a failed challenge so helpfully that it could be passed.
TEST_F(AttestationServiceTest, Cve2023_38201_AFailureEndsTheSessionAndTellsNothing) {
  SoftDevice fresh(1);
  world_.register_device(fresh);
  const auto asked = world_.challenge(fresh);
  const auto good = fresh.attest(asked, world_.exporter);
  auto wrong = good;
  (*wrong.activation_secret)[0] ^= std::byte{1};
  const auto first = world_.send(asked, wrong);
  EXPECT_FALSE(first.accepted);
  EXPECT_EQ(refused(world_.send(asked, good)).code, kNoChallenge.code)
      << "the right answer comes too late";
  const auto again = world_.challenge(fresh);
  auto all_wrong = fresh.attest(again, world_.exporter);
  all_wrong.activation_secret->fill(std::byte{0});
  EXPECT_EQ(world_.send(again, all_wrong).body, first.body) << "no hint how wrong it was";
  EXPECT_FALSE(world_.registry().device(fresh.id())->ak_public);
}

// Keylime let another TPM register under an existing id.
TEST_F(AttestationServiceTest, Cve2025_13609_AnotherTpmCannotTakeOverAnId) {
  SoftDevice thief(1);
  const evidence::ChallengeRequest request{device_.id(), thief.ak_public()};
  EXPECT_TRUE(
      world_.service().challenge(request.encode(), world_.exporter).error().is(kAttestKeyNotBound));
  EXPECT_EQ(last().code, kAttestKeyNotBound.code) << "the owner sees the attempt";
  const auto again = world_.service().challenge(request.encode(), world_.exporter);
  EXPECT_FALSE(again);
  EXPECT_THAT(*world_.registry().verdicts(device_.id(), 10), SizeIs(1)) << "written once a minute";
  world_.clock.advance_ms(60'000);
  EXPECT_FALSE(world_.service().challenge(request.encode(), world_.exporter));
  EXPECT_THAT(*world_.registry().verdicts(device_.id(), 10), SizeIs(2));
  EXPECT_NE(thief.id(), device_.id());
  EXPECT_TRUE(world_.attest(device_).accepted);
}

// Keylime's push mode used a constant nonce, so quotes could be stockpiled.
TEST_F(AttestationServiceTest, Cve2026_6420_NoncesAreUniqueAndQuotesCannotBeStockpiled) {
  std::set<Digest256> nonces;
  for (int i = 0; i < 2'000; ++i)
    EXPECT_TRUE(nonces.insert(world_.challenge(device_).nonce).second);
  const auto early = world_.challenge(device_);
  const auto stockpiled = device_.attest(early, world_.exporter);
  const auto now = world_.challenge(device_);
  EXPECT_EQ(refused(world_.send(now, stockpiled)).code, attestation::kNotFresh.code);
  const auto asked = world_.challenge(device_);
  const auto answer = device_.attest(asked, world_.exporter);
  EXPECT_TRUE(world_.send(asked, answer).accepted);
  EXPECT_EQ(refused(world_.send(asked, answer)).code, kNoChallenge.code) << "replayed";
}

// Keylime kept the state "ok" after an exception in the middle of its checks.
TEST_F(AttestationServiceTest, GhsaHff2_AFailureInTheMiddleNeverLeavesTheStateGood) {
  const std::function<Status()> broken = [] { return Status(Error(signer::kSignerUnreachable)); };
  const std::function<Status()> fine = [] { return Status(); };
  for (auto* hook : {&world_.hooks.before, &world_.hooks.after}) {
    *hook = broken;
    const auto message = refused(world_.attest(device_));
    EXPECT_EQ(message.code, kAttestInternal.code);
    EXPECT_THAT(message.reason, ::testing::Not(HasSubstr("signer"))) << "not the device's business";
    EXPECT_EQ(last().outcome, Outcome::refused);
    EXPECT_THAT(last().reason, HasSubstr("PV-SGN-001")) << "but the operator's";
    EXPECT_FALSE(record().clock) << "marks move on acceptance only";
    EXPECT_THAT(*world_.registry().certificates(device_.id(), 10), SizeIs(0));
    *hook = fine;
  }
  EXPECT_TRUE(world_.attest(device_).accepted);
}

// ---- clocks

TEST_F(AttestationServiceTest, ATpmClockThatGoesBackIsRefusedAndTheMarksStay) {
  ASSERT_TRUE(world_.attest(device_).accepted);
  const auto marks = record().clock;
  device_.attester.tpm.clock.clock_ms -= 1'000;
  EXPECT_EQ(refused(world_.attest(device_)).code, attestation::kClock.code);
  device_.attester.tpm.clock.reset_count -= 1;
  device_.attester.tpm.clock.clock_ms += 10'000;
  EXPECT_EQ(refused(world_.attest(device_)).code, attestation::kClock.code);
  EXPECT_EQ(record().clock, marks);
  world_.restart();
  EXPECT_EQ(refused(world_.attest(device_)).code, attestation::kClock.code) << "after a restart";
  device_.attester.tpm.clock.reset_count += 1;
  EXPECT_TRUE(world_.attest(device_).accepted);
}

TEST_F(AttestationServiceTest, AServerClockSetBackStrandsNobody) {
  const auto before = accepted(world_.attest(device_));
  const auto asked = world_.challenge(device_);
  world_.clock.set_wall_ms(world_.clock.now_ms() - 600'000);
  EXPECT_FALSE(world_.send(asked, device_.attest(asked, world_.exporter)).accepted)
      << "a leaf would begin before its CA";
  EXPECT_EQ(last().code, kAttestInternal.code);
  EXPECT_TRUE(world_.authority().admit(before.leaf));
  world_.clock.advance_ms(600'000);
  EXPECT_TRUE(world_.attest(device_).accepted);
}

// ---- many at once

TEST_F(AttestationServiceTest, ParallelDevicesAndCopiesOfOneNeverMix) {
  constexpr int kRounds = 20;
  SoftDevice other(1);
  world_.enroll(other, kAcme);
  std::atomic<int> good = 0;
  const auto run = [&](SoftDevice device) {
    for (int i = 0; i < kRounds; ++i)
      if (world_.attest(device).accepted) ++good;
  };
  // Two of the threads are one identity: a device and its copy.
  std::thread threads[] = {std::thread(run, device_), std::thread(run, device_),
                           std::thread(run, other)};
  for (auto& thread : threads) thread.join();
  EXPECT_GE(good, kRounds) << "the undisturbed device always succeeds";
  for (const SoftDevice* device : {&device_, &other}) {
    const auto certificates = world_.registry().certificates(device->id(), 100);
    for (const CertificateRecord& certificate : *certificates)
      EXPECT_EQ(certificate.device, device->id());
    EXPECT_EQ(world_.registry().device(device->id())->ak_public, device->ak_public());
  }
  EXPECT_EQ(world_.registry().certificates(other.id(), 100)->size(),
            static_cast<std::size_t>(kRounds));
}

}  // namespace
}  // namespace pavise::security
