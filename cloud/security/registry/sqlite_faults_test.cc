// What the registry does when the machine fails under it: killed at any write or flush, disk full,
// failing disk.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "cloud/security/registry/registry_contract.h"
#include "cloud/security/registry/sqlite_registry.h"
#include "common/sqlite/testing/faults.h"

namespace pavise::security {
namespace {

namespace fs = std::filesystem;

using sqlite::testing::Fault;
using sqlite::testing::plan;

class RegistryFaults : public testing::Test {
 protected:
  void SetUp() override {
    sqlite::testing::install_faults();
    plan = {};
    std::string pattern = testing::TempDir() + "faultsXXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override {
    plan = {};
    fs::remove_all(folder_);
  }
  // A registry with one claimed device 'a' of tenant acme, closed again.
  void prepare() {
    for (const auto& entry : fs::directory_iterator(folder_)) fs::remove(entry);
    auto registry = open_sqlite_registry({file()}).value();
    ASSERT_TRUE(registry->add_tenant(sample_tenant(), sample_audit()));
    device_ = make_claimed_device(*registry, 'a', sample_tenant_id());
  }
  std::string file() const { return folder_ / "registry.db"; }
  AttestationCommit acceptance() const {
    return sample_acceptance(*device_, sample_tenant_id(), '1');
  }
  // All or nothing, told from any of the things that one acceptance changes.
  static bool is_whole(Registry& registry, const DeviceRecord& before) {
    const bool certificate = static_cast<bool>(registry.certificate(std::string(32, '1')));
    const auto device = registry.device(before.id);
    EXPECT_TRUE(device);
    EXPECT_EQ(certificate, device->clock.has_value());
    EXPECT_EQ(certificate, static_cast<bool>(registry.last_verdict(before.id)));
    EXPECT_EQ(device->version, before.version + (certificate ? 1 : 0));
    return certificate;
  }
  void kill_everywhere(Fault fault);

  fs::path folder_;
  std::optional<DeviceRecord> device_;
};

void RegistryFaults::kill_everywhere(Fault fault) {
  int step = 0;
  bool lost = false;
  bool kept = false;
  for (int code = 9; code == 9;) {
    ++step;
    ASSERT_LT(step, 500);
    prepare();
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      plan = {fault, step, 0};
      auto opened = open_sqlite_registry({file()});
      if (!opened) _exit(3);
      const bool good = static_cast<bool>((*opened)->commit_attestation(acceptance()));
      opened->reset();
      _exit(good ? 0 : 4);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    code = WEXITSTATUS(status);
    ASSERT_TRUE(code == 0 || code == 9) << "step " << step << " exit " << code;
    auto registry = open_sqlite_registry({file()});
    ASSERT_TRUE(registry) << "step " << step << ": " << registry.error().message();
    (is_whole(**registry, *device_) ? kept : lost) = true;
    // Whatever happened, the next acceptance works.
    if (!(*registry)->certificate(std::string(32, '1')))
      ASSERT_TRUE((*registry)->commit_attestation(acceptance())) << "step " << step;
  }
  EXPECT_TRUE(kept);
  EXPECT_TRUE(lost) << "the kill never came before the commit";
  EXPECT_GT(step, 5);
}

TEST_F(RegistryFaults, KilledAtAnyWriteOrFlushKeepsAllOrNothing) {
  kill_everywhere(Fault::kill);
}

TEST_F(RegistryFaults, KilledInTheMiddleOfAnyWriteKeepsAllOrNothing) {
  kill_everywhere(Fault::kill_torn);
}

TEST_F(RegistryFaults, ADiskThatFillsAtAnyWriteIsSaidAndNothingIsLost) {
  for (int step = 1; step < 500; ++step) {
    prepare();
    auto registry = open_sqlite_registry({file()}).value();
    plan = {Fault::disk_full, step, 0};
    const Status status = registry->commit_attestation(acceptance());
    const bool reached = plan.seen >= step;
    plan = {};
    if (!reached) {
      EXPECT_TRUE(status);
      EXPECT_GT(step, 2);
      return;
    }
    ASSERT_FALSE(status) << "step " << step;
    EXPECT_TRUE(status.error().is(kRegistryFull) || status.error().is(kRegistryUnavailable))
        << status.error().message();
    EXPECT_FALSE(is_whole(*registry, *device_)) << "step " << step;
    EXPECT_TRUE(registry->commit_attestation(acceptance())) << "after room was made";
  }
  FAIL() << "the fault was always reached";
}

TEST_F(RegistryFaults, AFailingDiskIsAnErrorAndNeverAnAcceptance) {
  prepare();
  auto registry = open_sqlite_registry({file()}).value();
  plan = {Fault::io_error, 1, 0};
  const Status status = registry->commit_attestation(acceptance());
  plan = {};
  ASSERT_FALSE(status);
  EXPECT_TRUE(status.error().is(kRegistryUnavailable)) << status.error().message();
  EXPECT_FALSE(is_whole(*registry, *device_));
}

TEST_F(RegistryFaults, TheSizeLimitIsReportedAsAFullDisk) {
  auto registry = open_sqlite_registry({file(), 60}).value();
  ASSERT_TRUE(registry->add_device(sample_device(), sample_audit()));
  VerdictRecord verdict = sample_refusal(sample_device_id(), "PV-ATT-001");
  verdict.report.assign(40'000, std::byte{'x'});
  Status status;
  for (int i = 0; i < 30 && status; ++i) status = registry->add_verdict(verdict, std::nullopt);
  ASSERT_FALSE(status);
  EXPECT_TRUE(status.error().is(kRegistryFull)) << status.error().message();
  EXPECT_TRUE(registry->last_verdict(sample_device_id())) << "reading goes on";
}

}  // namespace
}  // namespace pavise::security
