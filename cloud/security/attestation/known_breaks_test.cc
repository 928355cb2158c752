// One test for every known break of other attestation systems that concerns a verifier.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/security/attestation/testing/soft_attester.h"
#include "cloud/security/attestation/testing/verdict_matchers.h"
#include "cloud/security/attestation/verifier.h"

namespace pavise::attestation {
namespace {

using testing::Challenge;
using testing::fresh_challenge;
using ::testing::HasSubstr;
using testing::kPolicyPcrs;
using ::testing::Not;
using testing::reference_set;
using testing::SoftAttester;
using testing::SoftEvidence;

class KnownBreaks : public ::testing::Test {
 protected:
  KnownBreaks() {
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

  SoftAttester device;
  Challenge challenge = fresh_challenge();
  std::vector<release::ReferenceSet> releases{reference_set(device.image)};
  Expectation expectation = device.expectation(challenge);
  mutable ProvenSignatures proven;
};

// Keylime did not check that the AK belongs to the EK: any AK was good.
TEST_F(KnownBreaks, Cve2021_3406_AttestationKeyNotBoundToTheEndorsementKey) {
  SoftAttester software;  // right in every structure, but its AK was never activated by our EK
  software.tpm.ek = device.tpm.ek;
  EXPECT_THAT(judge(software.attest(challenge)), RefusedWith(kAttestationKey));
  Digest256 secret{};
  secret.fill(std::byte{7});
  expectation.activation_secret = secret;
  EXPECT_THAT(judge(device.attest(challenge)), RefusedWith(kAttestationKey));
}

// Keylime's tenant and verifier could see different registrar data: a real EK with a software AK.
// Here the challenge's AK name comes from the registry, never from the evidence.
TEST_F(KnownBreaks, Cve2022_1053_RealEndorsementKeyWithSoftwareAttestationKey) {
  SoftAttester software;
  software.tpm.ek = device.tpm.ek;
  SoftEvidence evidence = software.attest(challenge);
  evidence.ak_public = device.tpm.ak.encode();  // claims the registered key
  EXPECT_THAT(judge(evidence), RefusedWith(kQuoteSignature));
}

// Keylime's registrar helped the attacker along with its error messages.
TEST_F(KnownBreaks, Cve2023_38201_ErrorsAreNoOracle) {
  Digest256 secret{};
  secret.fill(std::byte{0x5a});
  expectation.activation_secret = secret;
  SoftEvidence evidence = device.attest(challenge);
  evidence.activation_secret = Digest256{};
  const Verdict early = judge(evidence);
  evidence.activation_secret = secret;
  evidence.activation_secret->back() ^= std::byte{1};
  const Verdict late = judge(evidence);
  EXPECT_EQ(early.reason, late.reason) << "a nearly right secret must look like any other";
  for (const ByteView hidden : {ByteView(secret), ByteView(expectation.nonce),
                                ByteView(expectation.exporter), ByteView(expectation.ak_name)})
    EXPECT_THAT(late.reason, Not(HasSubstr(to_hex(hidden).substr(0, 8))));
}

// GHSA-6xx7: a quote that unpacks to gigabytes. Sizes are bounded before anything is allocated.
TEST_F(KnownBreaks, Ghsa6xx7_UnboundedSizes) {
  SoftEvidence evidence = device.attest(challenge);
  evidence.quote.resize(tpm::kAttestBytesMax + 1);
  EXPECT_THAT(judge(evidence), Refused());
  evidence = device.attest(challenge);
  evidence.quote_signature.resize(tpm::kSignatureBytesMax + 1);
  EXPECT_THAT(judge(evidence), Refused());
  evidence = device.attest(challenge);
  evidence.ak_public.resize(tpm::kPublicAreaBytesMax + 1);
  EXPECT_THAT(judge(evidence), Refused());
  evidence = device.attest(challenge);
  evidence.event_log.resize(eventlog::kLogBytesMax + 1);
  EXPECT_THAT(judge(evidence), Refused());
}

// GHSA-hff2: an exception in the middle left the state at "ok".
TEST_F(KnownBreaks, GhsaHff2_AFailureInTheMiddleIsNoSuccess) {
  SoftEvidence evidence = device.attest(challenge);
  evidence.event_log.assign(100, std::byte{0xff});
  const Verdict verdict = judge(evidence);
  EXPECT_THAT(verdict, RefusedWith(kMalformed));
  for (const CheckResult& check : verdict.checks)
    EXPECT_EQ(check.state, CheckState::not_reached) << check.title;
  EXPECT_THAT(Verdict{}.accepted, false);
}

// Keylime let another TPM register under an existing id.
TEST_F(KnownBreaks, Cve2025_13609_AnotherTpmUnderTheSameId) {
  const SoftAttester other;
  EXPECT_NE(other.tpm.device(), device.tpm.device()) << "the id is the hash of the EK";
  SoftAttester impostor;
  SoftEvidence evidence = impostor.attest(challenge);
  evidence.csr = impostor.certificate_request(device.tpm.device().text());
  impostor.resign(evidence,
                  impostor.tpm.quote(testing::binding(challenge, evidence.csr), kPolicyPcrs));
  EXPECT_THAT(judge(evidence), RefusedWith(kAttestationKey));
}

// Keylime used a constant nonce: stockpiled quotes hid a compromise.
TEST_F(KnownBreaks, Cve2026_6420_StockpiledQuotes) {
  std::vector<SoftEvidence> stockpile;
  for (int i = 0; i < 3; ++i) {
    ++device.tpm.clock.clock_ms;
    stockpile.push_back(device.attest(challenge));
  }
  // Even under one nonce each quote is good only once, and only going forward.
  const Verdict first = judge(stockpile[1]);
  ASSERT_TRUE(first.accepted) << first.reason;
  expectation.marks = first.clock;
  EXPECT_THAT(judge(stockpile[1]), RefusedWith(kClock));
  EXPECT_THAT(judge(stockpile[0]), RefusedWith(kClock));
  // Under the next nonce none is.
  expectation = device.expectation(fresh_challenge());
  for (const SoftEvidence& old : stockpile) EXPECT_THAT(judge(old), RefusedWith(kNotFresh));
}

// go-attestation before 0.4 verified quotes over no PCRs, or over some.
TEST_F(KnownBreaks, Cve2022_0317_QuoteOverNoOrSomePcrs) {
  for (const std::uint32_t mask : {0U, 1U << 11U, kPolicyPcrs & ~1U, 1U << 23U}) {
    const SoftEvidence evidence = device.attest(challenge, mask);
    EXPECT_THAT(judge(evidence), RefusedWith(kPcrSelection)) << mask;
  }
  // A selection of no banks at all.
  SoftEvidence evidence = device.attest(challenge);
  tpm::Attest quote = *tpm::Attest::parse(evidence.quote);
  std::get<tpm::QuoteInfo>(quote.info).selections.clear();
  device.resign(evidence, quote);
  EXPECT_THAT(judge(evidence), RefusedWith(kPcrSelection));
}

// tpm2-tools: the magic was not compared, so a quote could be made outside a TPM.
TEST_F(KnownBreaks, Cve2024_29038_WrongMagic) {
  SoftEvidence evidence = device.attest(challenge);
  evidence.quote[0] = std::byte{0xde};
  evidence.quote[1] = std::byte{0xad};
  evidence.quote[2] = std::byte{0xbe};
  evidence.quote[3] = std::byte{0xef};
  evidence.quote_signature = device.tpm.sign(evidence.quote);
  EXPECT_THAT(judge(evidence), RefusedWith(kQuoteMagic));
}

// tpm2-tools: the selection in the quote was not compared with the one asked for.
TEST_F(KnownBreaks, Cve2024_29039_SelectionNotCompared) {
  // The quote is over PCRs 16 to 23, freely resettable, made to look like the policy's values.
  SoftEvidence evidence = device.attest(challenge);
  tpm::Attest quote = *tpm::Attest::parse(evidence.quote);
  std::get<tpm::QuoteInfo>(quote.info).selections[0].mask = 0xffU << 16U;
  device.resign(evidence, quote);
  EXPECT_THAT(judge(evidence), RefusedWith(kPcrSelection));
}

// tpm2-tss: Fapi_VerifyQuote took statements that are no quote.
TEST_F(KnownBreaks, Cve2024_29040_StatementOfAnotherType) {
  SoftEvidence evidence = device.attest(challenge);
  tpm::Attest certify = device.tpm.certify_tls();
  certify.extra_data = to_bytes(testing::binding(challenge, evidence.csr));
  device.resign(evidence, certify);
  EXPECT_THAT(judge(evidence), RefusedWith(kQuoteType));
}

// go-attestation, event-log-disclosure: the type of an event is covered by no digest.
TEST_F(KnownBreaks, EventLogDisclosure_RelabelledEvent) {
  // Secure Boot is off; the attacker shows that measurement as something harmless and relabels
  // another event as "SecureBoot = 1".
  testing::SoftImage image;
  image.secure_boot = false;
  device.boot(image);
  releases = {reference_set(image)};
  for (testing::SoftEvent& event : device.events) {
    if (event.name == "SecureBoot variable") event.type = eventlog::kEvEfiVariableAuthority;
    if (event.name == "PK variable")
      event.data = eventlog::global_variable_data("SecureBoot", Bytes{std::byte{1}});
  }
  const Verdict verdict = judge(device.attest(challenge));
  EXPECT_THAT(verdict, RefusedWith(kLogPolicy));
  EXPECT_THAT(verdict.reason, HasSubstr("not what was measured"));
}

TEST_F(KnownBreaks, EventLogDisclosure_HiddenSeparator) {
  for (testing::SoftEvent& event : device.events)
    if (event.pcr == 7 && event.name == "separator") event.type = eventlog::kEvEfiVariableAuthority;
  const Verdict verdict = judge(device.attest(challenge));
  EXPECT_THAT(verdict, RefusedWith(kLogPolicy));
  EXPECT_THAT(verdict.reason, HasSubstr("separator under another label"));
}

TEST_F(KnownBreaks, EventLogDisclosure_UnknownType) {
  device.events.front().type = 0x12345;
  EXPECT_THAT(judge(device.attest(challenge)), RefusedWith(kLogPolicy));
}

// After the separator the operating system can extend what it likes.
TEST_F(KnownBreaks, EventLogDisclosure_AppendedAfterTheSeparator) {
  const Bytes data = eventlog::global_variable_data("SecureBoot", Bytes{std::byte{1}});
  device.events.push_back(
      {7, eventlog::kEvEfiVariableDriverConfig, crypto::sha256(data), data, "", ""});
  device.tpm.extend(7, crypto::sha256(data));
  const Verdict verdict = judge(device.attest(challenge));
  EXPECT_THAT(verdict, RefusedWith(kLogPolicy));
  EXPECT_THAT(verdict.reason, HasSubstr("after the separator"));
}

// go-attestation, 2026: unbounded recursion, allocation by a length field, null dereference.
TEST_F(KnownBreaks, GoAttestation2026_HostileLogs) {
  const Bytes good = device.event_log();
  for (std::size_t at = 0; at + 4 <= good.size(); ++at) {
    SoftEvidence evidence = device.attest(challenge);
    for (std::size_t i = 0; i < 4; ++i) evidence.event_log[at + i] = std::byte{0xff};
    (void)judge(evidence);  // must end, within the memory of the test
  }
}

// TPM-FAIL: some firmware leaks ECDSA nonces.
TEST_F(KnownBreaks, TpmFail_FirmwareOnTheDenyList) {
  const std::array denied{device.tpm.firmware_version};
  expectation.firmware_denied = denied;
  EXPECT_THAT(judge(device.attest(challenge)), RefusedWith(kFirmwareDenied));
}

// CVE-2023-1017 and -1018: the TPM itself may be taken over, so its output is input like any other.
TEST_F(KnownBreaks, Cve2023_1017_ATpmsOutputIsNotTrustedToBeWellFormed) {
  const SoftEvidence good = device.attest(challenge);
  for (std::size_t at = 0; at < good.quote.size(); ++at) {
    for (const unsigned value : {0x00U, 0x7fU, 0x80U, 0xffU}) {
      SoftEvidence evidence = good;
      evidence.quote[at] = static_cast<std::byte>(value);
      evidence.quote_signature = device.tpm.sign(evidence.quote);  // by the genuine key
      const Verdict verdict = judge(evidence);
      // Only fields that no check constrains downward may change: the qualified signer, and a
      // clock, counter or firmware version that is as good as another.
      if (verdict.accepted) {
        const tpm::Attest quote = *tpm::Attest::parse(evidence.quote);
        EXPECT_EQ(quote.info, tpm::Attest::parse(good.quote)->info);
        EXPECT_EQ(quote.extra_data, tpm::Attest::parse(good.quote)->extra_data);
      }
    }
  }
}

// A disk copied to another machine: same software, other TPM.
TEST_F(KnownBreaks, CopiedDisk) {
  SoftAttester copy;
  SoftEvidence evidence = copy.attest(challenge);
  EXPECT_THAT(judge(evidence), RefusedWith(kAttestationKey));
  // It took the TLS key's public part and its certificate along; its own TPM has neither key.
  const SoftEvidence original = device.attest(challenge);
  evidence.ak_public = original.ak_public;
  evidence.tls_public = original.tls_public;
  evidence.certify = original.certify;
  evidence.certify_signature = original.certify_signature;
  EXPECT_THAT(judge(evidence), RefusedWith(kQuoteSignature));
}

// A key in software instead of the TPM: the request is for a key that no TPM certified.
TEST_F(KnownBreaks, SoftwareKeyInsteadOfTheTpms) {
  SoftAttester software;
  SoftEvidence evidence = device.attest(challenge);
  evidence.csr = software.certificate_request(device.tpm.device().text());
  device.resign(evidence, device.tpm.quote(testing::binding(challenge, evidence.csr), kPolicyPcrs));
  EXPECT_THAT(judge(evidence), RefusedWith(kCertificateRequest));
  evidence.tls_public = software.tpm.tls.encode();
  EXPECT_THAT(judge(evidence), RefusedWith(kTlsKey));
}

// Evidence of a good device relayed over a bad device's connection.
TEST_F(KnownBreaks, RelayedQuote) {
  Challenge relayed = challenge;
  relayed.exporter = fresh_challenge().exporter;
  EXPECT_THAT(judge(device.attest(relayed)), RefusedWith(kNotFresh));
}

// The same, by a TPM that hides its firmware version because the AK lies in the hierarchy of the
// owner (part 1, 36.7).
TEST_F(KnownBreaks, TpmFail_AttestationKeyWhereTheFirmwareVersionIsHidden) {
  const std::vector<std::uint64_t> denied{device.tpm.firmware_version};
  expectation.firmware_denied = denied;
  device.tpm.ak_hierarchy = 0x40000001;  // TPM_RH_OWNER
  device.tpm.firmware_version ^= 0x5ad0'1f33'9c27'e8b4;
  EXPECT_THAT(judge(device.attest(challenge)), RefusedWith(kAttestationKey));
  device.tpm.ak_hierarchy = 0x40000007;  // TPM_RH_NULL
  EXPECT_THAT(judge(device.attest(challenge)), RefusedWith(kAttestationKey));
}

}  // namespace
}  // namespace pavise::attestation
