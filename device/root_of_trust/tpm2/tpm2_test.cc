#include "device/root_of_trust/tpm2/tpm2.h"

#include <gtest/gtest.h>

#include "device/root_of_trust/fake/maker.h"
#include "device/root_of_trust/testing/contract.h"
#include "device/root_of_trust/testing/swtpm.h"
#include "device/root_of_trust/tpm2/context.h"

namespace pavise::root_of_trust {
namespace {

using testing::RootOfTrustContract;
using testing::Swtpm;

class Tpm2Bench final : public testing::ContractBench {
 public:
  Tpm2Bench() : swtpm_(Swtpm::start().value()) { reopen(); }
  RootOfTrust& root() override { return *root_; }
  void power_cycle() override {
    root_.reset();
    ASSERT_TRUE(swtpm_->power_cycle());
    reopen();
  }
  void expect_nothing_left_behind() override {
    root_.reset();
    {
      auto context = tpm2::Context::open(swtpm_->address()).value();
      for (const TPM2_HANDLE first :
           {TPM2_TRANSIENT_FIRST, TPM2_LOADED_SESSION_FIRST, TPM2_ACTIVE_SESSION_FIRST})
        EXPECT_EQ(count_handles(*context, first), 0U) << "from handle " << std::hex << first;
    }
    reopen();
  }

 private:
  static UINT32 count_handles(tpm2::Context& context, TPM2_HANDLE first) {
    TPMI_YES_NO more = 0;
    tpm2::Owned<TPMS_CAPABILITY_DATA> data;
    EXPECT_TRUE(context.check(
        Esys_GetCapability(context.esys(), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                           TPM2_CAP_HANDLES, first, TPM2_MAX_CAP_HANDLES, &more, tpm2::out(data)),
        "TPM2_GetCapability"));
    return data ? data->data.handles.count : 99;
  }
  void reopen() { root_ = open_tpm2(swtpm_->address()).value(); }

  std::unique_ptr<Swtpm> swtpm_;
  std::unique_ptr<RootOfTrust> root_;
};

INSTANTIATE_TEST_SUITE_P(Swtpm, RootOfTrustContract,
                         ::testing::Values(testing::ContractParameter{
                             "swtpm", [] { return std::make_unique<Tpm2Bench>(); }}),
                         [](const auto& info) { return info.param.name; });

TEST(TpmAddress, Parses) {
  const auto device = TpmAddress::parse("device:/dev/tpmrm0");
  ASSERT_TRUE(device);
  EXPECT_EQ(device->kind(), TpmAddress::Kind::device);
  EXPECT_EQ(device->path(), "/dev/tpmrm0");
  const auto swtpm = TpmAddress::parse("swtpm:/run/tpm.sock");
  ASSERT_TRUE(swtpm);
  EXPECT_EQ(swtpm->kind(), TpmAddress::Kind::swtpm);
  EXPECT_TRUE(TpmAddress::parse("device:/" + std::string(TpmAddress::kPathBytesMax - 1, 'a')));
  for (const std::string& bad :
       {std::string(), std::string("device:"), std::string("device:/"), std::string("/dev/tpm0"),
        std::string("device:dev/tpm0"), std::string("swtpm:/a,port=1"), std::string("mssim:/a"),
        "device:/" + std::string(TpmAddress::kPathBytesMax, 'a')})
    EXPECT_TRUE(TpmAddress::parse(bad).error().is(kBadArgument)) << bad;
}

TEST(Tpm2, AnAbsentTpmIsUnreachable) {
  EXPECT_TRUE(open_tpm2(*TpmAddress::parse("device:/nonexistent")).error().is(kUnreachable));
  EXPECT_TRUE(open_tpm2(*TpmAddress::parse("swtpm:/nonexistent")).error().is(kUnreachable));
}

TEST(Tpm2, ATpmThatGoesAwayIsUnreachable) {
  const auto swtpm = Swtpm::start().value();
  const auto root = open_tpm2(swtpm->address()).value();
  swtpm->stop();
  const auto outcome = root->read_pcrs(PcrMask::from_bits(1).value());
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().is(kUnreachable)) << outcome.error().message();
}

TEST(Tpm2, ABlobOfAnotherTpmIsRefused) {
  const auto one = Swtpm::start().value();
  const auto two = Swtpm::start(Swtpm::Who::other_tpm).value();
  const auto root_one = open_tpm2(one->address()).value();
  const auto root_two = open_tpm2(two->address()).value();
  EXPECT_NE(root_one->identity()->device, root_two->identity()->device);
  const auto key = crypto::P256PrivateKey::generate().value();
  const auto blob = root_one->seal(Bytes(64), key.public_key());
  ASSERT_TRUE(blob);
  const auto policy = pcr_policy::SignedPcrPolicy::sign(
      key, std::vector<PcrValues>{*root_one->read_pcrs(PcrMask::from_bits(1).value())});
  EXPECT_TRUE(root_one->unseal(*blob, *policy));
  const auto outcome = root_two->unseal(*blob, *policy);
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().is(kBadSealedBlob)) << outcome.error().message();
}

// The maker's certificate is replaced by one for another key.
TEST(Tpm2, ACertificateForAnotherEkIsNoticed) {
  const auto swtpm = Swtpm::start().value();
  const auto maker = FakeMaker::create().value();
  const Bytes foreign = maker->certify(*FakeEk::generate().value()).value();
  {
    auto context = tpm2::Context::open(swtpm->address()).value();
    ESYS_CONTEXT* const esys = context->esys();
    const auto old = tpm2::refer(*context, kEkCertificateIndex, kNoEkCertificate);
    ASSERT_TRUE(old);
    // Undefining ends ESYS's record as well; a second Referenced would only count it twice.
    ASSERT_TRUE(context->check(Esys_NV_UndefineSpace(esys, ESYS_TR_RH_PLATFORM, old->get(),
                                                     ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE),
                               "undefine"));
    TPM2B_NV_PUBLIC area{};
    area.nvPublic.nvIndex = kEkCertificateIndex;
    area.nvPublic.nameAlg = TPM2_ALG_SHA256;
    area.nvPublic.attributes = TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA;
    area.nvPublic.dataSize = static_cast<UINT16>(foreign.size() + 16);  // padded, as some are
    const TPM2B_AUTH no_authorisation{};
    tpm2::Referenced index(*context);
    ASSERT_TRUE(
        context->check(Esys_NV_DefineSpace(esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                           ESYS_TR_NONE, &no_authorisation, &area, index.out()),
                       "define"));
    TPM2B_MAX_NV_BUFFER data{};
    Bytes padded = foreign;
    padded.resize(foreign.size() + 16, std::byte{0xff});
    tpm2::fill(data, data.buffer, padded);
    ASSERT_TRUE(context->check(Esys_NV_Write(esys, index.get(), index.get(), ESYS_TR_PASSWORD,
                                             ESYS_TR_NONE, ESYS_TR_NONE, &data, 0),
                               "write"));
  }
  const auto root = open_tpm2(swtpm->address()).value();
  ASSERT_TRUE(root->identity());
  EXPECT_EQ(root->identity()->ek_certificate, foreign);  // without the padding
  const auto outcome = root->provision();
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().is(kEkMismatch)) << outcome.error().message();
}

TEST(Tpm2, SomebodyElsesKeyAtOurHandleIsNoticed) {
  const auto swtpm = Swtpm::start().value();
  {
    auto context = tpm2::Context::open(swtpm->address()).value();
    const auto other = tpm2::create_storage_root(*context);
    ASSERT_TRUE(other);
    tpm2::Referenced persistent(*context);
    ASSERT_TRUE(context->check(
        Esys_EvictControl(context->esys(), ESYS_TR_RH_OWNER, other->object.get(), ESYS_TR_PASSWORD,
                          ESYS_TR_NONE, ESYS_TR_NONE, kTlsKeyHandle, persistent.out()),
        "evict"));
  }
  const auto root = open_tpm2(swtpm->address()).value();
  EXPECT_TRUE(root->provision().error().is(kForeignObject));
  EXPECT_TRUE(root->keys().error().is(kForeignObject));
}

TEST(Tpm2, ASetOwnerPasswordIsNamed) {
  const auto swtpm = Swtpm::start().value();
  {
    auto context = tpm2::Context::open(swtpm->address()).value();
    TPM2B_AUTH password{};
    tpm2::fill(password, password.buffer, as_bytes("secret"));
    ASSERT_TRUE(
        context->check(Esys_HierarchyChangeAuth(context->esys(), ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
                                                ESYS_TR_NONE, ESYS_TR_NONE, &password),
                       "TPM2_HierarchyChangeAuth"));
  }
  const auto root = open_tpm2(swtpm->address()).value();
  const auto outcome = root->provision();
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().is(kHierarchyLocked)) << outcome.error().message();
}

TEST(ResponseCodes, MapToOurTable) {
  const struct {
    TSS2_RC rc;
    const ErrorInfo& info;
  } rows[] = {
      {TPM2_RC_LOCKOUT, kLockedOut},
      {TPM2_RC_FAILURE, kFailureMode},
      {TPM2_RC_TESTING, kBusy},
      {TPM2_RC_RETRY, kBusy},
      {TPM2_RC_NV_RATE, kBusy},
      {TPM2_RC_OBJECT_MEMORY, kOutOfSlots},
      {TPM2_RC_SESSION_MEMORY, kOutOfSlots},
      {TPM2_RC_BAD_AUTH + TPM2_RC_S + TPM2_RC_1, kHierarchyLocked},
      {TPM2_RC_VALUE + TPM2_RC_P + TPM2_RC_2, kCommandFailed},
      {TSS2_RESMGR_TPM_RC_LAYER | TPM2_RC_LOCKOUT, kLockedOut},
      {TSS2_TCTI_RC_IO_ERROR, kUnreachable},
      {TSS2_ESYS_RC_BAD_VALUE, kCommandFailed},
  };
  for (const auto& row : rows)
    EXPECT_EQ(tpm2::to_error(row.rc, "x").code(), row.info.code) << std::hex << row.rc;
}

}  // namespace
}  // namespace pavise::root_of_trust
