// Whole command lines against a scripted server that is management API and hub at once.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "cli/program/program.h"
#include "common/net/testing/loopback.h"

namespace pavise::cli {
namespace {

using net::testing::LoopbackServer;
using net::testing::TestCa;
using net::testing::TestRequest;
using net::testing::TestResponse;
using Seen = std::vector<std::string>;

constexpr const char* kDevice =
    R"({"deviceId":"thermo","status":"enabled","etag":"AA==","authentication":{"type":"sas",)"
    R"("symmetricKey":{"primaryKey":"cDE=","secondaryKey":"czI="}}})";
constexpr const char* kPolicies =
    R"({"policies":[{"name":"iothubowner","rights":[],"primary_key":"b3c=","secondary_key":"bzI="},)"
    R"({"name":"service","rights":[],"primary_key":"c3Y=","secondary_key":"czI="}]})";

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

class HubVerbs : public ::testing::Test {
 protected:
  HubVerbs()
      : server({.identity = ca.issue()},
               net::testing::http_handler(
                   [this](const TestRequest& request, SSL*) { return answer(request); })) {
    std::string pattern = ::testing::TempDir() + "pavise-cli-hub-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    setenv("PAVISE_CONTEXT", (folder / "contexts.json").c_str(), 1);
    Contexts contexts;
    contexts.current = "test";
    contexts.all["test"] = {"https://127.0.0.1:" + std::to_string(server.port()), ca.pem(),
                            "pavise_t"};
    EXPECT_TRUE(save_contexts(context_path(), contexts));
    say_token(server.port());
    answers["GET /api/v1/hubs/plant-1"] = {
        .body = R"({"name":"plant-1","host_name":"plant-1.localhost","settings":{}})"};
    answers["GET /api/v1/hubs/plant-1/policies"] = {.body = kPolicies};
    answers["GET /devices/thermo"] = {.body = kDevice};
  }
  ~HubVerbs() override {
    unsetenv("PAVISE_CONTEXT");
    std::filesystem::remove_all(folder);
  }

  void say_token(int https_port) {
    answers["POST /api/v1/hubs/plant-1/token"] = {
        .status = 201,
        .body = R"({"token":"SharedAccessSignature x","policy":"iothubowner",)"
                R"("host_name":"plant-1.localhost","ports":{"mqtt":1,"https":)" +
                std::to_string(https_port) + "}}"};
  }
  TestResponse answer(const TestRequest& request) {
    constexpr std::string_view kVersion = "api-version=2021-04-12";
    std::string key = request.method + " " + request.target;
    const bool managing = request.target.starts_with("/api/v1/");
    EXPECT_EQ(request.headers.at("authorization"),
              managing ? "Bearer pavise_t" : "SharedAccessSignature x");
    if (!managing) {
      EXPECT_EQ(request.headers.at("host"), "plant-1.localhost");
      EXPECT_TRUE(key.ends_with(kVersion)) << key;
      key.resize(key.size() - kVersion.size() - 1);
    }
    if (key != "POST /api/v1/hubs/plant-1/token") {
      seen.push_back(key + (request.body.empty() ? "" : " " + request.body));
      for (const auto& [name, value] : request.headers)
        if (name == "if-match" || name.starts_with("iothub-") || name.starts_with("x-ms-"))
          seen.back() += " " + name + "=" + value;
    }
    if (const auto from = request.headers.find("x-ms-continuation"); from != request.headers.end())
      key += " from " + from->second;
    const auto found = answers.find(key);
    if (found != answers.end()) return found->second;
    if (managing)
      return {.status = 404,
              .body = R"({"error":{"code":"PV-HST-010","message":"there is no such hub"}})"};
    return {.status = 404,
            .body = R"({"Message":"ErrorCode:DeviceNotFound;there is no such device",)"
                    R"("ExceptionMessage":"Tracking ID:AB-TimeStamp:T"})"};
  }
  Outcome run(std::vector<const char*> arguments) {
    Outcome outcome;
    Streams streams{.out = [&](std::string_view text) { outcome.out += text; },
                    .err = [&](std::string_view text) { outcome.err += text; }};
    seen.clear();
    arguments.insert(arguments.begin(), "hub");
    outcome.code = run_program(arguments, streams);
    return outcome;
  }

  TestCa ca;
  std::map<std::string, TestResponse> answers;
  Seen seen;
  LoopbackServer server;
  std::filesystem::path folder;
};

TEST_F(HubVerbs, MakeAHubForTheOnlyTenant) {
  answers["GET /api/v1/tenants"] = {.body = R"({"tenants":[{"id":"acme"}]})"};
  answers["POST /api/v1/hubs"] = {.status = 201, .body = R"({"name":"plant-1"})"};
  EXPECT_EQ(run({"create", "plant-1", "--host-alias", "127.0.0.1", "--host-alias", "localhost",
                 "--fault-injection", "true"})
                .code,
            0);
  EXPECT_EQ(seen.back(), R"(POST /api/v1/hubs {"name":"plant-1","tenant":"acme","settings":)"
                         R"({"fault_injection":true,"host_aliases":["127.0.0.1","localhost"]}})");
  answers["GET /api/v1/tenants"] = {.body = R"({"tenants":[{"id":"acme"},{"id":"b"}]})"};
  EXPECT_EQ(run({"create", "plant-1"}).code, 2);
  EXPECT_EQ(run({"create", "plant-1", "--tenant", "b"}).code, 0);
}

TEST_F(HubVerbs, ChangeAndRemoveAHub) {
  answers["PATCH /api/v1/hubs/plant-1"] = {.body = R"({"name":"plant-1"})"};
  answers["DELETE /api/v1/hubs/plant-1"] = {.status = 204};
  EXPECT_EQ(run({"update", "plant-1", "--retention-hours", "72"}).code, 0);
  EXPECT_EQ(seen, Seen{R"(PATCH /api/v1/hubs/plant-1 {"settings":{"retention_hours":72}})"});
  EXPECT_EQ(run({"update", "plant-1", "--event-source", "twinChangeEvents", "--event-source",
                 "deviceLifecycleEvents"})
                .code,
            0);
  EXPECT_EQ(seen.back(),
            R"(PATCH /api/v1/hubs/plant-1 {"settings":{"event_sources":["twinChangeEvents",)"
            R"("deviceLifecycleEvents"]}})");
  EXPECT_EQ(run({"update", "plant-1", "--event-source", "none"}).code, 0);
  EXPECT_EQ(seen.back(), R"(PATCH /api/v1/hubs/plant-1 {"settings":{"event_sources":[]}})");
  EXPECT_EQ(run({"update", "plant-1"}).code, 2) << "nothing to change";
  EXPECT_EQ(run({"delete", "plant-1"}).out, "removed\n");
  EXPECT_EQ(run({"delete", "nobody"}).code, 3);
}

TEST_F(HubVerbs, FileUploadIsASetting) {
  answers["PATCH /api/v1/hubs/plant-1"] = {.body = R"({"name":"plant-1"})"};
  EXPECT_EQ(
      run({"update", "plant-1", "--file-upload", "true", "--file-upload-notifications", "false",
           "--file-upload-notification-lock-duration", "30", "--file-upload-max-bytes", "1000"})
          .code,
      0);
  EXPECT_EQ(seen.back(), R"(PATCH /api/v1/hubs/plant-1 {"settings":{"file_upload":)"
                         R"({"enabled":true,"notifications":false,"notification":{"lock_s":30},)"
                         R"("file_bytes_max":1000}}})");
}

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
  EXPECT_EQ(seen, (Seen{R"(POST /containers {"ttlInSeconds":3600})",
                        R"(POST /jobs/create {"type":"export","excludeKeysInExport":false,)"
                        R"("outputBlobContainerUri":"https://h/pavise-containers/c1?sig=x"})",
                        "GET /jobs/j", "GET /containers/c1",
                        "GET /pavise-containers/c1/devices.txt?sig=x", "DELETE /containers/c1"}));
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

TEST_F(HubVerbs, TheOnlyHubNeedsNoName) {
  answers["GET /api/v1/hubs"] = {.body = R"({"hubs":[{"name":"plant-1"},{"name":"tenant-acme"}]})"};
  EXPECT_EQ(run({"show"}).code, 0);
  EXPECT_EQ(seen.back(), "GET /api/v1/hubs/plant-1");
  EXPECT_EQ(run({"device-identity", "show", "-d", "thermo"}).code, 0);
  answers["GET /api/v1/hubs"] = {.body = R"({"hubs":[{"name":"a"},{"name":"b"}]})"};
  const Outcome outcome = run({"show"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("PV-CLI-011"), std::string::npos);
}

TEST_F(HubVerbs, ConnectionStringsOfPoliciesDevicesAndModules) {
  EXPECT_EQ(run({"connection-string", "show", "plant-1"}).out,
            "HostName=plant-1.localhost;SharedAccessKeyName=iothubowner;SharedAccessKey=b3c=\n");
  EXPECT_EQ(run({"connection-string", "show", "-n", "plant-1", "--policy", "service", "--key",
                 "secondary"})
                .out,
            "HostName=plant-1.localhost;SharedAccessKeyName=service;SharedAccessKey=czI=\n");
  EXPECT_EQ(run({"connection-string", "show", "plant-1", "--policy", "none"}).code, 2);
  EXPECT_EQ(run({"connection-string", "show", "plant-1", "--device", "thermo"}).out,
            "HostName=plant-1.localhost;DeviceId=thermo;SharedAccessKey=cDE=\n");
  answers["GET /devices/thermo/modules/m"] = {
      .body = R"({"deviceId":"thermo","moduleId":"m","authentication":{"type":"selfSigned"}})"};
  EXPECT_EQ(run({"connection-string", "show", "plant-1", "-d", "thermo", "-m", "m"}).out,
            "HostName=plant-1.localhost;DeviceId=thermo;ModuleId=m;x509=true\n");
  answers["GET /api/v1/hubs/plant-1"] = {
      .body = R"({"host_name":"x","settings":{"host_aliases":["127.0.0.1"]}})"};
  EXPECT_EQ(run({"connection-string", "show", "plant-1", "-o", "json"}).out,
            "{\"connectionString\":\"HostName=127.0.0.1;SharedAccessKeyName=iothubowner;"
            "SharedAccessKey=b3c=\"}\n")
      << "an alias is what its owner can resolve";
}

TEST_F(HubVerbs, MakeIdentitiesOfEachKind) {
  answers["PUT /devices/a%2Fb"] = {.body = kDevice};
  answers["PUT /devices/thermo"] = {.body = kDevice};
  answers["PUT /devices/thermo/modules/m"] = {.body = kDevice};
  EXPECT_EQ(run({"device-identity", "create", "-n", "plant-1", "-d", "a/b"}).code, 0);
  EXPECT_EQ(seen, Seen{R"(PUT /devices/a%2Fb {"deviceId":"a/b"})"});
  const auto create = [&](std::vector<const char*> more) {
    more.insert(more.begin(), {"device-identity", "create", "-n", "plant-1", "-d", "thermo"});
    return run(std::move(more));
  };
  create({"--status", "disabled", "--star", "lost", "--ee"});
  EXPECT_EQ(seen, Seen{R"(PUT /devices/thermo {"deviceId":"thermo","status":"disabled",)"
                       R"("statusReason":"lost","capabilities":{"iotEdge":true}})"});
  create({"--am", "x509_ca"});
  EXPECT_EQ(seen, Seen{R"(PUT /devices/thermo {"deviceId":"thermo","authentication":)"
                       R"({"type":"certificateAuthority"}})"});
  create({"--ptp", "AB", "--stp", "CD"});
  EXPECT_EQ(
      seen,
      Seen{R"(PUT /devices/thermo {"deviceId":"thermo","authentication":{"type":"selfSigned",)"
           R"("x509Thumbprint":{"primaryThumbprint":"AB","secondaryThumbprint":"CD"}}})"});
  create({"--pk", "a2V5"});
  EXPECT_EQ(seen, Seen{R"(PUT /devices/thermo {"deviceId":"thermo","authentication":{"type":"sas",)"
                       R"("symmetricKey":{"primaryKey":"a2V5"}}})"});
  EXPECT_EQ(create({"--am", "x509_thumbprint"}).code, 2);
  EXPECT_EQ(create({"--am", "x509_ca", "--pk", "a2V5"}).code, 2);
  EXPECT_EQ(create({"--pk", "a2V5", "--ptp", "AB"}).code, 2);
  EXPECT_EQ(create({"--am", "password"}).code, 2);
  run({"module-identity", "create", "-n", "plant-1", "-d", "thermo", "-m", "m"});
  EXPECT_EQ(seen, Seen{R"(PUT /devices/thermo/modules/m {"deviceId":"thermo","moduleId":"m"})"});
}

TEST_F(HubVerbs, AnUpdateWritesBackWhatItRead) {
  answers["PUT /devices/thermo"] = {.body = kDevice};
  const Outcome outcome =
      run({"device-identity", "update", "-n", "plant-1", "-d", "thermo", "--status", "disabled"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_NE(seen[1].find(R"("status":"disabled")"), std::string::npos);
  EXPECT_NE(seen[1].find(R"("primaryKey":"cDE=")"), std::string::npos) << "keys stay";
  EXPECT_TRUE(seen[1].ends_with(R"( if-match="AA==")")) << seen[1];
  EXPECT_EQ(
      run({"device-identity", "update", "-n", "plant-1", "-d", "thermo", "--status", "enabled"})
          .code,
      2)
      << "nothing would change";
  // As the hub shows an attested device; what it makes of it: RestTest.
  answers["GET /devices/thermo"] = {
      .body = R"({"deviceId":"thermo","status":"enabled","etag":"AA==","authentication":)"
              R"({"symmetricKey":{"primaryKey":null,"secondaryKey":null},)"
              R"("type":"certificateAuthority"}})"};
  run({"device-identity", "update", "-n", "plant-1", "-d", "thermo", "--status", "disabled"});
  EXPECT_NE(seen[1].find(R"("authentication":{"symmetricKey":{"primaryKey":null,)"
                         R"("secondaryKey":null},"type":"certificateAuthority"})"),
            std::string::npos)
      << seen[1];
}

TEST_F(HubVerbs, ErrorsOfTheHubHaveTheirExitCodes) {
  const Outcome missing = run({"device-identity", "show", "-n", "plant-1", "-d", "nobody"});
  EXPECT_EQ(missing.code, 3);
  EXPECT_NE(missing.err.find("DeviceNotFound: there is no such device"), std::string::npos);
  EXPECT_EQ(run({"device-identity", "show", "-n", "other", "-d", "thermo"}).code, 3);
  const std::pair<int, int> codes[] = {{401, 4}, {409, 6}, {412, 6}, {429, 1}, {504, 1}};
  for (const auto& [status, code] : codes) {
    answers["GET /devices/thermo"] = {.status = status, .body = "{}"};
    EXPECT_EQ(run({"device-identity", "show", "-n", "plant-1", "-d", "thermo"}).code, code);
  }
  say_token(0);
  const Outcome closed = run({"device-identity", "show", "-n", "plant-1", "-d", "thermo"});
  EXPECT_EQ(closed.code, 1);
  EXPECT_NE(closed.err.find("PV-CLI-010"), std::string::npos);
}

TEST_F(HubVerbs, TwinsMethodsAndMessages) {
  answers["PATCH /twins/thermo"] = {.body = "{}"};
  answers["PUT /twins/thermo/modules/m"] = {.body = "{}"};
  answers["POST /twins/thermo/methods"] = {.body = R"({"status":200,"payload":{"ok":true}})"};
  answers["POST /devices/thermo/messages/devicebound"] = {.status = 204};
  answers["DELETE /devices/thermo/commands"] = {.body = R"({"totalMessagesPurged":3})"};
  run({"device-twin", "update", "-n", "plant-1", "-d", "thermo", "--tags", R"({"floor":1})",
       "--desired", R"({"a":null})"});
  EXPECT_EQ(seen, Seen{R"(PATCH /twins/thermo {"tags":{"floor":1},"properties":)"
                       R"({"desired":{"a":null}}} if-match=*)"});
  run({"module-twin", "update", "-n", "plant-1", "-d", "thermo", "-m", "m", "--replace", "--tags",
       "{}", "-e", "AA"});
  EXPECT_EQ(seen, Seen{R"(PUT /twins/thermo/modules/m {"tags":{}} if-match="AA")"});
  EXPECT_EQ(run({"device-twin", "update", "-n", "plant-1", "-d", "thermo"}).code, 2);
  EXPECT_EQ(run({"device-twin", "update", "-n", "plant-1", "-d", "thermo", "--desired", "[]"}).code,
            2);

  const Outcome called = run({"invoke-device-method", "-n", "plant-1", "-d", "thermo", "--mn",
                              "reboot", "--mp", "5", "--timeout", "7"});
  EXPECT_EQ(seen, Seen{R"(POST /twins/thermo/methods {"methodName":"reboot","payload":5,)"
                       R"("responseTimeoutInSeconds":7,"connectTimeoutInSeconds":0})"});
  EXPECT_NE(called.out.find(R"({"ok":true})"), std::string::npos);

  EXPECT_EQ(run({"c2d-message", "send", "-n", "plant-1", "-d", "thermo", "--data", "hi", "-p",
                 "colour=red;n=a=b", "--ack", "full", "--mid", "1"})
                .out,
            "sent\n");
  EXPECT_EQ(seen, Seen{"POST /devices/thermo/messages/devicebound hi iothub-ack=full "
                       "iothub-app-colour=red iothub-app-n=a=b iothub-messageid=1"});
  EXPECT_EQ(run({"c2d-message", "send", "-n", "plant-1", "-d", "thermo", "-p", "colour"}).code, 2);
  EXPECT_EQ(run({"c2d-message", "purge", "-n", "plant-1", "-d", "thermo"}).out,
            "messages removed: 3\n");
}

TEST_F(HubVerbs, MonitorsUntilTheCount) {
  answers["GET /api/v1/hubs/plant-1/telemetry?from=5&limit=2&wait_ms=30000"] = {
      .body = R"({"items":[{"time":"T","device":"a","body":1}],"next_offset":9})"};
  answers["GET /api/v1/hubs/plant-1/telemetry?from=9&limit=1&wait_ms=30000"] = {
      .body = R"({"items":[{"time":"T","device":"b","body":2}],"next_offset":10})"};
  EXPECT_EQ(run({"monitor-events", "-n", "plant-1", "--from", "5", "--count", "2"}).out,
            "T  a  1\nT  b  2\n");
}

TEST_F(HubVerbs, AQueryGoesThroughItsPages) {
  answers["POST /devices/query"] = {.body = R"([{"deviceId":"a","floor":1}])",
                                    .more_headers = "x-ms-continuation: NEXT\r\n"};
  answers["POST /devices/query from NEXT"] = {.body = R"([{"deviceId":"b","tags":{"x":[1]}}])"};
  const Outcome all = run({"query", "-n", "plant-1", "-q", "SELECT * FROM devices"});
  EXPECT_EQ(all.out,
            "deviceId  floor  tags\n"
            "a         1      -\n"
            "b         -      {\"x\":[1]}\n"
            "2 rows\n");
  EXPECT_EQ(
      seen,
      (Seen{
          R"(POST /devices/query {"query":"SELECT * FROM devices"} x-ms-max-item-count=1000)",
          R"(POST /devices/query {"query":"SELECT * FROM devices"} x-ms-continuation=NEXT x-ms-max-item-count=1000)"}));
  EXPECT_EQ(
      run({"query", "-n", "plant-1", "-q", "SELECT * FROM devices", "--top", "1", "-o", "json"})
          .out,
      "[{\"deviceId\":\"a\",\"floor\":1}]\n");
  EXPECT_EQ(seen.size(), 1U) << "no more than is wanted";
  EXPECT_EQ(run({"query", "-n", "plant-1"}).code, 2);
  answers["POST /devices/query"] = {.body = "{}"};
  EXPECT_EQ(run({"query", "-n", "plant-1", "-q", "x"}).code, 1);
}

TEST_F(HubVerbs, JobsAreMadeShownListedAndCancelled) {
  const std::string job =
      R"({"jobId":"j/1","type":"scheduleDeviceMethod","status":"completed","queryCondition":"*",)"
      R"("startTime":"T","deviceJobStatistics":{"deviceCount":3,"succeededCount":2,"failedCount":1}})";
  answers["PUT /jobs/v2/j%2F1"] = {.body = job};
  answers["GET /jobs/v2/j%2F1"] = {.body = job};
  answers["POST /jobs/v2/j%2F1/cancel"] = {.body = job};
  answers["GET /jobs/v2/query?jobType=scheduleDeviceMethod&jobStatus=running"] = {
      .body = "[" + job + "]"};
  const auto create = [&](std::vector<const char*> more) {
    more.insert(more.begin(), {"job", "create", "-n", "plant-1", "--job-id", "j/1", "-q", "*"});
    return run(std::move(more));
  };
  const Outcome made = create({"--job-type", "scheduleDeviceMethod", "--mn", "reboot", "--mp", "5",
                               "--ttl", "60", "--wait", "5"});
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_NE(made.out.find("3: 2 succeeded, 1 failed"), std::string::npos) << made.out;
  EXPECT_EQ(seen,
            Seen{R"(PUT /jobs/v2/j%2F1 {"jobId":"j/1","type":"scheduleDeviceMethod",)"
                 R"("cloudToDeviceMethod":{"methodName":"reboot","responseTimeoutInSeconds":30,)"
                 R"("connectTimeoutInSeconds":0,"payload":5},"queryCondition":"*",)"
                 R"("maxExecutionTimeInSeconds":60})"});
  create({"--job-type", "scheduleUpdateTwin", "--patch", R"({"tags":{"a":1}})", "--start-time",
          "2026-12-24T18:00:00Z"});
  EXPECT_EQ(seen, Seen{R"(PUT /jobs/v2/j%2F1 {"jobId":"j/1","type":"scheduleUpdateTwin",)"
                       R"("updateTwin":{"tags":{"a":1},"etag":"*"},"queryCondition":"*",)"
                       R"("maxExecutionTimeInSeconds":3600,"startTime":"2026-12-24T18:00:00Z"})"});
  EXPECT_EQ(create({"--job-type", "scheduleDeviceMethod"}).code, 2) << "which method";
  EXPECT_EQ(create({"--job-type", "scheduleUpdateTwin"}).code, 2) << "which change";
  EXPECT_EQ(create({"--job-type", "scheduleUpdateTwin", "--patch", "{}", "--mn", "x"}).code, 2);
  EXPECT_EQ(create({"--job-type", "scheduleDeviceMethod", "--mn", "x", "--patch", "{}"}).code, 2);
  EXPECT_EQ(create({"--job-type", "export"}).code, 2);
  EXPECT_NE(run({"job", "show", "-n", "plant-1", "--job-id", "j/1"}).out.find("completed"),
            std::string::npos);
  EXPECT_EQ(
      run({"job", "list", "-n", "plant-1", "--jt", "scheduleDeviceMethod", "--js", "running"}).out,
      "JOB  TYPE                  STATUS     START  DEVICES  SUCCEEDED  FAILED\n"
      "j/1  scheduleDeviceMethod  completed  T      3        2          1\n"
      "1 job\n");
  EXPECT_EQ(run({"job", "cancel", "-n", "plant-1", "--job-id", "j/1", "-o", "json"}).out,
            job + "\n");
  EXPECT_EQ(run({"job", "show", "-n", "plant-1", "--job-id", "none"}).code, 3);
}

TEST_F(HubVerbs, CertificatesGoUpAsTheirFiles) {
  std::ofstream(folder / "ca.pem") << "PEM";
  const std::string path = folder / "ca.pem";
  answers["POST /api/v1/hubs/plant-1/certificates"] = {.status = 201, .body = "{}"};
  answers["POST /api/v1/hubs/plant-1/certificates/root/verification-code"] = {
      .body = R"({"name":"root","verification_code":"C0DE","verified":false})"};
  answers["POST /api/v1/hubs/plant-1/certificates/root/verify"] = {.body = "{}"};
  answers["DELETE /api/v1/hubs/plant-1/certificates/root"] = {.status = 204};
  run({"certificate", "create", "-n", "plant-1", "--name", "root", "-p", path.c_str()});
  EXPECT_EQ(seen,
            Seen{R"(POST /api/v1/hubs/plant-1/certificates {"name":"root","certificate":"PEM"})"});
  EXPECT_NE(run({"certificate", "generate-verification-code", "-n", "plant-1", "--name", "root"})
                .out.find("C0DE"),
            std::string::npos);
  run({"certificate", "verify", "-n", "plant-1", "--name", "root", "-p", path.c_str()});
  EXPECT_EQ(seen,
            Seen{R"(POST /api/v1/hubs/plant-1/certificates/root/verify {"certificate":"PEM"})"});
  EXPECT_EQ(run({"certificate", "delete", "-n", "plant-1", "--name", "root"}).out, "removed\n");
  EXPECT_EQ(run({"certificate", "create", "-n", "plant-1", "--name", "x", "-p", "/none"}).code, 1);
}

TEST_F(HubVerbs, EndpointsTakeTheirSecretFromAFile) {
  std::ofstream(folder / "auth") << "Bearer S3CRET\nnot this\n";
  std::ofstream(folder / "empty") << "\n";
  std::ofstream(folder / "ca.pem") << "PEM";
  const std::string auth = folder / "auth";
  const std::string empty = folder / "empty";
  const std::string ca = folder / "ca.pem";
  const std::string path = "/api/v1/hubs/plant-1/endpoints";
  answers["POST " + path] = {.status = 201,
                             .body = R"({"name":"alarms","has_secret":true,"tls":true,"ca":"PEM",)"
                                     R"("health":{"state":"healthy"}})"};
  answers["GET " + path] = {.body = R"({"endpoints":[]})"};
  answers["GET " + path + "/alarms"] = {.body = R"({"name":"alarms"})"};
  answers["PATCH " + path + "/alarms"] = {.body = R"({"name":"alarms"})"};
  answers["DELETE " + path + "/alarms"] = {.status = 204};
  const Outcome made =
      run({"message-endpoint", "create", "-n", "plant-1", "--en", "alarms", "--type", "webhook",
           "--address", "https://a.example/in", "--secret-file", auth.c_str(), "--ca", ca.c_str()});
  EXPECT_EQ(seen, Seen{"POST " + path +
                       R"( {"name":"alarms","type":"webhook","address":"https://a.example/in",)"
                       R"("secret":"Bearer S3CRET","ca":"PEM"})"});
  EXPECT_NE(made.out.find("healthy"), std::string::npos) << made.out;
  EXPECT_EQ(run({"message-endpoint", "list", "-n", "plant-1"}).code, 0);
  EXPECT_EQ(run({"message-endpoint", "show", "-n", "plant-1", "--endpoint-name", "alarms"}).code,
            0);
  run({"message-endpoint", "update", "-n", "plant-1", "--en", "alarms", "--topic", "t", "--user",
       "u", "--tls", "false", "-e", "AA"});
  EXPECT_EQ(seen, Seen{"PATCH " + path +
                       R"(/alarms {"topic":"t","user":"u","tls":false} if-match="AA")"});
  EXPECT_EQ(run({"message-endpoint", "delete", "-n", "plant-1", "--en", "alarms"}).out,
            "removed\n");
  EXPECT_EQ(run({"message-endpoint", "update", "-n", "plant-1", "--en", "alarms"}).code, 2);
  EXPECT_EQ(run({"message-endpoint", "update", "-n", "plant-1", "--en", "alarms", "--secret-file",
                 empty.c_str()})
                .code,
            2);
  EXPECT_EQ(run({"message-endpoint", "create", "-n", "plant-1", "--en", "x", "--type", "smtp",
                 "--address", "a:1"})
                .code,
            2);
}

TEST_F(HubVerbs, RoutesAreMadeAndTried) {
  const std::string path = "/api/v1/hubs/plant-1/routes";
  answers["POST " + path] = {.status = 201, .body = R"({"name":"hot","enabled":true})"};
  answers["GET " + path] = {.body = R"({"routes":[{"name":"hot","enabled":false}]})"};
  answers["GET " + path + "/hot"] = {.body = R"({"name":"hot"})"};
  answers["PATCH " + path + "/hot"] = {.body = R"({"name":"hot"})"};
  answers["DELETE " + path + "/hot"] = {.status = 204};
  answers["POST /api/v1/hubs/plant-1/route-test"] = {
      .body = R"({"routes":[{"name":"hot","endpoint":"alarms","result":"matches"}],)"
              R"("endpoints":["alarms","events"]})"};
  run({"message-route", "create", "-n", "plant-1", "--rn", "hot", "--en", "alarms", "-c",
       "$body.t > 30", "--source-type", "DeviceMessages"});
  EXPECT_EQ(seen, Seen{"POST " + path +
                       R"( {"source":"DeviceMessages","endpoint":"alarms",)"
                       R"("condition":"$body.t > 30","name":"hot"})"});
  EXPECT_NE(run({"message-route", "list", "-n", "plant-1"}).out.find("disabled"),
            std::string::npos);
  EXPECT_EQ(run({"message-route", "show", "-n", "plant-1", "--rn", "hot"}).code, 0);
  run({"message-route", "update", "-n", "plant-1", "--rn", "hot", "--enabled", "false"});
  EXPECT_EQ(seen, Seen{"PATCH " + path + R"(/hot {"enabled":false})"});
  EXPECT_EQ(run({"message-route", "update", "-n", "plant-1", "--rn", "hot"}).code, 2);
  EXPECT_EQ(run({"message-route", "delete", "-n", "plant-1", "--rn", "hot"}).out, "removed\n");
  const Outcome tried =
      run({"message-route", "test", "-n", "plant-1", "--rn", "hot", "-b", R"({"t":31})", "--ap",
           R"({"a":"b"})", "--sp", R"({"contentType":"application/json"})"});
  EXPECT_EQ(
      seen,
      Seen{R"(POST /api/v1/hubs/plant-1/route-test {"route":"hot","body":"{\"t\":31}",)"
           R"("properties":{"a":"b"},"system_properties":{"contentType":"application/json"}})"});
  EXPECT_NE(tried.out.find("matches"), std::string::npos);
  EXPECT_NE(tried.out.find("goes to alarms, events"), std::string::npos) << tried.out;
  EXPECT_EQ(run({"message-route", "test", "-n", "plant-1", "--ap", "[1]"}).code, 2);
}

TEST_F(HubVerbs, AConfigurationIsMadeOfWhatWasGiven) {
  answers["PUT /configurations/fan-on"] = {.body = R"({"id":"fan-on"})"};
  run({"configuration", "create", "-n", "plant-1", "-c", "fan-on", "--pri", "7", "--tc", "*", "-k",
       R"({"content":{"deviceContent":{"properties.desired.a":1}}})", "--lab", R"({"os":"linux"})",
       "--cl", "site=north", "--cmq", "warm=SELECT deviceId FROM devices WHERE a = 1"});
  EXPECT_EQ(seen.back(),
            R"(PUT /configurations/fan-on {"id":"fan-on","schemaVersion":"1.0",)"
            R"("content":{"deviceContent":{"properties.desired.a":1}},"targetCondition":"*",)"
            R"("priority":7,"labels":{"os":"linux","site":"north"},)"
            R"("metrics":{"queries":{"warm":"SELECT deviceId FROM devices WHERE a = 1"}}})");
  const auto refused = [&](const char* option, const char* value) {
    return run({"configuration", "create", "-n", "plant-1", "-c", "x", "-k", "{}", option, value})
        .code;
  };
  EXPECT_EQ(refused("--cl", "novalue"), 2);
  EXPECT_EQ(refused("--cmq", "=q"), 2);
  EXPECT_EQ(refused("--metrics", R"({"m":"q"})"), 2);
  EXPECT_EQ(refused("--labels", "[]"), 2);
  EXPECT_EQ(run({"configuration", "create", "-n", "plant-1", "-c", "x", "-k", "nonsense"}).code, 2);
}

TEST_F(HubVerbs, AConfigurationChangesUnderTheETagThatWasRead) {
  answers["GET /configurations/fan-on"] = {
      .body = R"({"id":"fan-on","priority":1,"targetCondition":"*","etag":"AA=="})"};
  answers["PUT /configurations/fan-on"] = {.body = R"({"id":"fan-on"})"};
  run({"configuration", "update", "-n", "plant-1", "-c", "fan-on", "--pri", "0", "--tc", ""});
  EXPECT_EQ(seen.back(),
            R"(PUT /configurations/fan-on {"id":"fan-on","priority":0,"targetCondition":"",)"
            R"("etag":"AA=="} if-match="AA==")");
  run({"configuration", "update", "-n", "plant-1", "-c", "fan-on", "--pri", "2", "-e", "BB=="});
  EXPECT_TRUE(seen.back().ends_with(R"(if-match="BB==")")) << seen.back();
  EXPECT_EQ(run({"configuration", "update", "-n", "plant-1", "-c", "fan-on"}).code, 2);
}

TEST_F(HubVerbs, ConfigurationsAreListedShownAndRemoved) {
  answers["GET /configurations?top=5"] = {.body = R"([{"id":"fan-on"}])"};
  EXPECT_NE(
      run({"configuration", "list", "-n", "plant-1", "--top", "5"}).out.find("1 configuration"),
      std::string::npos);
  answers["GET /configurations/fan-on"] = {.body = R"({"id":"fan-on"})"};
  EXPECT_NE(run({"configuration", "show", "-n", "plant-1", "-c", "fan-on"}).out.find("fan-on"),
            std::string::npos);
  answers["DELETE /configurations/fan-on"] = {.status = 204};
  EXPECT_EQ(run({"configuration", "delete", "-n", "plant-1", "-c", "fan-on"}).out, "removed\n");
  EXPECT_EQ(seen.back(), "DELETE /configurations/fan-on if-match=*");
}

TEST_F(HubVerbs, AMetricIsItsQueryNow) {
  answers["GET /configurations/fan-on"] = {
      .body = R"({"systemMetrics":{"queries":{"appliedCount":"SELECT deviceId FROM devices"}}})"};
  answers["POST /devices/query"] = {.body = R"([{"deviceId":"thermo"}])"};
  const std::vector<const char*> words = {
      "configuration", "show-metric", "-n", "plant-1", "-c", "fan-on", "-m", "appliedCount"};
  auto system = words;
  system.insert(system.end(), {"--mt", "system"});
  EXPECT_EQ(run(system).out, "{\"deviceId\":\"thermo\"}\n1 row\n");
  EXPECT_EQ(
      seen.back(),
      R"(POST /devices/query {"query":"SELECT deviceId FROM devices"} x-ms-max-item-count=1000)");
  EXPECT_EQ(run(words).code, 2) << "it is not one of the configuration's own";
}

TEST_F(HubVerbs, EveryVerbHasHelpWithAnExample) {
  for (const std::vector<const char*>& verb :
       std::vector<std::vector<const char*>>{{"create"},
                                             {"list"},
                                             {"show"},
                                             {"update"},
                                             {"delete"},
                                             {"connection-string", "show"},
                                             {"generate-sas-token"},
                                             {"device-identity", "create"},
                                             {"module-identity", "list"},
                                             {"device-twin", "update"},
                                             {"module-twin", "show"},
                                             {"invoke-device-method"},
                                             {"invoke-module-method"},
                                             {"c2d-message", "send"},
                                             {"c2d-message", "purge"},
                                             {"monitor-events"},
                                             {"query"},
                                             {"job", "create"},
                                             {"job", "show"},
                                             {"job", "list"},
                                             {"job", "cancel"},
                                             {"certificate", "verify"},
                                             {"configuration", "create"},
                                             {"configuration", "list"},
                                             {"configuration", "show-metric"}}) {
    auto words = verb;
    words.push_back("--help");
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.code, 0);
    EXPECT_NE(outcome.out.find("Examples:\n  pavise hub "), std::string::npos) << outcome.out;
  }
}

TEST_F(HubVerbs, TopShowsOneIntervalAndEnds) {
  constexpr const char* kActivity =
      R"({"time":"T","steady_ms":5,"hubs":[{"hub":"plant-1","connections":{"mqtt":3},)"
      R"("messages_in":7,"errors":[{"code":"PV-HUB-003","count":2,"what":"silence"}]}]})";
  answers["GET /api/v1/activity"] = {.body = kActivity};
  answers["GET /api/v1/hubs/plant-1/activity"] = {.body = kActivity};
  const Outcome all = run({"top", "--once", "--interval", "0.1"});
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_NE(all.out.find("PV-HUB-003  2      silence"), std::string::npos) << all.out;
  EXPECT_EQ(all.out.find('\x1b'), std::string::npos);
  EXPECT_EQ(seen, (Seen{"GET /api/v1/activity", "GET /api/v1/activity"}));
  const Outcome one = run({"top", "-n", "plant-1", "--once", "--interval", "0.1", "-o", "json"});
  EXPECT_NE(one.out.find(R"("rates":{)"), std::string::npos) << one.out;
  EXPECT_EQ(seen.back(), "GET /api/v1/hubs/plant-1/activity");
  EXPECT_EQ(run({"top", "-n", "nobody", "--once", "--interval", "0.1"}).code, 3);
  EXPECT_EQ(run({"top", "--interval", "0"}).code, 2);
}

}  // namespace
}  // namespace pavise::cli
