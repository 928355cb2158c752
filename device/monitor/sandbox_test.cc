// The monitor's sandbox on real parts: everything it does with a TPM must still work inside, and
// everything else must end it.
#include "device/monitor/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "device/memory/memory_report.h"
#include "device/monitor/monitor.h"
#include "device/root_of_trust/testing/swtpm.h"
#include "protocol/tpm/credential.h"
#include "protocol/tpm/public_area.h"

namespace pavise::monitor {
namespace {

using root_of_trust::PcrMask;
using root_of_trust::PcrValues;
using root_of_trust::RootOfTrust;
using root_of_trust::testing::Swtpm;

using root_of_trust::TpmAddress;

int in_sandbox(TpmAddress::Kind tpm, const std::function<int()>& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!sandbox::apply(sandbox_policy(tpm))) ::_exit(99);
    ::_exit(act());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

class MonitorSandbox : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = root_of_trust::open_tpm2(swtpm_->address()).value();
    ASSERT_TRUE(root_->provision());
  }
  Monitor start() {
    const auto mask = PcrMask::of(std::vector<unsigned>{7, 11});
    const std::vector<PcrValues> states{root_->read_pcrs(*mask).value()};
    return Monitor(*root_,
                   {.event_log = {},
                    .signed_policy = pcr_policy::SignedPcrPolicy::sign(key_, states)->encode(),
                    .policy_key = key_.public_key(),
                    .pss_kib = [this] { return report_.pss_kib(); }});
  }
  std::unique_ptr<Swtpm> swtpm_ = Swtpm::start().value();
  std::unique_ptr<RootOfTrust> root_;
  crypto::P256PrivateKey key_ = crypto::P256PrivateKey::generate().value();
  device::MemoryReport report_;
};

// On a device the list is the same but for local sockets. Numbers say which operation failed.
TEST_F(MonitorSandbox, EverythingTheMonitorDoesWorksInside) {
  Monitor monitor = start();
  const auto ek = tpm::PublicArea::parse(root_->identity()->ek_public);
  const auto credential =
      tpm::make_credential(*ek, tpm::name_of(root_->keys()->ak_public), Bytes(32));
  ASSERT_TRUE(credential);
  const int status = in_sandbox(TpmAddress::Kind::swtpm, [&] {
    if (!monitor.learn_past()) return 1;
    if (!monitor.identity()) return 2;
    const auto key = monitor.open_data({}, 2);
    if (!key) return 3;
    if (!monitor.open_data(key->blob, 2).error().is(kOpenedAlready)) return 4;
    if (!monitor.activate(credential->id_object, credential->encrypted_secret)) return 5;
    if (!monitor.attest(PcrMask::from_bits(0xffffff).value(), {})) return 6;
    if (!monitor.sign_tls(Digest256{})) return 7;
    if (!monitor.status()) return 8;
    const std::vector<std::string> apps{
        "pavise:app 0e0c6b3e-6f0f-4e0a-9c3a-2d5d4f4b7f10 1.2.0 "
        "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef "
        "0e5c3a17d2b94f68a1c07d3e5b92f4680e5c3a17d2b94f68a1c07d3e5b92f468"};
    if (!monitor.measure_apps(apps)) return 9;
    return 0;
  });
  EXPECT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// Forks only: no TPM is asked.
TEST(MonitorSandboxOfTheDevice, ForbiddenActsEndIt) {
  const struct {
    const char* name;
    std::function<int()> act;
  } rows[] = {
      {"internet socket", [] { return ::socket(AF_INET, SOCK_STREAM, 0); }},
      {"local socket", [] { return ::socket(AF_UNIX, SOCK_STREAM, 0); }},
      {"open to read", [] { return ::open("/etc/passwd", O_RDONLY | O_CLOEXEC); }},
      {"open the TPM again", [] { return ::open("/dev/tpmrm0", O_RDWR | O_CLOEXEC); }},
      {"exec", [] { return ::execl("/bin/true", "true", static_cast<char*>(nullptr)); }},
      {"fork", [] { return static_cast<int>(::fork()); }},
  };
  for (const auto& row : rows) {
    const int status = in_sandbox(TpmAddress::Kind::device, row.act);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) << row.name;
  }
}

}  // namespace
}  // namespace pavise::monitor
