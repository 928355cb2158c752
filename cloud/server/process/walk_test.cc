// Flows 1 to 5 over real TLS with a device in software: factory, claim, evidence, certificate,
// telemetry; then what the owner may do about it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sqlite3.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include "cloud/hub/transport/testing/test_client.h"
#include "cloud/security/testing/world/world.h"
#include "cloud/server/process/testing/running_server.h"
#include "cloud/server/routes/views.h"
#include "common/metrics/testing/exposition_reader.h"

namespace pavise::server {
namespace {

namespace json = boost::json;
using security::testing::SoftDevice;
using SoftImage = attestation::testing::SoftImage;
using metrics::testing::ExpositionReader;
using testing::RunningServer;
using testing::TlsClient;

constexpr std::string_view kCbor = "Content-Type: application/cbor\r\n";

// Other tests of this program go elsewhere.
const std::filesystem::path kStartedIn = std::filesystem::current_path();

class Walk : public ::testing::Test {
 protected:
  Walk() : vendor_("Chip Inc. Root", SystemClock().now_s()) {
    EXPECT_TRUE(server_.start()) << server_.log();
  }

  int post(std::string_view path, const json::object& body) {
    return server_.call("POST", path, json::serialize(body)).status;
  }
  std::string path(std::string_view tail = {}) const {
    return "/devices/" + device_.id().text() + std::string(tail);
  }
  Bytes ask(TlsClient& client, std::string_view path, const Bytes& body) {
    const auto answer = client.request("POST", path, {}, as_text(body), kCbor);
    EXPECT_TRUE(answer && answer->status == 200) << path;
    return answer ? to_bytes(as_bytes(answer->body)) : Bytes();
  }
  evidence::Challenge challenge(TlsClient& client) {
    const evidence::ChallengeRequest request{device_.id(), device_.ak_public()};
    return *evidence::Challenge::parse(ask(client, "/device/v1/challenge", request.encode()));
  }
  evidence::Response attest() {
    auto client = server_.connect(server_.device_port);
    const evidence::Challenge asked = challenge(*client);
    security::TlsExporter exporter{};
    const auto bytes = client->exporter();
    std::ranges::copy(std::as_bytes(std::span(bytes)), exporter.begin());
    const auto soft = device_.attest(asked, exporter);
    auto fields = soft.fields();
    fields.session = asked.session;
    return *evidence::parse_response(
        ask(*client, "/device/v1/evidence", evidence::encode_evidence(fields)));
  }
  void make_in_factory() {
    ASSERT_EQ(post("/vendors", {{"name", "chip"}, {"certificate", vendor_.root_pem()}}), 201);
    ASSERT_EQ(
        post("/factory/devices", {{"ek_certificate", to_base64(vendor_.certify(*device_.ek))}}),
        201);
    auto client = server_.connect(server_.device_port);
    const evidence::Challenge asked = challenge(*client);
    ASSERT_TRUE(asked.activation);
    const auto secret =
        device_.ek->activate(device_.attester.tpm.ak.name(), asked.activation->id_object,
                             asked.activation->encrypted_secret);
    evidence::BindRequest bind{.session = asked.session};
    std::ranges::copy(*secret, bind.secret.begin());
    const auto bound =
        evidence::parse_bind_response(ask(*client, "/device/v1/bind", bind.encode()));
    ASSERT_TRUE(std::holds_alternative<evidence::Bound>(*bound));
  }
  void claim() {
    ASSERT_EQ(post("/tenants", {{"id", "acme"}}), 201);
    ASSERT_EQ(post("/devices/claim",
                   {{"tenant", "acme"}, {"voucher", to_base64(device_.voucher().encode())}}),
              200);
  }
  void publish(const SoftImage& image) {
    const Bytes manifest =
        security::testing::release_json(attestation::testing::reference_set(image));
    const auto signature = release_key_.sign_digest(crypto::sha256(manifest));
    ASSERT_EQ(
        post("/release-keys", {{"name", "development"}, {"key", release_key_.public_key().pem()}}),
        201);
    ASSERT_EQ(post("/releases", {{"manifest", to_base64(manifest)},
                                 {"signature", to_base64(crypto::ecdsa_to_der(*signature))}}),
              201);
  }
  hub::testing::ClientContext mqtt_identity(const evidence::Accepted& accepted) {
    const hub::testing::Identity identity{
        pem_of_certificate(accepted.leaf),
        std::string(as_text(device_.attester.tpm.tls_key.to_pem().view())), accepted.leaf};
    return {server_.ca_pem(), &identity};
  }
  void speak(hub::testing::TestClient& client) {
    ASSERT_TRUE(client.tls_ok());
    ASSERT_EQ(client.connect(device_.id().text()), mqtt::ConnectCode::accepted);
    const std::string topic = "devices/" + device_.id().text() + "/messages/events/";
    ASSERT_TRUE(client.send(mqtt::Publish{.topic = topic,
                                          .payload = as_bytes(R"({"uptime_s":5})"),
                                          .qos = mqtt::QoS::at_least_once,
                                          .packet_id = 1}));
    const auto answer = client.receive();
    ASSERT_TRUE(answer && std::holds_alternative<mqtt::PubAck>(*answer));
  }

  RunningServer server_{{PAVISE_SERVER_PROGRAM, PAVISE_SIGNER_PROGRAM}};
  security::testing::SoftVendor vendor_;
  SoftDevice device_{0};
  int tokens_ = 0;
  crypto::P256PrivateKey release_key_ = *crypto::P256PrivateKey::generate();
};

TEST_F(Walk, FromSiliconToService) {
  make_in_factory();
  EXPECT_EQ(server_.call("GET", path()).json.at("state"), "unclaimed");
  claim();
  EXPECT_EQ(server_.call("GET", path()).json.at("state"), "waiting");
  EXPECT_EQ(server_.call("GET", path("/evidence")).status, 404);

  const auto early = attest();
  ASSERT_TRUE(std::holds_alternative<evidence::Refused>(early)) << "no release is known yet";
  publish(SoftImage{});
  const auto response = attest();
  ASSERT_TRUE(std::holds_alternative<evidence::Accepted>(response));
  const auto& accepted = std::get<evidence::Accepted>(response);
  EXPECT_EQ(accepted.hub_host, "hub.test");
  EXPECT_EQ(accepted.hub_port, server_.hub_port);

  const auto evidence = server_.call("GET", path("/evidence")).json;
  EXPECT_EQ(evidence.at("accepted"), true);
  EXPECT_EQ(evidence.at("release").at("version"), "0.1.0");
  EXPECT_EQ(evidence.at("evidence_sha256").as_string().size(), 64U);
  EXPECT_EQ(server_.call("GET", path("/evidence/history")).json.at("verdicts").as_array().size(),
            2U);
  EXPECT_EQ(server_.call("GET", path()).json.at("state"), "trusted");

  const auto identity = mqtt_identity(accepted);
  hub::testing::TestClient client(identity, accepted.hub_port);
  speak(client);
  const auto page = server_.call("GET", "/telemetry?wait_ms=5000&device=" + device_.id().text());
  ASSERT_EQ(page.json.at("items").as_array().size(), 1U);
  EXPECT_EQ(page.json.at("items").as_array().at(0).at("body").at("uptime_s"), 5);
  EXPECT_EQ(server_.call("GET", path()).json.at("connected"), true);

  ASSERT_EQ(server_.call("PATCH", path("/twin"), R"({"desired":{"interval_s":10}})").status, 200);
  EXPECT_EQ(server_.call("GET", path("/twin")).json.at("desired").at("interval_s"), 10);

  ASSERT_EQ(server_.call("POST", path("/disable")).status, 200);
  EXPECT_TRUE(client.ended(1'000)) << "disconnected within a second";
  EXPECT_TRUE(std::holds_alternative<evidence::Refused>(attest()));
}

TEST_F(Walk, MetricsAreWellFormedAndMoveWithTheTraffic) {
  const auto read = [&](const std::string& more_headers = {}) {
    const auto token =
        server_.call("POST", "/tokens",
                     json::serialize(json::object{{"name", "m" + std::to_string(++tokens_)},
                                                  {"role", "metrics"}}));
    auto client = server_.connect(server_.management_port);
    auto answer = client->request("GET", "/metrics", token.json.at("token").as_string().c_str(), {},
                                  more_headers);
    EXPECT_TRUE(answer && answer->status == 200);
    return answer ? *answer : testing::Answer{};
  };
  const testing::Answer first = read();
  EXPECT_EQ(first.headers.at("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  const ExpositionReader before(first.body);
  EXPECT_FALSE(before.ended());
  EXPECT_EQ(before.value("pavise_attestation_verdicts_total{verdict=\"accepted\"}"), 0);
  EXPECT_EQ(before.value("pavise_log_durable_offset"), 0);
  EXPECT_GT(before.value("process_resident_memory_bytes"), 1e6) << "also inside the sandbox";

  make_in_factory();
  claim();
  ASSERT_TRUE(std::holds_alternative<evidence::Refused>(attest()));
  publish(SoftImage{});
  const auto accepted = std::get<evidence::Accepted>(attest());
  const auto identity = mqtt_identity(accepted);
  hub::testing::TestClient client(identity, server_.hub_port);
  speak(client);
  hub::testing::TestClient wrong(identity, server_.hub_port);
  ASSERT_NE(wrong.connect(std::string(64, '0')), mqtt::ConnectCode::accepted);
  ASSERT_TRUE(wrong.ended());

  const ExpositionReader after(read().body);
  const std::string of_hub = "{hub=\"tenant-acme\",protocol=\"mqtt\"}";
  EXPECT_EQ(after.value("pavise_hub_connections" + of_hub), 1);
  EXPECT_EQ(after.value("pavise_hub_connects_total" + of_hub), 1);
  EXPECT_EQ(after.value("pavise_hub_messages_received_total{hub=\"tenant-acme\"}"), 1);
  EXPECT_EQ(after.value("pavise_hub_message_received_bytes_total{hub=\"tenant-acme\"}"), 14);
  EXPECT_EQ(after.value("pavise_hub_durable_seconds_count"), 1);
  EXPECT_EQ(after.sum_of("pavise_hub_refused_total{"), 1);
  EXPECT_EQ(after.value("pavise_hub_tls_handshakes_total{outcome=\"full\"}"), 2);
  EXPECT_GT(after.value("pavise_hub_worker_busy_seconds_total{worker=\"0\"}"), 0);
  EXPECT_EQ(after.value("pavise_attestation_verdicts_total{verdict=\"accepted\"}"), 1);
  EXPECT_EQ(after.sum_of("pavise_attestation_verdicts_total"), 2);
  EXPECT_EQ(after.value("pavise_certificates_issued_total"), 1);
  EXPECT_EQ(after.value("pavise_signer_seconds_count"), 1);
  EXPECT_EQ(after.value("pavise_log_durable_offset"), 1);
  EXPECT_EQ(after.value("pavise_log_lag_records"), 0);
  EXPECT_GE(after.value("pavise_store_operations_total"), 1);
  for (const auto& [series, value] : after.samples)
    EXPECT_EQ(series.find(device_.id().text()), std::string::npos) << "no device in a label";

  std::set<std::string> described;
  std::ifstream page(kStartedIn / "docs/formats/metrics.md");
  for (std::string line; std::getline(page, line);)
    if (line.starts_with("| `")) described.insert(line.substr(3, line.find('`', 3) - 3));
  std::set<std::string> shown;
  for (const auto& [name, family] : after.families) shown.insert(name);
  EXPECT_EQ(shown, described);

  const testing::Answer open =
      read("Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2\r\n");
  EXPECT_EQ(open.headers.at("content-type"),
            "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_TRUE(ExpositionReader(open.body).ended());

  ASSERT_EQ(server_.end(SIGTERM), 0);  // its log is whole
  EXPECT_THAT(server_.log(),
              ::testing::HasSubstr(R"("event":"hub.closed","device":")" + std::string(64, '0')))
      << "who was refused";
  EXPECT_THAT(server_.log(), ::testing::HasSubstr(R"("protocol":"mqtt")"));
}

TEST_F(Walk, MetricsNeedATokenOfTheirOwn) {
  auto client = server_.connect(server_.management_port);
  const auto refused = client->request("GET", "/metrics");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 401);
}

TEST_F(Walk, GoesOnAfterAKillAndARestart) {
  make_in_factory();
  claim();
  publish(SoftImage{});
  const auto accepted = std::get<evidence::Accepted>(attest());
  {
    const auto identity = mqtt_identity(accepted);
    hub::testing::TestClient client(identity, server_.hub_port);
    speak(client);
    server_.end(SIGKILL);
  }
  ASSERT_TRUE(server_.start()) << server_.log();
  EXPECT_EQ(server_.call("GET", path()).json.at("state"), "trusted");
  const auto page = server_.call("GET", "/telemetry");
  EXPECT_EQ(page.json.at("items").as_array().size(), 1U) << "it had its PUBACK";
  const auto identity = mqtt_identity(accepted);
  hub::testing::TestClient client(identity, server_.hub_port);
  speak(client);
  EXPECT_TRUE(std::holds_alternative<evidence::Accepted>(attest()));
}

TEST_F(Walk, TheNextOwnerFindsNothingOfTheLast) {
  make_in_factory();
  claim();
  ASSERT_EQ(server_.call("PATCH", path("/twin"), R"({"desired":{"private":1}})").status, 200);
  ASSERT_EQ(server_.call("POST", path("/release")).status, 200);
  ASSERT_EQ(post("/tenants", {{"id", "other"}}), 201);
  ASSERT_EQ(post("/devices/claim",
                 {{"tenant", "other"}, {"voucher", to_base64(device_.voucher().encode())}}),
            200);
  EXPECT_TRUE(server_.call("GET", path("/twin")).json.at("desired").as_object().empty());
}

void run_sql(const std::string& path, const std::string& sql) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
}

TEST_F(Walk, TwinsOfAnEarlierVersionMoveIntoTheHubOfTheOwner) {
  make_in_factory();
  claim();
  ASSERT_EQ(server_.end(SIGTERM), 0);
  const std::string old = server_.folder + "/state/data/twins.db";
  const auto row = [](const std::string& device) {
    return "INSERT INTO twins VALUES('" + device +
           R"(','{"desired":{"y":2,"$version":4},"reported":{"x":1,"$version":3}}');)";
  };
  run_sql(old,
          "CREATE TABLE twins(device TEXT PRIMARY KEY NOT NULL, document TEXT NOT NULL) "
          "WITHOUT ROWID; PRAGMA user_version=1; PRAGMA journal_mode=WAL;" +
              row(device_.id().text()) + row(std::string(64, '0')));
  ASSERT_TRUE(server_.start()) << server_.log();
  const auto twin = server_.call("GET", path("/twin")).json;
  EXPECT_EQ(twin.at("desired"), (json::object{{"y", 2}}));
  EXPECT_EQ(twin.at("reported"), (json::object{{"x", 1}}));
  EXPECT_EQ(twin.at("desired_version"), 4);
  EXPECT_THAT(server_.log(), ::testing::HasSubstr(R"("event":"twins.imported")"));
  EXPECT_FALSE(std::filesystem::exists(old));
  EXPECT_TRUE(std::filesystem::exists(old + ".imported.bak")) << "has the one that nobody owns";
  ASSERT_EQ(server_.end(SIGTERM), 0);
  ASSERT_TRUE(server_.start()) << "once is enough";
}

}  // namespace
}  // namespace pavise::server
