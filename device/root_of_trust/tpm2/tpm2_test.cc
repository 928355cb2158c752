#include "device/root_of_trust/tpm2/tpm2.h"

#include <gtest/gtest.h>

#include "device/root_of_trust/fake/maker.h"
#include "device/root_of_trust/testing/contract.h"
#include "device/root_of_trust/testing/swtpm.h"
#include "device/root_of_trust/tpm2/context.h"
#include "protocol/tpm/credential.h"
#include "protocol/x509/certificate_template.h"

namespace pavise::root_of_trust {
namespace {

using testing::RootOfTrustContract;
using testing::Swtpm;

// An X.509 certificate of the key, signed by somebody: the device does not judge who.
Bytes certificate_of(const crypto::P256PublicKey& key) {
  const auto signer = crypto::P256PrivateKey::generate().value();
  const x509::Serial serial{std::byte{1}};
  const Bytes to_be_signed =
      x509::certificate_authority(serial, {*x509::encode_name({"", "maker"}), x509::key_id(key)},
                                  {0, 4'000'000'000}, {"", "EK"}, 0, key)
          .value();
  const auto signature = signer.sign_digest(crypto::sha256(to_be_signed)).value();
  return x509::assemble_signed(to_be_signed, crypto::ecdsa_to_der(signature));
}

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

void undefine(tpm2::Context& context, std::uint32_t index) {
  const auto old = tpm2::refer(context, index, kNoEkCertificate);
  ASSERT_TRUE(old);
  // Undefining ends ESYS's record as well; a second Referenced would only count it twice.
  ASSERT_TRUE(context.check(Esys_NV_UndefineSpace(context.esys(), ESYS_TR_RH_PLATFORM, old->get(),
                                                  ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE),
                            "undefine"));
}

void define(tpm2::Context& context, std::uint32_t handle, ByteView content) {
  TPM2B_NV_PUBLIC area{};
  area.nvPublic.nvIndex = handle;
  area.nvPublic.nameAlg = TPM2_ALG_SHA256;
  area.nvPublic.attributes = TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA;
  area.nvPublic.dataSize = static_cast<UINT16>(content.size() + 16);  // padded, as some are
  const TPM2B_AUTH no_authorisation{};
  tpm2::Referenced index(context);
  ASSERT_TRUE(context.check(
      Esys_NV_DefineSpace(context.esys(), ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                          ESYS_TR_NONE, &no_authorisation, &area, index.out()),
      "define"));
  TPM2B_MAX_NV_BUFFER data{};
  Bytes padded = to_bytes(content);
  padded.resize(content.size() + 16, std::byte{0xff});
  tpm2::fill(data, data.buffer, padded);
  ASSERT_TRUE(context.check(Esys_NV_Write(context.esys(), index.get(), index.get(),
                                          ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &data, 0),
                            "write"));
}

// The maker's certificate is replaced by one for another key.
TEST(Tpm2, ACertificateForAnotherEkIsNoticed) {
  const auto swtpm = Swtpm::start().value();
  const auto maker = FakeMaker::create().value();
  const Bytes foreign = maker->certify(*FakeEk::generate().value()).value();
  {
    auto context = tpm2::Context::open(swtpm->address()).value();
    undefine(*context, kEkCertificateIndex);
    define(*context, kEkCertificateIndex, foreign);
  }
  const auto root = open_tpm2(swtpm->address()).value();
  ASSERT_TRUE(root->identity());
  EXPECT_EQ(root->identity()->ek_certificate, foreign);  // without the padding
  const auto outcome = root->provision();
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().is(kEkMismatch)) << outcome.error().message();
}

// Many firmware TPMs have a certificate for an EK on a curve only. Activation goes the whole way:
// make_credential as the service does it, TPM2_ActivateCredential in the TPM.
void expect_identity_and_activation(const TpmAddress& address, std::uint16_t curve) {
  const auto root = open_tpm2(address).value();
  const auto identity = root->identity();
  ASSERT_TRUE(identity) << identity.error().message();
  const auto ek = tpm::PublicArea::parse(identity->ek_public);
  ASSERT_TRUE(ek);
  ASSERT_TRUE(tpm::is_endorsement_key(*ek));
  EXPECT_EQ(ek->type, tpm::kAlgEcc);
  EXPECT_EQ(ek->curve, curve);
  EXPECT_EQ(identity->device, *tpm::device_id_from_ek_public(identity->ek_public));
  const auto provisioned = root->provision();
  ASSERT_TRUE(provisioned) << provisioned.error().message();
  const tpm::Name ak = tpm::name_of(root->keys()->ak_public);
  for (const std::size_t size : {1U, 32U}) {
    const Bytes secret(size, std::byte{0x5a});
    const auto credential = tpm::make_credential(*ek, ak, secret);
    ASSERT_TRUE(credential) << credential.error().message();
    const auto yielded = root->activate(credential->id_object, credential->encrypted_secret);
    ASSERT_TRUE(yielded) << yielded.error().message();
    EXPECT_TRUE(equal(yielded->view(), secret));
  }
  tpm::Name other = ak;
  other[9] ^= std::byte{1};
  const auto foreign = tpm::make_credential(*ek, other, Bytes(32)).value();
  const auto refused = root->activate(foreign.id_object, foreign.encrypted_secret);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(kCredentialRefused)) << refused.error().message();
  Bytes bent = foreign.encrypted_secret;
  bent.back() ^= std::byte{1};
  const auto no_point = root->activate(foreign.id_object, bent);
  ASSERT_FALSE(no_point);
  EXPECT_TRUE(no_point.error().is(kCredentialRefused)) << no_point.error().message();
}

TEST(Tpm2, EndorsementKeyOnP384AsSwtpmSetupCertifiesIt) {
  const auto swtpm = Swtpm::start().value();
  undefine(*tpm2::Context::open(swtpm->address()).value(), kEkCertificateIndex);
  expect_identity_and_activation(swtpm->address(), tpm::kCurveP384);
}

// swtpm_setup 0.7 certifies P-384 only, so the certificate for P-256 is made here.
TEST(Tpm2, EndorsementKeyOnP256) {
  const auto swtpm = Swtpm::start().value();
  {
    auto context = tpm2::Context::open(swtpm->address()).value();
    const Bytes zeros(tpm::kP256CoordinateBytesMax);
    Bytes x;
    Bytes y;
    {
      const auto ek = tpm2::create_primary(*context, ESYS_TR_RH_ENDORSEMENT,
                                           tpm::ek_template_l2(zeros, zeros).encode());
      ASSERT_TRUE(ek) << ek.error().message();
      const auto area = tpm::PublicArea::parse(*tpm2::to_bytes(ek->area->publicArea));
      ASSERT_TRUE(area);
      x = area->x;
      y = area->y;
    }
    const auto key = crypto::P256PublicKey::from_xy(x, y).value();
    undefine(*context, kEkCertificateIndex);
    define(*context, kEkCertificateIndexP256, certificate_of(key));
  }
  expect_identity_and_activation(swtpm->address(), tpm::kCurveP256);
}

TEST(Tpm2, ADamagedCertificateIsNoReasonToBeAnotherDevice) {
  const auto swtpm = Swtpm::start().value();
  {
    auto context = tpm2::Context::open(swtpm->address()).value();
    undefine(*context, kEkCertificateIndex);
    define(*context, kEkCertificateIndex, as_bytes("no certificate"));
  }
  const auto root = open_tpm2(swtpm->address()).value();
  const auto identity = root->identity();
  ASSERT_FALSE(identity);
  EXPECT_TRUE(identity.error().is(kNoEkCertificate));
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
