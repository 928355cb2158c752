#include "protocol/image/header.h"

#include <gtest/gtest.h>

#include "protocol/image/testing/malformed_headers.h"
#include "protocol/image/testing/packages.h"

namespace pavise::image {
namespace {

Bytes good() {
  const auto draft = draft_package(testing::parts());
  Bytes out = draft->header.signed_bytes();
  out.resize(kHeaderBytes, std::byte{0x5a});
  return out;
}

TEST(ImageHeader, IsReadAsItWasWritten) {
  const auto draft = draft_package(testing::parts());
  ASSERT_TRUE(draft) << draft.error().message();
  const auto header = Header::parse(good());
  ASSERT_TRUE(header) << header.error().message();
  EXPECT_EQ(header->component_id.text(), "6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e01");
  EXPECT_EQ(header->version.text(), "1.2.3");
  EXPECT_EQ(header->security_epoch, 4U);
  EXPECT_EQ(header->tenant.text(), "acme");
  EXPECT_EQ(header->manifest_bytes, testing::kManifest.size());
  EXPECT_EQ(header->content_bytes(), testing::content().size());
  EXPECT_EQ(header->needs, (std::vector<AbiNeed>{{"pavise-app", 1}, {"x86-64", 1}}));
  EXPECT_EQ(header->root_hash, draft->header.root_hash);
  EXPECT_EQ(header->salt, draft->header.salt);
  EXPECT_EQ(header->sbom_digest, crypto::sha256(as_bytes("sbom")));
  EXPECT_EQ(header->owner_key_id, draft->header.owner_key_id);
  EXPECT_EQ(header->signature[0], std::byte{0x5a});
  EXPECT_EQ(header->signed_bytes(), draft->header.signed_bytes());
}

TEST(ImageHeader, EachMalformedFieldIsRefused) {
  for (const testing::MalformedHeader& row : testing::malformed_headers()) {
    Bytes bytes = good();
    row.put_into(bytes);
    const auto outcome = Header::parse(bytes);
    ASSERT_FALSE(outcome) << row.field;
    EXPECT_EQ(outcome.error().code(), row.expected.code) << row.field;
    EXPECT_EQ(outcome.error().detail(), row.detail) << row.field;
  }
  EXPECT_TRUE(Header::parse(ByteView(good()).first(kHeaderBytes - 1)).error().is(kNotPackage));
}

TEST(ImageHeader, LimitsHoldAtN) {
  const struct {
    std::size_t at;
    std::vector<unsigned char> bytes;
  } rows[] = {{12, {0, 1, 0, 0}},
              {12, {0, 0, 0, 1}},
              {32, {0x27, 0x0f, 0x27, 0x0f, 0x27, 0x0f}},
              {40, {0x7f, 0xff, 0xff, 0xff}},
              {44, {0, 0, 0, 2}},
              {44, {0, 1, 0, 0}}};
  for (const auto& row : rows) {
    Bytes bytes = good();
    for (std::size_t i = 0; i < row.bytes.size(); ++i)
      bytes[row.at + i] = static_cast<std::byte>(row.bytes[i]);
    EXPECT_TRUE(Header::parse(bytes)) << row.at;
  }
  Parts parts = testing::parts();
  parts.needs.clear();
  for (std::size_t i = 0; i < kNeedsMax; ++i)
    parts.needs.push_back({"need-of-16-bytes" + std::string(), static_cast<std::uint32_t>(i)});
  for (std::size_t i = 0; i < kNeedsMax; ++i)
    parts.needs[i].name.back() = static_cast<char>('a' + static_cast<char>(i));
  EXPECT_TRUE(draft_package(parts));
  parts.needs.push_back({"one-more", 1});
  EXPECT_TRUE(draft_package(parts).error().is(kBadHeader));
  parts.needs = {{"a", 1}, {"a", 2}};
  EXPECT_EQ(draft_package(parts).error().detail(), "name of a need");
}

TEST(ImageHeader, NothingOverlapsInTheFile) {
  const auto header = Header::parse(good());
  EXPECT_EQ(header->tree_offset(), 4096U);
  EXPECT_EQ(header->tree_bytes(), 4096U);
  EXPECT_EQ(header->content_offset(), 8192U);
  EXPECT_EQ(header->package_bytes(), 8192U + testing::content().size());
  Header at_edge = *header;
  at_edge.manifest_bytes = 4096 - kHeaderBytes;
  EXPECT_EQ(at_edge.tree_offset(), 4096U);
  at_edge.manifest_bytes += 1;
  EXPECT_EQ(at_edge.tree_offset(), 8192U);
  at_edge.manifest_bytes = manifest::kManifestBytesMax;
  EXPECT_EQ(at_edge.tree_offset(), kFrontBytesMax);
}

TEST(ImageHeader, NeedsAreMetByRangesOfVersions) {
  const std::vector<AbiOffer> offers{{"pavise-app", 1, 3}, {"x86-64", 1, 1}};
  EXPECT_TRUE(check_needs({}, {}));
  EXPECT_TRUE(check_needs({{"pavise-app", 1}, {"x86-64", 1}}, offers));
  EXPECT_TRUE(check_needs({{"pavise-app", 3}}, offers));
  EXPECT_EQ(check_needs({{"pavise-app", 4}}, offers).error().detail(), "pavise-app 4");
  EXPECT_EQ(check_needs({{"pavise-app", 0}}, offers).error().detail(), "pavise-app 0");
  EXPECT_EQ(check_needs({{"aarch64", 1}}, offers).error().code(), kAbiMissing.code);
}

}  // namespace
}  // namespace pavise::image
