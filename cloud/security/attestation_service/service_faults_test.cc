// The service killed between any two of its steps, on a full disk, and the rule that nobody else
// makes the permission to issue.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "cloud/security/testing/world/world.h"

namespace pavise::security {
namespace {

namespace fs = std::filesystem;
using testing::SoftDevice;
using testing::World;

const TenantId kAcme = *TenantId::parse("acme");

class ServiceFaults : public ::testing::Test {
 protected:
  ServiceFaults() {
    world_.publish({});
    world_.enroll(device_, kAcme);
  }
  // Runs `act` in a child that has the whole service to itself, then starts the service again.
  int in_child(const std::function<void()>& act) {
    world_.shut_down();
    const pid_t child = fork();
    if (child == 0) {
      world_.restart();
      act();
      _exit(0);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    world_.restart();
    return WEXITSTATUS(status);
  }
  // The one thing that must hold after any end: a certificate, its clock mark and its verdict exist
  // together or not at all.
  std::size_t certificates() {
    const auto all = world_.registry().certificates(device_.id(), 100);
    const auto record = world_.registry().device(device_.id());
    EXPECT_EQ(!all->empty(), record->clock.has_value());
    EXPECT_EQ(all->size(), world_.authority().size().certificates);
    return all->size();
  }

  World world_;
  SoftDevice device_{0};
};

TEST_F(ServiceFaults, KilledBeforeOrAfterTheSignatureNothingIsIssued) {
  for (auto* hook : {&world_.hooks.before, &world_.hooks.after}) {
    EXPECT_EQ(in_child([&] {
                *hook = []() -> Status { _exit(9); };
                (void)world_.attest(device_);
              }),
              9);
    EXPECT_EQ(certificates(), 0U);
    EXPECT_FALSE(world_.registry().last_verdict(device_.id()));
  }
  EXPECT_TRUE(world_.attest(device_).accepted);
}

TEST_F(ServiceFaults, KilledAfterTheCommitTheCertificateIsValidAndTheDeviceAsksAgain) {
  EXPECT_EQ(in_child([&] {
              if (world_.attest(device_).accepted) _exit(9);  // the answer is never sent
            }),
            9);
  EXPECT_EQ(certificates(), 1U);
  // The device's TPM went on in the child; here it has to catch up with its marks.
  device_.attester.tpm.clock.clock_ms += 1'000;
  EXPECT_TRUE(world_.attest(device_).accepted);
  EXPECT_EQ(certificates(), 2U);
}

TEST_F(ServiceFaults, KilledBetweenChallengeAndEvidenceTheDeviceAsksAgain) {
  const auto asked = world_.challenge(device_);
  const auto answer = device_.attest(asked, world_.exporter);
  world_.restart();
  EXPECT_EQ(world_.send(asked, answer).code, kNoChallenge.code);
  EXPECT_TRUE(world_.attest(device_).accepted);
}

TEST_F(ServiceFaults, KilledDuringAFirstActivationItStartsAgain) {
  SoftDevice fresh(1);
  world_.register_device(fresh);
  (void)world_.challenge(fresh);
  world_.restart();
  EXPECT_FALSE(world_.registry().device(fresh.id())->ak_public);
  EXPECT_EQ(world_.attest(fresh).code, kAttestUnclaimed.code);
  EXPECT_TRUE(world_.registry().device(fresh.id())->ak_public);
}

TEST_F(ServiceFaults, OnAFullDiskNothingIsIssuedAndNothingIsLost) {
  world_.shut_down();
  const auto pages =
      static_cast<std::uint32_t>(fs::file_size(world_.folder + "/registry.db") / 4096);
  world_.restart(pages);
  std::size_t issued = 0;
  EvidenceReply reply;
  do {
    reply = world_.attest(device_);
    if (reply.accepted) ++issued;
    ASSERT_LT(issued, 100U);
  } while (reply.accepted);
  EXPECT_EQ(reply.code, kAttestInternal.code);
  EXPECT_NE(reply.cause.find("PV-REG-002"), std::string::npos)
      << "for the operator: " << reply.cause;
  EXPECT_EQ(certificates(), issued);
  world_.restart();
  EXPECT_EQ(certificates(), issued);
  EXPECT_TRUE(world_.attest(device_).accepted) << "with room again";
}

// A line of source that makes an AttestationGrant.
bool makes_grant(const std::string& line) {
  const auto at = line.find("AttestationGrant");
  if (at == std::string::npos) return false;
  const std::string rest = line.substr(at + std::string_view("AttestationGrant").size());
  const auto bracket = rest.find_first_of("({");
  if (bracket == std::string::npos) return false;
  const std::string between = rest.substr(0, bracket);
  return between.empty() ||
         (between[0] == ' ' && between.find_first_of("&*;=") == std::string::npos);
}

TEST(AttestationGrant, IsMadeAtOnePlaceOnly) {
  std::vector<std::string> makers;
  for (const auto& entry : fs::recursive_directory_iterator("cloud")) {
    const std::string name = entry.path().string();
    if (!entry.is_regular_file() || name.ends_with("_test.cc") ||
        name.ends_with("attestation_grant.h"))
      continue;
    if (!name.ends_with(".cc") && !name.ends_with(".h")) continue;
    std::ifstream file(name);
    for (std::string line; std::getline(file, line);)
      if (makes_grant(line) && line.find("//") == std::string::npos) makers.push_back(name);
  }
  EXPECT_THAT(makers,
              ::testing::ElementsAre("cloud/security/attestation_service/attestation_service.cc"));
}

}  // namespace
}  // namespace pavise::security
