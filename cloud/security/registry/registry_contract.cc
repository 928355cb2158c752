#include "cloud/security/registry/registry_contract.h"

#include <gmock/gmock.h>

#include <limits>
#include <thread>

namespace pavise::security {

using testing::ElementsAre;
using testing::SizeIs;

AuditRecord sample_audit(std::string_view action) {
  return {0, 1'000, "anna", std::string(action), "subject", "detail"};
}
TenantId sample_tenant_id(std::string_view name) {
  return *TenantId::parse(name);
}
TenantRecord sample_tenant(std::string_view name) {
  return {sample_tenant_id(name), 1'000, to_bytes(as_bytes("root")), to_bytes(as_bytes("issuing"))};
}
DeviceId sample_device_id(char c) {
  return *DeviceId::parse(std::string(64, c));
}
DeviceRecord sample_device(char c) {
  DeviceRecord device{.id = sample_device_id(c)};
  device.ek_certificate = to_bytes(as_bytes("ek certificate"));
  device.ek_public = to_bytes(as_bytes(std::string("ek ") + c));
  device.created = 1'000;
  return device;
}
// Any bytes: the registry does not read them.
Bytes sample_report() {
  return {std::byte{0x8c}, std::byte{0}, std::byte{0xff}};
}
VerdictRecord sample_refusal(const DeviceId& id, std::string_view code) {
  return {0, id, 2'000, Outcome::refused, std::string(code), "because", sample_report()};
}
AttestationCommit sample_acceptance(const DeviceRecord& device, const TenantId& tenant, char c) {
  CertificateRecord certificate{
      std::string(32, c), std::string(64, c), device.id, tenant, 2'000, 88'000, {}, {}};
  VerdictRecord verdict{0, device.id, 2'000, Outcome::accepted, "", "all checks hold", {}};
  return {device.id,
          device.version,
          std::nullopt,
          ClockMark{100, 2, 3},
          certificate,
          std::move(verdict),
          std::string(kSampleRelease)};
}
DeviceRecord make_claimed_device(Registry& registry, char c, const TenantId& tenant) {
  const AuditRecord audit = sample_audit();
  registry.add_release_key({"key", std::nullopt, "builder", {}, 1}, audit).value();
  registry
      .add_release({std::string(kSampleRelease), "pavise-os", "1", {}, {}, "key", {}, 1, {}, {}},
                   audit)
      .value();
  DeviceRecord device = registry.add_device(sample_device(c), audit).value();
  registry
      .bind_ak({device.id, device.version, to_bytes(as_bytes(std::string("ak ") + c)), 1'000},
               audit)
      .value();
  registry.claim_device({device.id, device.version + 1, tenant, std::string(32, c), 1'000}, audit)
      .value();
  return registry.device(device.id).value();
}

// The evidence was judged before the release was revoked; its certificate would come after.
TEST_P(RegistryContract, NothingIsAcceptedForARevokedOrUnknownRelease) {
  ASSERT_TRUE(registry().add_tenant(sample_tenant(), sample_audit()));
  const DeviceRecord device = make_claimed_device(registry(), 'a', sample_tenant_id());
  AttestationCommit commit = sample_acceptance(device, sample_tenant_id(), '1');
  commit.release = "unheard of";
  EXPECT_TRUE(registry().commit_attestation(commit).error().is(kChangedMeanwhile));
  ASSERT_TRUE(registry().revoke_release(kSampleRelease, "bug", sample_audit()));
  commit.release = kSampleRelease;
  EXPECT_TRUE(registry().commit_attestation(commit).error().is(kChangedMeanwhile));
  EXPECT_TRUE(registry().certificates(device.id, 10)->empty());
  EXPECT_FALSE(registry().device(device.id)->clock);
}

TEST_P(RegistryContract, AClockOnlyRisesAndOnlyByTheBoundKey) {
  ASSERT_TRUE(registry().add_tenant(sample_tenant(), sample_audit()));
  const DeviceRecord device = make_claimed_device(registry(), 'a', sample_tenant_id());
  const auto note = [&](ByteView ak, const ClockMark& clock) {
    const auto before = registry().device(device.id)->version;
    EXPECT_TRUE(
        registry().add_verdict(sample_refusal(device.id, "x"), ClockNote{to_bytes(ak), clock}));
    const DeviceRecord now = registry().device(device.id).value();
    EXPECT_EQ(now.version, before + (now.clock == clock ? 1 : 0))
        << "judged against the older mark";
    return now.clock == clock;
  };
  EXPECT_FALSE(note(as_bytes("another"), {100, 2, 3}));
  EXPECT_FALSE(registry().device(device.id)->clock);
  const Bytes ak = *device.ak_public;
  EXPECT_TRUE(note(ak, {100, 2, 3}));
  for (const ClockMark& older : {ClockMark{99, 2, 3}, ClockMark{200, 2, 2}, ClockMark{200, 1, 9}})
    EXPECT_FALSE(note(ak, older));
  EXPECT_TRUE(note(ak, {101, 2, 3}));
  EXPECT_TRUE(note(ak, {5, 3, 0})) << "a new boot may begin with an earlier clock";
}

TEST_P(RegistryContract, TenantsAreKeptByNameAndOnce) {
  ASSERT_TRUE(registry().add_tenant(sample_tenant("zeta"), sample_audit()));
  ASSERT_TRUE(registry().add_tenant(sample_tenant("acme"), sample_audit()));
  EXPECT_TRUE(
      registry().add_tenant(sample_tenant("acme"), sample_audit()).error().is(kAlreadyExists));
  EXPECT_TRUE(registry().tenant(sample_tenant_id("nobody")).error().is(kNotFound));
  reopen();
  const auto tenants = registry().tenants();
  ASSERT_THAT(*tenants, SizeIs(2));
  EXPECT_EQ((*tenants)[0].id.text(), "acme");
  EXPECT_EQ(as_text((*tenants)[0].root_certificate), "root");
  ASSERT_TRUE(registry().set_issuing_certificate(sample_tenant_id("acme"), as_bytes("next"),
                                                 sample_audit()));
  EXPECT_EQ(as_text(registry().tenant(sample_tenant_id())->issuing_certificate), "next");
  EXPECT_TRUE(registry()
                  .set_issuing_certificate(sample_tenant_id("nobody"), {}, sample_audit())
                  .error()
                  .is(kNotFound));
}

TEST_P(RegistryContract, VendorRootsAreIdempotentAndRemovable) {
  const VendorRootRecord root{std::string(64, 'f'), "Chip Inc.", to_bytes(as_bytes("der")), 1};
  ASSERT_TRUE(registry().add_vendor_root(root, sample_audit()));
  ASSERT_TRUE(registry().add_vendor_root(root, sample_audit()));
  ASSERT_THAT(*registry().vendor_roots(), SizeIs(1));
  EXPECT_EQ(registry().vendor_roots()->front().name, "Chip Inc.");
  ASSERT_TRUE(registry().remove_vendor_root(root.fingerprint, sample_audit()));
  EXPECT_TRUE(
      registry().remove_vendor_root(root.fingerprint, sample_audit()).error().is(kNotFound));
}

TEST_P(RegistryContract, RegisteringTheSameEkAgainReturnsTheSameDevice) {
  const auto first = registry().add_device(sample_device(), sample_audit());
  ASSERT_TRUE(first);
  EXPECT_EQ(first->version, 1U);
  DeviceRecord again = sample_device();
  again.created = 9'999;
  const auto second = registry().add_device(again, sample_audit());
  ASSERT_TRUE(second);
  EXPECT_EQ(second->created, 1'000);
  EXPECT_THAT(*registry().devices({}), SizeIs(1));
}

// CVE-2025-13609: Keylime let a second TPM take over an existing identity by registering its id.
TEST_P(RegistryContract, Cve2025_13609_AnIdNeverGetsAnotherEk) {
  ASSERT_TRUE(registry().add_device(sample_device('a'), sample_audit()));
  DeviceRecord other = sample_device('a');
  other.ek_public = to_bytes(as_bytes("another ek"));
  EXPECT_TRUE(registry().add_device(other, sample_audit()).error().is(kIdentityConflict));
  DeviceRecord same_ek = sample_device('b');
  same_ek.ek_public = sample_device('a').ek_public;
  EXPECT_TRUE(registry().add_device(same_ek, sample_audit()).error().is(kIdentityConflict));
  EXPECT_EQ(as_text(registry().device(sample_device_id('a'))->ek_public), "ek a");
}

TEST_P(RegistryContract, AnAkIsBoundOnceAndToOneDevice) {
  ASSERT_TRUE(registry().add_device(sample_device('a'), sample_audit()));
  ASSERT_TRUE(registry().add_device(sample_device('b'), sample_audit()));
  const Bytes ak = to_bytes(as_bytes("ak"));
  EXPECT_TRUE(registry()
                  .bind_ak({sample_device_id('a'), 7, ak, 1}, sample_audit())
                  .error()
                  .is(kChangedMeanwhile));
  ASSERT_TRUE(registry().bind_ak({sample_device_id('a'), 1, ak, 1}, sample_audit()));
  ASSERT_TRUE(registry().bind_ak({sample_device_id('a'), 2, ak, 1}, sample_audit())) << "again";
  EXPECT_TRUE(registry()
                  .bind_ak({sample_device_id('a'), 2, to_bytes(as_bytes("new")), 1}, sample_audit())
                  .error()
                  .is(kIdentityConflict));
  EXPECT_TRUE(registry()
                  .bind_ak({sample_device_id('b'), 1, ak, 1}, sample_audit())
                  .error()
                  .is(kIdentityConflict));
  EXPECT_TRUE(
      registry().bind_ak({sample_device_id('c'), 1, ak, 1}, sample_audit()).error().is(kNotFound));
  EXPECT_EQ(*registry().device(sample_device_id('a'))->ak_public, ak);
}

TEST_P(RegistryContract, AClaimBurnsItsVoucher) {
  ASSERT_TRUE(registry().add_tenant(sample_tenant("acme"), sample_audit()));
  ASSERT_TRUE(registry().add_tenant(sample_tenant("other"), sample_audit()));
  const DeviceRecord device = make_claimed_device(registry(), 'a', sample_tenant_id());
  EXPECT_EQ(device.tenant, sample_tenant_id());
  EXPECT_TRUE(*registry().voucher_used(std::string(32, 'a')));
  EXPECT_FALSE(*registry().voucher_used(std::string(32, 'b')));
  ClaimCommit again{device.id, device.version, sample_tenant_id("other"), std::string(32, 'b'), 1};
  EXPECT_TRUE(registry().claim_device(again, sample_audit()).error().is(kAlreadyExists));
  ASSERT_TRUE(registry().move_device(device.id, device.version, std::nullopt, sample_audit()));
  again.expected_version = device.version + 1;
  again.voucher_serial = std::string(32, 'a');
  EXPECT_TRUE(registry().claim_device(again, sample_audit()).error().is(kVoucherUsed));
  again.voucher_serial = std::string(32, 'b');
  ASSERT_TRUE(registry().claim_device(again, sample_audit()));
  EXPECT_EQ(registry().device(device.id)->tenant, sample_tenant_id("other"));
}

TEST_P(RegistryContract, AClaimForAnUnknownTenantChangesNothing) {
  ASSERT_TRUE(registry().add_device(sample_device(), sample_audit()));
  const ClaimCommit claim{sample_device_id(), 1, sample_tenant_id("nobody"), std::string(32, 'a'),
                          1};
  EXPECT_TRUE(registry().claim_device(claim, sample_audit()).error().is(kNotFound));
  EXPECT_FALSE(*registry().voucher_used(std::string(32, 'a')));
  EXPECT_FALSE(registry().device(sample_device_id())->tenant);
}

TEST_P(RegistryContract, DevicesAreListedByOwnerAndInPages) {
  ASSERT_TRUE(registry().add_tenant(sample_tenant(), sample_audit()));
  make_claimed_device(registry(), 'a', sample_tenant_id());
  make_claimed_device(registry(), 'c', sample_tenant_id());
  ASSERT_TRUE(registry().add_device(sample_device('b'), sample_audit()));
  EXPECT_THAT(*registry().devices({}), SizeIs(3));
  EXPECT_THAT(*registry().devices({.tenant = sample_tenant_id(), .after = {}}), SizeIs(2));
  const auto unclaimed = registry().devices({.unclaimed_only = true, .after = {}});
  ASSERT_THAT(*unclaimed, SizeIs(1));
  EXPECT_EQ(unclaimed->front().id, sample_device_id('b'));
  const auto page = registry().devices({.after = std::string(64, 'a'), .limit = 1});
  ASSERT_THAT(*page, SizeIs(1));
  EXPECT_EQ(page->front().id, sample_device_id('b'));
}

TEST_P(RegistryContract, AnAcceptanceChangesEverythingTogether) {
  ASSERT_TRUE(registry().add_tenant(sample_tenant(), sample_audit()));
  const DeviceRecord device = make_claimed_device(registry(), 'a', sample_tenant_id());
  AttestationCommit commit = sample_acceptance(device, sample_tenant_id(), '1');
  commit.clock.clock_ms = std::numeric_limits<std::uint64_t>::max();
  ASSERT_TRUE(registry().commit_attestation(commit));
  reopen();
  const auto stored = registry().device(device.id);
  EXPECT_EQ(stored->clock, commit.clock);
  EXPECT_EQ(stored->last_attested, 2'000);
  EXPECT_EQ(stored->version, device.version + 1);
  EXPECT_EQ(registry().certificate(std::string(32, '1'))->device, device.id);
  EXPECT_EQ(registry().last_verdict(device.id)->outcome, Outcome::accepted);
}

TEST_P(RegistryContract, AnAcceptanceOverAnOldVersionChangesNothing) {
  ASSERT_TRUE(registry().add_tenant(sample_tenant(), sample_audit()));
  const DeviceRecord device = make_claimed_device(registry(), 'a', sample_tenant_id());
  ASSERT_TRUE(registry().commit_attestation(sample_acceptance(device, sample_tenant_id(), '1')));
  EXPECT_TRUE(registry()
                  .commit_attestation(sample_acceptance(device, sample_tenant_id(), '2'))
                  .error()
                  .is(kChangedMeanwhile));
  EXPECT_TRUE(registry().certificate(std::string(32, '2')).error().is(kNotFound));
  EXPECT_THAT(*registry().verdicts(device.id, 10), SizeIs(1));
}

TEST_P(RegistryContract, ASerialIsIssuedOnce) {
  ASSERT_TRUE(registry().add_tenant(sample_tenant(), sample_audit()));
  const DeviceRecord a = make_claimed_device(registry(), 'a', sample_tenant_id());
  const DeviceRecord b = make_claimed_device(registry(), 'b', sample_tenant_id());
  ASSERT_TRUE(registry().commit_attestation(sample_acceptance(a, sample_tenant_id(), '1')));
  EXPECT_TRUE(registry()
                  .commit_attestation(sample_acceptance(b, sample_tenant_id(), '1'))
                  .error()
                  .is(kAlreadyExists));
  EXPECT_FALSE(registry().device(b.id)->clock) << "nothing of the refused commit stays";
}

TEST_P(RegistryContract, NoCertificateForDisabledUnboundOrForeignDevices) {
  ASSERT_TRUE(registry().add_tenant(sample_tenant("acme"), sample_audit()));
  ASSERT_TRUE(registry().add_tenant(sample_tenant("other"), sample_audit()));
  DeviceRecord device = make_claimed_device(registry(), 'a', sample_tenant_id());
  EXPECT_TRUE(registry()
                  .commit_attestation(sample_acceptance(device, sample_tenant_id("other"), '1'))
                  .error()
                  .is(kChangedMeanwhile));
  ASSERT_TRUE(registry().set_device_status(device.id, DeviceStatus::disabled, sample_audit()));
  device = *registry().device(device.id);
  EXPECT_EQ(device.status, DeviceStatus::disabled);
  EXPECT_TRUE(registry()
                  .commit_attestation(sample_acceptance(device, sample_tenant_id(), '1'))
                  .error()
                  .is(kChangedMeanwhile));
  DeviceRecord unbound = *registry().add_device(sample_device('b'), sample_audit());
  ASSERT_TRUE(registry().claim_device(
      {unbound.id, unbound.version, sample_tenant_id(), std::string(32, 'b'), 1}, sample_audit()));
  unbound = *registry().device(unbound.id);
  EXPECT_TRUE(registry()
                  .commit_attestation(sample_acceptance(unbound, sample_tenant_id(), '1'))
                  .error()
                  .is(kIdentityConflict));
}

TEST_P(RegistryContract, AFirstActivationIsBoundWithItsCertificate) {
  ASSERT_TRUE(registry().add_tenant(sample_tenant(), sample_audit()));
  make_claimed_device(registry(), 'b', sample_tenant_id());  // and a release
  DeviceRecord device = *registry().add_device(sample_device(), sample_audit());
  ASSERT_TRUE(registry().claim_device(
      {device.id, device.version, sample_tenant_id(), std::string(32, 'a'), 1}, sample_audit()));
  device = *registry().device(device.id);
  AttestationCommit commit = sample_acceptance(device, sample_tenant_id(), '1');
  commit.ak_public = to_bytes(as_bytes("ak"));
  ASSERT_TRUE(registry().commit_attestation(commit));
  EXPECT_EQ(registry().device(device.id)->ak_public, commit.ak_public);
}

TEST_P(RegistryContract, MovingADeviceRevokesItsCertificates) {
  ASSERT_TRUE(registry().add_tenant(sample_tenant("acme"), sample_audit()));
  ASSERT_TRUE(registry().add_tenant(sample_tenant("other"), sample_audit()));
  DeviceRecord device = make_claimed_device(registry(), 'a', sample_tenant_id());
  ASSERT_TRUE(registry().commit_attestation(sample_acceptance(device, sample_tenant_id(), '1')));
  EXPECT_TRUE(registry()
                  .move_device(device.id, device.version, sample_tenant_id("other"), sample_audit())
                  .error()
                  .is(kChangedMeanwhile));
  ASSERT_TRUE(registry().move_device(device.id, device.version + 1, sample_tenant_id("other"),
                                     sample_audit()));
  EXPECT_EQ(registry().device(device.id)->tenant, sample_tenant_id("other"));
  EXPECT_EQ(registry().certificate(std::string(32, '1'))->revoked, 1'000);
}

TEST_P(RegistryContract, RevocationKeepsItsFirstTimeAndReason) {
  ASSERT_TRUE(registry().add_tenant(sample_tenant(), sample_audit()));
  DeviceRecord device = make_claimed_device(registry(), 'a', sample_tenant_id());
  ASSERT_TRUE(registry().commit_attestation(sample_acceptance(device, sample_tenant_id(), '1')));
  device = *registry().device(device.id);
  ASSERT_TRUE(registry().commit_attestation(sample_acceptance(device, sample_tenant_id(), '2')));
  AuditRecord later = sample_audit();
  later.at = 5'000;
  ASSERT_TRUE(registry().revoke_certificate(std::string(32, '1'), "lost", sample_audit()));
  ASSERT_TRUE(registry().revoke_certificate(std::string(32, '1'), "again", later));
  EXPECT_EQ(registry().certificate(std::string(32, '1'))->revoked, 1'000);
  EXPECT_EQ(registry().certificate(std::string(32, '1'))->revocation_reason, "lost");
  EXPECT_TRUE(registry()
                  .revoke_certificate(std::string(32, '9'), "x", sample_audit())
                  .error()
                  .is(kNotFound));
  EXPECT_EQ(*registry().revoke_device_certificates(device.id, "all", later), 1U);
  std::vector<std::string> live;
  ASSERT_TRUE(registry().visit_live_certificates(88'000, [&](const CertificateRecord& c) {
    live.push_back(c.serial + (c.revoked ? "!" : ""));
  }));
  EXPECT_THAT(
      live, testing::UnorderedElementsAre(std::string(32, '1') + "!", std::string(32, '2') + "!"));
  EXPECT_THAT(*registry().certificates(device.id, 10), SizeIs(2));
  EXPECT_EQ(*registry().forget_expired_certificates(88'000), 0U);
  EXPECT_EQ(*registry().forget_expired_certificates(88'001), 2U);
}

TEST_P(RegistryContract, VerdictHistoryIsBounded) {
  ASSERT_TRUE(registry().add_device(sample_device(), sample_audit()));
  const DeviceId id = sample_device_id();
  EXPECT_TRUE(registry().last_verdict(id).error().is(kNotFound));
  for (std::size_t i = 0; i < kVerdictsKeptPerDevice; ++i)
    ASSERT_TRUE(registry().add_verdict(sample_refusal(id, std::to_string(i)), std::nullopt));
  EXPECT_THAT(*registry().verdicts(id, kPageSizeMax), SizeIs(kVerdictsKeptPerDevice));
  EXPECT_EQ(registry().verdicts(id, kPageSizeMax)->back().code, "0");
  ASSERT_TRUE(registry().add_verdict(sample_refusal(id, "last"), std::nullopt));
  const auto kept = registry().verdicts(id, kPageSizeMax);
  EXPECT_THAT(*kept, SizeIs(kVerdictsKeptPerDevice));
  EXPECT_EQ(kept->front().code, "last");
  EXPECT_EQ(kept->back().code, "1");
  EXPECT_EQ(registry().last_verdict(id)->report, sample_report());
  EXPECT_TRUE(registry()
                  .add_verdict(sample_refusal(sample_device_id('f'), "x"), std::nullopt)
                  .error()
                  .is(kNotFound));
}

TEST_P(RegistryContract, ReleasesBelongToTheirKey) {
  const ReleaseKeyRecord key{std::string(64, 'k'), {}, "builder", to_bytes(as_bytes("spki")), 1};
  const ReleaseRecord release{std::string(64, 'd'),
                              "pavise-os",
                              "0.1.0",
                              to_bytes(as_bytes("{}")),
                              to_bytes(as_bytes("sig")),
                              key.id,
                              {},
                              5,
                              {},
                              {}};
  EXPECT_TRUE(registry().add_release(release, sample_audit()).error().is(kNotFound));
  ASSERT_TRUE(registry().add_release_key(key, sample_audit()));
  ASSERT_TRUE(registry().add_release_key(key, sample_audit()));
  ASSERT_TRUE(registry().add_release(release, sample_audit()));
  ASSERT_TRUE(registry().add_release(release, sample_audit()));
  ASSERT_THAT(*registry().releases(), SizeIs(1));
  EXPECT_FALSE(registry().releases()->front().revoked);
  ASSERT_TRUE(registry().revoke_release(release.digest, "bug", sample_audit()));
  EXPECT_EQ(registry().releases()->front().revoked, 1'000);
  EXPECT_EQ(registry().releases()->front().revocation_reason, "bug");
  EXPECT_TRUE(registry().revoke_release("none", "bug", sample_audit()).error().is(kNotFound));
  EXPECT_THAT(*registry().release_keys(), SizeIs(1));
}

TEST_P(RegistryContract, TokensAreFoundByTheirHash) {
  ASSERT_TRUE(registry().add_tenant(sample_tenant(), sample_audit()));
  TokenRecord token{{}, "anna", Role::operator_, sample_tenant_id(), 1, 99};
  token.hash[0] = std::byte{7};
  ASSERT_TRUE(registry().add_token(token, sample_audit()));
  TokenRecord same_name = token;
  same_name.hash[0] = std::byte{8};
  EXPECT_TRUE(registry().add_token(same_name, sample_audit()).error().is(kAlreadyExists));
  EXPECT_EQ(registry().token(token.hash)->name, "anna");
  EXPECT_EQ(registry().token(token.hash)->role, Role::operator_);
  EXPECT_EQ(registry().token(token.hash)->not_after, 99);
  EXPECT_EQ(registry().token(token.hash)->tenant, sample_tenant_id());
  EXPECT_TRUE(registry().token(same_name.hash).error().is(kNotFound));
  EXPECT_THAT(*registry().tokens(), SizeIs(1));
  ASSERT_TRUE(registry().remove_token("anna", sample_audit()));
  EXPECT_TRUE(registry().remove_token("anna", sample_audit()).error().is(kNotFound));
}

TEST_P(RegistryContract, EveryActIsAuditedAndNoFailedOne) {
  ASSERT_TRUE(registry().add_tenant(sample_tenant(), sample_audit("tenant.create")));
  EXPECT_FALSE(registry().add_tenant(sample_tenant(), sample_audit("tenant.again")));
  ASSERT_TRUE(registry().add_audit(sample_audit("login")));
  const auto all = registry().audit(0, 10);
  ASSERT_THAT(*all, SizeIs(2));
  EXPECT_EQ((*all)[0].action, "login");
  EXPECT_EQ((*all)[1].action, "tenant.create");
  EXPECT_THAT(*registry().audit((*all)[0].id, 10), SizeIs(1));
}

// CVE-2022-1053: Keylime's parts could read an EK of one registration with an AK of another.
TEST_P(RegistryContract, Cve2022_1053_ParallelWritersNeverMixIdentities) {
  ASSERT_TRUE(registry().add_tenant(sample_tenant(), sample_audit()));
  constexpr int kThreads = 4;
  constexpr int kRounds = 20;
  const DeviceRecord device = make_claimed_device(registry(), 'a', sample_tenant_id());
  std::atomic<int> accepted = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        const auto seen = registry().device(device.id);
        AttestationCommit commit = sample_acceptance(*seen, sample_tenant_id(), 'x');
        commit.certificate.serial = std::to_string(t) + "-" + std::to_string(i);
        commit.certificate.fingerprint = commit.certificate.serial;
        const auto status = registry().commit_attestation(commit);
        if (status)
          ++accepted;
        else
          EXPECT_TRUE(status.error().is(kChangedMeanwhile)) << status.error().message();
      }
    });
  for (auto& thread : threads) thread.join();
  const auto end = registry().device(device.id);
  EXPECT_EQ(end->version, device.version + static_cast<std::uint64_t>(accepted.load()));
  EXPECT_EQ(registry().certificates(device.id, kPageSizeMax)->size(),
            static_cast<std::size_t>(accepted.load()))
      << "one version, one certificate";
  EXPECT_EQ(as_text(end->ek_public), "ek a");
  EXPECT_EQ(as_text(*end->ak_public), "ak a");
}

}  // namespace pavise::security
