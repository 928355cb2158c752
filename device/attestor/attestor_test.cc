#include "device/attestor/attestor.h"

#include <gtest/gtest.h>

#include "device/root_of_trust/fake/fake.h"
#include "protocol/evidence/evidence.h"
#include "protocol/tpm/attest.h"
#include "protocol/tpm/public_area.h"

namespace pavise::attestor {
namespace {

using root_of_trust::FakeMaker;
using root_of_trust::FakeRootOfTrust;
using root_of_trust::PcrMask;

class AttestorTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(root_->provision()); }
  // What the AK signed, after checking that it did.
  tpm::Attest verified(ByteView attest, ByteView signature) {
    const auto ak = tpm::PublicArea::parse(root_->keys()->ak_public)->p256_key();
    const auto raw = tpm::parse_signature(signature);
    EXPECT_TRUE(ak->verify_digest(crypto::sha256(attest), *raw));
    return tpm::Attest::parse(attest).value();
  }
  std::unique_ptr<FakeRootOfTrust> root_ =
      FakeRootOfTrust::create(FakeMaker::create().value()).value();
};

TEST_F(AttestorTest, AQuoteIsBoundToAllThree) {
  Binding binding{};
  binding.nonce.fill(std::byte{1});
  binding.tls_exporter.fill(std::byte{2});
  binding.csr_digest.fill(std::byte{3});
  const auto quote = attest(*root_, PcrMask::from_bits(0x881).value(), binding);
  ASSERT_TRUE(quote) << quote.error().message();
  const auto expected = crypto::sha256({binding.nonce, binding.tls_exporter, binding.csr_digest});
  EXPECT_EQ(verified(quote->attest, quote->signature).extra_data, to_bytes(expected));
  EXPECT_EQ(quote->pcrs.size(), 3U);
}

TEST_F(AttestorTest, AVoucherProvesThatTheAkSaysSo) {
  const auto voucher = make_voucher(*root_);
  ASSERT_TRUE(voucher) << voucher.error().message();
  EXPECT_EQ(voucher->device, root_->identity()->device);
  const auto attest = verified(voucher->attest, voucher->signature);
  EXPECT_EQ(attest.extra_data,
            to_bytes(evidence::voucher_binding(voucher->device, voucher->serial)));
  ASSERT_NE(attest.quote(), nullptr);
  ASSERT_EQ(attest.quote()->selections.size(), 1U);
  EXPECT_EQ(attest.quote()->selections[0].mask, 1U);
  const auto back = evidence::Voucher::parse(voucher->encode());
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(back->serial, voucher->serial);
}

TEST_F(AttestorTest, EveryVoucherHasItsOwnSerial) {
  EXPECT_NE(make_voucher(*root_)->serial, make_voucher(*root_)->serial);
}

TEST_F(AttestorTest, ErrorsOfTheRootOfTrustComeThrough) {
  for (const unsigned call : {0U, 1U}) {
    root_->fail_call(root_of_trust::kBusy, call);
    EXPECT_TRUE(make_voucher(*root_).error().is(root_of_trust::kBusy));
  }
  root_->fail_call(root_of_trust::kUnreachable);
  EXPECT_TRUE(
      attest(*root_, PcrMask::from_bits(1).value(), {}).error().is(root_of_trust::kUnreachable));
}

}  // namespace
}  // namespace pavise::attestor
