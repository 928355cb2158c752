// The examples that Amazon's S3 documentation works out ("Signature Calculations for the
// Authorization Header: Transferring Payload in a Single Chunk").
#include "protocol/s3/signature.h"

#include <gtest/gtest.h>

namespace pavise::s3 {
namespace {

constexpr std::string_view kEmpty =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr const char* kHost = "examplebucket.s3.amazonaws.com";
constexpr const char* kStamp = "20130524T000000Z";

Keys example_keys() {
  return {"AKIAIOSFODNN7EXAMPLE",
          SecretBytes::copy_of(as_bytes("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))};
}

struct Vector {
  Request request;
  std::string signed_headers;
  std::string signature;
};

std::vector<Vector> vectors() {
  const std::pair<std::string, std::string> host{"host", kHost};
  const std::pair<std::string, std::string> date{"x-amz-date", kStamp};
  const std::pair<std::string, std::string> empty{"x-amz-content-sha256", std::string(kEmpty)};
  return {
      {{"GET", "/test.txt", {}, {date, host, {"range", "bytes=0-9"}, empty}},
       "host;range;x-amz-content-sha256;x-amz-date",
       "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
      {{"PUT",
        "/test$file.text",
        {},
        {host,
         {"date", "Fri, 24 May 2013 00:00:00 GMT"},
         date,
         {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
         {"x-amz-content-sha256", payload_digest(as_bytes("Welcome to Amazon S3."))}}},
       "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
       "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
      {{"GET", "/", {{"lifecycle", ""}}, {host, date, empty}},
       "host;x-amz-content-sha256;x-amz-date",
       "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
      {{"GET", "/", {{"prefix", "J"}, {"max-keys", "2"}}, {host, date, empty}},
       "host;x-amz-content-sha256;x-amz-date",
       "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
  };
}

TEST(Signature, IsThatOfThePublishedExamples) {
  const Keys keys = example_keys();
  for (const Vector& vector : vectors())
    EXPECT_EQ(authorization(vector.request, keys, "us-east-1"),
              "AWS4-HMAC-SHA256 "
              "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=" +
                  vector.signed_headers + ",Signature=" + vector.signature);
}

TEST(Signature, CoversEveryPart) {
  const Request request = vectors()[0].request;
  const std::string given = authorization(request, example_keys(), "us-east-1");
  const auto differs = [&](const auto& change) {
    Request other = request;
    Keys keys = example_keys();
    std::string region = "us-east-1";
    change(other, keys, region);
    return authorization(other, keys, region) != given;
  };
  EXPECT_TRUE(differs([](Request& r, Keys&, std::string&) { r.method = "PUT"; }));
  EXPECT_TRUE(differs([](Request& r, Keys&, std::string&) { r.path += "x"; }));
  EXPECT_TRUE(differs([](Request& r, Keys&, std::string&) { r.query = {{"a", "b"}}; }));
  EXPECT_TRUE(differs([](Request& r, Keys&, std::string&) { r.headers[1].second += "x"; }));
  EXPECT_TRUE(differs([](Request&, Keys&, std::string& region) { region = "eu-west-1"; }));
  EXPECT_TRUE(
      differs([](Request&, Keys& keys, std::string&) { keys.secret.span()[0] ^= std::byte{1}; }));
}

TEST(Encoding, KeepsUnreservedCharactersOnly) {
  EXPECT_EQ(encoded("aZ09-._~", false), "aZ09-._~");
  EXPECT_EQ(encoded("a/b c+$\xc3\xa9%", false), "a%2Fb%20c%2B%24%C3%A9%25");
  EXPECT_EQ(encoded("a/b c", true), "a/b%20c");
  EXPECT_EQ(canonical_query({{"prefix", "a/b"}, {"list-type", "2"}, {"empty", ""}}),
            "empty=&list-type=2&prefix=a%2Fb");
}

TEST(Timestamp, IsUtcInBasicForm) {
  EXPECT_EQ(timestamp(1'369'353'600), kStamp);
}

}  // namespace
}  // namespace pavise::s3
