// The storage protocol against a real store, without sockets.
#include "cloud/hub/files/blob_requests.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "cloud/hub/files/testing/memory_depot.h"
#include "common/crypto/crypto.h"

namespace pavise::hub::files {
namespace {

constexpr UnixMillis kNow = 1'795'633'200'000;
const std::string kHub = "plant-1.7";

class BlobTest : public ::testing::Test {
 protected:
  BlobTest() : tokens_(SecretBytes(Bytes(32, std::byte{7}))) {
    std::string pattern = ::testing::TempDir() + "pavise-blobs-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    store_ = *FileStore::open(folder_, std::make_unique<testing::MemoryDepot>(medium_), clock_);
    blobs_ = std::make_unique<BlobRequests>(
        *store_, tokens_,
        [this](const NewUpload&) -> Result<FileLimits> {
          if (barred_) return kUploadNotFound;
          return limits_;
        },
        [this](const Container&) -> Status {
          if (barred_) return kContainerNotFound;
          return {};
        },
        clock_);
  }
  ~BlobTest() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  void begin(const std::string& name, const std::string& device = "d1") {
    upload_ = *store_->begin({kHub, device, 5, name, kNow + 60'000});
    sas_ = tokens_.make(device + "/" + name, {upload_.id, kNow + 60'000}).substr(1);
    path_ = blob_path(device, name);
  }
  HttpResponse call(const std::string& method, const std::string& path, const std::string& query,
                    std::string body = {}, HttpHeaders headers = {}) {
    return blobs_->handle(
        {.method = method,
         .path = path,
         .query = query,
         .headers = std::move(headers),
         .body = std::move(body),
         .peer_chain = {},
         .server_name = {},
         .peer = "192.0.2.1:4711"},
        [this](std::string_view, std::string_view, const Error& error, std::string_view stranger) {
          refused_.emplace_back(error.code());
          strangers_.emplace_back(stranger);
        });
  }
  HttpResponse put(std::string body, HttpHeaders headers = {}) {
    headers.emplace_back("x-ms-blob-type", "BlockBlob");
    return call("PUT", path_, sas_, std::move(body), std::move(headers));
  }
  HttpResponse block(const std::string& id, std::string body, HttpHeaders headers = {}) {
    return call("PUT", path_, "comp=block&blockid=" + id + "&" + sas_, std::move(body),
                std::move(headers));
  }
  HttpResponse list(const std::string& inner, HttpHeaders headers = {}) {
    return call("PUT", path_, sas_ + "&comp=blocklist", "<BlockList>" + inner + "</BlockList>",
                std::move(headers));
  }
  static std::string header(const HttpResponse& response, std::string_view name) {
    for (const auto& [each, value] : response.headers)
      if (each == name) return value;
    return {};
  }
  static std::string code(const HttpResponse& response) {
    return header(response, "x-ms-error-code");
  }
  std::string content(const std::string& name, const std::string& device = "d1") {
    const auto file = store_->file(kHub, device, name);
    if (!file) return "none";
    return std::string(as_text(*store_->read(kHub, device, *file, 0, 1U << 20)));
  }
  int judged(const std::string& path, const std::string& query) {
    const auto verdict = blobs_->judge({"PUT", path, query});
    return verdict.refusal ? verdict.refusal->status : 0;
  }

  ManualClock clock_{kNow};
  std::shared_ptr<testing::MemoryMedium> medium_ = std::make_shared<testing::MemoryMedium>();
  std::string folder_;
  std::unique_ptr<FileStore> store_;
  UploadTokens tokens_;
  std::unique_ptr<BlobRequests> blobs_;
  FileLimits limits_{1U << 20, 1U << 20, 1U << 20};
  bool barred_ = false;
  Upload upload_;
  std::string sas_;
  std::string path_;
  std::vector<std::string> refused_;
  std::vector<std::string> strangers_;
};

TEST_F(BlobTest, WholeFile) {
  begin("a.txt");
  const auto response =
      put("hello", {{"x-ms-blob-content-type", "text/plain"}, {"x-ms-client-request-id", "id-1"}});
  EXPECT_EQ(response.status, 201);
  EXPECT_FALSE(header(response, "etag").empty());
  EXPECT_EQ(header(response, "last-modified"), "Wed, 25 Nov 2026 19:00:00 GMT");
  EXPECT_EQ(header(response, "x-ms-client-request-id"), "id-1");
  EXPECT_EQ(content("a.txt"), "hello");
  EXPECT_EQ(store_->file(kHub, "d1", "a.txt")->content_type, "text/plain");
}

TEST_F(BlobTest, BlocksAndTheirList) {
  begin("a.txt");
  EXPECT_EQ(block("QUFB", "one ").status, 201);
  EXPECT_EQ(block("QkJC", "two").status, 201);
  EXPECT_EQ(content("a.txt"), "none");
  EXPECT_EQ(list("<Latest>QUFB</Latest><Latest>QkJC</Latest>").status, 201);
  EXPECT_EQ(content("a.txt"), "one two");
}

TEST_F(BlobTest, AWholeFileInPieces) {
  begin("a.bin");
  const auto piece = [&](std::uint64_t offset, const std::string& body, const std::string& stream,
                         HttpHeaders headers = {}) {
    headers.emplace_back("x-ms-blob-type", "BlockBlob");
    return blobs_->handle({.method = "PUT",
                           .path = path_,
                           .query = sas_,
                           .headers = std::move(headers),
                           .body = body,
                           .peer_chain = {},
                           .server_name = {},
                           .piece = HttpPiece{offset, 9, stream}},
                          {});
  };
  const auto cut_off = piece(0, "old", {});
  ASSERT_EQ(cut_off.status, 100);
  const auto first = piece(0, "one", {});
  ASSERT_EQ(first.status, 100);
  EXPECT_EQ(medium_->objects.size(), 1U) << "what the first attempt left is dropped";
  const auto second = piece(3, "two", header(first, kHttpPieceStream));
  ASSERT_EQ(second.status, 100);
  EXPECT_EQ(content("a.bin"), "none");
  EXPECT_EQ(code(piece(6, "new", header(cut_off, kHttpPieceStream))), "InvalidBlockList")
      << "two attempts do not mix";
  EXPECT_EQ(piece(6, "end", header(second, kHttpPieceStream)).status, 201);
  EXPECT_EQ(content("a.bin"), "onetwoend");
  EXPECT_EQ(code(piece(0, "one", {}, {{"content-md5", "AAAA"}})), "UnsupportedHeader");
  EXPECT_EQ(piece(0, "one", {}, {{"if-none-match", "*"}}).status, 100);
  limits_.file_bytes_max = 8;
  EXPECT_EQ(piece(0, "one", {}).status, 413);
}

TEST_F(BlobTest, NoOtherSignatureOpensIt) {
  begin("a.txt");
  const std::string others = sas_;
  begin("b.txt");
  for (const std::string& query :
       {std::string(), others, others + "&comp=block&blockid=QUFB", sas_ + "x"}) {
    const auto response = call("PUT", path_, query, "x", {{"x-ms-blob-type", "BlockBlob"}});
    EXPECT_EQ(response.status, 403);
    EXPECT_EQ(code(response), "AuthenticationFailed");
    EXPECT_EQ(judged(path_, query), 403);
  }
  EXPECT_EQ(content("b.txt"), "none");
  EXPECT_EQ(judged(path_, sas_), 0);
  EXPECT_EQ(blobs_->judge({"PUT", path_, sas_ + "&comp=block"}).body_bytes_max, kPartSizeMax);
  EXPECT_EQ(blobs_->judge({"PUT", path_, sas_}).piece_bytes, kPutPieceSize);
  clock_.advance_ms(60'000);
  EXPECT_EQ(judged(path_, sas_), 403) << "its time is over";
  EXPECT_EQ(put("x").status, 403);
}

// So that one device's uploads cannot take the room of all.
TEST_F(BlobTest, TheUploadsOfADeviceHaveOneOwner) {
  const auto owner = [&] { return blobs_->judge({"PUT", path_, sas_}).owner; };
  begin("a.txt");
  const std::string first = owner();
  EXPECT_EQ(first.size(), kUploaderMarkSize);
  begin("b.txt");
  EXPECT_EQ(owner(), first);
  begin("b.txt", "d2");
  EXPECT_NE(owner(), first);
  upload_ = *store_->begin({"another", "d1", 5, "a.txt", kNow + 60'000});
  EXPECT_NE(upload_.id.substr(0, kUploaderMarkSize), first) << "a device of another hub";
}

TEST_F(BlobTest, NoPathLeadsElsewhere) {
  begin("a.txt");
  for (const std::string path :
       {"/pavise-files/d2/a.txt", "/pavise-files/d1/../d2/a.txt", "/pavise-files/d1/%2e%2e/a.txt",
        "/pavise-files/d1/a.txt%00", "/pavise-files/d1/a.txt/", "/pavise-files//d1/a.txt",
        "/pavise-files/d1/%ZZ", "/pavise-files/../../etc/passwd",
        "/pavise-files/%2fetc%2fpasswd"}) {
    ASSERT_TRUE(BlobRequests::is_mine(path)) << path;
    EXPECT_EQ(judged(path, sas_), 403) << path;
    EXPECT_EQ(call("PUT", path, sas_, "x", {{"x-ms-blob-type", "BlockBlob"}}).status, 403) << path;
  }
  EXPECT_TRUE(store_->files(kHub, {}, {})->empty());
  for (const char* path :
       {"/", "/pavise-files", "/pavise-files/", "/devices/d1", "/pavise-filesx/a"})
    EXPECT_FALSE(BlobRequests::is_mine(path)) << path;
}

TEST_F(BlobTest, NamesThatSdksEncodeInTheirWay) {
  begin("50% a?b#c/ü.txt", "d#1");
  EXPECT_EQ(blob_name_for_url("d#1", "50% a?b#c/ü.txt"), "d%231/50%25 a%3Fb%23c/ü.txt");
  // As it was told; every character encoded; and what was told, encoded once more.
  for (const char* path : {"/pavise-files/d%231/50%25%20a%3Fb%23c/%C3%BC.txt",
                           "/pavise-files/d%231%2F50%25%20a%3Fb%23c%2F%C3%BC.txt",
                           "/pavise-files/d%25231%2F50%2525%20a%253Fb%2523c%2F%C3%BC.txt"})
    EXPECT_EQ(call("PUT", path, sas_, path, {{"x-ms-blob-type", "BlockBlob"}}).status, 201) << path;
  EXPECT_EQ(path_, "/pavise-files/d%231/50%25%20a%3Fb%23c/%C3%BC.txt");
}

TEST_F(BlobTest, ADeviceThatIsBarredSendsNoMore) {
  begin("a.txt");
  EXPECT_EQ(block("QUFB", "one").status, 201);
  barred_ = true;
  EXPECT_EQ(block("QkJC", "two").status, 403);
  EXPECT_EQ(list("<Latest>QUFB</Latest>").status, 403);
  EXPECT_EQ(refused_.back(), kUploadNotFound.code);
}

TEST_F(BlobTest, ConditionsAndDigestsHoldOrAreRefused) {
  begin("a.txt");
  const std::string digest = to_base64(crypto::md5(as_bytes("one")));
  EXPECT_EQ(put("one", {{"content-md5", digest}, {"if-none-match", "*"}}).status, 201);
  EXPECT_EQ(code(put("two", {{"content-md5", digest}})), "Md5Mismatch");
  EXPECT_EQ(code(put("two", {{"if-none-match", "*"}})), "BlobAlreadyExists");
  EXPECT_EQ(code(list("", {{"if-none-match", "*"}})), "BlobAlreadyExists");
  for (const char* name : {"if-match", "x-ms-lease-id", "x-ms-content-crc64", "x-ms-copy-source",
                           "x-ms-encryption-key", "if-unmodified-since"})
    EXPECT_EQ(code(put("two", {{name, "1"}})), "UnsupportedHeader") << name;
  EXPECT_EQ(content("a.txt"), "one");
}

// The log has a bound for strangers, not for those whose URL is good.
TEST_F(BlobTest, ARefusalSaysWhetherItIsAStrangers) {
  begin("a.txt");
  EXPECT_EQ(call("PUT", path_, "sig=x").status, 403);
  EXPECT_EQ(call("DELETE", path_, sas_).status, 400);
  barred_ = true;
  EXPECT_EQ(put("x").status, 403);
  EXPECT_EQ(strangers_, (std::vector<std::string>{"192.0.2.1:4711", "", "192.0.2.1:4711"}));
}

TEST_F(BlobTest, OtherCallsOfTheProtocolAreRefused) {
  begin("a.txt");
  for (const char* method : {"GET", "HEAD", "DELETE", "POST"})
    EXPECT_EQ(call(method, path_, sas_).status, 400) << method;
  for (const char* more : {"&comp=appendblock", "&comp=page", "&comp=metadata", "&comp="})
    EXPECT_EQ(call("PUT", path_, sas_ + more, "x", {{"x-ms-blob-type", "BlockBlob"}}).status, 400)
        << more;
  EXPECT_EQ(call("PUT", path_, sas_, "x").status, 400) << "no blob type";
  EXPECT_EQ(call("PUT", path_, sas_, "x", {{"x-ms-blob-type", "AppendBlob"}}).status, 400);
  EXPECT_EQ(code(block("", "x")), "InvalidQueryParameterValue");
  EXPECT_EQ(code(list("<Latest>QUFB</Latest>")), "InvalidBlockList");
}

TEST_F(BlobTest, LimitsAreToldAsTheBlobServiceTellsThem) {
  begin("a.txt");
  limits_ = {10, 1U << 20, 1U << 20};
  EXPECT_EQ(put(std::string(11, 'x')).status, 413);
  limits_ = {1U << 20, 5'000, 1U << 20};
  EXPECT_EQ(code(put(std::string(5'001, 'x'))), "FileQuotaExceeded");
  medium_->free = 0;
  const auto full = put("x");
  EXPECT_EQ(full.status, 503);
  EXPECT_EQ(code(full), "ServerBusy");
  medium_->free = UINT64_C(1) << 40;
  medium_->failure = &kFilesFailed;
  const auto broken = put("x");
  EXPECT_EQ(broken.status, 500);
  EXPECT_EQ(broken.content_type, "application/xml");
  EXPECT_NE(broken.body.find("<Code>InternalError</Code>"), std::string::npos);
  EXPECT_EQ(broken.body.find("disk"), std::string::npos) << "what is broken is for the log";
}

TEST_F(BlobTest, AStoreThatDoesNotAnswerOrRefusesIsBusyForTheClientAndNamedInTheLog) {
  begin("a.txt");
  for (const ErrorInfo* const failure : {&kStoreUnreachable, &kStoreRefused}) {
    medium_->failure = failure;
    for (const HttpResponse& response : {put("hello"), block("YQ==", "hello")}) {
      EXPECT_EQ(response.status, 503);
      EXPECT_EQ(code(response), "ServerBusy");
      EXPECT_EQ(refused_.back(), failure->code);
    }
  }
  medium_->failure = nullptr;
  EXPECT_EQ(put("hello").status, 201);
  EXPECT_EQ(content("a.txt"), "hello");
}

}  // namespace
}  // namespace pavise::hub::files
