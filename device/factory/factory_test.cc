#include "device/factory/factory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/net/testing/loopback.h"
#include "device/factory/https_services.h"
#include "device/factory/options.h"
#include "device/root_of_trust/fake/fake.h"
#include "protocol/evidence/exchange.h"
#include "protocol/tpm/credential.h"

namespace pavise::factory {
namespace {

using root_of_trust::FakeMaker;
using root_of_trust::FakeRootOfTrust;

// A service that does the cryptography of binding for real.
class FakeServices final : public FactoryServices {
 public:
  explicit FakeServices(root_of_trust::RootOfTrust& root) : root_(root) {}

  Status register_device(ByteView) override {
    ++registrations;
    return register_fails ? Status(kNotRegistered) : Status();
  }
  Result<Bytes> post_to_listener(const std::string& path, Bytes body) override {
    if (override_answer) return *override_answer;
    return path == "/device/v1/challenge" ? challenge(body) : bind(body);
  }

  int registrations = 0;
  bool register_fails = false;
  bool bound = false;
  std::optional<Bytes> override_answer;

 private:
  Result<Bytes> challenge(ByteView body) {
    PAVISE_TRY_ASSIGN(const auto request, evidence::ChallengeRequest::parse(body));
    evidence::Challenge out;
    out.session.fill(std::byte{9});
    out.pcrs = {0};
    if (!bound) {
      const auto ek = tpm::PublicArea::parse(root_.identity()->ek_public);
      const auto credential =
          tpm::make_credential(*ek, tpm::name_of(request.ak_public), Bytes(32, std::byte{0x42}));
      out.activation = evidence::Activation{credential->id_object, credential->encrypted_secret};
    }
    return out.encode();
  }
  Result<Bytes> bind(ByteView body) {
    PAVISE_TRY_ASSIGN(const auto request, evidence::BindRequest::parse(body));
    bound = request.session[0] == std::byte{9} && equal(request.secret, Bytes(32, std::byte{0x42}));
    if (bound) return evidence::encode_bound();
    return evidence::encode_response(evidence::Refused{"PV-ATS-005", "wrong secret", Retry::never});
  }
  root_of_trust::RootOfTrust& root_;
};

class FactoryTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { maker_ = *FakeMaker::create(); }
  FactoryTest() : root(*FakeRootOfTrust::create(maker_)), services(*root) {
    std::string pattern = ::testing::TempDir() + "pavise-factory-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    folder = pattern;
  }
  ~FactoryTest() override { std::filesystem::remove_all(folder); }
  Result<Provisioned> provision_once() {
    return provision(*root, services, [this](const std::string& line) { lines.push_back(line); });
  }
  std::string text_of(const std::string& name) const {
    std::ostringstream out;
    out << std::ifstream(folder / name).rdbuf();
    return out.str();
  }

  static std::shared_ptr<const FakeMaker> maker_;
  std::unique_ptr<FakeRootOfTrust> root;
  FakeServices services;
  std::filesystem::path folder;
  std::vector<std::string> lines;
};
std::shared_ptr<const FakeMaker> FactoryTest::maker_;

TEST_F(FactoryTest, MakesADeviceAndMayBeRepeated) {
  auto first = provision_once();
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_TRUE(first->bound_now);
  EXPECT_EQ(lines.size(), 3U);
  ASSERT_TRUE(write_outcome(folder / "out", *first));
  EXPECT_EQ(text_of("out/device-id"), root->identity()->device.text() + "\n");
  const std::string voucher = text_of("out/voucher.cbor");
  EXPECT_EQ(text_of("out/voucher.txt"), to_base64(as_bytes(voucher)) + "\n");
  auto parsed = evidence::Voucher::parse(as_bytes(voucher));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->device, first->device);
  struct stat facts{};
  ASSERT_EQ(stat((folder / "out/voucher.txt").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);

  auto again = provision_once();
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->bound_now);
  EXPECT_EQ(again->device, first->device);
  EXPECT_NE(again->voucher.serial, first->voucher.serial);
  EXPECT_TRUE(write_outcome(folder / "out", *again));
}

TEST_F(FactoryTest, StopsAtTheFirstStepThatFails) {
  services.register_fails = true;
  EXPECT_TRUE(provision_once().error().is(kNotRegistered));
  EXPECT_EQ(lines.size(), 1U);

  services.register_fails = false;
  services.override_answer = evidence::encode_response(
      evidence::Refused{"PV-ATS-001", "this device is not registered", Retry::needs_operator});
  auto refused = provision_once();
  EXPECT_TRUE(refused.error().is(kNotBound));
  EXPECT_NE(refused.error().detail().find("PV-ATS-001"), std::string::npos);

  services.override_answer = Bytes(5);
  EXPECT_TRUE(provision_once().error().is(kBadAnswer));

  services.override_answer.reset();
  root->fail_always(root_of_trust::kUnreachable);
  EXPECT_TRUE(provision_once().error().is(root_of_trust::kUnreachable));
}

TEST_F(FactoryTest, ACredentialForAnotherTpmBindsNothing) {
  const auto other = *FakeRootOfTrust::create(maker_);
  FakeServices of_other(*other);
  ASSERT_TRUE(other->provision());
  auto outcome = provision(*root, of_other, [](const std::string&) {});
  ASSERT_FALSE(outcome);
  EXPECT_FALSE(of_other.bound);
}

TEST_F(FactoryTest, UnwritableFoldersAreNamed) {
  auto outcome = provision_once();
  ASSERT_TRUE(outcome);
  auto written = write_outcome("/proc/none", *outcome);
  ASSERT_FALSE(written);
  EXPECT_TRUE(written.error().is(kFileFailed));
}

TEST(FactoryHttps, SpeaksToBothDoors) {
  const net::testing::TestCa ca;
  std::vector<std::string> seen;
  net::testing::LoopbackServer server(
      {.identity = ca.issue()},
      net::testing::http_handler([&](const net::testing::TestRequest& request, SSL*) {
        seen.push_back(request.method + " " + request.target + " " +
                       request.headers.at("content-type") + " " + request.body);
        if (request.target == "/api/v1/factory/devices") {
          EXPECT_EQ(request.headers.at("authorization"), "Bearer pavise_factory");
          const bool known = request.body.find("AAA=") != std::string::npos;
          return net::testing::TestResponse{.status = known ? 201 : 422,
                                            .body = R"({"error":{"code":"PV-X"}})"};
        }
        return net::testing::TestResponse{
            .content_type = request.target == "/html" ? "text/html" : "application/cbor",
            .body = "cbor"};
      }));
  const net::Url url{"127.0.0.1", server.port()};
  HttpsServices services({url, url, ca.pem(), "pavise_factory"});
  EXPECT_TRUE(services.register_device(Bytes(2)));
  EXPECT_EQ(seen.at(0),
            R"(POST /api/v1/factory/devices application/json {"ek_certificate":"AAA="})");
  HttpsServices with_chain({url, url, ca.pem(), "pavise_factory", {"A\nB\n", "C"}});
  EXPECT_TRUE(with_chain.register_device(Bytes(2)));
  EXPECT_EQ(seen.at(1),
            "POST /api/v1/factory/devices application/json "
            R"({"ek_certificate":"AAA=","intermediates":["A\nB\n","C"]})");
  auto refused = services.register_device(Bytes(3));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(kNotRegistered));
  EXPECT_NE(refused.error().detail().find("PV-X"), std::string::npos);

  auto answer = services.post_to_listener("/device/v1/challenge", to_bytes(as_bytes("q")));
  ASSERT_TRUE(answer);
  EXPECT_EQ(as_text(*answer), "cbor");
  EXPECT_TRUE(services.post_to_listener("/html", {}).error().is(kBadAnswer));
}

Result<Options> parse(std::initializer_list<const char*> arguments) {
  return Options::parse({arguments.begin(), arguments.size()});
}

TEST(FactoryOptions, AreReadStrictly) {
  auto full = parse({"provision", "--tpm", "swtpm:path=/s", "--server", "https://h:1", "--ca", "c",
                     "--token-stdin", "--out", "o", "--device-listener", "https://h:2",
                     "--intermediate", "i"});
  ASSERT_TRUE(full) << full.error().message();
  EXPECT_EQ(full->tpm, "swtpm:/s");
  EXPECT_EQ(full->token_file, "-");
  EXPECT_EQ(full->intermediate_files, std::vector<std::string>{"i"});
  EXPECT_EQ(full->listener, "https://h:2");
  EXPECT_TRUE(parse({"--help"})->help);
  EXPECT_TRUE(parse({"provision", "-h"})->help);
  EXPECT_FALSE(parse({}));
  EXPECT_FALSE(parse({"destroy"}));
  EXPECT_FALSE(parse({"provision"}));
  EXPECT_FALSE(parse({"provision", "--intermediate", "1", "--intermediate", "2", "--intermediate",
                      "3", "--intermediate", "4", "--intermediate", "5"}));
  EXPECT_FALSE(parse({"provision", "--tpm"}));
  EXPECT_FALSE(parse({"provision", "--tpm", ""}));
  EXPECT_FALSE(parse({"provision", "--tpm", "a", "--tpm", "b"}));
  EXPECT_FALSE(parse({"provision", "--frobnicate", "x"}));
}

}  // namespace
}  // namespace pavise::factory
