// Containers, and the jobs that import and export, over the hub's own calls without sockets.
#include <gmock/gmock.h>

#include "cloud/hub/rest/testing/rest_fixture.h"
#include "cloud/hub/rest/transfer_request.h"

namespace pavise::hub::rest {
namespace {

namespace json = boost::json;
using testing::Answer;
using ::testing::HasSubstr;
using ::testing::Not;

class Transfers : public testing::RestTest {
 protected:
  Transfers() {
    files_ = *files::FileHouse::open({.folder = folder_ + "/files"}, store_->index(), clock_);
    begin({});
  }
  static std::string text(const json::value& body, std::string_view name) {
    return std::string(std::string_view(body.at(name).as_string()));
  }
  json::value container(const std::string& body = {}) {
    const Answer made = call("POST", "/containers", body, {}, "write");
    EXPECT_EQ(made.status, 201) << made.text;
    return made.body;
  }
  std::string uri() { return text(container(), "containerUri"); }
  // What follows the host.
  static std::string target(const std::string& uri, const std::string& file,
                            const std::string& more = {}) {
    const std::size_t path = uri.find("/pavise-containers/");
    const std::size_t query = uri.find('?');
    return uri.substr(path, query - path) + "/" + file + uri.substr(query) + more;
  }
  Answer create(const json::object& body, const std::string& token = "all") {
    return call("POST", "/jobs/create", json::serialize(body), {}, token);
  }
  Answer create_export(const std::string& to, bool exclude = true,
                       const std::string& token = "all") {
    return create(
        {{"type", "export"}, {"outputBlobContainerUri", to}, {"excludeKeysInExport", exclude}},
        token);
  }
};

TEST_F(Transfers, AContainerHasAUriAndATime) {
  const json::value made = container(R"({"ttlInSeconds":60})");
  EXPECT_THAT(text(made, "containerUri"), HasSubstr("https://plant-1.test:443/pavise-containers/" +
                                                    text(made, "containerId") + "?sv="));
  const std::string path = "/containers/" + text(made, "containerId");
  EXPECT_EQ(call("GET", path).body.at("files"), json::array());
  EXPECT_EQ(call("GET", path, {}, {}, "read").status, 401) << "keys may be in it";
  for (const char* ttl : {"59", "86401", "\"60\"", "-1"})
    EXPECT_EQ(call("POST", "/containers", R"({"ttlInSeconds":)" + std::string(ttl) + "}").status,
              400);
  EXPECT_EQ(container(R"({"ttlInSeconds":86400})").is_object(), true);
  EXPECT_EQ(call("POST", "/containers", "", {}, "read").status, 401);
  EXPECT_EQ(call("DELETE", path, {}, {}, "read").status, 401);
  EXPECT_EQ(call("DELETE", path).status, 204);
  EXPECT_EQ(call("DELETE", path).status, 400);
  EXPECT_EQ(call("GET", path).status, 400);
}

TEST_F(Transfers, TenContainersAtMost) {
  for (std::size_t i = 0; i < files::kContainersMax; ++i) container();
  EXPECT_EQ(call("POST", "/containers").error(), "ThrottlingMaxActiveJobCountExceeded");
}

TEST_F(Transfers, FilesOfAContainerAreWrittenReadAndRemoved) {
  const std::string here = uri();
  const auto blob = [&](const std::string& method, const std::string& at, std::string body = {},
                        Headers headers = {}) {
    headers.emplace_back("x-ms-blob-type", "BlockBlob");
    return call(method, at, std::move(body), std::move(headers), "");
  };
  EXPECT_EQ(blob("GET", target(here, "a b.txt")).status, 404);
  EXPECT_EQ(blob("PUT", target(here, "a%20b.txt"), "hello").status, 201);
  const Answer read = blob("GET", target(here, "a%20b.txt"));
  EXPECT_EQ(read.status, 200);
  EXPECT_EQ(read.text, "hello");
  EXPECT_EQ(read.header("x-ms-blob-type"), "BlockBlob");
  const auto range = [&](const std::string& bytes) {
    return blob("GET", target(here, "a%20b.txt"), {}, {{"x-ms-range", bytes}});
  };
  EXPECT_EQ(range("bytes=1-3").text, "ell");
  EXPECT_EQ(range("bytes=1-3").status, 206);
  EXPECT_EQ(range("bytes=1-3").header("content-range"), "bytes 1-3/5");
  EXPECT_EQ(range("bytes=4-").text, "o");
  EXPECT_EQ(range("bytes=4-99").text, "o");
  EXPECT_EQ(range("bytes=5-").status, 416);
  EXPECT_EQ(range("bytes=3-1").status, 400);
  EXPECT_EQ(range("bytes=x").status, 400);
  EXPECT_EQ(blob("HEAD", target(here, "a%20b.txt")).text, "");
  EXPECT_EQ(blob("GET", target(here, "a%20b.txt"), {}, {{"if-match", "\"0x0\""}}).status, 412);
  EXPECT_EQ(blob("GET", target(here, "a%20b.txt"), {}, {{"if-match", read.header("etag")}}).status,
            200);
  EXPECT_EQ(blob("GET", target(here, "a%20b.txt", "&comp=metadata")).status, 400);
  EXPECT_EQ(blob("POST", target(here, "a%20b.txt")).status, 400);
  EXPECT_EQ(blob("PUT", target(here, "..%2f..%2fx"), "x").status, 400);
  // In blocks, and again with the name: the blocks of the first are not in the way.
  for (const char* content : {"one", "two"}) {
    EXPECT_EQ(blob("PUT", target(here, "c", "&comp=block&blockid=QQ=="), content).status, 201);
    EXPECT_EQ(blob("PUT", target(here, "c", "&comp=blocklist"),
                   "<BlockList><Latest>QQ==</Latest></BlockList>")
                  .status,
              201);
    EXPECT_EQ(blob("GET", target(here, "c")).text, content);
  }
  EXPECT_EQ(blob("DELETE", target(here, "a%20b.txt")).status, 202);
  EXPECT_EQ(blob("DELETE", target(here, "a%20b.txt")).status, 404);
  EXPECT_EQ(call("GET", "/files").body, json::array()) << "no file of a device";
}

TEST_F(Transfers, OnlyTheWholeSignatureOpensAContainer) {
  const std::string here = uri();
  const std::string other = uri();
  const std::string url = target(here, "a");
  std::string swapped = target(other, "a");
  swapped = url.substr(0, url.find('?')) + swapped.substr(swapped.find('?'));
  std::string later = url;
  later.replace(later.find("se=") + 3, 4, "2999");
  std::string more = url;
  more.replace(more.find("sp=rwd"), 6, "sp=rwdl");
  for (const std::string& wrong : {swapped, later, more, url.substr(0, url.find('?')),
                                   url.substr(0, url.size() - 1), url + "&sr=c"}) {
    EXPECT_EQ(call("PUT", wrong, "x", {{"x-ms-blob-type", "BlockBlob"}}, "").status, 403) << wrong;
    const std::size_t query = std::min(wrong.find('?'), wrong.size() - 1);
    const auto verdict = api_->judge({.method = "PUT",
                                      .path = std::string_view(wrong).substr(0, query),
                                      .query = std::string_view(wrong).substr(query + 1)});
    EXPECT_TRUE(verdict && verdict->refusal) << "before a body is taken";
  }
  EXPECT_EQ(call("PUT", url, "x", {{"x-ms-blob-type", "BlockBlob"}}, "").status, 201);
  EXPECT_EQ(call("PUT", url, "x", {{"x-ms-blob-type", "BlockBlob"}}, "all").status, 201);
}

TEST_F(Transfers, AJobIsMadeShownListedAndCancelled) {
  const Answer made = create_export(uri());
  ASSERT_EQ(made.status, 200) << made.text;
  EXPECT_EQ(transfers_changed_, 1);
  EXPECT_EQ(made.body.at("type"), "export");
  EXPECT_EQ(made.body.at("status"), "enqueued");
  EXPECT_EQ(made.body.at("progress"), 0);
  EXPECT_EQ(made.body.at("outputBlobName"), "devices.txt");
  EXPECT_EQ(made.body.at("excludeKeysInExport"), true);
  EXPECT_THAT(made.text, Not(HasSubstr("sig="))) << "whoever reads jobs learns no way in";
  const std::string path = "/jobs/" + text(made.body, "jobId");
  EXPECT_EQ(call("GET", path, {}, {}, "read").text, made.text);
  EXPECT_EQ(call("GET", "/jobs").body.as_array().size(), 1U);
  EXPECT_EQ(create_export(uri()).error(), "JobQuotaExceeded");
  EXPECT_EQ(call("DELETE", path, {}, {}, "read").status, 401);
  EXPECT_EQ(call("DELETE", path).status, 204);
  EXPECT_EQ(call("DELETE", path).status, 204) << "as it shall be";
  EXPECT_EQ(call("GET", path).body.at("status"), "cancelled");
  EXPECT_EQ(create_export(uri()).status, 200) << "there is room for the next";
  EXPECT_EQ(call("GET", "/jobs/nobody").error(), "JobNotFound");
  EXPECT_EQ(call("DELETE", "/jobs/nobody").error(), "JobNotFound");
}

TEST_F(Transfers, KeysNeedTheRightToReadThem) {
  const std::string here = uri();
  EXPECT_EQ(create_export(here, false, "write").status, 401);
  EXPECT_EQ(create_export(here, false, "read").status, 401);
  EXPECT_EQ(create_export(here, true, "write").status, 200);
}

TEST_F(Transfers, OtherUrisAndBodiesAreRefused) {
  const std::string here = uri();
  for (const std::string& foreign :
       {std::string("https://account.blob.core.windows.net/c?sig=x"), std::string("http://x/y"),
        std::string("https://"), std::string("https://x"), std::string("file:///etc/passwd"),
        "http" + here.substr(5), std::string("https://x?/pavise-containers/a")}) {
    const Answer answer = create_export(foreign);
    EXPECT_EQ(answer.status, 400) << foreign;
    EXPECT_THAT(answer.text, HasSubstr("containers of the hub itself only"));
  }
  EXPECT_THAT(create_export(here + "x").text, HasSubstr("no such container"));
  EXPECT_THAT(create_export(here.substr(0, here.find('?'))).text, HasSubstr("no such container"));
  EXPECT_EQ(create({{"type", "export"}}).status, 400);
  EXPECT_EQ(create({{"type", "scheduleUpdateTwin"}, {"outputBlobContainerUri", here}}).status, 400);
  EXPECT_EQ(create({{"type", "import"}, {"outputBlobContainerUri", here}}).status, 400);
  EXPECT_EQ(create({{"type", "import"},
                    {"inputBlobContainerUri", here},
                    {"inputBlobName", "importErrors.log"},
                    {"outputBlobContainerUri", here}})
                .status,
            400);
  EXPECT_EQ(
      create(
          {{"type", "export"}, {"outputBlobContainerUri", here}, {"includeConfigurations", true}})
          .status,
      400);
  EXPECT_EQ(
      create({{"type", "export"}, {"outputBlobContainerUri", here}, {"outputBlobName", "../x"}})
          .status,
      400);
  EXPECT_EQ(call("GET", "/jobs").body, json::array()) << "none was made";
}

TEST_F(Transfers, AContainerOfAnotherHubIsNone) {
  const auto foreign = files_->store().make_container("plant-2.1", clock_.now_ms() + 60'000);
  const std::string theirs =
      "https://x" + files::container_path(foreign->id) +
      files_->tokens().make_container({foreign->id, foreign->expires_ms / 1000 * 1000});
  EXPECT_THAT(create_export(theirs).text, HasSubstr("no such container"));
  EXPECT_EQ(call("GET", "/containers/" + foreign->id).status, 400);
  EXPECT_EQ(call("DELETE", "/containers/" + foreign->id).status, 400);
  EXPECT_EQ(call("PUT", target(theirs, "a"), "x", {{"x-ms-blob-type", "BlockBlob"}}, "").status,
            403)
      << "there is no such hub";
}

}  // namespace
}  // namespace pavise::hub::rest
