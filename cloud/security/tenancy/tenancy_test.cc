#include "cloud/security/tenancy/tenancy.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cloud/security/attestation/errors.h"
#include "cloud/security/testing/world/world.h"
#include "protocol/tpm/attest.h"

namespace pavise::security {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using testing::SoftDevice;
using testing::World;

const TenantId kAcme = *TenantId::parse("acme");
const TenantId kOther = *TenantId::parse("other");

class TenancyTest : public ::testing::Test {
 protected:
  void create_tenants() {
    world_.tenancy().create_tenant("anna", kAcme).value();
    world_.tenancy().create_tenant("anna", kOther).value();
  }
  Tenancy& tenancy() { return world_.tenancy(); }
  Result<DeviceRecord> claim(const evidence::Voucher& voucher, const TenantId& tenant = kAcme) {
    return tenancy().claim("anna", tenant, voucher.encode());
  }
  std::string last_act() { return world_.registry().audit(0, 1)->front().action; }

  World world_;
  SoftDevice device_{0};
};

// ---- tenants

TEST_F(TenancyTest, ATenantGetsItsAuthorityOnce) {
  std::vector<Bytes> announced;
  world_.authority().subscribe([](const DeviceId&) {},
                               [&](ByteView der) { announced.push_back(to_bytes(der)); });
  const auto made = tenancy().create_tenant("anna", kAcme);
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_FALSE(made->root_certificate.empty());
  EXPECT_THAT(announced, ::testing::ElementsAre(made->issuing_certificate));
  EXPECT_TRUE(tenancy().create_tenant("anna", kAcme).error().is(kTenantExists));
  EXPECT_TRUE(tenancy().tenant(kOther).error().is(kTenantUnknown));
  EXPECT_THAT(*tenancy().tenants(), SizeIs(1));
  EXPECT_EQ(last_act(), "tenant.create");
}

TEST_F(TenancyTest, KilledBetweenAuthorityAndRecordTheNextCallCompletesIt) {
  world_.shut_down();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    world_.restart();
    world_.hooks.after = []() -> Status { _exit(9); };
    (void)tenancy().create_tenant("anna", kAcme);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(WEXITSTATUS(status), 9);
  world_.restart();
  EXPECT_THAT(*tenancy().tenants(), SizeIs(0));
  const auto halfway = world_.signer().list();
  ASSERT_THAT(*halfway, SizeIs(1));
  const auto made = tenancy().create_tenant("anna", kAcme);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->root_certificate, halfway->front().certificates.root);
}

TEST_F(TenancyTest, WithoutASignerNoTenantIsRecorded) {
  world_.hooks.before = [] { return Status(Error(signer::kSignerUnreachable)); };
  EXPECT_TRUE(tenancy().create_tenant("anna", kAcme).error().is(signer::kSignerUnreachable));
  EXPECT_TRUE(tenancy().tenant(kAcme).error().is(kTenantUnknown));
}

// ---- vendors and registration

TEST_F(TenancyTest, VendorRootsArePemOrDerAndOnce) {
  EXPECT_THAT(*tenancy().vendor_roots(), SizeIs(1));
  ASSERT_TRUE(tenancy().add_vendor_root("anna", "again", world_.vendor.root_der()));
  EXPECT_THAT(*tenancy().vendor_roots(), SizeIs(1));
  const testing::SoftVendor second("Second", world_.clock.now_s());
  const auto added = tenancy().add_vendor_root("anna", "Second", second.root_der());
  ASSERT_TRUE(added);
  EXPECT_THAT(*tenancy().vendor_roots(), SizeIs(2));
  ASSERT_TRUE(tenancy().remove_vendor_root("anna", added->fingerprint));
  EXPECT_EQ(last_act(), "vendor.remove");
  const std::string two = second.root_pem() + second.root_pem();
  for (const std::string& bad : {std::string("no certificate"), two,
                                 std::string("-----BEGIN CERTIFICATE-----\n!\n"
                                             "-----END CERTIFICATE-----\n")})
    EXPECT_TRUE(
        tenancy().add_vendor_root("anna", "bad", as_bytes(bad)).error().is(kVendorRootInvalid));
  EXPECT_TRUE(tenancy()
                  .add_vendor_root("anna", "leaf", world_.vendor.certify(*device_.ek))
                  .error()
                  .is(kVendorRootInvalid));
}

TEST_F(TenancyTest, TheDeviceIdComesFromTheEk) {
  const auto first = tenancy().register_device("factory", world_.vendor.certify(*device_.ek), {});
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(first->id, device_.id());
  EXPECT_FALSE(first->tenant);
  const auto again = tenancy().register_device("factory", world_.vendor.certify(*device_.ek), {});
  EXPECT_EQ(again->version, first->version);
  EXPECT_THAT(*tenancy().devices({}), SizeIs(1));
}

// CVE-2021-3406: Keylime did not validate the chain of the EK.
TEST_F(TenancyTest, Cve2021_3406_AnEkOfAnUnknownVendorIsRefused) {
  const testing::SoftVendor forger("Chip Inc. Root", world_.clock.now_s());
  EXPECT_TRUE(tenancy()
                  .register_device("factory", forger.certify(*device_.ek), {})
                  .error()
                  .is(kVendorUntrusted));
  EXPECT_TRUE(tenancy().device(device_.id()).error().is(kDeviceUnknown));
  EXPECT_FALSE(tenancy().register_device("factory", as_bytes("not DER"), {}));
}

TEST_F(TenancyTest, ARemovedVendorRegistersNoMore) {
  const std::string fingerprint = tenancy().vendor_roots()->front().fingerprint;
  ASSERT_TRUE(tenancy().remove_vendor_root("anna", fingerprint));
  EXPECT_TRUE(tenancy()
                  .register_device("factory", world_.vendor.certify(*device_.ek), {})
                  .error()
                  .is(kVendorUntrusted));
}

// ---- activation

TEST_F(TenancyTest, OnlyTheTpmOfTheEkCanBindItsAk) {
  world_.register_device(device_);
  world_.activate(device_);
  EXPECT_EQ(tenancy().device(device_.id())->ak_public, device_.ak_public());
  world_.activate(device_);  // again is harmless
  EXPECT_EQ(last_act(), "device.activate");
}

TEST_F(TenancyTest, AWrongSecretEndsTheActivation) {
  world_.register_device(device_);
  const auto asked = tenancy().begin_activation(device_.id(), device_.ak_public()).value();
  const Bytes secret = *device_.ek->activate(device_.attester.tpm.ak.name(), asked.id_object,
                                             asked.encrypted_secret);
  Bytes wrong = secret;
  wrong.back() ^= std::byte{1};
  EXPECT_TRUE(
      tenancy().finish_activation("x", asked.session, wrong).error().is(kActivationRefused));
  EXPECT_TRUE(
      tenancy().finish_activation("x", asked.session, secret).error().is(kActivationUnknown));
  EXPECT_FALSE(tenancy().device(device_.id())->ak_public);
}

TEST_F(TenancyTest, AnActivationEndsAfterTwoMinutes) {
  world_.register_device(device_);
  const auto asked = tenancy().begin_activation(device_.id(), device_.ak_public()).value();
  const Bytes secret = *device_.ek->activate(device_.attester.tpm.ak.name(), asked.id_object,
                                             asked.encrypted_secret);
  world_.clock.advance_ms(kActivationLifetimeMs);
  EXPECT_TRUE(
      tenancy().finish_activation("x", asked.session, secret).error().is(kActivationUnknown));
}

TEST_F(TenancyTest, ABoundAkIsNeverReplaced) {
  world_.register_device(device_);
  world_.activate(device_);
  SoftDevice same_ek(0);  // another AK under the same EK
  EXPECT_TRUE(
      tenancy().begin_activation(device_.id(), same_ek.ak_public()).error().is(kAkAlreadyBound));
}

TEST_F(TenancyTest, AnAkMustBeFit) {
  world_.register_device(device_);
  tpm::PublicArea unrestricted = device_.attester.tpm.ak;
  unrestricted.attributes &= ~tpm::kRestricted;
  tpm::PublicArea exportable = device_.attester.tpm.ak;
  exportable.attributes &= ~tpm::kFixedTpm;
  for (const tpm::PublicArea& bad : {unrestricted, exportable, device_.attester.tpm.ek})
    EXPECT_TRUE(tenancy().begin_activation(device_.id(), bad.encode()).error().is(kAkUnfit));
  EXPECT_FALSE(tenancy().begin_activation(device_.id(), as_bytes("?")));
  EXPECT_TRUE(tenancy()
                  .begin_activation(*DeviceId::parse(std::string(64, 'f')), device_.ak_public())
                  .error()
                  .is(kDeviceUnknown));
}

// ---- owners

TEST_F(TenancyTest, AVoucherClaimsOnce) {
  create_tenants();
  world_.register_device(device_);
  const auto voucher = device_.voucher();
  EXPECT_TRUE(claim(voucher).error().is(kDeviceNotActivated));
  world_.activate(device_);
  const auto claimed = claim(voucher);
  ASSERT_TRUE(claimed) << claimed.error().message();
  EXPECT_EQ(claimed->tenant, kAcme);
  EXPECT_EQ(last_act(), "device.claim");
  EXPECT_TRUE(claim(voucher, kOther).error().is(kVoucherSpent));
  EXPECT_TRUE(claim(device_.voucher(), kOther).error().is(kAlreadyClaimed));
  ASSERT_TRUE(tenancy().release_device("anna", kAcme, device_.id()));
  EXPECT_TRUE(claim(voucher, kOther).error().is(kVoucherSpent));
  EXPECT_TRUE(claim(device_.voucher(), kOther));
}

// Whoever had the device in hand once could have made vouchers for years to come.
TEST_F(TenancyTest, AVoucherKeptFromBeforeTheLastOwnerIsWorthNothing) {
  world_.publish({});
  create_tenants();
  world_.register_device(device_);
  world_.activate(device_);
  const auto kept = device_.voucher();
  ASSERT_TRUE(claim(device_.voucher()));
  ASSERT_TRUE(world_.attest(device_).accepted);
  ASSERT_TRUE(tenancy().release_device("anna", kAcme, device_.id()));
  EXPECT_TRUE(claim(kept, kOther).error().is(kVoucherInvalid));
  EXPECT_FALSE(tenancy().device(device_.id())->tenant);
  EXPECT_TRUE(claim(device_.voucher(), kOther));
}

TEST_F(TenancyTest, AVoucherMustBeTheDevicesOwn) {
  create_tenants();
  world_.register_device(device_);
  world_.activate(device_);
  SoftDevice other(1);
  const auto refuse = [&](const evidence::Voucher& voucher, std::string_view why) {
    const auto claimed = claim(voucher);
    ASSERT_FALSE(claimed) << why;
    EXPECT_TRUE(claimed.error().is(kVoucherInvalid)) << claimed.error().message();
    EXPECT_THAT(claimed.error().detail(), HasSubstr(why));
  };
  const auto quote = [&](const evidence::Voucher& voucher) {
    return device_.attester.tpm.quote(evidence::voucher_binding(voucher.device, voucher.serial), 1);
  };
  const auto resign = [&](evidence::Voucher& voucher, const tpm::Attest& attest) {
    voucher.attest = attest.encode();
    voucher.signature = device_.attester.tpm.sign(voucher.attest);
  };
  evidence::Voucher bent = device_.voucher();
  bent.signature = other.attester.tpm.sign(bent.attest);
  refuse(bent, "not signed by");
  bent = device_.voucher();
  bent.serial[15] ^= std::byte{1};
  refuse(bent, "another device or serial");
  bent = other.voucher();
  bent.device = device_.id();
  refuse(bent, "not signed by");
  bent = device_.voucher();
  tpm::Attest wide = quote(bent);
  std::get<tpm::QuoteInfo>(wide.info).selections[0].mask = 3;
  resign(bent, wide);
  refuse(bent, "other PCRs");
  bent = device_.voucher();
  tpm::Attest certify = device_.attester.tpm.certify_tls();
  certify.extra_data = quote(bent).extra_data;
  resign(bent, certify);
  refuse(bent, "not a quote");
  EXPECT_TRUE(tenancy().claim("anna", kAcme, as_bytes("junk")).error().is(kVoucherInvalid));
  EXPECT_TRUE(claim(device_.voucher(), *TenantId::parse("nobody")).error().is(kTenantUnknown));
  EXPECT_TRUE(claim(other.voucher()).error().is(kDeviceUnknown));
  EXPECT_TRUE(claim(device_.voucher())) << "the good one still works";
}

TEST_F(TenancyTest, OnlyTheOwnerMovesADevice) {
  create_tenants();
  world_.enroll(device_, kAcme);
  EXPECT_TRUE(tenancy().release_device("eve", kOther, device_.id()).error().is(kNotOwner));
  EXPECT_TRUE(tenancy().transfer_device("eve", kOther, device_.id(), kOther).error().is(kNotOwner));
  EXPECT_TRUE(tenancy()
                  .transfer_device("anna", kAcme, device_.id(), *TenantId::parse("nobody"))
                  .error()
                  .is(kTenantUnknown));
  ASSERT_TRUE(tenancy().transfer_device("anna", kAcme, device_.id(), kOther));
  EXPECT_EQ(tenancy().device(device_.id())->tenant, kOther);
  EXPECT_TRUE(tenancy().release_device("anna", kAcme, device_.id()).error().is(kNotOwner));
}

TEST_F(TenancyTest, DisablingBarsTheDeviceAtOnce) {
  world_.enroll(device_, kAcme);
  std::vector<DeviceId> barred;
  world_.authority().subscribe([&](const DeviceId& id) { barred.push_back(id); }, [](ByteView) {});
  ASSERT_TRUE(tenancy().set_device_status("anna", device_.id(), DeviceStatus::disabled));
  EXPECT_THAT(barred, ::testing::ElementsAre(device_.id()));
  EXPECT_EQ(last_act(), "device.disable");
  ASSERT_TRUE(tenancy().set_device_status("anna", device_.id(), DeviceStatus::enabled));
  EXPECT_THAT(barred, SizeIs(1));
  EXPECT_TRUE(tenancy()
                  .set_device_status("anna", SoftDevice(1).id(), DeviceStatus::disabled)
                  .error()
                  .is(kDeviceUnknown));
}

}  // namespace
}  // namespace pavise::security
