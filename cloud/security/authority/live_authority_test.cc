#include "cloud/security/authority/live_authority.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <thread>

#include "cloud/security/registry/sqlite_registry.h"
#include "common/crypto/crypto.h"

namespace pavise::security {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const AuditRecord kAudit{0, 1'000, "anna", "test", "", ""};

class LiveAuthorityTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "authorityXXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    registry_ = open_sqlite_registry({pattern + "/registry.db"}).value();
    for (const char* name : {"acme", "other"})
      ASSERT_TRUE(registry_->add_tenant({tenant(name), 1, {}, to_bytes(as_bytes(name))}, kAudit));
    ASSERT_TRUE(registry_->add_release_key({"key", std::nullopt, "builder", {}, 1}, kAudit));
    ASSERT_TRUE(registry_->add_release({"release", "pavise-os", "1", {}, {}, "key", {}, 1, {}, {}},
                                       kAudit));
    DeviceRecord device{.id = id('a')};
    device.ek_public = to_bytes(as_bytes("ek"));
    ASSERT_TRUE(registry_->add_device(device, kAudit));
    ASSERT_TRUE(registry_->bind_ak({id('a'), 1, to_bytes(as_bytes("ak")), 1}, kAudit));
    ASSERT_TRUE(registry_->claim_device({id('a'), 2, tenant("acme"), "s", 1}, kAudit));
    load();
  }
  void TearDown() override {
    registry_.reset();
    std::filesystem::remove_all(folder_);
  }
  void load() {
    authority_ = LiveAuthority::load(*registry_, clock_).value();
    authority_->subscribe([this](const DeviceId& device) { barred_.push_back(device.text()[0]); },
                          [this](ByteView der) { issuers_.emplace_back(as_text(der)); });
  }
  static TenantId tenant(std::string_view name) { return *TenantId::parse(name); }
  static DeviceId id(char c) { return *DeviceId::parse(std::string(64, c)); }
  // Issues a certificate whose DER is `text`, in registry and memory.
  CertificateRecord issue(std::string_view text, UnixSeconds not_after = 88'000) {
    const DeviceRecord device = registry_->device(id('a')).value();
    CertificateRecord record{std::string(text),
                             to_hex(crypto::sha256(as_bytes(text))),
                             device.id,
                             *device.tenant,
                             1,
                             not_after,
                             {},
                             {}};
    VerdictRecord verdict{.device = device.id};
    verdict.outcome = Outcome::accepted;
    registry_->commit_attestation({device.id, device.version, {}, {}, record, verdict, "release"})
        .value();
    authority_->certificate_issued(record);
    return record;
  }
  void change() { authority_->device_changed(registry_->device(id('a')).value()); }

  ManualClock clock_{10'000'000};
  std::filesystem::path folder_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<LiveAuthority> authority_;
  std::vector<char> barred_;
  std::vector<std::string> issuers_;
};

TEST_F(LiveAuthorityTest, AdmitsExactlyTheIssuedBytes) {
  issue("leaf");
  const auto admitted = authority_->admit(as_bytes("leaf"));
  ASSERT_TRUE(admitted);
  EXPECT_EQ(admitted->device, id('a'));
  EXPECT_EQ(admitted->tenant, tenant("acme"));
  EXPECT_EQ(admitted->certificate_serial, "leaf");
  EXPECT_EQ(admitted->not_after, 88'000);
  for (const char* other : {"leaF", "leaf ", "lea", ""})
    EXPECT_TRUE(authority_->admit(as_bytes(other)).error().is(kUnknownCertificate)) << other;
}

TEST_F(LiveAuthorityTest, ExpiryIsToTheSecond) {
  issue("leaf", 10'000);
  EXPECT_TRUE(authority_->admit(as_bytes("leaf")));
  clock_.advance_ms(1'000);
  EXPECT_TRUE(authority_->admit(as_bytes("leaf")).error().is(kCertificateExpired));
  EXPECT_EQ(authority_->forget_expired(), 1U);
  EXPECT_EQ(authority_->size().certificates, 0U);
  EXPECT_TRUE(authority_->admit(as_bytes("leaf")).error().is(kUnknownCertificate));
}

TEST_F(LiveAuthorityTest, RevocationBarsTheDevice) {
  issue("leaf");
  issue("next");
  authority_->certificate_revoked("leaf");
  EXPECT_THAT(barred_, ElementsAre('a'));
  EXPECT_TRUE(authority_->admit(as_bytes("leaf")).error().is(kCertificateRevoked));
  EXPECT_TRUE(authority_->admit(as_bytes("next")));
  authority_->device_certificates_revoked(id('a'));
  EXPECT_TRUE(authority_->admit(as_bytes("next")).error().is(kCertificateRevoked));
  authority_->certificate_revoked("unknown");
  EXPECT_THAT(barred_, ElementsAre('a', 'a'));
}

TEST_F(LiveAuthorityTest, DisablingBarsAndEnablingLetsTheCertificateSpeakAgain) {
  issue("leaf");
  ASSERT_TRUE(registry_->set_device_status(id('a'), DeviceStatus::disabled, kAudit));
  change();
  EXPECT_THAT(barred_, ElementsAre('a'));
  EXPECT_TRUE(authority_->admit(as_bytes("leaf")).error().is(kDeviceDisabled));
  ASSERT_TRUE(registry_->set_device_status(id('a'), DeviceStatus::enabled, kAudit));
  change();
  EXPECT_THAT(barred_, ElementsAre('a'));
  EXPECT_TRUE(authority_->admit(as_bytes("leaf")));
}

TEST_F(LiveAuthorityTest, ATransferEndsOldCertificatesForGood) {
  issue("leaf");
  const auto move = [&](const std::optional<TenantId>& to) {
    ASSERT_TRUE(registry_->move_device(id('a'), registry_->device(id('a'))->version, to, kAudit));
    change();
  };
  move(std::nullopt);
  EXPECT_TRUE(authority_->admit(as_bytes("leaf")).error().is(kDeviceUnclaimed));
  move(tenant("acme"));
  EXPECT_TRUE(authority_->admit(as_bytes("leaf")).error().is(kCertificateRevoked));
  move(tenant("other"));
  EXPECT_TRUE(authority_->admit(as_bytes("leaf")).error().is(kCertificateRevoked));
  EXPECT_THAT(barred_, ElementsAre('a', 'a', 'a'));
}

// Two operators at once: the later commit may be told first.
TEST_F(LiveAuthorityTest, AnOlderRecordToldLaterEnablesNobody) {
  issue("leaf");
  ASSERT_TRUE(registry_->set_device_status(id('a'), DeviceStatus::enabled, kAudit));
  const DeviceRecord enabled = registry_->device(id('a')).value();
  ASSERT_TRUE(registry_->set_device_status(id('a'), DeviceStatus::disabled, kAudit));
  change();
  authority_->device_changed(enabled);
  EXPECT_TRUE(authority_->admit(as_bytes("leaf")).error().is(kDeviceDisabled));
}

TEST_F(LiveAuthorityTest, ATransferThereAndBackToldInTheWrongOrderEndsCertificatesToo) {
  issue("leaf");
  const auto move = [&](const std::optional<TenantId>& to) {
    EXPECT_TRUE(registry_->move_device(id('a'), registry_->device(id('a'))->version, to, kAudit));
    return registry_->device(id('a')).value();
  };
  const DeviceRecord away = move(tenant("other"));
  const DeviceRecord back = move(tenant("acme"));
  authority_->device_changed(back);
  authority_->device_changed(away);
  EXPECT_TRUE(authority_->admit(as_bytes("leaf")).error().is(kCertificateRevoked));
}

// The attestation has committed but not yet told when the operator revokes.
TEST_F(LiveAuthorityTest, ACertificateRevokedBeforeItWasToldNeverLives) {
  const DeviceRecord device = registry_->device(id('a')).value();
  const CertificateRecord record{
      "leaf", to_hex(crypto::sha256(as_bytes("leaf"))), device.id, *device.tenant, 1, 88'000, {},
      {}};
  VerdictRecord verdict{.device = device.id};
  verdict.outcome = Outcome::accepted;
  registry_->commit_attestation({device.id, device.version, {}, {}, record, verdict, "release"})
      .value();
  ASSERT_EQ(registry_->revoke_device_certificates(id('a'), "lost", kAudit).value(), 1U);
  authority_->device_certificates_revoked(id('a'));
  authority_->certificate_issued(record);
  EXPECT_TRUE(authority_->admit(as_bytes("leaf")).error().is(kCertificateRevoked));
}

TEST_F(LiveAuthorityTest, ACertificateThatTheRegistryDoesNotKnowNeverLives) {
  authority_->certificate_issued({"stray",
                                  to_hex(crypto::sha256(as_bytes("stray"))),
                                  id('a'),
                                  tenant("acme"),
                                  1,
                                  88'000,
                                  {},
                                  {}});
  EXPECT_FALSE(authority_->admit(as_bytes("stray")));
}

TEST_F(LiveAuthorityTest, AfterARestartItSaysTheSame) {
  issue("good");
  issue("bad");
  ASSERT_TRUE(registry_->revoke_certificate("bad", "lost", kAudit));
  issue("old", 10'000);
  clock_.advance_ms(60'000);
  load();
  EXPECT_TRUE(authority_->admit(as_bytes("good")));
  EXPECT_TRUE(authority_->admit(as_bytes("bad")).error().is(kCertificateRevoked));
  EXPECT_TRUE(authority_->admit(as_bytes("old")).error().is(kUnknownCertificate));
  EXPECT_EQ(authority_->size().devices, 1U);
  EXPECT_THAT(authority_->issuer_certificates(), testing::SizeIs(2));
}

TEST_F(LiveAuthorityTest, AnnouncesEachIssuerOnce) {
  authority_->issuer_added(as_bytes("third"));
  authority_->issuer_added(as_bytes("third"));
  authority_->issuer_added(as_bytes("acme"));
  EXPECT_THAT(issuers_, ElementsAre("third"));
  EXPECT_THAT(authority_->issuer_certificates(), testing::SizeIs(3));
}

TEST_F(LiveAuthorityTest, KeepsABoundedNumberPerDevice) {
  for (std::size_t i = 0; i < kLiveCertificatesPerDeviceMax; ++i)
    issue("leaf" + std::to_string(i), 20'000 + static_cast<UnixSeconds>(i));
  EXPECT_TRUE(authority_->admit(as_bytes("leaf0")));
  issue("one more", 30'000);
  EXPECT_EQ(authority_->size().certificates, kLiveCertificatesPerDeviceMax);
  EXPECT_TRUE(authority_->admit(as_bytes("leaf0")).error().is(kUnknownCertificate));
  EXPECT_TRUE(authority_->admit(as_bytes("one more")));
}

TEST_F(LiveAuthorityTest, ReadersAndWritersMayMeet) {
  issue("leaf");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) EXPECT_TRUE(authority_->admit(as_bytes("leaf")));
    });
  for (int i = 0; i < 100; ++i) {
    authority_->certificate_issued({std::to_string(i),
                                    to_hex(crypto::sha256(as_bytes("x"))),
                                    id('b'),
                                    tenant("other"),
                                    1,
                                    20'000,
                                    {},
                                    {}});
    authority_->device_certificates_revoked(id('b'));
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace pavise::security
