#include "cloud/security/signer/core/signer_core.h"

#include <gmock/gmock.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "cloud/security/signer/keys/file_key_store.h"
#include "common/crypto/openssl.h"
#include "protocol/x509/certificate.h"

namespace pavise::security::signer {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

const TenantId kAcme = *TenantId::parse("acme");
const TenantId kOther = *TenantId::parse("other");
const DeviceId kDevice = *DeviceId::parse(std::string(64, 'a'));
constexpr UnixMillis kNowMs = 1'800'000'000'000;
constexpr UnixSeconds kNow = kNowMs / 1000;

// Passes on to a real store and fails, or ends the process, before its n-th durable step.
class InterruptedStore final : public KeyStore {
 public:
  InterruptedStore(std::unique_ptr<KeyStore> real, int steps, bool kill)
      : real_(std::move(real)), steps_left_(steps), kill_(kill) {}
  Result<crypto::P256PublicKey> make_key(const KeyId& id) override {
    PAVISE_TRY(step());
    return real_->make_key(id);
  }
  Result<crypto::P256PublicKey> public_key(const KeyId& id) override {
    return real_->public_key(id);
  }
  Result<crypto::EcdsaRaw> sign(const KeyId& id, const Digest256& digest) override {
    PAVISE_TRY(step());
    return real_->sign(id, digest);
  }
  Status put_certificate(const KeyId& id, ByteView der) override {
    PAVISE_TRY(step());
    return real_->put_certificate(id, der);
  }
  Result<Bytes> certificate(const KeyId& id) override { return real_->certificate(id); }
  std::vector<KeyId> keys() override { return real_->keys(); }

 private:
  Status step() {
    if (steps_left_-- > 0) return {};
    if (kill_) _exit(9);
    return Error(kKeyStoreFailed, "disk full");
  }
  std::unique_ptr<KeyStore> real_;
  int steps_left_;
  bool kill_;
};

// OpenSSL's own judgement of leaf ← issuing ← root.
std::string verify_chain(ByteView leaf, const AuthorityCertificates& ca, int purpose) {
  X509_STORE* store = X509_STORE_new();
  const auto root = crypto::read_certificate(ca.root);
  const auto issuing = crypto::read_certificate(ca.issuing);
  const auto end = crypto::read_certificate(leaf);
  X509_STORE_add_cert(store, root.get());
  STACK_OF(X509)* chain = sk_X509_new_null();
  if (issuing) sk_X509_push(chain, issuing.get());
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, store, end.get(), chain);
  X509_STORE_CTX_set_time(context, 0, kNow);
  X509_STORE_CTX_set_purpose(context, purpose);
  X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(context), X509_V_FLAG_X509_STRICT);
  X509_verify_cert(context);
  std::string out = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
  X509_STORE_CTX_free(context);
  sk_X509_free(chain);
  X509_STORE_free(store);
  return out;
}

class SignerCoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "signerXXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    const auto point = key_.public_key().point();
    std::copy(point.begin() + 1, point.end(), xy_.begin());
    open();
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::unique_ptr<KeyStore> store() const { return FileKeyStore::open(folder_ / "keys").value(); }
  Result<std::unique_ptr<SignerCore>> try_open(std::unique_ptr<KeyStore> keys,
                                               SignerCoreOptions options = {}) {
    return SignerCore::open(
        std::move(keys), clock_, [this](std::string_view line) { audit_.emplace_back(line); },
        options);
  }
  void open(SignerCoreOptions options = {}) {
    core_.reset();
    core_ = try_open(store(), options).value();
  }
  LeafRequest leaf(const TenantId& tenant = kAcme) const {
    LeafRequest request{.tenant = tenant,
                        .device = kDevice,
                        .public_xy = xy_,
                        .not_before = kNow - 300,
                        .not_after = kNow + 24 * 3600,
                        .serial = {}};
    request.serial.fill(std::byte{0x41});
    return request;
  }

  ManualClock clock_{kNowMs};
  fs::path folder_;
  crypto::P256PrivateKey key_ = crypto::P256PrivateKey::generate().value();
  std::array<std::byte, 64> xy_{};
  std::vector<std::string> audit_;
  std::unique_ptr<SignerCore> core_;
};

TEST_F(SignerCoreTest, ATenantsLeafChainsToItsRoot) {
  const auto ca = core_->create_tenant_ca(kAcme);
  ASSERT_TRUE(ca) << ca.error().message();
  const auto der = core_->sign_leaf(leaf());
  ASSERT_TRUE(der) << der.error().message();
  EXPECT_EQ(verify_chain(*der, *ca, X509_PURPOSE_SSL_CLIENT), "ok");
  EXPECT_NE(verify_chain(*der, *ca, X509_PURPOSE_SSL_SERVER), "ok");
  const auto parsed = x509::Certificate::parse(*der);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->subject().common_name, kDevice.text());
  EXPECT_EQ(parsed->subject().organization, "acme");
  EXPECT_EQ(parsed->not_after() - parsed->not_before(), 24 * 3600 + 300);
}

TEST_F(SignerCoreTest, TenantsDoNotShareAChain) {
  const auto acme = core_->create_tenant_ca(kAcme);
  const auto other = core_->create_tenant_ca(kOther);
  const auto der = core_->sign_leaf(leaf(kOther));
  EXPECT_EQ(verify_chain(*der, *other, X509_PURPOSE_SSL_CLIENT), "ok");
  EXPECT_NE(verify_chain(*der, *acme, X509_PURPOSE_SSL_CLIENT), "ok");
}

TEST_F(SignerCoreTest, CreatingAgainReturnsTheSameCertificates) {
  const auto first = core_->create_tenant_ca(kAcme);
  EXPECT_EQ(core_->create_tenant_ca(kAcme)->issuing, first->issuing);
  open();
  EXPECT_EQ(core_->create_tenant_ca(kAcme)->root, first->root) << "after a restart";
  const auto all = core_->list();
  ASSERT_THAT(*all, SizeIs(1));
  EXPECT_EQ(all->front().tenant, kAcme);
}

TEST_F(SignerCoreTest, LeafPolicyToTheSecond) {
  ASSERT_TRUE(core_->create_tenant_ca(kAcme));
  const auto with = [&](UnixSeconds begin, UnixSeconds end) {
    LeafRequest request = leaf();
    request.not_before = kNow + begin;
    request.not_after = kNow + end;
    return request;
  };
  clock_.advance_ms(7'200'000);  // the issuing CA is then old enough for any beginning
  clock_.set_wall_ms(kNowMs);
  EXPECT_TRUE(core_->sign_leaf(with(0, kLeafValidityMaxS)));
  EXPECT_TRUE(core_->sign_leaf(with(kNotBeforeFutureMaxS, 3600)));
  const LeafRequest refused[] = {with(0, kLeafValidityMaxS + 1), with(0, 0), with(10, 5),
                                 with(-kNotBeforePastMaxS - 1, 10),
                                 with(kNotBeforeFutureMaxS + 1, 3600)};
  for (const LeafRequest& request : refused)
    EXPECT_TRUE(core_->sign_leaf(request).error().is(kSignerPolicy));
}

TEST_F(SignerCoreTest, ALeafLiesWithinItsIssuersValidity) {
  ASSERT_TRUE(core_->create_tenant_ca(kAcme));
  LeafRequest request = leaf();
  request.not_before = kNow - 301;
  EXPECT_THAT(core_->sign_leaf(request).error().detail(), HasSubstr("issuing CA's validity"));
  clock_.advance_ms((kIssuingValidityS - 3600) * 1000);
  request.not_before = clock_.now_s();
  request.not_after = request.not_before + 3600;
  EXPECT_TRUE(core_->sign_leaf(request));
  request.not_after += 1;
  EXPECT_TRUE(core_->sign_leaf(request).error().is(kSignerPolicy));
}

TEST_F(SignerCoreTest, RefusesBadKeysSerialsAndTenants) {
  ASSERT_TRUE(core_->create_tenant_ca(kAcme));
  EXPECT_TRUE(core_->sign_leaf(leaf(kOther)).error().is(kNoSuchAuthority));
  LeafRequest request = leaf();
  request.public_xy[0] ^= std::byte{1};
  EXPECT_TRUE(core_->sign_leaf(request).error().is(kSignerPolicy));
  request = leaf();
  request.serial = {};
  EXPECT_TRUE(core_->sign_leaf(request).error().is(kSignerPolicy));
}

TEST_F(SignerCoreTest, RateLimitIsExactAndRefills) {
  open({.leaves_per_second_max = 2, .leaves_burst_max = 3});
  ASSERT_TRUE(core_->create_tenant_ca(kAcme));
  const auto answers = core_->sign_leaves({leaf(), leaf(), leaf(), leaf()});
  EXPECT_TRUE(answers[2]);
  EXPECT_TRUE(answers[3].error().is(kSignerOverloaded));
  clock_.advance_ms(500);
  EXPECT_TRUE(core_->sign_leaf(leaf()));
  EXPECT_TRUE(core_->sign_leaf(leaf()).error().is(kSignerOverloaded));
}

TEST_F(SignerCoreTest, EverySignatureHasItsAuditLineAndNoRefusalHas) {
  ASSERT_TRUE(core_->create_tenant_ca(kAcme));
  EXPECT_FALSE(core_->sign_leaf(leaf(kOther)));
  ASSERT_TRUE(core_->sign_leaf(leaf()));
  EXPECT_THAT(audit_, ElementsAre(HasSubstr("ca key=acme.root"), HasSubstr("ca key=acme.issuing"),
                                  HasSubstr("leaf tenant=acme device=" + kDevice.text())));
}

TEST_F(SignerCoreTest, ServerCertificate) {
  const auto made = core_->make_server_certificate({{"pavise.example"}, {"127.0.0.1", "::1"}, xy_});
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(verify_chain(made->leaf, {made->root, {}}, X509_PURPOSE_SSL_SERVER), "ok");
  const auto leaf_certificate = crypto::read_certificate(made->leaf);
  EXPECT_EQ(X509_check_host(leaf_certificate.get(), "pavise.example", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_ip_asc(leaf_certificate.get(), "::1", 0), 1);
  open();
  EXPECT_EQ(core_->make_server_certificate({{"x"}, {}, xy_})->root, made->root);
}

TEST_F(SignerCoreTest, ServerNamesArePlainHostNames) {
  const auto make = [&](std::vector<std::string> names, std::vector<std::string> addresses) {
    return core_->make_server_certificate({std::move(names), std::move(addresses), xy_});
  };
  EXPECT_TRUE(make({std::string(63, 'a') + ".example"}, {}));
  const std::string rest =
      std::string(63, 'b') + "." + std::string(63, 'c') + "." + std::string(63, 'd');
  const std::string longest = "*." + std::string(59, 'a') + "." + rest;
  ASSERT_EQ(longest.size(), 253U);
  EXPECT_TRUE(make({"hub.example", "*.hub.example", longest}, {}));
  EXPECT_TRUE(make({"*." + std::string(60, 'a') + "." + rest}, {}).error().is(kSignerPolicy));
  for (const std::string& bad :
       {std::string(64, 'a'), std::string("*.example"), std::string("*"), std::string("*."),
        std::string("*..example"), std::string("*.*.example"), std::string("a.*.example"),
        std::string("a*.hub.example"), std::string("*.hub.example."), std::string("a..b"),
        std::string("-a"), std::string("a/b"), std::string("")})
    EXPECT_TRUE(make({bad}, {}).error().is(kSignerPolicy)) << bad;
  EXPECT_TRUE(make({}, {}).error().is(kSignerPolicy));
  EXPECT_TRUE(make({}, {"1.2.3"}).error().is(kSignerPolicy));
  EXPECT_TRUE(make(std::vector<std::string>(kServerNamesMax, "a"), {}));
  EXPECT_TRUE(
      make(std::vector<std::string>(kServerNamesMax + 1, "a"), {}).error().is(kSignerPolicy));
}

TEST_F(SignerCoreTest, AWildcardStandsForOneLabel) {
  const auto made = core_->make_server_certificate({{"hub.example", "*.hub.example"}, {}, xy_});
  ASSERT_TRUE(made);
  const auto certificate = crypto::read_certificate(made->leaf);
  for (const char* name : {"hub.example", "plant-1.hub.example", "plant-2.hub.example"})
    EXPECT_EQ(X509_check_host(certificate.get(), name, 0, 0, nullptr), 1) << name;
  for (const char* name : {"example", "a.b.hub.example", "plant-1.example"})
    EXPECT_EQ(X509_check_host(certificate.get(), name, 0, 0, nullptr), 0) << name;
}

TEST_F(SignerCoreTest, KilledAtAnyStepOfMakingATenantItIsCompletedAtTheNextStart) {
  core_.reset();
  int step = 0;
  for (int code = 9; code == 9; ++step) {
    ASSERT_LT(step, 20);
    fs::remove_all(folder_ / "keys");
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto core = try_open(std::make_unique<InterruptedStore>(store(), step, true));
      _exit((*core)->create_tenant_ca(kAcme) ? 0 : 4);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    code = WEXITSTATUS(status);
    ASSERT_TRUE(code == 0 || code == 9) << "step " << step;
    const auto core = try_open(store());
    ASSERT_TRUE(core) << "step " << step << ": " << core.error().message();
    const auto ca = (*core)->create_tenant_ca(kAcme);
    ASSERT_TRUE(ca) << "step " << step;
    EXPECT_EQ(verify_chain((*core)->sign_leaf(leaf()).value(), *ca, X509_PURPOSE_SSL_CLIENT), "ok");
  }
  EXPECT_GT(step, 6);
}

TEST_F(SignerCoreTest, AFullDiskIsSaidAndTheTenantCanBeMadeLater) {
  core_.reset();
  for (int step = 0; step < 6; ++step) {
    fs::remove_all(folder_ / "keys");
    auto core = try_open(std::make_unique<InterruptedStore>(store(), step, false)).value();
    EXPECT_TRUE(core->create_tenant_ca(kAcme).error().is(kKeyStoreFailed)) << step;
    EXPECT_TRUE(core->sign_leaf(leaf()).error().is(kNoSuchAuthority)) << step;
    core.reset();
    core = try_open(store()).value();
    EXPECT_TRUE(core->create_tenant_ca(kAcme)) << step;
  }
}

TEST_F(SignerCoreTest, FilesThatDoNotFitTogetherStopTheStart) {
  ASSERT_TRUE(core_->create_tenant_ca(kAcme));
  ASSERT_TRUE(core_->create_tenant_ca(kOther));
  core_.reset();
  const fs::path keys = folder_ / "keys";
  fs::copy(keys, folder_ / "saved");
  const auto restore = [&] {
    fs::remove_all(keys);
    fs::copy(folder_ / "saved", keys);
    fs::permissions(keys, fs::perms::owner_all);
  };
  fs::copy_file(keys / "other.issuing.key", keys / "acme.issuing.key",
                fs::copy_options::overwrite_existing);
  EXPECT_TRUE(try_open(store()).error().is(kAuthorityDamaged)) << "another key";
  restore();
  fs::copy_file(keys / "other.issuing.crt", keys / "acme.issuing.crt",
                fs::copy_options::overwrite_existing);
  EXPECT_TRUE(try_open(store()).error().is(kAuthorityDamaged)) << "another certificate";
  restore();
  fs::remove(keys / "acme.issuing.key");
  EXPECT_TRUE(try_open(store()).error().is(kAuthorityDamaged)) << "a lost key";
  EXPECT_FALSE(fs::exists(keys / "acme.issuing.key")) << "and no new one in its place";
  restore();
  EXPECT_TRUE(try_open(store()));
}

}  // namespace
}  // namespace pavise::security::signer
