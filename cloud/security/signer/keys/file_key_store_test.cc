#include "cloud/security/signer/keys/file_key_store.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "cloud/security/signer/api/signer.h"

namespace pavise::security::signer {
namespace {

namespace fs = std::filesystem;

const TenantId kAcme = *TenantId::parse("acme");
const KeyId kRoot = KeyId::of_tenant(kAcme, KeyRole::root);
const KeyId kIssuing = KeyId::of_tenant(kAcme, KeyRole::issuing);

class FileKeyStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "keysXXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string directory() const { return folder_ / "keys"; }
  void reopen(std::unique_ptr<FileKeyStore>& store) const {
    store.reset();  // its lock must go first
    store = open();
  }
  std::unique_ptr<FileKeyStore> open() const { return FileKeyStore::open(directory()).value(); }

  fs::path folder_;
};

TEST(KeyId, TextRoundTrip) {
  for (const KeyId& id : {kRoot, kIssuing, KeyId::of_service()})
    EXPECT_EQ(KeyId::parse(id.text()), id);
  EXPECT_FALSE(KeyId::of_service().tenant());
  EXPECT_EQ(kRoot.tenant(), kAcme);
  for (const char* bad : {"", ".root", "acme", "acme.", "acme.leaf", "_service.issuing",
                          "../a.root", "a.b.root", "ACME.root"})
    EXPECT_FALSE(KeyId::parse(bad)) << bad;
}

TEST_F(FileKeyStoreTest, AKeyIsMadeOnceAndSurvivesARestart) {
  auto store = open();
  EXPECT_TRUE(store->public_key(kRoot).error().is(kNoSuchAuthority));
  const auto made = store->make_key(kRoot);
  ASSERT_TRUE(made);
  EXPECT_EQ(*store->make_key(kRoot), *made);
  reopen(store);
  EXPECT_EQ(*store->public_key(kRoot), *made);
  EXPECT_THAT(store->keys(), testing::ElementsAre(kRoot));
  const Digest256 digest = crypto::sha256(as_bytes("message"));
  EXPECT_TRUE(made->verify_digest(digest, store->sign(kRoot, digest).value()));
  EXPECT_TRUE(store->sign(kIssuing, digest).error().is(kNoSuchAuthority));
}

TEST_F(FileKeyStoreTest, CertificatesAreKeptBesideTheirKey) {
  auto store = open();
  EXPECT_TRUE(store->certificate(kRoot).error().is(kNoSuchAuthority));
  ASSERT_TRUE(store->put_certificate(kRoot, as_bytes("first")));
  ASSERT_TRUE(store->put_certificate(kRoot, as_bytes("second")));
  reopen(store);
  EXPECT_EQ(as_text(*store->certificate(kRoot)), "second");
}

TEST_F(FileKeyStoreTest, FilesAreClosedToOthers) {
  auto store = open();
  ASSERT_TRUE(store->make_key(kRoot));
  ASSERT_TRUE(store->put_certificate(kRoot, as_bytes("der")));
  struct stat info{};
  ASSERT_EQ(stat(directory().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  for (const auto& entry : fs::directory_iterator(directory())) {
    ASSERT_EQ(stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << entry.path();
  }
}

TEST_F(FileKeyStoreTest, RefusesADirectoryThatOthersCanEnter) {
  ASSERT_EQ(mkdir(directory().c_str(), 0755), 0);
  const auto opened = FileKeyStore::open(directory());
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().is(kKeyStoreFailed));
  EXPECT_THAT(opened.error().message(), testing::HasSubstr("0700"));
}

TEST_F(FileKeyStoreTest, RefusesASymbolicLinkAsDirectory) {
  ASSERT_EQ(mkdir((folder_ / "real").c_str(), 0700), 0);
  fs::create_directory_symlink(folder_ / "real", directory());
  EXPECT_TRUE(FileKeyStore::open(directory()).error().is(kKeyStoreFailed));
}

TEST_F(FileKeyStoreTest, AnInterruptedWriteIsCleanedUp) {
  auto store = open();
  const auto key = store->make_key(kRoot);
  std::ofstream(fs::path(directory()) / "acme.issuing.key.partial") << "-----BEGIN";
  reopen(store);
  EXPECT_FALSE(fs::exists(fs::path(directory()) / "acme.issuing.key.partial"));
  EXPECT_EQ(*store->public_key(kRoot), *key);
  EXPECT_TRUE(store->make_key(kIssuing));
}

TEST_F(FileKeyStoreTest, ADamagedKeyIsSaidAndNotReplaced) {
  ASSERT_TRUE(open()->make_key(kRoot));
  const fs::path file = fs::path(directory()) / "acme.root.key";
  fs::resize_file(file, 20);
  EXPECT_TRUE(FileKeyStore::open(directory()).error().is(kAuthorityDamaged));
  EXPECT_EQ(fs::file_size(file), 20U);
}

TEST_F(FileKeyStoreTest, OneSignerAtATime) {
  const auto store = open();
  EXPECT_TRUE(FileKeyStore::open(directory()).error().is(kKeyStoreFailed));
}

TEST_F(FileKeyStoreTest, SizeLimitOfAFile) {
  auto store = open();
  ASSERT_TRUE(store->put_certificate(kRoot, Bytes(kKeyFileBytesMax)));
  EXPECT_TRUE(store->certificate(kRoot));
  ASSERT_TRUE(store->put_certificate(kRoot, Bytes(kKeyFileBytesMax + 1)));
  EXPECT_TRUE(store->certificate(kRoot).error().is(kAuthorityDamaged));
}

TEST_F(FileKeyStoreTest, AnUnexpectedKeyFileStopsTheStart) {
  ASSERT_TRUE(open()->make_key(kRoot));
  fs::copy_file(fs::path(directory()) / "acme.root.key", fs::path(directory()) / "Other.root.key");
  EXPECT_TRUE(FileKeyStore::open(directory()).error().is(kAuthorityDamaged));
}

}  // namespace
}  // namespace pavise::security::signer
