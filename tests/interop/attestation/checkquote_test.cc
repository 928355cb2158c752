// tpm2_checkquote of Debian 12 (tpm2-tools 5.4) as an oracle that must disagree: it accepts forged
// quotes (CVE-2024-29038, -29039), we refuse them. When a Debian update makes it refuse them, too,
// the MustDisagree tests fail: turn them into agreements then.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/security/attestation/testing/soft_attester.h"
#include "cloud/security/attestation/testing/verdict_matchers.h"
#include "cloud/security/attestation/verifier.h"
#include "tests/interop/attestation/program.h"

namespace pavise::attestation {
namespace {

using interop::run_program;
using interop::TemporaryFolder;
using testing::Challenge;
using testing::SoftAttester;
using testing::SoftEvidence;

class CheckQuote : public ::testing::Test {
 protected:
  Verdict ours() const {
    return verify(evidence.fields(), device.expectation(challenge), releases);
  }
  // Exit status of tpm2_checkquote over the same quote, key and qualifying data.
  int theirs() const {
    const TemporaryFolder folder;
    const std::string key = device.tpm.ak_key.public_key().pem();
    return run_program({"tpm2_checkquote", "-u", folder.write("ak.pem", as_bytes(key)), "-m",
                        folder.write("quote", evidence.quote), "-s",
                        folder.write("signature", evidence.quote_signature), "-g", "sha256", "-q",
                        to_hex(testing::binding(challenge, evidence.csr))},
                       folder.path("log"));
  }

  SoftAttester device;
  Challenge challenge = testing::fresh_challenge();
  std::vector<release::ReferenceSet> releases{testing::reference_set(device.image)};
  SoftEvidence evidence = device.attest(challenge);
};

TEST_F(CheckQuote, BothAcceptAGoodQuote) {
  EXPECT_EQ(theirs(), 0);
  EXPECT_TRUE(ours().accepted);
}

TEST_F(CheckQuote, BothRefuseAnotherKeysSignature) {
  evidence.quote_signature = SoftAttester().tpm.sign(evidence.quote);
  EXPECT_NE(theirs(), 0);
  EXPECT_THAT(ours(), RefusedWith(kQuoteSignature));
}

TEST_F(CheckQuote, MustDisagree_WrongMagic) {
  evidence.quote[0] = std::byte{0xde};
  evidence.quote[1] = std::byte{0xad};
  evidence.quote[2] = std::byte{0xbe};
  evidence.quote[3] = std::byte{0xef};
  evidence.quote_signature = device.tpm.sign(evidence.quote);
  EXPECT_EQ(theirs(), 0) << "tpm2_checkquote has learnt to check the magic";
  EXPECT_THAT(ours(), RefusedWith(kQuoteMagic));
}

TEST_F(CheckQuote, MustDisagree_OtherSelection) {
  tpm::Attest quote = *tpm::Attest::parse(evidence.quote);
  std::get<tpm::QuoteInfo>(quote.info).selections[0].mask = 1U << 16U;
  device.resign(evidence, quote);
  EXPECT_EQ(theirs(), 0) << "tpm2_checkquote has learnt to compare the selection";
  EXPECT_THAT(ours(), RefusedWith(kPcrSelection));
}

}  // namespace
}  // namespace pavise::attestation
