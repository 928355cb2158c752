#include "cloud/security/releases/release_book.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "cloud/security/registry/sqlite_registry.h"
#include "common/crypto/crypto.h"

namespace pavise::security {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

const TenantId kAcme = *TenantId::parse("acme");
const TenantId kOther = *TenantId::parse("other");
const AuditRecord kAudit{0, 1, "anna", "test", "", ""};

Bytes manifest(std::string_view version) {
  std::string text =
      R"({"profile":"pavise-release-1","name":"pavise-os","version":")" + std::string(version) +
      R"(","security_epoch":1,"created":"2026-11-22T00:00:00Z","pcrs":[{"pcr":12,"digest":")" +
      std::string(64, '0') +
      R"("}],"events":[],"runtime":[],)"
      R"("platforms":[],"cmdline":"quiet","components":[]})";
  return to_bytes(as_bytes(text));
}

class ReleaseBookTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "releasesXXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    registry_ = open_sqlite_registry({pattern + "/registry.db"}).value();
    for (const TenantId& id : {kAcme, kOther})
      ASSERT_TRUE(registry_->add_tenant({id, 1, {}, {}}, kAudit));
    load();
  }
  void TearDown() override {
    registry_.reset();
    std::filesystem::remove_all(folder_);
  }
  void load() { book_ = ReleaseBook::load(*registry_, clock_).value(); }
  static Bytes sign(const crypto::P256PrivateKey& key, ByteView bytes) {
    return crypto::ecdsa_to_der(key.sign_digest(crypto::sha256(bytes)).value());
  }
  static Bytes pem(const crypto::P256PrivateKey& key) {
    return to_bytes(as_bytes(key.public_key().pem()));
  }

  ManualClock clock_{5'000};
  std::filesystem::path folder_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<ReleaseBook> book_;
  crypto::P256PrivateKey key_ = crypto::P256PrivateKey::generate().value();
  crypto::P256PrivateKey tenant_key_ = crypto::P256PrivateKey::generate().value();
};

TEST_F(ReleaseBookTest, ASignedReleaseCountsAndAnUnsignedOneDoesNot) {
  const Bytes one = manifest("1.0");
  EXPECT_TRUE(
      book_->add_release("anna", std::nullopt, one, sign(key_, one)).error().is(kReleaseUnsigned));
  ASSERT_TRUE(book_->add_key("anna", "builder", std::nullopt, pem(key_)));
  const auto added = book_->add_release("anna", std::nullopt, one, sign(key_, one));
  ASSERT_TRUE(added) << added.error().message();
  EXPECT_EQ(added->version, "1.0");
  ASSERT_TRUE(book_->add_release("anna", std::nullopt, one, sign(key_, one))) << "again";
  ASSERT_THAT(*book_->current(std::nullopt), SizeIs(1));
  EXPECT_EQ(book_->current(kAcme)->front().version, "1.0");
  EXPECT_TRUE(book_->add_release("anna", std::nullopt, manifest("1.1"), sign(key_, one))
                  .error()
                  .is(kReleaseUnsigned));
}

TEST_F(ReleaseBookTest, ATenantsReleaseIsItsOwn) {
  ASSERT_TRUE(book_->add_key("anna", "builder", std::nullopt, pem(key_)));
  ASSERT_TRUE(book_->add_key("anna", "acme's", kAcme, tenant_key_.public_key().spki_der()));
  const Bytes common = manifest("1.0");
  const Bytes own = manifest("2.0-acme");
  ASSERT_TRUE(book_->add_release("anna", std::nullopt, common, sign(key_, common)));
  ASSERT_TRUE(book_->add_release("anna", std::nullopt, own, sign(tenant_key_, own)));
  EXPECT_THAT(*book_->current(kAcme), SizeIs(2));
  EXPECT_THAT(*book_->current(kOther), SizeIs(1));
  EXPECT_THAT(*book_->current(std::nullopt), SizeIs(1));
  load();
  EXPECT_THAT(*book_->current(kAcme), SizeIs(2)) << "after a restart";
}

// Else an operator of one tenant could bring an old release, signed long ago for all, back for all.
TEST_F(ReleaseBookTest, WhoActsForOneTenantAddsForNoOther) {
  ASSERT_TRUE(book_->add_key("anna", "builder", std::nullopt, pem(key_)));
  ASSERT_TRUE(book_->add_key("anna", "acme's", kAcme, tenant_key_.public_key().spki_der()));
  const Bytes common = manifest("1.0");
  const Bytes own = manifest("2.0-acme");
  for (const TenantId& scope : {kAcme, kOther})
    EXPECT_TRUE(
        book_->add_release("ole", scope, common, sign(key_, common)).error().is(kReleaseUnsigned));
  EXPECT_TRUE(
      book_->add_release("ole", kOther, own, sign(tenant_key_, own)).error().is(kReleaseUnsigned));
  EXPECT_THAT(*book_->current(kAcme), IsEmpty());
  EXPECT_TRUE(book_->add_release("ole", kAcme, own, sign(tenant_key_, own)));
  EXPECT_THAT(*book_->current(kAcme), SizeIs(1));
  EXPECT_THAT(*book_->current(kOther), IsEmpty());
}

TEST_F(ReleaseBookTest, ARevokedReleaseIsGoneAtOnce) {
  ASSERT_TRUE(book_->add_key("anna", "builder", std::nullopt, pem(key_)));
  const Bytes one = manifest("1.0");
  const auto added = book_->add_release("anna", std::nullopt, one, sign(key_, one));
  ASSERT_TRUE(added);
  EXPECT_TRUE(book_->revoke("anna", "none", "bug").error().is(kReleaseUnknown));
  ASSERT_TRUE(book_->revoke("anna", added->digest, "bug"));
  EXPECT_THAT(*book_->current(std::nullopt), IsEmpty());
  load();
  EXPECT_THAT(*book_->current(std::nullopt), IsEmpty());
}

TEST_F(ReleaseBookTest, AManifestChangedInTheRegistryDoesNotCount) {
  ASSERT_TRUE(book_->add_key("anna", "builder", std::nullopt, pem(key_)));
  const Bytes one = manifest("1.0");
  const std::string key_id = to_hex(crypto::sha256(key_.public_key().spki_der()));
  ASSERT_TRUE(registry_->add_release(
      {"digest", "pavise-os", "6.6.6", manifest("6.6.6"), sign(key_, one), key_id, {}, 1, {}, {}},
      kAudit));
  load();
  EXPECT_THAT(*book_->current(std::nullopt), IsEmpty());
  EXPECT_EQ(registry_->audit(0, 1)->front().action, "release.unreadable");
}

TEST_F(ReleaseBookTest, RefusesWhatIsNoKeyAndAKeyOfAnotherScope) {
  EXPECT_TRUE(book_->add_key("anna", "x", {}, as_bytes("-----BEGIN NOTHING-----"))
                  .error()
                  .is(kReleaseKeyInvalid));
  EXPECT_TRUE(book_->add_key("anna", "x", {}, as_bytes("der?")).error().is(kReleaseKeyInvalid));
  ASSERT_TRUE(book_->add_key("anna", "x", kAcme, pem(key_)));
  ASSERT_TRUE(book_->add_key("anna", "x", kAcme, pem(key_)));
  EXPECT_TRUE(book_->add_key("anna", "x", {}, pem(key_)).error().is(kReleaseKeyInvalid));
}

}  // namespace
}  // namespace pavise::security
