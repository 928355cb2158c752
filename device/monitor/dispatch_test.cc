#include "device/monitor/dispatch.h"

#include <gtest/gtest.h>

#include "device/root_of_trust/fake/fake.h"
#include "protocol/monitor_ipc/monitor_ipc.h"
#include "protocol/tpm/credential.h"
#include "protocol/tpm/public_area.h"

namespace pavise::monitor {
namespace {

namespace wire = monitor_ipc;
using root_of_trust::FakeMaker;
using root_of_trust::FakeRootOfTrust;

class DispatchTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(root_->provision()); }

  SecretBytes ask(Client client, const wire::Request& request) {
    return answer(monitor_, client, wire::encode(request));
  }
  // "PV-...: reason" of a refusal.
  std::string refusal(Client client, const Result<Bytes>& packet) {
    const auto result = wire::parse_status(answer(monitor_, client, packet).view());
    EXPECT_FALSE(result);
    return result ? "" : result.error().detail();
  }

  std::unique_ptr<FakeRootOfTrust> root_ =
      FakeRootOfTrust::create(FakeMaker::create().value()).value();
  crypto::P256PrivateKey policy_key_ = crypto::P256PrivateKey::generate().value();
  Monitor monitor_{
      *root_,
      {.event_log = to_bytes(as_bytes("a log")),
       .signed_policy = pcr_policy::SignedPcrPolicy::sign(
                            policy_key_, std::vector<pcr_policy::PcrValues>{{{11, Digest256{}}}})
                            ->encode(),
       .policy_key = policy_key_.public_key(),
       .pss_kib = [] { return Result<std::uint64_t>(77); }}};
};

TEST_F(DispatchTest, AllOperationsOfTheAgent) {
  const auto identity = wire::parse_identity(ask(Client::agent, wire::Identity{}).view());
  ASSERT_TRUE(identity) << identity.error().message();
  EXPECT_EQ(identity->device_id, root_->identity()->device.text());
  EXPECT_EQ(identity->ak_public, root_->keys()->ak_public);

  const auto ek = tpm::PublicArea::parse(root_->identity()->ek_public);
  const Bytes secret(32, std::byte{8});
  const auto credential =
      tpm::make_credential(*ek, tpm::name_of(identity->ak_public), secret).value();
  const auto activated = wire::parse_activate(
      ask(Client::agent, wire::Activate{credential.id_object, credential.encrypted_secret}).view());
  ASSERT_TRUE(activated) << activated.error().message();
  EXPECT_TRUE(equal(activated->secret.view(), secret));

  const auto attested = wire::parse_attest(
      ask(Client::agent,
          wire::Attest{.nonce = {}, .exporter = {}, .csr_digest = {}, .pcrs = {0, 11}})
          .view());
  ASSERT_TRUE(attested) << attested.error().message();
  EXPECT_EQ(attested->pcrs.size(), 2U);
  EXPECT_EQ(as_text(attested->event_log), "a log");
  EXPECT_TRUE(attested->runtime_events.empty());

  const auto signature =
      wire::parse_sign_tls(ask(Client::agent, wire::SignTls{.digest = {}}).view());
  ASSERT_TRUE(signature) << signature.error().message();
  EXPECT_TRUE(crypto::ecdsa_from_der(signature->signature_der));

  const auto status = wire::parse_status(ask(Client::agent, wire::Status{}).view());
  ASSERT_TRUE(status) << status.error().message();
  EXPECT_EQ(status->pss_kib, 77U);
}

TEST_F(DispatchTest, OpenDataIsInitsAndIsReportedToTheAgent) {
  const auto opened =
      wire::parse_open_data(ask(Client::init, wire::OpenData{.blob = {}, .epoch = 1}).view());
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(opened->key.size(), kDataKeyBytes);
  EXPECT_TRUE(opened->blob_is_new);
  const auto attested = wire::parse_attest(
      ask(Client::agent, wire::Attest{.nonce = {}, .exporter = {}, .csr_digest = {}, .pcrs = {11}})
          .view());
  EXPECT_EQ(attested->runtime_events, (wire::RuntimeEvents{{11, "pavise:data-opened"}}));
}

constexpr const char* kApp =
    "pavise:app 0e0c6b3e-6f0f-4e0a-9c3a-2d5d4f4b7f10 1.2.0 "
    "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef "
    "0e5c3a17d2b94f68a1c07d3e5b92f4680e5c3a17d2b94f68a1c07d3e5b92f468";

TEST_F(DispatchTest, AppsAreMeasuredAndReportedToTheAgent) {
  const auto measured =
      wire::parse_measure_apps(ask(Client::apps, wire::MeasureApps{{kApp}}).view());
  ASSERT_TRUE(measured) << measured.error().message();
  EXPECT_EQ(measured->pcr, app_measurement::pcr_after(std::array{std::string(kApp)}));
  const auto attested = wire::parse_attest(
      ask(Client::agent, wire::Attest{.nonce = {}, .exporter = {}, .csr_digest = {}, .pcrs = {13}})
          .view());
  EXPECT_EQ(attested->runtime_events, (wire::RuntimeEvents{{13, kApp}}));
  EXPECT_EQ(wire::parse_status(ask(Client::agent, wire::Status{}).view())->measured_apps, 1U);
  EXPECT_TRUE(refusal(Client::apps, wire::encode(wire::MeasureApps{{"pavise:data-opened"}}))
                  .starts_with("PV-APM-001"));
  EXPECT_TRUE(refusal(Client::apps, wire::encode(wire::MeasureApps{{}})).starts_with("PV-MON-013"));
}

TEST_F(DispatchTest, TheLauncherLearnsWhichDeviceThisIsAndNothingElseOfIt) {
  const auto device = wire::parse_device(ask(Client::apps, wire::Device{}).view());
  ASSERT_TRUE(device) << device.error().message();
  EXPECT_EQ(device->device_id, root_->identity()->device.text());
}

// Every operation on the wrong socket.
TEST_F(DispatchTest, ForeignOperationsDoNotExist) {
  EXPECT_TRUE(refusal(Client::agent, wire::encode(wire::OpenData{.blob = {}, .epoch = 1}))
                  .starts_with("PV-MON-009"));
  EXPECT_TRUE(refusal(Client::apps, wire::encode(wire::OpenData{.blob = {}, .epoch = 1}))
                  .starts_with("PV-MON-009"));
  EXPECT_EQ(root_->read_counter()->steps(), 0U);
  for (const Client client : {Client::init, Client::agent})
    for (const wire::Request& request :
         {wire::Request{wire::MeasureApps{{kApp}}}, wire::Request{wire::Device{}}})
      EXPECT_TRUE(refusal(client, wire::encode(request)).starts_with("PV-MON-009"));
  EXPECT_TRUE(monitor_.runtime_events().empty());
  for (const wire::Request& request :
       {wire::Request{wire::Identity{}}, wire::Request{wire::Activate{Bytes(4), Bytes(4)}},
        wire::Request{wire::Attest{.nonce = {}, .exporter = {}, .csr_digest = {}, .pcrs = {0}}},
        wire::Request{wire::SignTls{.digest = {}}}, wire::Request{wire::Status{}}})
    for (const Client client : {Client::init, Client::apps})
      EXPECT_TRUE(refusal(client, wire::encode(request)).starts_with("PV-MON-009"));
}

TEST_F(DispatchTest, NonsenseGetsACode) {
  EXPECT_TRUE(refusal(Client::agent, Bytes{}).starts_with("PV-MON-010"));
  EXPECT_TRUE(refusal(Client::agent, Bytes(100, std::byte{0xff})).starts_with("PV-MON-010"));
  EXPECT_TRUE(refusal(Client::agent, Error(ipc::kPacketTooLong)).starts_with("PV-MON-010"));
  Bytes trailing = wire::encode(wire::Status{});
  trailing.push_back(std::byte{0});
  EXPECT_TRUE(refusal(Client::agent, trailing).starts_with("PV-MON-010"));
  EXPECT_TRUE(refusal(Client::agent, *from_hex("a10106")).starts_with("PV-MON-009"));
}

TEST_F(DispatchTest, ARefusalCarriesTheCodeOfItsCause) {
  EXPECT_TRUE(refusal(Client::agent, wire::encode(wire::Activate{Bytes(4), Bytes(4)}))
                  .starts_with(std::string(root_of_trust::kCredentialRefused.code)));
  root_->fail_call(root_of_trust::kLockedOut);
  EXPECT_TRUE(refusal(Client::agent, wire::encode(wire::Identity{}))
                  .starts_with(std::string(root_of_trust::kLockedOut.code)));
}

}  // namespace
}  // namespace pavise::monitor
