// The verbs for files, and for import and export, which go through them.
#include <fstream>

#include "cli/program/testing/hub_verbs_fixture.h"

namespace pavise::cli {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

TEST_F(HubVerbs, FilesAreListedFetchedAndRemoved) {
  answers["GET /files?device=thermo"] = {
      .body = R"([{"deviceId":"thermo","blobName":"a/b","sizeInBytes":5,"etag":"0x1"}])"};
  EXPECT_NE(run({"file", "list", "-n", "plant-1", "-d", "thermo"}).out.find("1 file\n"),
            std::string::npos);
  answers["GET /files?device=thermo&name=a%2Fb"] = answers["GET /files?device=thermo"];
  answers["GET /files/thermo/a%2Fb?offset=0&etag=0x1"] = {.body = "hel"};
  answers["GET /files/thermo/a%2Fb?offset=3&etag=0x1"] = {.body = "lo"};
  const std::string path = folder / "fetched";
  EXPECT_EQ(
      run({"file", "get", "-n", "plant-1", "-d", "thermo", "--name", "a/b", "--path", path.c_str()})
          .code,
      0);
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "hello");
  answers["GET /files/thermo/a%2Fb?offset=3&etag=0x1"] = {.status = 404, .body = "{}"};
  const std::string other = folder / "other";
  EXPECT_EQ(run({"file", "get", "-n", "plant-1", "-d", "thermo", "--name", "a/b", "--path",
                 other.c_str()})
                .code,
            3)
      << "replaced meanwhile";
  EXPECT_FALSE(std::filesystem::exists(other));
  EXPECT_FALSE(std::filesystem::exists(other + ".partial"));
  answers["DELETE /files/thermo/a%2Fb"] = {.status = 204};
  EXPECT_EQ(run({"file", "delete", "-n", "plant-1", "-d", "thermo", "--name", "a/b"}).out,
            "removed\n");
}

TEST_F(HubVerbs, DevicesAreExportedThroughAContainer) {
  answers["POST /containers"] = {
      .status = 201,
      .body = R"({"containerId":"c1","containerUri":"https://h/pavise-containers/c1?sig=x"})"};
  answers["POST /jobs/create"] = {.body = R"({"jobId":"j","status":"enqueued","progress":0})"};
  answers["GET /jobs/j"] = {
      .body = R"({"jobId":"j","status":"completed","progress":100,"statusMessage":"1 device"})"};
  answers["GET /containers/c1"] = {
      .body = R"({"files":[{"blobName":"other"},{"blobName":"devices.txt","sizeInBytes":12}]})"};
  answers["GET /pavise-containers/c1/devices.txt?sig=x"] = {.status = 206,
                                                            .body = "{\"id\":\"d1\"}\n"};
  answers["DELETE /containers/c1"] = {.status = 204};
  const std::string path = folder / "devices.txt";
  const Outcome done =
      run({"device-identity", "export", "-n", "plant-1", "--path", path.c_str(), "--include-keys"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, path + ", 1 device\n");
  constexpr const char* kJob =
      R"(POST /jobs/create {"type":"export","excludeKeysInExport":false,)"
      R"("outputBlobContainerUri":"https://h/pavise-containers/c1?sig=x"})";
  EXPECT_EQ(seen, (Seen{R"(POST /containers {"ttlInSeconds":3600})", kJob, "GET /jobs/j",
                        "GET /containers/c1", "GET /pavise-containers/c1/devices.txt?sig=x",
                        "DELETE /containers/c1"}));
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "{\"id\":\"d1\"}\n");
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write)
      << "keys are in it";
  answers["GET /jobs/j"] = {
      .body = R"({"jobId":"j","status":"failed","failureReason":"the disk is full"})"};
  const Outcome failed =
      run({"device-identity", "export", "-n", "plant-1", "--path", path.c_str()});
  EXPECT_EQ(failed.code, 1);
  EXPECT_NE(failed.err.find("the disk is full"), std::string::npos) << failed.err;
  EXPECT_EQ(seen.back(), "DELETE /containers/c1") << "nothing is left";
  EXPECT_EQ(run({"device-identity", "export", "-n", "plant-1"}).code, 2);
  EXPECT_EQ(run({"device-identity", "export", "-n", "plant-1", "--bcu", "https://h/c?s"}).code, 0);
  EXPECT_EQ(seen.back(), R"(POST /jobs/create {"type":"export","excludeKeysInExport":true,)"
                         R"("outputBlobContainerUri":"https://h/c?s"})");
}

TEST_F(HubVerbs, DevicesAreImportedAndWhatFailedIsSaid) {
  answers["POST /containers"] = {
      .status = 201,
      .body = R"({"containerId":"c1","containerUri":"https://h/pavise-containers/c1?sig=x"})"};
  answers["PUT /pavise-containers/c1/devices.txt?comp=block&blockid=MDAwMDAwMDA%3D&sig=x"] = {
      .status = 201};
  answers["PUT /pavise-containers/c1/devices.txt?comp=blocklist&sig=x"] = {.status = 201};
  answers["POST /jobs/create"] = {
      .body = R"({"jobId":"j","status":"completed","statusMessage":"2 lines, of which 1 failed"})"};
  const std::string log =
      R"({"line":2,"deviceId":"d2","errorStatus":"DeviceAlreadyExists","message":"it exists"})"
      "\n";
  answers["GET /containers/c1"] = {
      .body = R"({"files":[{"blobName":"importErrors.log","sizeInBytes":)" +
              std::to_string(log.size()) + "}]}"};
  answers["GET /pavise-containers/c1/importErrors.log?sig=x"] = {.status = 206, .body = log};
  answers["DELETE /containers/c1"] = {.status = 204};
  const std::string path = folder / "devices.txt";
  std::ofstream(path) << "{\"id\":\"d1\"}\n{\"id\":\"d2\"}\n";
  const Outcome done = run({"device-identity", "import", "-n", "plant-1", "--path", path.c_str()});
  EXPECT_EQ(done.code, 1) << "a line failed";
  EXPECT_EQ(done.out, "2 lines, of which 1 failed\n");
  EXPECT_NE(done.err.find("line 2: d2 DeviceAlreadyExists: it exists\n"), std::string::npos);
  EXPECT_EQ(seen[1],
            "PUT /pavise-containers/c1/devices.txt?comp=block&blockid=MDAwMDAwMDA%3D&sig=x "
            "{\"id\":\"d1\"}\n{\"id\":\"d2\"}\n");
  EXPECT_EQ(seen.back(), "DELETE /containers/c1");
  answers["GET /containers/c1"] = {
      .body = R"({"files":[{"blobName":"importErrors.log","sizeInBytes":0}]})"};
  EXPECT_EQ(run({"device-identity", "import", "-n", "plant-1", "--path", path.c_str()}).code, 0);
  EXPECT_EQ(run({"device-identity", "import", "-n", "plant-1", "--path", "/nowhere"}).code, 1);
  EXPECT_EQ(seen.back(), "DELETE /containers/c1");
}

}  // namespace
}  // namespace pavise::cli
