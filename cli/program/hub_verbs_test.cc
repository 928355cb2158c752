// The verbs for hubs, their identities, twins, messages, queries and jobs.
#include <fstream>

#include "cli/program/testing/hub_verbs_fixture.h"

namespace pavise::cli {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

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
