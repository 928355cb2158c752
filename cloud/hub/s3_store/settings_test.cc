#include "cloud/hub/s3_store/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace pavise::hub::s3_store {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Result<Place> place(std::string_view url, const std::string& bucket = "files",
                    const std::string& region = "us-east-1", Style style = Style::path) {
  return Place::parse(url, bucket, region, style);
}

TEST(S3Place, IsReachedAndNamedAsItsStyleSays) {
  const auto path = *place("https://s3.example.com");
  EXPECT_EQ(path.host(), "s3.example.com");
  EXPECT_EQ(path.port(), 443);
  EXPECT_TRUE(path.tls());
  EXPECT_EQ(path.host_header(), "s3.example.com");
  EXPECT_EQ(path.path_of("a/b"), "/files/a/b");
  EXPECT_EQ(path.path_of(""), "/files");
  EXPECT_EQ(path.text(), "https://s3.example.com/files");
  const auto host =
      *place("https://s3.eu-west-1.amazonaws.com:8443/", "files", "eu-west-1", Style::virtual_host);
  EXPECT_EQ(host.host(), "files.s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(host.host_header(), "files.s3.eu-west-1.amazonaws.com:8443");
  EXPECT_EQ(host.path_of("a/b"), "/a/b");
  EXPECT_EQ(host.path_of(""), "/");
  EXPECT_EQ(host.text(), "https://files.s3.eu-west-1.amazonaws.com:8443/");
}

TEST(S3Place, IsWithoutTlsOnThisMachineOnly) {
  for (const auto& [url, header] :
       {std::pair{"http://127.0.0.1:9000", "127.0.0.1:9000"},
        std::pair{"http://localhost", "localhost"}, std::pair{"http://[::1]:9000/", "[::1]:9000"},
        std::pair{"http://127.1.2.3:443", "127.1.2.3:443"}}) {
    const auto found = place(url);
    ASSERT_TRUE(found) << url;
    EXPECT_FALSE(found->tls());
    EXPECT_EQ(found->host_header(), header);
  }
  for (const std::string_view url :
       {"http://s3.example.com", "http://10.0.0.1", "http://127.0.0.1.example.com",
        "http://127.example.com", "http://127.0.0.1.", "http://localhost.example.com",
        "ftp://127.0.0.1", "s3.example.com", "https://", "https://host/bucket", "https://user@host",
        "https://host:0"})
    EXPECT_FALSE(place(url)) << url;
}

TEST(S3Place, TakesNamesThatArePlainEverywhere) {
  for (const std::string& bucket : {std::string("abc"), std::string(63, 'a'), std::string("a.b-9")})
    EXPECT_TRUE(place("https://h", bucket)) << bucket;
  for (const std::string& bucket : {std::string(), std::string("ab"), std::string(64, 'a'),
                                    std::string("A-b"), std::string("-ab"), std::string("ab."),
                                    std::string("a..b"), std::string("a/b"), std::string("a b")})
    EXPECT_FALSE(place("https://h", bucket)) << bucket;
  EXPECT_TRUE(place("https://h", "abc", std::string(kRegionSizeMax, 'r')));
  for (const std::string& region :
       {std::string(), std::string(kRegionSizeMax + 1, 'r'), std::string("a/b"), std::string("A")})
    EXPECT_FALSE(place("https://h", "abc", region)) << region;
}

TEST(S3Keys, AreReadAsTheAwsToolsWriteThem) {
  const auto keys = parse_keys(as_bytes(
      "# comment\n[default]\r\n aws_access_key_id = AK\r\n\naws_secret_access_key=a/b+c=\n"));
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->access_key, "AK");
  EXPECT_EQ(as_text(keys->secret.view()), "a/b+c=");
}

TEST(S3Keys, ThatAreNotPlainAreRefusedWithoutShowingThem) {
  const std::string good = "aws_access_key_id=AK\naws_secret_access_key=S3CRET\n";
  for (const std::string& text :
       {std::string(), std::string("aws_access_key_id=AK"),
        std::string("aws_secret_access_key=S3CRET"), good + "aws_session_token=S3CRET\n",
        good + "aws_access_key_id=AK\n", good + "[a]\n[b]\n", std::string("S3CRET\n") + good,
        std::string("aws_access_key_id=A K\naws_secret_access_key=S3CRET"),
        std::string("aws_access_key_id=A,K\naws_secret_access_key=S3CRET"),
        std::string("aws_access_key_id=\naws_secret_access_key=S3CRET"),
        std::string("aws_access_key_id=AK\naws_secret_access_key=S3CRET\x01")}) {
    const auto keys = parse_keys(as_bytes(text));
    ASSERT_FALSE(keys) << text;
    EXPECT_THAT(keys.error().message(), Not(HasSubstr("S3CRET")));
  }
  const std::string longest(kKeySizeMax, 'k');
  const auto with = [](const std::string& key) {
    return "aws_access_key_id=AK\naws_secret_access_key=" + key;
  };
  EXPECT_TRUE(parse_keys(as_bytes(with(longest))));
  EXPECT_FALSE(parse_keys(as_bytes(with(longest + "k"))));
  EXPECT_TRUE(parse_keys(as_bytes(good + std::string(kKeysFileSizeMax - good.size(), '\n'))));
  EXPECT_FALSE(parse_keys(as_bytes(good + std::string(kKeysFileSizeMax + 1 - good.size(), '\n'))));
}

TEST(S3Keys, LieInAFileThatNobodyElseReads) {
  std::string pattern = ::testing::TempDir() + "pavise-keys-XXXXXX";
  const std::string folder = ::mkdtemp(pattern.data());
  const std::string path = folder + "/keys";
  std::ofstream(path) << "aws_access_key_id=AK\naws_secret_access_key=S3CRET\n";
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  EXPECT_TRUE(read_keys(path));
  ASSERT_EQ(::chmod(path.c_str(), 0400), 0);
  EXPECT_TRUE(read_keys(path));
  for (const mode_t mode : {0640U, 0604U, 0620U, 0602U}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_FALSE(read_keys(path)) << std::oct << mode;
  }
  EXPECT_FALSE(read_keys(folder + "/none"));
  EXPECT_FALSE(read_keys(folder));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace pavise::hub::s3_store
