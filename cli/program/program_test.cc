// Whole command lines against a scripted server.
#include "cli/program/program.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>

#include "common/base/bytes.h"
#include "common/net/testing/loopback.h"

namespace pavise::cli {
namespace {

using net::testing::LoopbackServer;
using net::testing::TestCa;
using net::testing::TestRequest;
using net::testing::TestResponse;

const std::string kId = "3fa8" + std::string(60, '0');
const std::string kDevice =
    R"({"id":")" + kId +
    R"(","tenant":"acme","state":"trusted","enabled":true,"activated":true,"connected":true,)"
    R"("registered":"2026-11-22T07:00:00Z","claimed":"2026-11-22T07:01:00Z",)"
    R"("last_attested":"2026-11-22T07:02:00Z","certificate":null})";
// The greatest id before all that begin with 3fa8.
const std::string kBefore = "3fa7" + std::string(60, 'f');

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

class ProgramTest : public ::testing::Test {
 protected:
  ProgramTest()
      : server({.identity = ca.issue()},
               net::testing::http_handler(
                   [this](const TestRequest& request, SSL*) { return answer(request); })) {
    std::string pattern = ::testing::TempDir() + "pavise-cli-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    setenv("PAVISE_CONTEXT", (folder / "contexts.json").c_str(), 1);
    save_context(server.port(), ca.pem());
    answers["GET /devices?after=" + kBefore + "&limit=2"] = {.body = R"({"devices":[)" + kDevice +
                                                                     R"(],"next":null})"};
  }
  ~ProgramTest() override {
    unsetenv("PAVISE_CONTEXT");
    std::filesystem::remove_all(folder);
  }

  void save_context(int port, const std::string& trust, const std::string& token = "pavise_t") {
    Contexts contexts;
    contexts.current = "test";
    contexts.all["test"] = {"https://127.0.0.1:" + std::to_string(port), trust, token};
    ASSERT_TRUE(save_contexts(context_path(), contexts));
  }

  TestResponse answer(const TestRequest& request) {
    EXPECT_TRUE(request.target.starts_with("/api/v1/"));
    EXPECT_EQ(request.headers.at("authorization"), "Bearer pavise_t");
    const std::string key = request.method + " " + request.target.substr(7);
    seen.push_back(key + (request.body.empty() ? "" : " " + request.body));
    if (request.headers.contains("if-match")) seen.back() += " " + request.headers.at("if-match");
    const auto found = answers.find(key);
    if (found != answers.end()) return found->second;
    return {.status = 404,
            .body = R"({"error":{"code":"PV-API-005","message":"no such thing","detail":"",)"
                    R"("next":"Look elsewhere.","retry":"never","tracking_id":"5f1c"}})"};
  }

  Outcome run(std::vector<const char*> arguments) {
    Outcome outcome;
    Streams streams{.out = [&](std::string_view text) { outcome.out += text; },
                    .err = [&](std::string_view text) { outcome.err += text; }};
    seen.clear();
    outcome.code = run_program(arguments, streams);
    return outcome;
  }
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(folder / name) << text;
    return folder / name;
  }

  TestCa ca;
  std::map<std::string, TestResponse> answers;
  std::vector<std::string> seen;
  LoopbackServer server;
  std::filesystem::path folder;
};

using Seen = std::vector<std::string>;

TEST_F(ProgramTest, ListsDevicesAsTableAndAsTheServerAnswered) {
  answers["GET /devices?limit=100"] = {.body = "{ \"devices\":[" + kDevice + "], \"next\":null }"};
  const Outcome table = run({"device", "list"});
  EXPECT_EQ(table.code, 0);
  EXPECT_EQ(table.out,
            "DEVICE        TENANT  STATE    CONNECTED  LAST ATTESTED         CERTIFICATE UNTIL\n"
            "3fa800000000  acme    trusted  yes        2026-11-22T07:02:00Z  -\n"
            "1 device\n");
  const Outcome json = run({"device", "list", "-o", "json"});
  EXPECT_EQ(json.out, "{ \"devices\":[" + kDevice + "], \"next\":null }\n");
  run({"device", "list", "--tenant", "acme", "--state", "refused", "--limit", "5"});
  EXPECT_EQ(seen, Seen{"GET /devices?tenant=acme&state=refused&limit=5"});
}

TEST_F(ProgramTest, AUniquePrefixNamesADevice) {
  answers["GET /devices/" + kId] = {.body = kDevice};
  EXPECT_EQ(run({"device", "show", "3FA8"}).code, 0);
  EXPECT_EQ(seen, (Seen{"GET /devices?after=" + kBefore + "&limit=2", "GET /devices/" + kId}));
  EXPECT_EQ(run({"device", "show", kId.c_str()}).code, 0);
  EXPECT_EQ(seen, Seen{"GET /devices/" + kId});

  answers["GET /devices?after=" + kBefore + "&limit=2"].body =
      R"({"devices":[)" + kDevice + R"(,{"id":"3fa8ff"}],"next":null})";
  const Outcome ambiguous = run({"device", "show", "3fa8"});
  EXPECT_EQ(ambiguous.code, 2);
  EXPECT_NE(ambiguous.err.find("PV-CLI-007"), std::string::npos);
  answers["GET /devices?after=" + kBefore + "&limit=2"].body = R"({"devices":[{"id":"4000"}]})";
  EXPECT_EQ(run({"device", "show", "3fa8"}).code, 3);
  for (const char* bad : {"3fa", "xyz12", "3fa8-"}) EXPECT_EQ(run({"device", "show", bad}).code, 2);
  // Ids that begin with zeros have nothing before them.
  answers["GET /devices?limit=2"] = {.body = R"({"devices":[]})"};
  EXPECT_EQ(run({"device", "show", "0000"}).code, 3);
}

TEST_F(ProgramTest, ChangesTheStateOfADevice) {
  for (const char* verb : {"enable", "disable", "release"}) {
    answers["POST /devices/" + kId + "/" + verb] = {.body = kDevice};
    EXPECT_EQ(run({"device", verb, kId.c_str()}).code, 0) << verb;
  }
  answers["POST /devices/" + kId + "/revoke-certificates"] = {.body = R"({"revoked":2})"};
  const Outcome revoked = run({"device", "revoke", kId.c_str(), "--reason", "lost"});
  EXPECT_EQ(revoked.out, "certificates revoked: 2\n");
  EXPECT_EQ(seen, Seen{"POST /devices/" + kId + R"(/revoke-certificates {"reason":"lost"})"});
}

TEST_F(ProgramTest, ClaimsByAnyFormOfTheVoucher) {
  answers["POST /devices/claim"] = {.body = kDevice};
  const std::string voucher(100, '\xa5');
  const std::string base64 = to_base64(as_bytes(voucher));
  const std::string expected =
      R"(POST /devices/claim {"tenant":"acme","voucher":")" + base64 + "\"}";
  EXPECT_EQ(run({"device", "claim", file("v.cbor", voucher).c_str(), "--tenant", "acme"}).code, 0);
  EXPECT_EQ(seen, Seen{expected});
  EXPECT_EQ(run({"device", "claim", file("v.txt", base64 + "\n").c_str(), "--tenant", "acme"}).code,
            0);
  EXPECT_EQ(seen, Seen{expected});
  const std::string long_text = to_base64(as_bytes(std::string(200, 'x')));
  EXPECT_EQ(run({"device", "claim", long_text.c_str(), "--tenant", "acme"}).code, 0);
  EXPECT_EQ(run({"device", "claim", "/does/not/exist", "--tenant", "acme"}).code, 1);
  EXPECT_EQ(run({"device", "claim", "v"}).code, 2);
}

TEST_F(ProgramTest, ShowsEvidenceAndItsHistory) {
  answers["GET /devices/" + kId + "/evidence"] = {
      .body = R"({"device":"3f","time":"T","accepted":true,"code":"","reason":""})"};
  EXPECT_EQ(run({"device", "evidence", "3fa8"}).out,
            "device   3f\ntime     T\nverdict  accepted\n");
  answers["GET /devices/" + kId + "/evidence/history?limit=20"] = {.body = R"({"verdicts":[]})"};
  EXPECT_EQ(run({"device", "evidence", "3fa8", "--history"}).out, "TIME  VERDICT\n0 verdicts\n");
}

TEST_F(ProgramTest, WatchesTelemetryFromAnOffset) {
  const std::string page =
      R"({"items":[{"offset":7,"device":"3f","tenant":"a","time":"T","properties":{},)"
      R"("body":{"uptime_s":5}}],"next_offset":8})";
  answers["GET /telemetry?device=" + kId + "&from=7&limit=1&wait_ms=5000"] = {.body = page};
  const Outcome json = run({"telemetry", "watch", kId.c_str(), "--from", "7", "--count", "1",
                            "--timeout", "5", "-o", "json"});
  EXPECT_EQ(json.code, 0) << json.err;
  EXPECT_EQ(json.out, page + "\n");
  const Outcome table =
      run({"telemetry", "watch", kId.c_str(), "--from", "7", "--count", "1", "--timeout", "5"});
  EXPECT_EQ(table.out, "T  3f  {\"uptime_s\":5}\n");
  EXPECT_EQ(run({"telemetry", "watch", "--from", "sometimes"}).code, 2);
}

TEST_F(ProgramTest, FollowsTelemetryPageByPage) {
  answers["GET /telemetry?from=latest&limit=2&wait_ms=30000"] = {
      .body = R"({"items":[{"time":"T","device":"d","body":1}],"next_offset":41})"};
  answers["GET /telemetry?from=41&limit=1&wait_ms=30000"] = {
      .body = R"({"items":[{"time":"U","device":"d","body":2}],"next_offset":42})"};
  const Outcome outcome = run({"telemetry", "watch", "--count", "2"});
  EXPECT_EQ(outcome.out, "T  d  1\nU  d  2\n");
}

TEST_F(ProgramTest, WatchesDevicesForChanges) {
  answers["GET /devices?limit=1000"] = {.body = R"({"devices":[)" + kDevice + R"(],"next":null})"};
  const Outcome outcome = run({"device", "watch", "--count", "1"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.out.find("3fa800000000  acme"), std::string::npos);
  answers["GET /devices/" + kId] = {.body = kDevice};
  EXPECT_EQ(run({"device", "watch", kId.c_str(), "--count", "1", "-o", "json"}).out,
            kDevice + "\n");
}

TEST_F(ProgramTest, UpdatesTheTwin) {
  answers["PATCH /devices/" + kId + "/twin"] = {
      .body = R"({"device":"3f","etag":"8","desired":{"a":1.5},"desired_version":8,"reported":{},)"
              R"("reported_version":1})"};
  const Outcome outcome = run({"twin", "update", kId.c_str(), "--set", "telemetry_interval_s=10",
                               "--set", "net.name=north side", "--if-match", "7"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(seen, Seen{"PATCH /devices/" + kId +
                       R"(/twin {"desired":{"telemetry_interval_s":10,)"
                       R"("net":{"name":"north side"}}} "7")"});
  const std::string desired = "@" + file("desired.json", R"({"x":null})");
  run({"twin", "update", kId.c_str(), "--desired", desired.c_str()});
  EXPECT_EQ(seen, Seen{"PATCH /devices/" + kId + R"(/twin {"desired":{"x":null}})"});
  for (const std::vector<const char*>& bad : {std::vector<const char*>{"twin", "update", "3fa8"},
                                              {"twin", "update", "3fa8", "--set", "novalue"},
                                              {"twin", "update", "3fa8", "--desired", "[]"}})
    EXPECT_EQ(run(bad).code, 2);
}

TEST_F(ProgramTest, AddsWhatAnOwnerTrusts) {
  const std::string release_id(64, '9');
  answers["POST /tenants"] = {.status = 201, .body = R"({"id":"acme","created":"T"})"};
  EXPECT_EQ(run({"tenant", "create", "acme"}).out, "tenant   acme\ncreated  T\n");
  EXPECT_EQ(seen, Seen{R"(POST /tenants {"id":"acme"})"});

  answers["POST /releases"] = {.status = 201, .body = "{}"};
  run({"release", "add", file("r.json", "{}").c_str(), file("r.sig", "sig").c_str()});
  EXPECT_EQ(seen, Seen{R"(POST /releases {"manifest":"e30=","signature":"c2ln"})"});

  answers["GET /releases"] = {.body = R"({"releases":[{"id":")" + release_id + R"("}]})"};
  answers["POST /releases/" + release_id + "/revoke"] = {.body = "{}"};
  EXPECT_EQ(run({"release", "revoke", "9999", "--reason", "CVE"}).code, 0);
  EXPECT_EQ(seen.back(), "POST /releases/" + release_id + R"(/revoke {"reason":"CVE"})");
  EXPECT_EQ(run({"release", "revoke", "8888"}).code, 3);

  answers["POST /vendors"] = {.status = 201, .body = "{}"};
  run({"vendor", "add", file("v.pem", "PEM").c_str(), "--name", "virtual"});
  EXPECT_EQ(seen, Seen{R"(POST /vendors {"name":"virtual","certificate":"PEM"})"});

  answers["POST /release-keys"] = {.status = 201, .body = "{}"};
  run({"release-key", "add", file("k.pem", "PEM").c_str(), "--name", "dev", "--tenant", "acme"});
  EXPECT_EQ(seen, Seen{R"(POST /release-keys {"name":"dev","key":"PEM","tenant":"acme"})"});
}

TEST_F(ProgramTest, MakesAndRemovesTokens) {
  answers["POST /tokens"] = {
      .status = 201,
      .body = R"({"name":"l","role":"factory","tenant":null,"created":"T","not_after":null,)"
              R"("token":"pavise_secret"})"};
  const Outcome made = run({"token", "create", "l", "--role", "factory", "--days", "9"});
  EXPECT_NE(made.out.find("token: pavise_secret\n"), std::string::npos);
  EXPECT_EQ(seen, Seen{R"(POST /tokens {"name":"l","role":"factory","days":9})"});
  answers["DELETE /tokens/l"] = {.status = 204};
  EXPECT_EQ(run({"token", "remove", "l"}).out, "removed\n");
  EXPECT_EQ(run({"token", "remove", "l", "-o", "json"}).out, "{}\n");
  EXPECT_EQ(run({"token", "create", "l", "--role", "god"}).code, 2);
}

TEST_F(ProgramTest, ExitCodesFollowTheAnswer) {
  const std::pair<int, int> rows[] = {{400, 1}, {401, 4}, {403, 4}, {404, 3}, {409, 6},
                                      {412, 6}, {422, 6}, {429, 1}, {500, 1}, {507, 1}};
  for (const auto& [status, code] : rows) {
    answers["GET /status"] = {
        .status = status,
        .body = R"({"error":{"code":"PV-API-003","message":"m\u001b[2J","detail":"d","next":"n",)"
                R"("retry":"never","tracking_id":"5f1c"}})"};
    const Outcome outcome = run({"status"});
    EXPECT_EQ(outcome.code, code) << status;
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err,
              "error: PV-API-003: m?[2J (d)\nnext:  n\ntrace: 5f1c in the server's log\n");
    const Outcome json = run({"status", "-o", "json"});
    EXPECT_EQ(json.code, code);
    EXPECT_EQ(boost::json::parse(json.err).at("error").at("code"), "PV-API-003");
  }
  answers["GET /status"] = {.body = "<html>"};
  EXPECT_EQ(run({"status"}).code, 1);
}

TEST_F(ProgramTest, AnUnreachableOrUntrustedServerIsFive) {
  save_context(1, ca.pem());
  EXPECT_EQ(run({"status"}).code, 5);
  save_context(server.port(), TestCa("Other").pem());
  const Outcome untrusted = run({"status"});
  EXPECT_EQ(untrusted.code, 5);
  EXPECT_NE(untrusted.err.find("PV-NET-005"), std::string::npos);
}

TEST_F(ProgramTest, ContextsAreKeptAndTokensNeverShown) {
  std::filesystem::remove(context_path());
  EXPECT_EQ(run({"status"}).code, 1);
  const std::string url = "https://127.0.0.1:" + std::to_string(server.port());
  const std::string token = file("token", "pavise_t\n");
  const std::string pem = file("ca.pem", ca.pem());
  const Outcome added = run({"context", "add", "home", "--url", url.c_str(), "--ca", pem.c_str(),
                             "--token-file", token.c_str(), "--inline-ca"});
  EXPECT_EQ(added.code, 0) << added.err;
  answers["GET /status"] = {.body = "{}"};
  EXPECT_EQ(run({"status"}).code, 0);
  EXPECT_EQ(run({"status", "--context", "elsewhere"}).code, 2);
  const Outcome listed = run({"context", "list"});
  EXPECT_NE(listed.out.find("*  home"), std::string::npos);
  for (const Outcome& shown : {run({"context", "show"}), run({"context", "show", "-o", "json"}),
                               listed, run({"context", "list", "-o", "json"})}) {
    EXPECT_EQ(shown.code, 0);
    EXPECT_EQ(shown.out.find("pavise_t"), std::string::npos);
  }
  EXPECT_EQ(run({"context", "use", "nowhere"}).code, 2);
  EXPECT_EQ(run({"context", "use", "home"}).code, 0);
  EXPECT_EQ(run({"context", "remove", "home"}).code, 0);
  EXPECT_EQ(run({"context", "show"}).code, 1);
  EXPECT_EQ(run({"context", "add", "x", "--url", "http://h", "--ca", pem.c_str(), "--token-file",
                 token.c_str()})
                .code,
            2);
}

std::string utc_now(std::int64_t offset_s) {
  const std::time_t at = std::time(nullptr) + offset_s;
  std::tm parts{};
  gmtime_r(&at, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

TEST_F(ProgramTest, DoctorNamesTheFirstThingThatIsWrong) {
  const std::string port = std::to_string(server.port());
  const auto healthy = [&](std::int64_t skew_s, const std::string& hub) {
    answers["GET /status"] = {.body = R"({"service":"pavise","version":"1","time":")" +
                                      utc_now(skew_s) + R"(","started":"T","ports":{"device":)" +
                                      port + R"(,"hub":)" + hub + "}}"};
  };
  healthy(0, port);
  const Outcome well = run({"doctor"});
  EXPECT_EQ(well.code, 0) << well.out;
  EXPECT_EQ(well.out.find("failed"), std::string::npos);
  EXPECT_EQ(well.out.find("warning"), std::string::npos) << well.out;

  const auto stored = [&](const std::string& state, const std::string& refused) {
    answers["GET /status"] = {.body = R"({"service":"pavise","version":"1","time":")" + utc_now(0) +
                                      R"(","storage":{"state":")" + state +
                                      R"(","free_bytes":1048576,"size_bytes":3145728,)" +
                                      R"("telemetry_refused":)" + refused + "}}"};
  };
  stored("low", "null");
  const Outcome low = run({"doctor"});
  EXPECT_EQ(low.code, 0);
  EXPECT_NE(low.out.find("low, 1 of 3 MiB free"), std::string::npos) << low.out;
  stored("full", R"("PV-LGS-002: full")");
  const Outcome full = run({"doctor"});
  EXPECT_EQ(full.code, 1);
  EXPECT_NE(full.out.find("telemetry is refused: PV-LGS-002"), std::string::npos) << full.out;
  EXPECT_NE(full.out.find("next, for storage: Free space"), std::string::npos) << full.out;
  EXPECT_NE(run({"status"}).out.find("full, 1 of 3 MiB free"), std::string::npos);

  healthy(-3600, "1");
  const Outcome warned = run({"doctor", "-o", "json"});
  EXPECT_EQ(warned.code, 0);
  std::map<std::string, std::string> states;
  for (const auto& check : boost::json::parse(warned.out).at("checks").as_array())
    states[check.at("name").as_string().c_str()] = check.at("state").as_string().c_str();
  EXPECT_EQ(states["clock"], "warning");
  EXPECT_EQ(states["hub listener"], "warning");
  EXPECT_EQ(states["device listener"], "ok");

  answers["GET /status"] = {.status = 401, .body = R"({"error":{"code":"PV-API-002"}})"};
  const Outcome refused = run({"doctor"});
  EXPECT_EQ(refused.code, 4);
  EXPECT_NE(refused.out.find("token"), std::string::npos);

  save_context(server.port(), TestCa("Other").pem());
  EXPECT_NE(run({"doctor"}).out.find("PV-NET-005"), std::string::npos);
  save_context(1, ca.pem());
  const Outcome down = run({"doctor"});
  EXPECT_EQ(down.code, 5);
  EXPECT_NE(down.out.find("PV-NET-002"), std::string::npos);
  save_context(1, "/no/such/file");
  EXPECT_EQ(run({"doctor"}).code, 1);
  std::filesystem::remove(context_path());
  const Outcome none = run({"doctor"});
  EXPECT_EQ(none.code, 1);
  EXPECT_NE(none.out.find("pavise context add"), std::string::npos);
}

TEST_F(ProgramTest, EveryVerbHasHelpWithExamples) {
  const std::vector<std::vector<const char*>> verbs = {{"tenant", "create"},
                                                       {"tenant", "list"},
                                                       {"device", "list"},
                                                       {"device", "show"},
                                                       {"device", "claim"},
                                                       {"device", "watch"},
                                                       {"device", "enable"},
                                                       {"device", "disable"},
                                                       {"device", "revoke"},
                                                       {"device", "release"},
                                                       {"device", "evidence"},
                                                       {"telemetry", "watch"},
                                                       {"release", "add"},
                                                       {"release", "list"},
                                                       {"release", "revoke"},
                                                       {"vendor", "add"},
                                                       {"vendor", "list"},
                                                       {"vendor", "remove"},
                                                       {"release-key", "add"},
                                                       {"release-key", "list"},
                                                       {"twin", "show"},
                                                       {"twin", "update"},
                                                       {"token", "create"},
                                                       {"token", "list"},
                                                       {"token", "remove"},
                                                       {"status"},
                                                       {"doctor"},
                                                       {"audit"},
                                                       {"context", "add"},
                                                       {"context", "list"},
                                                       {"context", "use"},
                                                       {"context", "show"},
                                                       {"context", "remove"},
                                                       {"completion"}};
  for (auto words : verbs) {
    words.push_back("--help");
    const Outcome help = run(words);
    EXPECT_EQ(help.code, 0) << words[0];
    EXPECT_NE(help.out.find("Examples:\n  pavise "), std::string::npos) << words[0] << "\n"
                                                                        << help.out << help.err;
  }
  EXPECT_NE(run({"--help"}).out.find("Exit codes: 0 ok"), std::string::npos);
  EXPECT_TRUE(run({"--version"}).out.starts_with("pavise "));
  EXPECT_TRUE(seen.empty());
}

TEST_F(ProgramTest, WrongCommandLinesAreTwoAndSayWhereHelpIs) {
  const std::vector<std::vector<const char*>> rows = {{},
                                                      {"device"},
                                                      {"frobnicate"},
                                                      {"device", "list", "--frobnicate"},
                                                      {"device", "show"},
                                                      {"status", "-o", "xml"},
                                                      {"device", "list", "--limit", "0"}};
  for (const auto& row : rows) {
    const Outcome outcome = run(row);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_NE(outcome.err.find("--help\n"), std::string::npos);
    EXPECT_EQ(outcome.out, "");
  }
  EXPECT_NE(run({"device", "show"}).err.find("next:  pavise device show --help"),
            std::string::npos);
}

TEST_F(ProgramTest, AWordThatIsNoCommandIsNamedWithTheOneThatIsLikeIt) {
  EXPECT_EQ(run({"device", "evidense"}).err,
            "error: pavise device has no command evidense; is evidence meant?\n"
            "next:  pavise device --help\n");
  EXPECT_EQ(run({"frobnicate", "x"}).err,
            "error: pavise has no command frobnicate\nnext:  pavise --help\n");
  EXPECT_EQ(run({"device", "--frobnicate"}).err,
            "error: pavise device wants a command\nnext:  pavise device --help\n");
  EXPECT_EQ(run({"\x1b[2Jx"}).err.find('\x1b'), std::string::npos);
}

TEST_F(ProgramTest, ProgramsGetAWrongCommandLineAsJson) {
  for (const auto& row :
       std::vector<std::vector<const char*>>{{"device", "lits", "-o", "json"},
                                             {"-ojson", "device", "lits"},
                                             {"device", "--output=json", "lits"},
                                             {"--output", "json", "device", "lits"}}) {
    const Outcome outcome = run(row);
    EXPECT_EQ(outcome.code, 2);
    const boost::json::value error = boost::json::parse(outcome.err).at("error");
    EXPECT_EQ(error.at("code").as_string(), "PV-CLI-023");
    EXPECT_EQ(error.at("detail").as_string(), "pavise device has no command lits; is list meant?");
    EXPECT_EQ(error.at("next").as_string(), "pavise device --help");
  }
}

TEST_F(ProgramTest, ADeviceGetsANameThatEveryVerbKnows) {
  answers["GET /devices/" + kId] = {.body = kDevice};
  const Outcome named = run({"device", "name", "3fa8", "kitchen"});
  EXPECT_EQ(named.code, 0) << named.err;
  EXPECT_EQ(named.out, "device  " + kId + "\nname    kitchen\n");
  EXPECT_EQ(run({"device", "show", "kitchen"}).code, 0);
  EXPECT_EQ(run({"device", "name", "kitchen", "stove", "-o", "json"}).out,
            "{\"device\":\"" + kId + "\",\"name\":\"stove\"}\n");
  EXPECT_EQ(run({"device", "name", "kitchen", "kitchen"}).code, 0) << "it has that one";

  const std::string other = "ab" + std::string(62, '0');
  answers["GET /devices/" + other] = {.body = kDevice};
  const Outcome taken = run({"device", "name", other.c_str(), "kitchen"});
  EXPECT_EQ(taken.code, 2);
  EXPECT_NE(taken.err.find("PV-CLI-026: another device has this name (" + kId + ")"),
            std::string::npos)
      << taken.err;

  EXPECT_EQ(run({"device", "name", "kitchen", "--forget"}).code, 0);
  EXPECT_NE(run({"device", "show", "kitchen"}).err.find("PV-CLI-020"), std::string::npos);
  EXPECT_EQ(run({"device", "show", "stove"}).code, 0) << "its other name stays";
}

TEST_F(ProgramTest, ANameOfADeviceCannotBeAnIdNorLeadNowhere) {
  answers["GET /devices/" + kId] = {.body = kDevice};
  for (const char* name : {"cafe", "Kitchen", "a b", "9lives", "", "../x"}) {
    const Outcome refused = run({"device", "name", kId.c_str(), name});
    EXPECT_EQ(refused.code, 2) << name;
    EXPECT_NE(refused.err.find("PV-CLI-009"), std::string::npos) << refused.err;
  }
  const std::string longest = "k" + std::string(kDeviceNameSizeMax - 1, 'i');
  EXPECT_EQ(run({"device", "name", kId.c_str(), longest.c_str()}).code, 0);
  EXPECT_EQ(run({"device", "name", kId.c_str(), (longest + "i").c_str()}).code, 2);
  const std::string absent = "ab" + std::string(62, '0');
  EXPECT_EQ(run({"device", "name", absent.c_str(), "stove"}).code, 3);
  EXPECT_EQ(run({"device", "name", "stove", "--forget"}).code, 2);
  EXPECT_EQ(run({"device", "name", "stove", "oven", "--forget"}).code, 2);
}

TEST_F(ProgramTest, WhatIsNeitherNameNorIdIsSaidToBeNoName) {
  const Outcome outcome = run({"device", "show", "blink/blink.pvimage"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("PV-CLI-020: the context has no device of this name (blink/blink"),
            std::string::npos)
      << outcome.err;
}

TEST_F(ProgramTest, CompletionScriptsAreValidAndComplete) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Outcome outcome = run({"completion", shell});
    EXPECT_EQ(outcome.code, 0);
    for (const char* word : {"evidence", "release-key", "--history", "--if-match", "doctor"})
      EXPECT_NE(outcome.out.find(std::string(word).substr(word[0] == '-' ? 2 : 0)),
                std::string::npos)
          << shell << " lacks " << word;
    const std::string path = file(std::string("completion.") + shell, outcome.out);
    const std::string check =
        std::string("command -v ") + shell + " >/dev/null || exit 0; " + shell + " -n " + path;
    EXPECT_EQ(std::system(check.c_str()), 0) << shell;
  }
  // The bash script, asked as bash asks it.
  const std::string path = file("completion.bash", run({"completion", "bash"}).out);
  const std::string ask = "bash -c 'source " + path +
                          "; COMP_WORDS=(pavise -o json device ev); COMP_CWORD=4; _pavise; "
                          "test \"${COMPREPLY[*]}\" = evidence'";
  EXPECT_EQ(std::system(ask.c_str()), 0);
}

}  // namespace
}  // namespace pavise::cli
