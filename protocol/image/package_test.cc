#include "protocol/image/package.h"

#include <gtest/gtest.h>

#include "protocol/image/testing/packages.h"

namespace pavise::image {
namespace {

using testing::File;
using testing::owner_keys;
using testing::package;
using testing::parts;
using testing::sign_again;

Result<Package> open(const Bytes& bytes) {
  return Package::open(bytes, bytes.size(), owner_keys());
}

TEST(Package, OpensWhatTheOwnerSigned) {
  const File file = package();
  const auto out = open(file.bytes);
  ASSERT_TRUE(out) << out.error().message();
  EXPECT_EQ(out->manifest().name, "blink");
  EXPECT_EQ(out->header().component_id, out->manifest().component_id);
  ContentVerifier verifier(out->header());
  EXPECT_TRUE(verifier.feed(ByteView(file.bytes).subspan(out->header().tree_offset())));
  EXPECT_TRUE(verifier.finish());
  const Status inspected = inspect_content(
      ByteView(file.bytes).subspan(out->header().content_offset()), out->manifest().entry_point);
  EXPECT_TRUE(inspected) << inspected.error().message();
  // The front alone is enough.
  EXPECT_TRUE(Package::open(ByteView(file.bytes).first(out->header().tree_offset()),
                            file.bytes.size(), owner_keys()));
}

TEST(Package, EveryBitOfTheSignedPartIsSigned) {
  const Bytes good = package().bytes;
  for (std::size_t at = 0; at < kHeaderBytes; at += 3) {
    Bytes bad = good;
    bad[at] ^= std::byte{0x01};
    EXPECT_FALSE(open(bad)) << at;
  }
  Bytes bad = good;
  bad[140] ^= std::byte{1};  // a digest that nothing else is compared with here
  EXPECT_TRUE(open(bad).error().is(kNotSigned));
}

TEST(Package, OnlyATrustedOwnersKeyWillDo) {
  const Bytes good = package().bytes;
  EXPECT_TRUE(Package::open(good, good.size(), {}).error().is(kNotSigned));
  const std::vector others{crypto::P256PrivateKey::generate()->public_key()};
  EXPECT_TRUE(Package::open(good, good.size(), others).error().is(kNotSigned));
  std::vector both = others;
  both.push_back(owner_keys()[0]);
  EXPECT_TRUE(Package::open(good, good.size(), both));
  // The right signature under another key's id.
  Bytes bad = good;
  bad[228] ^= std::byte{1};
  sign_again(bad);
  EXPECT_TRUE(open(bad).error().is(kNotSigned));
}

TEST(Package, SizeAndPaddingAreExact) {
  const Bytes good = package().bytes;
  EXPECT_TRUE(Package::open(good, good.size() - 1, owner_keys()).error().is(kBadSize));
  EXPECT_TRUE(Package::open(good, good.size() + 1, owner_keys()).error().is(kBadSize));
  EXPECT_TRUE(
      Package::open(ByteView(good).first(4095), good.size(), owner_keys()).error().is(kBadSize));
  EXPECT_TRUE(Package::open({}, 0, owner_keys()).error().is(kNotPackage));
  for (const std::size_t at : {kHeaderBytes + testing::kManifest.size(), std::size_t{4095}}) {
    Bytes bad = good;
    bad[at] = std::byte{1};
    EXPECT_EQ(open(bad).error().detail(), "padding after the manifest") << at;
  }
}

TEST(Package, TheManifestIsTheSignedOneAndOfTheSameApp) {
  const Bytes good = package().bytes;
  Bytes bad = good;
  bad[kHeaderBytes + 30] ^= std::byte{1};
  EXPECT_TRUE(open(bad).error().is(kBadManifest));
  const struct {
    std::size_t at;
    const char* detail;
  } rows[] = {{20, "component id"}, {33, "version"}, {43, "security epoch"}};
  for (const auto& row : rows) {
    bad = good;
    bad[row.at] ^= std::byte{2};
    sign_again(bad);
    EXPECT_EQ(open(bad).error().code(), kOtherApp.code) << row.detail;
    EXPECT_EQ(open(bad).error().detail(), row.detail);
  }
}

TEST(Package, AManifestThatIsNoneIsRefusedAlsoWhenSigned) {
  File file = package();
  std::string broken(testing::kManifest);
  broken.back() = ' ';
  file.header.manifest_digest = crypto::sha256(as_bytes(broken));
  Bytes bytes = package_front(file.header, as_bytes(broken));
  bytes.insert(bytes.end(),
               file.bytes.begin() + static_cast<std::ptrdiff_t>(file.header.tree_offset()),
               file.bytes.end());
  sign_again(bytes);
  EXPECT_TRUE(open(bytes).error().is(manifest::kNotJson));
}

TEST(Package, NobodyAsksForAnothersTenant) {
  Parts other = parts();
  other.tenant = *TenantId::parse("globex");
  const auto outcome = draft_package(other);
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().is(kOtherTenant));
  EXPECT_EQ(outcome.error().detail(), "acme");
}

TEST(Package, TheSamePartsGiveTheSameBytes) {
  const auto once = draft_package(parts());
  const auto again = draft_package(parts());
  EXPECT_EQ(once->header.signed_bytes(), again->header.signed_bytes());
  EXPECT_EQ(once->tree, again->tree);
}

}  // namespace
}  // namespace pavise::image
