#include "cloud/hub/files/upload_token.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace pavise::hub::files {
namespace {

constexpr UnixMillis kNow = 1'795'633'200'000;
const std::string kBlob = "dev-1/logs/a b.txt";
const UploadGrant kGrant{std::string(32, 'a'), kNow + 60'000};

class UploadTokenTest : public ::testing::Test {
 protected:
  UploadTokenTest() : tokens_(key('k')), query_(tokens_.make(kBlob, kGrant).substr(1)) {}
  static SecretBytes key(char c) { return SecretBytes(Bytes(32, static_cast<std::byte>(c))); }
  bool opens(const std::string& blob, const std::string& query, UnixMillis now = kNow) {
    return tokens_.check(blob, query, now).has_value();
  }
  std::string with(const std::string& from, const std::string& to) const {
    std::string out = query_;
    const std::size_t at = out.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return out.replace(at, from.size(), to);
  }
  UploadTokens tokens_;
  std::string query_;
};

TEST_F(UploadTokenTest, OpensItsFileUntilItsTimeIsOver) {
  const auto grant = tokens_.check(kBlob, query_, kNow);
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->upload_id, kGrant.upload_id);
  EXPECT_EQ(grant->expires_ms, kGrant.expires_ms);
  EXPECT_TRUE(opens(kBlob, query_, kGrant.expires_ms - 1));
  EXPECT_TRUE(tokens_.check(kBlob, query_, kGrant.expires_ms).error().is(kUploadExpired));
}

TEST_F(UploadTokenTest, OpensNothingElse) {
  for (const char* blob : {"", "dev-1/logs/a b.tx", "dev-2/logs/a b.txt", "dev-1/logs/a b.txt/",
                           "dev-1/logs/../logs/a b.txt", "dev-1//logs/a b.txt"})
    EXPECT_FALSE(opens(blob, query_)) << blob;
  EXPECT_FALSE(opens(kBlob + std::string(1, '\0'), query_));
}

TEST_F(UploadTokenTest, NothingInItCanBeChanged) {
  EXPECT_FALSE(opens(kBlob, with("si=aa", "si=ab")));
  EXPECT_FALSE(opens(kBlob, with("sp=cw", "sp=rw")));
  EXPECT_FALSE(opens(kBlob, with("sr=b", "sr=c")));
  EXPECT_FALSE(opens(kBlob, with("se=20", "se=21")));
  EXPECT_FALSE(opens(kBlob, with("sv=2020", "sv=2021")));
  EXPECT_FALSE(opens(kBlob, with("sig=", "sig=A")));
  EXPECT_FALSE(opens(kBlob, with("sig=", "six=")));
  EXPECT_FALSE(opens(kBlob, query_ + "&si=" + kGrant.upload_id)) << "given twice";
  EXPECT_FALSE(opens(kBlob, query_ + "&comp=%G1"));
  EXPECT_FALSE(opens(kBlob, ""));
}

TEST_F(UploadTokenTest, AnotherHubsKeyOpensNothing) {
  EXPECT_FALSE(UploadTokens(key('l')).check(kBlob, query_, kNow));
}

TEST_F(UploadTokenTest, OrderAndOtherParametersDoNotMatter) {
  const std::size_t at = query_.find("&sig=");
  EXPECT_TRUE(opens(kBlob, "comp=block&blockid=QUFB&" + query_.substr(at + 1) + "&timeout=30&" +
                               query_.substr(0, at)));
}

TEST_F(UploadTokenTest, AQueryHasUpTo32Pairs) {
  const auto pairs = static_cast<std::size_t>(std::ranges::count(query_, '&') + 1);
  std::string query = query_;
  for (std::size_t i = pairs; i < kTokenPairsMax; ++i) query += "&p" + std::to_string(i) + "=1";
  EXPECT_TRUE(opens(kBlob, query));
  EXPECT_FALSE(opens(kBlob, query + "&more=1"));
}

TEST_F(UploadTokenTest, AQueryHasUpTo4096Bytes) {
  const std::string start = query_ + "&p=";
  const std::string query = start + std::string(kTokenQuerySizeMax - start.size(), 'x');
  EXPECT_TRUE(opens(kBlob, query));
  EXPECT_FALSE(opens(kBlob, query + "x"));
}

TEST_F(UploadTokenTest, NoTwoSetsOfPartsHaveOneSignature) {
  // What moves between the id and the name, with every delimiter that might be skipped.
  for (const char* between : {"", "\n", "/", "&", ":"}) {
    const std::string one = tokens_.make(std::string("x") + between + "y", {"z", kNow});
    const std::string two = tokens_.make("y", {std::string("z") + between + "x", kNow});
    EXPECT_NE(one.substr(one.find("sig=")), two.substr(two.find("sig="))) << between;
  }
}

TEST(TokenTime, OneFormOnly) {
  EXPECT_EQ(*parse_token_time("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(*parse_token_time("2026-11-25T19:00:00Z"), kNow);
  EXPECT_EQ(*parse_token_time("9999-12-31T23:59:59Z"), 253'402'300'799'000);
  for (const char* text : {"", "2026-11-25", "2026-11-25T19:00:00", "2026-11-25t19:00:00Z",
                           "2026-13-25T19:00:00Z", "2026-02-29T19:00:00Z", "2026-11-25T24:00:00Z",
                           "2026-11-25T19:60:00Z", "2026-11-25T19:00:60Z", "1969-12-31T23:59:59Z",
                           "+026-11-25T19:00:00Z", "2026-11-25T19:00:00.0Z"})
    EXPECT_FALSE(parse_token_time(text)) << text;
}

}  // namespace
}  // namespace pavise::hub::files
