// For every check: evidence that passes it (AcceptsARealDevice) and evidence that fails exactly it.
// Known breaks of other verifiers are in known_breaks_test.cc, states in state_match_test.cc.
#include "cloud/security/attestation/verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/security/attestation/testing/soft_attester.h"
#include "cloud/security/attestation/testing/verdict_matchers.h"

namespace pavise::attestation {
namespace {

using testing::Challenge;
using testing::fresh_challenge;
using testing::kPolicyPcrs;
using testing::reference_set;
using testing::SoftAttester;
using testing::SoftEvidence;

class VerifierTest : public ::testing::Test {
 protected:
  VerifierTest() {
    EXPECT_TRUE(verify(device.attest(challenge).fields(), expectation, releases, &proven).accepted);
  }
  Verdict judge(const SoftEvidence& evidence) const {
    const Verdict verdict = verify(evidence.fields(), expectation, releases);
    // A service that knows this device's signatures by heart judges alike.
    const Verdict again = verify(evidence.fields(), expectation, releases, &proven);
    EXPECT_EQ(again.accepted, verdict.accepted);
    EXPECT_EQ(again.code, verdict.code);
    EXPECT_EQ(again.reason, verdict.reason);
    return verdict;
  }
  // Evidence of this device for the present challenge, with its quote bent and signed again.
  template <class Bend>
  Verdict judge_bent_quote(Bend bend) {
    SoftEvidence evidence = device.attest(challenge);
    tpm::Attest quote = *tpm::Attest::parse(evidence.quote);
    bend(quote);
    device.resign(evidence, quote);
    return judge(evidence);
  }
  template <class Bend>
  Verdict judge_bent_certify(Bend bend) {
    SoftEvidence evidence = device.attest(challenge);
    tpm::Attest certify = *tpm::Attest::parse(evidence.certify);
    bend(certify);
    evidence.certify = certify.encode();
    evidence.certify_signature = device.tpm.sign(evidence.certify);
    return judge(evidence);
  }

  SoftAttester device;
  Challenge challenge = fresh_challenge();
  std::vector<release::ReferenceSet> releases{reference_set(device.image)};
  Expectation expectation = device.expectation(challenge);
  mutable ProvenSignatures proven;
};

TEST_F(VerifierTest, AcceptsARealDevice) {
  const Verdict verdict = judge(device.attest(challenge));
  EXPECT_TRUE(verdict.accepted) << verdict.code << ": " << verdict.reason;
  ASSERT_EQ(verdict.checks.size(), kChecks);
  for (unsigned i = 0; i < kChecks; ++i) {
    EXPECT_EQ(verdict.checks[i].number, i + 1);
    EXPECT_EQ(verdict.checks[i].state, CheckState::passed) << verdict.checks[i].title;
    EXPECT_FALSE(verdict.checks[i].words.empty());
  }
  EXPECT_EQ(verdict.checks[8].code, "PV-ATT-009");
  ASSERT_TRUE(verdict.release);
  EXPECT_EQ(verdict.release->version, "0.1.0");
  EXPECT_EQ(verdict.platform, "OVMF 2022.11");
  EXPECT_EQ(verdict.assurance, Assurance::platform);
  ASSERT_TRUE(verdict.clock);
  EXPECT_EQ(verdict.clock->clock_ms, device.tpm.clock.clock_ms);
  EXPECT_EQ(verdict.firmware_version, device.tpm.firmware_version);
  ASSERT_TRUE(verdict.tls_key);
  EXPECT_EQ(*verdict.tls_key, device.tpm.tls_key.public_key());
  EXPECT_TRUE(verdict.code.empty());
}

TEST_F(VerifierTest, Check01_Magic) {
  SoftEvidence evidence = device.attest(challenge);
  evidence.quote[0] = std::byte{0xfe};
  evidence.quote_signature = device.tpm.sign(evidence.quote);
  const Verdict verdict = judge(evidence);
  EXPECT_THAT(verdict, RefusedWith(kQuoteMagic));
  EXPECT_EQ(verdict.checks[0].state, CheckState::failed);
  EXPECT_EQ(verdict.checks[1].state, CheckState::not_reached);
}

TEST_F(VerifierTest, Check02_Type) {
  SoftEvidence evidence = device.attest(challenge);
  device.resign(evidence, device.tpm.certify_tls());
  EXPECT_THAT(judge(evidence), RefusedWith(kQuoteType));
  evidence = device.attest(challenge);
  evidence.quote[5] = std::byte{0x19};  // TPM2_GetTime
  evidence.quote_signature = device.tpm.sign(evidence.quote);
  EXPECT_THAT(judge(evidence), RefusedWith(kQuoteType));
}

TEST_F(VerifierTest, Check03_Signature) {
  SoftEvidence evidence = device.attest(challenge);
  const SoftAttester other;
  evidence.quote_signature = other.tpm.sign(evidence.quote);
  EXPECT_THAT(judge(evidence), RefusedWith(kQuoteSignature));
  evidence = device.attest(challenge);
  evidence.quote_signature[1] = std::byte{0x14};  // RSASSA
  EXPECT_THAT(judge(evidence), RefusedWith(kQuoteSignature));
  evidence = device.attest(challenge);
  evidence.quote_signature[3] = std::byte{0x04};  // SHA-1
  EXPECT_THAT(judge(evidence), RefusedWith(kQuoteSignature));
}

TEST_F(VerifierTest, Check04_AttestationKeyIsAnother) {
  expectation.ak_name[10] ^= std::byte{1};
  EXPECT_THAT(judge(device.attest(challenge)), RefusedWith(kAttestationKey));
}

TEST_F(VerifierTest, Check04_AttestationKeyAttributes) {
  for (const std::uint32_t bit : {tpm::kRestricted, tpm::kFixedTpm, tpm::kFixedParent, tpm::kSign,
                                  tpm::kSensitiveDataOrigin, tpm::kDecrypt}) {
    SoftAttester weak;
    weak.tpm.ak.attributes ^= bit;
    expectation = weak.expectation(challenge);
    EXPECT_THAT(judge(weak.attest(challenge)), RefusedWith(kAttestationKey)) << std::hex << bit;
  }
}

TEST_F(VerifierTest, Check04_Activation) {
  Digest256 secret{};
  secret.fill(std::byte{0x5a});
  expectation.activation_secret = secret;
  SoftEvidence evidence = device.attest(challenge);
  EXPECT_THAT(judge(evidence), RefusedWith(kAttestationKey));
  evidence.activation_secret = secret;
  EXPECT_TRUE(judge(evidence).accepted);
  evidence.activation_secret->back() ^= std::byte{1};
  EXPECT_THAT(judge(evidence), RefusedWith(kAttestationKey));
  expectation.activation_secret.reset();
  EXPECT_THAT(judge(evidence), RefusedWith(kAttestationKey));
}

TEST_F(VerifierTest, Check05_OtherNonceConnectionOrRequest) {
  const SoftEvidence evidence = device.attest(challenge);
  expectation.nonce[0] ^= std::byte{1};
  EXPECT_THAT(judge(evidence), RefusedWith(kNotFresh));
  expectation = device.expectation(challenge);
  expectation.exporter[31] ^= std::byte{1};
  EXPECT_THAT(judge(evidence), RefusedWith(kNotFresh));
  expectation = device.expectation(challenge);
  SoftEvidence other_request = evidence;
  other_request.csr = device.certificate_request(device.tpm.device().text());  // new signature
  EXPECT_THAT(judge(other_request), RefusedWith(kNotFresh));
}

TEST_F(VerifierTest, Check05_ExtraDataOfAnotherSize) {
  EXPECT_THAT(judge_bent_quote([](tpm::Attest& quote) { quote.extra_data.pop_back(); }),
              RefusedWith(kNotFresh));
  EXPECT_THAT(judge_bent_quote([](tpm::Attest& quote) { quote.extra_data.clear(); }),
              RefusedWith(kNotFresh));
}

TEST_F(VerifierTest, Check06_Selection) {
  for (const std::uint32_t mask : {kPolicyPcrs & ~(1U << 11U), kPolicyPcrs | 1U << 16U, 1U << 16U})
    EXPECT_THAT(judge(device.attest(challenge, mask)), RefusedWith(kPcrSelection));
}

TEST_F(VerifierTest, Check07_PcrDigest) {
  SoftEvidence evidence = device.attest(challenge);
  evidence.pcrs[2].digest[0] ^= std::byte{1};
  EXPECT_THAT(judge(evidence), RefusedWith(kPcrDigest));
  evidence = device.attest(challenge);
  evidence.pcrs.pop_back();
  EXPECT_THAT(judge(evidence), RefusedWith(kPcrDigest));
  EXPECT_THAT(judge_bent_quote([](tpm::Attest& quote) {
                std::get<tpm::QuoteInfo>(quote.info).pcr_digest.pop_back();
              }),
              RefusedWith(kPcrDigest));
}

TEST_F(VerifierTest, PcrValuesMustAscend) {
  SoftEvidence evidence = device.attest(challenge);
  std::swap(evidence.pcrs[0], evidence.pcrs[1]);
  EXPECT_THAT(judge(evidence), RefusedWith(kMalformed));
  evidence = device.attest(challenge);
  evidence.pcrs.push_back(evidence.pcrs.back());
  EXPECT_THAT(judge(evidence), RefusedWith(kMalformed));
}

TEST_F(VerifierTest, Check08_Bank) {
  EXPECT_THAT(judge_bent_quote([](tpm::Attest& quote) {
                std::get<tpm::QuoteInfo>(quote.info).selections[0].hash = tpm::kAlgSha1;
              }),
              RefusedWith(kPcrBank));
  EXPECT_THAT(judge_bent_quote([](tpm::Attest& quote) {
                std::get<tpm::QuoteInfo>(quote.info).selections.push_back({tpm::kAlgSha1, 0});
              }),
              RefusedWith(kPcrBank));
}

TEST_F(VerifierTest, Check09_Clock) {
  struct Row {
    std::string_view what;
    ClockMarks mark;
    tpm::ClockInfo now;
    bool passes;
  };
  const Row rows[] = {
      {"later in the same boot", {1000, 5, 0}, {1001, 5, 0, true}, true},
      {"the same moment", {1000, 5, 0}, {1000, 5, 0, true}, false},
      {"clock set back", {1000, 5, 0}, {999, 5, 0, true}, false},
      {"a restart", {1000, 5, 0}, {1001, 5, 1, true}, true},
      {"restartCount back", {1000, 5, 2}, {1001, 5, 1, true}, false},
      {"a new boot", {1000, 5, 2}, {1001, 6, 0, true}, true},
      {"a new boot after a power cut that lost the clock", {1000, 5, 0}, {900, 6, 0, true}, true},
      {"resetCount back", {1000, 5, 0}, {2000, 4, 0, true}, false},
      {"resetCount back, unsafe", {1000, 5, 0}, {2000, 4, 0, false}, false},
      {"a power cut", {1000, 5, 0}, {900, 6, 0, false}, true},
      {"unsafe in a known boot, later", {900, 6, 0}, {950, 6, 0, false}, true},
      {"unsafe in a known boot, back", {900, 6, 0}, {850, 6, 0, false}, false},
  };
  for (const Row& row : rows) {
    device.tpm.clock = row.now;
    expectation.marks = row.mark;
    const Verdict verdict = judge(device.attest(challenge));
    EXPECT_EQ(verdict.accepted, row.passes) << row.what << ": " << verdict.reason;
    if (!row.passes) {
      EXPECT_THAT(verdict, RefusedWith(kClock)) << row.what;
      EXPECT_FALSE(verdict.clock) << "marks must not follow a refused clock";
    }
  }
}

TEST_F(VerifierTest, Check09_UnsafeClockCanBeRefused) {
  device.tpm.clock.safe = false;
  EXPECT_TRUE(judge(device.attest(challenge)).accepted);
  expectation.unsafe_clock = UnsafeClock::refuse;
  EXPECT_THAT(judge(device.attest(challenge)), RefusedWith(kClock));
  device.tpm.clock.safe = true;
  EXPECT_TRUE(judge(device.attest(challenge)).accepted);
}

TEST_F(VerifierTest, Check10_FirmwareDenyList) {
  const std::array<std::uint64_t, 2> other{1, 2};
  expectation.firmware_denied = other;
  EXPECT_TRUE(judge(device.attest(challenge)).accepted);
  const std::array<std::uint64_t, 2> denied{1, device.tpm.firmware_version};
  expectation.firmware_denied = denied;
  EXPECT_THAT(judge(device.attest(challenge)), RefusedWith(kFirmwareDenied));
}

TEST_F(VerifierTest, Check11_LogDoesNotLeadToThePcrs) {
  SoftEvidence evidence = device.attest(challenge);
  SoftAttester shorter = device;
  shorter.events.pop_back();
  evidence.event_log = shorter.event_log();
  EXPECT_THAT(judge(evidence), RefusedWith(kLogReplay));

  evidence = device.attest(challenge);
  evidence.runtime_events.clear();
  const Verdict verdict = judge(evidence);
  EXPECT_THAT(verdict, RefusedWith(kLogReplay));
  EXPECT_THAT(verdict.reason, ::testing::HasSubstr("PCR 11"));
  EXPECT_TRUE(verdict.measurements.empty()) << "an unproven log is not explained";
}

TEST_F(VerifierTest, Check12_SecureBootOff) {
  testing::SoftImage image;
  image.secure_boot = false;
  device.boot(image);
  releases = {reference_set(image)};
  const Verdict verdict = judge(device.attest(challenge));
  EXPECT_THAT(verdict, RefusedWith(kLogPolicy));
  EXPECT_THAT(verdict.reason, ::testing::HasSubstr("Secure Boot is off"));
  EXPECT_EQ(verdict.checks[14].state, CheckState::passed) << "it goes on to say what differs";
  expectation.secure_boot_required = false;
  EXPECT_TRUE(judge(device.attest(challenge)).accepted);
}

TEST_F(VerifierTest, Check12_RuntimeEventInAFirmwarePcr) {
  SoftEvidence evidence = device.attest(challenge);
  device.tpm.extend(4, crypto::sha256(as_bytes("late")));
  evidence = device.attest(challenge);
  evidence.runtime_events.push_back({4, "late"});
  EXPECT_THAT(judge(evidence), RefusedWith(kLogPolicy));
}

// PCR 13 is that of apps (ADR 0030).
TEST_F(VerifierTest, AnAcceptedDeviceSaysWhichAppsItMayRun) {
  EXPECT_TRUE(judge(device.attest(challenge)).apps.empty());
  device.measure_app(testing::app_text(7));
  device.measure_app(testing::app_text(8));
  const Verdict verdict = judge(device.attest(challenge));
  EXPECT_TRUE(verdict.accepted) << verdict.reason;
  ASSERT_EQ(verdict.apps.size(), 2U);
  EXPECT_EQ(verdict.apps[0].text(), testing::app_text(7));
  EXPECT_EQ(verdict.apps[1].text(), testing::app_text(8));
}

TEST_F(VerifierTest, Check11_AppEventsMustLeadToPcr13) {
  device.measure_app(testing::app_text(1));
  device.measure_app(testing::app_text(2));
  const auto bent = [this](auto bend) {
    SoftEvidence evidence = device.attest(challenge);
    bend(evidence.runtime_events);  // data opened, then the two
    const Verdict verdict = judge(evidence);
    EXPECT_THAT(verdict, RefusedWith(kLogReplay));
    EXPECT_THAT(verdict.reason, ::testing::HasSubstr("PCR 13"));
    EXPECT_TRUE(verdict.apps.empty());
  };
  bent([](auto& events) { events.pop_back(); });
  bent([](auto& events) { events.erase(events.begin() + 1); });
  bent([](auto& events) { std::swap(events[1], events[2]); });
  bent([](auto& events) { events[1].second = testing::app_text(9); });
  bent([](auto& events) { events.emplace_back(13, testing::app_text(3)); });
  bent([](auto& events) { events[1].first = 15; });
  // Extended with no event at all.
  device.tpm.extend(13, crypto::sha256(as_bytes(testing::app_text(3))));
  bent([](auto&) {});
}

TEST_F(VerifierTest, Check12_SomethingElseInThePcrOfApps) {
  const std::string app = testing::app_text(1);
  for (const std::string& text :
       {std::string("pavise:data-opened"), std::string(), std::string("pavise:app"), app + " ",
        std::string("pavise:app 0e0c6b3e-6f0f-4e0a-9c3a-2d5d4f4b7f10 1.0 ") + app.substr(54)}) {
    SoftAttester other = device;
    other.measure_app(app);
    other.measure_app(text);
    const Verdict verdict = judge(other.attest(challenge));
    EXPECT_THAT(verdict, RefusedWith(kLogPolicy)) << text;
    EXPECT_THAT(verdict.reason, ::testing::HasSubstr("PCR 13: a text is no measurement of an app"));
    EXPECT_TRUE(verdict.apps.empty());
  }
  device.measure_app(app);
  device.measure_app(app);
  const Verdict twice = judge(device.attest(challenge));
  EXPECT_THAT(twice, RefusedWith(kLogPolicy));
  EXPECT_THAT(twice.reason, ::testing::HasSubstr("twice"));
}

// Also in a PCR that is not quoted, where nothing else looks.
TEST_F(VerifierTest, Check12_AnAppInAnotherPcr) {
  for (const std::uint8_t pcr : {std::uint8_t{11}, std::uint8_t{12}, std::uint8_t{15}}) {
    SoftAttester other = device;
    other.tpm.extend(pcr, crypto::sha256(as_bytes(testing::app_text(1))));
    SoftEvidence evidence = other.attest(challenge);
    evidence.runtime_events.emplace_back(pcr, testing::app_text(1));
    const Verdict verdict = judge(evidence);
    EXPECT_THAT(verdict, RefusedWith(kLogPolicy)) << int{pcr};
    EXPECT_THAT(verdict.reason,
                ::testing::HasSubstr("the measurement of an app in PCR " + std::to_string(pcr)));
  }
}

TEST_F(VerifierTest, Check12_AppsAtTheLimitAndOneMore) {
  for (unsigned i = 0; i < app_measurement::kAppEventsMax; ++i)
    device.measure_app(testing::app_text(i));
  const Verdict verdict = judge(device.attest(challenge));
  EXPECT_TRUE(verdict.accepted) << verdict.reason;
  EXPECT_EQ(verdict.apps.size(), app_measurement::kAppEventsMax);
  device.measure_app(testing::app_text(999));
  EXPECT_THAT(judge(device.attest(challenge)), RefusedWith(kLogPolicy));
}

// systemd-stub measures what lies beside the boot image there, and the firmware's log says so.
TEST_F(VerifierTest, Check15_ASystemExtensionInThePcrOfApps) {
  const Digest256 extension = crypto::sha256(as_bytes("a system extension"));
  device.events.push_back({13, eventlog::kEvIpl, extension, {}, "", ""});
  device.tpm.extend(13, extension);
  for (const bool with_app : {false, true}) {
    if (with_app) device.measure_app(testing::app_text(1));
    const Verdict verdict = judge(device.attest(challenge));
    EXPECT_THAT(verdict, RefusedWith(kStateNotReleased));
    EXPECT_THAT(verdict.reason, ::testing::HasSubstr("PCR 13 was extended"));
    EXPECT_TRUE(verdict.apps.empty()) << "a monitor of an unknown release is not believed";
  }
}

TEST_F(VerifierTest, AppsOfAPcrThatIsNotQuotedAreNotListed) {
  const std::uint32_t mask = kPolicyPcrs & ~(1U << 13U);
  device.measure_app(testing::app_text(1));
  expectation.pcr_mask = mask;
  const Verdict verdict = judge(device.attest(challenge, mask));
  EXPECT_TRUE(verdict.accepted) << verdict.reason;
  EXPECT_TRUE(verdict.apps.empty());
}

TEST_F(VerifierTest, Check13_TlsKeyStatement) {
  const auto sign_with_other = [this] {
    SoftEvidence evidence = device.attest(challenge);
    evidence.certify_signature = SoftAttester().tpm.sign(evidence.certify);
    return judge(evidence);
  };
  EXPECT_THAT(sign_with_other(), RefusedWith(kTlsKey));
  EXPECT_THAT(judge_bent_certify([](tpm::Attest& certify) {
                std::get<tpm::CertifyInfo>(certify.info).name.back() ^= std::byte{1};
              }),
              RefusedWith(kTlsKey));
  EXPECT_THAT(
      judge_bent_certify([](tpm::Attest& certify) { certify.extra_data = Bytes(1, std::byte{1}); }),
      RefusedWith(kTlsKey));
  EXPECT_THAT(judge_bent_certify(
                  [this](tpm::Attest& certify) { certify = device.tpm.quote({}, kPolicyPcrs); }),
              RefusedWith(kTlsKey));
  SoftEvidence evidence = device.attest(challenge);
  evidence.certify[0] = std::byte{0xde};
  evidence.certify_signature = device.tpm.sign(evidence.certify);
  EXPECT_THAT(judge(evidence), RefusedWith(kTlsKey));
}

TEST_F(VerifierTest, Check13_TlsKeyAttributes) {
  for (const std::uint32_t bit : {tpm::kFixedTpm, tpm::kFixedParent, tpm::kSensitiveDataOrigin,
                                  tpm::kSign, tpm::kRestricted, tpm::kDecrypt}) {
    SoftAttester weak;
    weak.tpm.tls.attributes ^= bit;
    expectation = weak.expectation(challenge);
    EXPECT_THAT(judge(weak.attest(challenge)), RefusedWith(kTlsKey)) << std::hex << bit;
  }
}

TEST_F(VerifierTest, Check14_RequestOfAnotherDeviceOrKey) {
  const std::string own = device.tpm.device().text();
  const auto with_request = [this](const Bytes& csr) {
    SoftEvidence evidence = device.attest(challenge);
    evidence.csr = csr;
    device.resign(evidence, device.tpm.quote(testing::binding(challenge, csr), kPolicyPcrs));
    return judge(evidence);
  };
  EXPECT_TRUE(with_request(device.certificate_request(own)).accepted);
  EXPECT_THAT(with_request(device.certificate_request(SoftAttester().tpm.device().text())),
              RefusedWith(kCertificateRequest));
  EXPECT_THAT(with_request(SoftAttester().certificate_request(own)),
              RefusedWith(kCertificateRequest));
  Bytes bad_signature = device.certificate_request(own);
  bad_signature.back() ^= std::byte{1};
  EXPECT_THAT(with_request(bad_signature), Refused());
}

TEST_F(VerifierTest, Check15_NotReleased) {
  testing::SoftImage changed = device.image;
  changed.kernel = "vmlinuz of somebody else";
  device.boot(changed);
  const Verdict verdict = judge(device.attest(challenge));
  EXPECT_THAT(verdict, RefusedWith(kStateNotReleased));
  EXPECT_THAT(verdict.reason, ::testing::HasSubstr("kernel differs"));
  EXPECT_FALSE(verdict.release);
  ASSERT_TRUE(verdict.compared_with);
  EXPECT_FALSE(verdict.tls_key);
  EXPECT_TRUE(verdict.clock) << "the quote was authentic, so the marks rise";
}

TEST_F(VerifierTest, Check16_UnknownFirmware) {
  testing::SoftImage changed = device.image;
  changed.firmware = "another firmware";
  device.boot(changed);
  const Verdict tolerated = judge(device.attest(challenge));
  EXPECT_TRUE(tolerated.accepted) << tolerated.reason;
  EXPECT_EQ(tolerated.assurance, Assurance::release);
  EXPECT_TRUE(tolerated.platform.empty());
  expectation.assurance_min = Assurance::platform;
  EXPECT_THAT(judge(device.attest(challenge)), RefusedWith(kPlatformUnknown));
}

TEST_F(VerifierTest, NothingAskedOrNothingKnownIsRefused) {
  const SoftEvidence evidence = device.attest(challenge);
  EXPECT_THAT(verify(evidence.fields(), expectation, {}), RefusedWith(kNoRelease));
  expectation.pcr_mask = 0;
  EXPECT_THAT(judge(evidence), RefusedWith(kNothingAsked));
}

// Every part is truncated at every length: none may be accepted, none may end the process.
TEST_F(VerifierTest, EveryTruncationOfEveryPartIsRefused) {
  const SoftEvidence good = device.attest(challenge);
  for (Bytes SoftEvidence::* part :
       {&SoftEvidence::ak_public, &SoftEvidence::quote, &SoftEvidence::quote_signature,
        &SoftEvidence::event_log, &SoftEvidence::csr, &SoftEvidence::tls_public,
        &SoftEvidence::certify, &SoftEvidence::certify_signature}) {
    for (std::size_t size = 0; size < (good.*part).size(); ++size) {
      SoftEvidence evidence = good;
      (evidence.*part).resize(size);
      const Verdict verdict = judge(evidence);
      ASSERT_FALSE(verdict.accepted) << size;
      ASSERT_FALSE(verdict.code.empty());
      ASSERT_TRUE(verdict.measurements.empty());
    }
  }
}

// The log's unmeasured event data may differ; of everything else every byte counts.
TEST_F(VerifierTest, EveryByteCounts) {
  const SoftEvidence good = device.attest(challenge);
  for (Bytes SoftEvidence::* part :
       {&SoftEvidence::ak_public, &SoftEvidence::quote, &SoftEvidence::quote_signature,
        &SoftEvidence::csr, &SoftEvidence::tls_public, &SoftEvidence::certify,
        &SoftEvidence::certify_signature}) {
    for (std::size_t at = 0; at < (good.*part).size(); ++at) {
      SoftEvidence evidence = good;
      (evidence.*part)[at] ^= std::byte{0x01};
      ASSERT_FALSE(judge(evidence).accepted) << at;
    }
  }
}

}  // namespace
}  // namespace pavise::attestation
