#include "cloud/hub/access/hub_gatekeeper.h"

#include <gtest/gtest.h>

#include "cloud/hub/access/x509_check.h"
#include "cloud/hub/session/close_reasons.h"
#include "cloud/hub/transport/testing/pki.h"
#include "common/crypto/crypto.h"
#include "protocol/sas/token.h"

namespace pavise::hub {
namespace {

using store::AuthKind;

constexpr UnixSeconds kNow = 1'800'000'000;
const Bytes kPrimary(32, std::byte{1});
const Bytes kSecondary(32, std::byte{2});
const Bytes kPolicyKey(32, std::byte{3});

class ManualClock final : public Clock {
 public:
  UnixMillis now_ms() const override { return now * 1000; }
  std::int64_t steady_ms() const override { return 0; }
  UnixSeconds now = kNow;
};

// Attested devices by leaf.
class Authority final : public security::DeviceAuthority {
 public:
  Result<security::AdmittedDevice> admit(ByteView leaf) override {
    const auto found = known.find(std::string(as_text(leaf)));
    if (found == known.end()) return security::kUnknownCertificate;
    return found->second;
  }
  std::vector<Bytes> issuer_certificates() override { return {}; }
  void subscribe(std::function<void(const DeviceId&)> on_barred,
                 std::function<void(ByteView)>) override {
    barred = std::move(on_barred);
  }
  std::map<std::string, Result<security::AdmittedDevice>> known;
  std::function<void(const DeviceId&)> barred;
};

class HubGatekeeperTest : public ::testing::Test {
 protected:
  HubGatekeeperTest() { put_hub({}); }

  void put_hub(const store::HubSettings& settings) {
    auto hub = std::make_shared<store::HubAuth>(
        store::HubAuth{{.name = name_, .tenant = acme_, .settings = settings}, {}, {}});
    hub->policies.push_back({"device", static_cast<Rights>(Right::device_connect), kPolicyKey, {}});
    hub->policies.push_back(
        {"service", static_cast<Rights>(Right::service_connect), kPolicyKey, {}});
    for (const Bytes& ca : trusted_) hub->ca_certificates.push_back({"ca", ca});
    index_.put_hub(std::move(hub));
  }
  iothub::Identity id(std::string_view device, std::string_view module_id = {}) const {
    return *iothub::Identity::make(name_, device, module_id);
  }
  void put(const iothub::Identity& identity, AuthKind kind, ByteView primary = {},
           ByteView secondary = {}, bool enabled = true) {
    index_.put(identity, {.kind = kind,
                          .enabled = enabled,
                          .generation_id = 7,
                          .primary = store::Credential(primary),
                          .secondary = store::Credential(secondary)});
  }
  static std::string token(std::string_view audience, ByteView key = kPrimary,
                           std::string_view policy = {}, UnixSeconds expiry = kNow + 60) {
    return sas::make_token(audience, key, expiry, policy);
  }
  // The code of the refusal, or "in".
  std::string outcome(const Claim& claim, const TlsPeer& peer = {}) {
    const auto principal = gatekeeper_.authenticate(claim, peer);
    return principal ? "in" : std::string(principal.error().code());
  }
  std::string by_token(std::string_view device, const std::string& text,
                       std::string_view module_id = {}, std::string_view host = "plant-1.test") {
    return outcome({.host = host, .device = device, .module_id = module_id, .sas_token = text});
  }
  std::string by_certificate(std::string_view device, const std::vector<Bytes>& chain,
                             std::string_view module_id = {},
                             std::string_view host = "plant-1.test") {
    return outcome({.host = host, .device = device, .module_id = module_id}, {.chain = chain});
  }
  std::vector<Bytes> attested(const DeviceId& device, const TenantId& tenant) {
    const Bytes leaf = ca_.issue(device.text()).certificate_der;
    authority_.known.insert_or_assign(std::string(as_text(leaf)),
                                      security::AdmittedDevice{device, tenant, "0a", kNow + 3'600});
    return {leaf};
  }

  const iothub::HubName name_ = *iothub::HubName::parse("plant-1");
  const TenantId acme_ = *TenantId::parse("acme");
  const TenantId other_tenant_ = *TenantId::parse("other");
  const DeviceId device_ = *DeviceId::parse(std::string(64, 'a'));
  std::vector<Bytes> trusted_;
  testing::TestCa ca_{"plant CA"};
  ManualClock clock_;
  store::IdentityIndex index_;
  Authority authority_;
  HubGatekeeper gatekeeper_{index_, authority_, "service.test", clock_};
};

std::string code(const ErrorInfo& info) {
  return std::string(info.code);
}

TEST_F(HubGatekeeperTest, OnlyAHubThatIsSetToItLetsItsDevicesAskForFaults) {
  for (const bool allowed : {false, true}) {
    put_hub({.fault_injection = allowed});
    put(id("dev"), AuthKind::sas, kPrimary);
    const std::string text = token("plant-1.test/devices/dev");
    const auto by_sas =
        gatekeeper_.authenticate({.host = "plant-1.test", .device = "dev", .sas_token = text}, {});
    ASSERT_TRUE(by_sas);
    EXPECT_EQ(by_sas->may_ask_for_faults, allowed);
    const auto chain = attested(device_, acme_);
    const auto by_chain = gatekeeper_.authenticate(
        {.host = "plant-1.test", .device = device_.text()}, {.chain = chain});
    ASSERT_TRUE(by_chain);
    EXPECT_EQ(by_chain->may_ask_for_faults, allowed);
  }
}

TEST_F(HubGatekeeperTest, KnowsTheHubOfAHost) {
  EXPECT_EQ(gatekeeper_.hub_of("Plant-1.test"), name_);
  EXPECT_FALSE(gatekeeper_.hub_of("plant-2.test"));
  EXPECT_FALSE(gatekeeper_.hub_of("service.test"));
}

// --- Tokens --------------------------------------------------------------------------------------

TEST_F(HubGatekeeperTest, DeviceTokens) {
  put(id("dev"), AuthKind::sas, kPrimary, kSecondary);
  put(id("dev", "mod"), AuthKind::sas, kSecondary);
  put(id("device"), AuthKind::sas, kSecondary);
  const std::string own = "plant-1.test/devices/dev";
  const std::tuple<std::string_view, std::string_view, std::string, std::string> rows[] = {
      {"dev", "", token(own), "in"},
      {"dev", "", token(own, kSecondary), "in"},
      {"dev", "", token("PLANT-1.test/devices/dev"), "in"},
      {"dev", "mod", token(own + "/modules/mod", kSecondary), "in"},
      {"dev", "", token(own, kPolicyKey), code(sas::kWrongSignature)},
      {"dev", "", token(own, kPrimary, {}, kNow), code(sas::kExpired)},
      {"dev", "", "SharedAccessSignature sr=x", code(sas::kBadToken)},
      {"device", "", token(own, kSecondary), code(sas::kWrongAudience)},
      {"dev", "", token("plant-1.test/devices/DEV"), code(sas::kWrongAudience)},
      {"dev", "", token("plant-1.test/devices/dev/modules/mod"), code(sas::kWrongAudience)},
      {"dev", "", token("plant-2.test/devices/dev"), code(sas::kWrongAudience)},
      {"dev", "", token("plant-1.test/devices/de"), code(sas::kWrongAudience)},
      {"nobody", "", token("plant-1.test/devices/nobody"), code(kUnknownIdentity)},
      {"a/b", "", token("plant-1.test"), code(kUnknownIdentity)},
      // The device's key is not its module's.
      {"dev", "mod", token(own + "/modules/mod", kPrimary), code(sas::kWrongSignature)},
  };
  for (const auto& [device, module_id, text, expected] : rows)
    EXPECT_EQ(by_token(device, text, module_id), expected) << text;
}

TEST_F(HubGatekeeperTest, PrincipalOfADevice) {
  put(id("dev"), AuthKind::sas, kPrimary);
  const std::string text = token("plant-1.test/devices/dev");
  const auto principal =
      gatekeeper_.authenticate({.host = "plant-1.test", .device = "dev", .sas_token = text}, {});
  ASSERT_TRUE(principal);
  EXPECT_EQ(principal->identity, id("dev"));
  EXPECT_EQ(principal->tenant, acme_);
  EXPECT_EQ(principal->rights, static_cast<Rights>(Right::device_connect));
  EXPECT_EQ(principal->method, AuthMethod::sas);
  EXPECT_EQ(principal->generation_id, "7");
  EXPECT_EQ(principal->expires_ms, (kNow + 60) * 1000);
}

TEST_F(HubGatekeeperTest, AnEntryWithoutKeyAcceptsNoToken) {
  put(id("dev"), AuthKind::sas, {}, {});
  EXPECT_EQ(by_token("dev", token("plant-1.test/devices/dev", {})), code(sas::kWrongSignature));
}

TEST_F(HubGatekeeperTest, PolicyTokens) {
  put(id("dev"), AuthKind::sas, kPrimary);
  put(id("own"), AuthKind::self_signed, Bytes(32));
  const std::string host = "plant-1.test";
  EXPECT_EQ(by_token("dev", token(host, kPolicyKey, "device")), "in");
  EXPECT_EQ(by_token("own", token(host, kPolicyKey, "device")), "in") << "a gateway speaks for it";
  EXPECT_EQ(by_token("dev", token(host + "/devices", kPolicyKey, "device")), "in");
  EXPECT_EQ(by_token("dev", token(host, kPolicyKey, "service")), code(kPolicyTooWeak));
  EXPECT_EQ(by_token("dev", token(host, kPolicyKey, "nobody")), code(kUnknownPolicy));
  EXPECT_EQ(by_token("dev", token(host, kPrimary, "device")), code(sas::kWrongSignature));
  EXPECT_EQ(by_token("gone", token(host, kPolicyKey, "device")), code(kUnknownIdentity));
  // A device's own key does not make it a policy, nor its whole-hub audience a service.
  const std::string own_key = token(host, kPrimary);
  EXPECT_EQ(outcome({.host = host, .sas_token = own_key}), code(kUnknownIdentity));
  const std::string as_service = token(host, kPolicyKey, "service");
  const auto principal = gatekeeper_.authenticate({.host = host, .sas_token = as_service}, {});
  ASSERT_TRUE(principal);
  EXPECT_EQ(principal->policy, "service");
  EXPECT_EQ(principal->rights, static_cast<Rights>(Right::service_connect));
  EXPECT_FALSE(principal->identity);
  const std::string of_device = token(host + "/devices/dev", kPolicyKey, "service");
  EXPECT_EQ(outcome({.host = host, .sas_token = of_device}), code(sas::kWrongAudience))
      << "a token for one device opens no service";
}

TEST_F(HubGatekeeperTest, PolicyKeysOpenEventsAlone) {
  const std::string host = "plant-1.test";
  const std::string key = to_base64(kPolicyKey);
  Claim claim{.host = host, .event_hub = true, .policy = "service", .policy_key = key};
  const auto principal = gatekeeper_.authenticate(claim, {});
  ASSERT_TRUE(principal);
  EXPECT_EQ(principal->policy, "service");
  EXPECT_EQ(principal->rights, static_cast<Rights>(Right::service_connect));
  EXPECT_FALSE(principal->identity);
  EXPECT_GT(principal->expires_ms, (kNow + 1'000'000'000) * 1000);

  claim.event_hub = false;
  EXPECT_EQ(outcome(claim), code(kNoProof));
  claim.event_hub = true;
  claim.device = "dev";
  EXPECT_EQ(outcome(claim), code(kNoProof));
  claim.device.reset();
  claim.host = "other.test";
  EXPECT_EQ(outcome(claim), code(kUnknownHost));
  claim.host = host;
  claim.policy = "nobody";
  EXPECT_EQ(outcome(claim), code(kUnknownPolicy));
  claim.policy = "service";
  for (const std::string& wrong :
       {std::string(), std::string("*"), to_base64(kPrimary), key.substr(0, 40), key + "AAAA"}) {
    claim.policy_key = wrong;
    EXPECT_EQ(outcome(claim), code(sas::kWrongSignature)) << wrong;
  }
}

TEST_F(HubGatekeeperTest, DisabledIdentitiesAndSettings) {
  put(id("dev"), AuthKind::sas, kPrimary, {}, false);
  put(id("on"), AuthKind::sas, kPrimary);
  put(id("on", "mod"), AuthKind::sas, kPrimary);
  EXPECT_EQ(by_token("dev", token("plant-1.test/devices/dev")), code(kIdentityDisabled));
  EXPECT_EQ(by_token("dev", token("plant-1.test", kPolicyKey, "device")), code(kIdentityDisabled));
  put_hub({.disable_device_sas = true});
  EXPECT_EQ(by_token("on", token("plant-1.test/devices/on")), code(kSasDisabled));
  EXPECT_EQ(by_token("on", token("plant-1.test/devices/on/modules/mod"), "mod"), "in");
  put_hub({.disable_module_sas = true});
  EXPECT_EQ(by_token("on", token("plant-1.test/devices/on")), "in");
  EXPECT_EQ(by_token("on", token("plant-1.test/devices/on/modules/mod"), "mod"),
            code(kSasDisabled));
}

TEST_F(HubGatekeeperTest, TheHubIsNamedInTheProtocolOrElseBySni) {
  put(id("dev"), AuthKind::sas, kPrimary);
  const std::string text = token("plant-1.test/devices/dev");
  EXPECT_EQ(
      outcome({.host = {}, .device = "dev", .sas_token = text}, {.server_name = "plant-1.test"}),
      "in");
  EXPECT_EQ(outcome({.host = {}, .device = "dev", .sas_token = text}, {}), code(kUnknownHost));
  EXPECT_EQ(by_token("dev", text, {}, "plant-2.test"), code(kUnknownHost));
  EXPECT_EQ(by_token("dev", token("service.test/devices/dev"), {}, "service.test"),
            code(kUnknownHost))
      << "the server's own name is no hub for tokens";
}

TEST_F(HubGatekeeperTest, NoProofAtAll) {
  put(id("dev"), AuthKind::none);
  put(id("dev2"), AuthKind::sas, kPrimary);
  EXPECT_EQ(by_certificate("dev", {}), code(kNoProof));
  EXPECT_EQ(by_token("dev", token("plant-1.test/devices/dev")), code(kOtherAuthentication));
  EXPECT_EQ(outcome({.host = "plant-1.test"}), code(kNoProof));
}

// --- Own certificates ----------------------------------------------------------------------------

class CertificateTest : public HubGatekeeperTest {
 protected:
  CertificateTest() { clock_.now = std::time(nullptr); }
  static Bytes sha256_of(const Bytes& leaf) {
    const Digest256 digest = crypto::sha256(leaf);
    return {digest.begin(), digest.end()};
  }
};

TEST_F(CertificateTest, Thumbprints) {
  const Bytes leaf = ca_.issue("anything").certificate_der;
  const Bytes renewed = ca_.issue("anything").certificate_der;
  put(id("dev"), AuthKind::self_signed, sha256_of(leaf), sha256_of(renewed));
  EXPECT_EQ(by_certificate("dev", {leaf}), "in");
  EXPECT_EQ(by_certificate("dev", {renewed}), "in") << "the secondary, for roll-over";
  EXPECT_EQ(by_certificate("dev", {ca_.issue("anything").certificate_der}), code(kOtherThumbprint));
  put(id("none"), AuthKind::self_signed);
  EXPECT_EQ(by_certificate("none", {leaf}), code(kOtherThumbprint)) << "an empty one matches none";
  put(id("sas"), AuthKind::sas, kPrimary);
  EXPECT_EQ(by_certificate("sas", {leaf}), code(kOtherAuthentication));
  EXPECT_EQ(by_certificate("gone", {leaf}), code(kUnknownIdentity));
  EXPECT_EQ(by_certificate("dev", {Bytes(10)}), code(kUnreadableCertificate));
  clock_.now += 2L * 86'400;
  EXPECT_EQ(by_certificate("dev", {leaf}), code(kCertificateNotValidNow));
}

TEST_F(CertificateTest, RegisteredAuthorities) {
  put(id("dev"), AuthKind::certificate_authority);
  put(id("dev", "mod"), AuthKind::certificate_authority);
  put(id("off"), AuthKind::certificate_authority, {}, {}, false);
  const Bytes leaf = ca_.issue("dev").certificate_der;
  EXPECT_EQ(by_certificate("dev", {leaf}), code(kUntrustedCertificate)) << "no CA is registered";
  trusted_ = {ca_.certificate_der()};
  put_hub({});
  EXPECT_EQ(by_certificate("dev", {leaf}), "in");
  EXPECT_EQ(by_certificate("dev", {leaf, ca_.certificate_der()}), "in");
  EXPECT_EQ(by_certificate("dev", {ca_.issue("dev/mod").certificate_der}, "mod"), "in");
  EXPECT_EQ(by_certificate("dev", {leaf}, "mod"), code(kOtherCommonName));
  EXPECT_EQ(by_certificate("dev", {ca_.issue("Dev").certificate_der}), code(kOtherCommonName));
  EXPECT_EQ(by_certificate("off", {ca_.issue("off").certificate_der}), code(kIdentityDisabled));
  const testing::TestCa stranger("plant CA");  // same name, other key
  EXPECT_EQ(by_certificate("dev", {stranger.issue("dev").certificate_der}),
            code(kUntrustedCertificate));
  EXPECT_EQ(by_certificate("dev", {stranger.issue("dev").certificate_der,
                                   stranger.certificate_der(), ca_.certificate_der()}),
            code(kUntrustedCertificate))
      << "what the client sends is trusted by nobody";
}

// --- Attested devices ----------------------------------------------------------------------------

TEST_F(HubGatekeeperTest, AttestedDevices) {
  const auto chain = attested(device_, acme_);
  EXPECT_EQ(by_certificate(device_.text(), chain, {}, "service.test"), "in");
  EXPECT_EQ(by_certificate(device_.text(), chain, {}, "SERVICE.test"), "in");
  EXPECT_EQ(by_certificate(device_.text(), chain), "in") << "a hub of its tenant";
  EXPECT_EQ(by_certificate("dev", chain, {}, "service.test"), code(kNotThisDevice));
  EXPECT_EQ(by_certificate(device_.text(), chain, "mod", "service.test"), code(kNotThisDevice));
  EXPECT_EQ(by_certificate(device_.text(), chain, {}, "nowhere.test"), code(kUnknownHost));
  const DeviceId stranger = *DeviceId::parse(std::string(64, 'b'));
  const auto others = attested(stranger, other_tenant_);
  EXPECT_EQ(by_certificate(stranger.text(), others), code(kOtherTenantsHub));
  const auto principal = gatekeeper_.authenticate(
      {.host = "service.test", .device = device_.text()}, {.chain = chain});
  ASSERT_TRUE(principal);
  EXPECT_EQ(principal->hub, iothub::HubName::of_tenant(acme_));
  EXPECT_EQ(principal->certificate_serial, "0a");
  EXPECT_EQ(principal->expires_ms, (kNow + 3'600) * 1000);
}

TEST_F(HubGatekeeperTest, AnEntryMayBarAnAttestedDevice) {
  const auto chain = attested(device_, acme_);
  put(id(device_.text()), AuthKind::attested, {}, {}, false);
  EXPECT_EQ(by_certificate(device_.text(), chain), code(kIdentityDisabled));
  put(id(device_.text()), AuthKind::sas, kPrimary);
  EXPECT_EQ(by_certificate(device_.text(), chain), code(kOtherAuthentication));
}

TEST_F(HubGatekeeperTest, ARevokedCertificateCountsForNothingElse) {
  const auto chain = attested(device_, acme_);
  authority_.known.at(std::string(as_text(chain.front()))) = security::kCertificateRevoked;
  const Digest256 digest = crypto::sha256(chain.front());
  put(id(device_.text()), AuthKind::self_signed, Bytes(digest.begin(), digest.end()));
  clock_.now = std::time(nullptr);
  EXPECT_EQ(by_certificate(device_.text(), chain), code(security::kCertificateRevoked));
}

TEST_F(HubGatekeeperTest, ChangesAreTold) {
  std::vector<std::string> told;
  gatekeeper_.subscribe([&](const RightsChanged& change) {
    told.push_back(change.device + (change.hub ? "@" + change.hub->text() : ""));
  });
  authority_.barred(device_);
  gatekeeper_.rights_changed({.device = "dev", .hub = name_, .reason = Error(kIdentityDisabled)});
  EXPECT_EQ(told, (std::vector<std::string>{device_.text(), "dev@plant-1"}));
}

}  // namespace
}  // namespace pavise::hub
