// The verbs for message routes and their endpoints.
#include <fstream>

#include "cli/program/testing/hub_verbs_fixture.h"

namespace pavise::cli {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

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

}  // namespace
}  // namespace pavise::cli
