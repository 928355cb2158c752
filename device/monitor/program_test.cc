// pavise-monitor as a process, on a software TPM, with this test as its init and its agent.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include "common/ipc/seqpacket.h"
#include "device/monitor/data_key.h"
#include "device/root_of_trust/testing/swtpm.h"
#include "protocol/monitor_ipc/monitor_ipc.h"
#include "protocol/tpm/attest.h"

namespace pavise::monitor {
namespace {

namespace wire = monitor_ipc;
using root_of_trust::PcrMask;
using root_of_trust::testing::Swtpm;
constexpr int kWaitMs = 20'000;

class MonitorProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto root = root_of_trust::open_tpm2(swtpm_->address()).value();
    ASSERT_TRUE(root->provision());
    write("policy-key.pem", as_bytes(key_.public_key().pem()));
    const auto mask = PcrMask::of(std::vector<unsigned>{7, 11});
    const std::vector<root_of_trust::PcrValues> states{root->read_pcrs(*mask).value()};
    write("pcr-policy", pcr_policy::SignedPcrPolicy::sign(key_, states)->encode());
    write("event-log", {});
  }
  void TearDown() override { end(); }

  void write(const char* name, ByteView content) {
    std::ofstream out(path(name), std::ios::binary);
    out << as_text(content);
  }
  std::string path(const char* name) const { return swtpm_->directory() / name; }

  void start(bool with_apps = false) {
    auto [our_apps, its_apps] = ipc::make_pair().value();
    if (with_apps) apps_.emplace(std::move(our_apps));
    auto [our_init, its_init] = ipc::make_pair().value();
    auto [our_agent, its_agent] = ipc::make_pair().value();
    init_.emplace(std::move(our_init));
    agent_.emplace(std::move(our_agent));
    process_ = ::fork();
    if (process_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    // Out of the way of 3 and 4 first.
    const int init_fd = ::fcntl(its_init.fd(), F_DUPFD_CLOEXEC, 100);
    const int agent_fd = ::fcntl(its_agent.fd(), F_DUPFD_CLOEXEC, 100);
    const int apps_fd = ::fcntl(its_apps.fd(), F_DUPFD_CLOEXEC, 100);
    ::dup2(init_fd, 3);
    ::dup2(agent_fd, 4);
    if (with_apps) ::dup2(apps_fd, 5);
    ::close_range(with_apps ? 6 : 5, ~0U, 0);
    // In sanitizer builds: the leak check at exit forks, which the sandbox answers with death.
    ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
    const std::string tpm = "swtpm:" + swtpm_->address().path();
    ::execl(PAVISE_MONITOR_PROGRAM, "pavise-monitor", "--tpm", tpm.c_str(), "--event-log",
            path("event-log").c_str(), "--pcr-policy", path("pcr-policy").c_str(), "--policy-key",
            path("policy-key.pem").c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  // Closes our ends, which is how the monitor is told to end. Its wait status.
  int end() {
    init_.reset();
    agent_.reset();
    apps_.reset();
    int status = 0;
    if (process_ > 0) ::waitpid(process_, &status, 0);
    process_ = -1;
    return status;
  }
  static Bytes ask(const ipc::SeqpacketChannel& channel, const wire::Request& request) {
    EXPECT_TRUE(channel.send(wire::encode(request), kWaitMs));
    auto response = channel.receive(ipc::kPacketBytesMax, kWaitMs);
    EXPECT_TRUE(response) << response.error().message();
    return response ? *std::move(response) : Bytes{};
  }
  Result<wire::OpenDataResult> open_data(const Bytes& blob, std::uint64_t epoch) {
    return wire::parse_open_data(ask(*init_, wire::OpenData{.blob = blob, .epoch = epoch}));
  }

  Result<wire::MeasureAppsResult> measure(const std::vector<std::string>& texts) {
    return wire::parse_measure_apps(ask(*apps_, wire::MeasureApps{texts}));
  }
  void expect_measured(const std::vector<std::string>& texts) {
    const auto measured = measure(texts);
    ASSERT_TRUE(measured) << measured.error().message();
    EXPECT_EQ(measured->pcr, app_measurement::pcr_after(texts));
  }
  wire::AttestResult attest_apps() {
    auto attested = wire::parse_attest(
        ask(*agent_, wire::Attest{.nonce = {}, .exporter = {}, .csr_digest = {}, .pcrs = {13}}));
    EXPECT_TRUE(attested) << attested.error().message();
    return attested ? *std::move(attested) : wire::AttestResult{};
  }
  static std::string app(int version) {
    return "pavise:app 0e0c6b3e-6f0f-4e0a-9c3a-2d5d4f4b7f10 1.0." + std::to_string(version) +
           " 5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef "
           "0e5c3a17d2b94f68a1c07d3e5b92f4680e5c3a17d2b94f68a1c07d3e5b92f468";
  }

  std::unique_ptr<Swtpm> swtpm_ = Swtpm::start().value();
  crypto::P256PrivateKey key_ = crypto::P256PrivateKey::generate().value();
  std::optional<ipc::SeqpacketChannel> init_;
  std::optional<ipc::SeqpacketChannel> agent_;
  std::optional<ipc::SeqpacketChannel> apps_;
  pid_t process_ = -1;
};

TEST_F(MonitorProgram, ServesOneBootAndTheNext) {
  start();
  const auto made = open_data({}, 1);
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_TRUE(wire::parse_identity(ask(*agent_, wire::Identity{})));
  EXPECT_TRUE(wire::parse_sign_tls(ask(*agent_, wire::SignTls{.digest = {}})));
  const auto attested = wire::parse_attest(
      ask(*agent_, wire::Attest{.nonce = {}, .exporter = {}, .csr_digest = {}, .pcrs = {7, 11}}));
  ASSERT_TRUE(attested) << attested.error().message();
  EXPECT_TRUE(tpm::Attest::parse(attested->attest));
  EXPECT_EQ(attested->runtime_events.size(), 1U);
  const auto status = wire::parse_status(ask(*agent_, wire::Status{}));
  ASSERT_TRUE(status) << status.error().message();
  EXPECT_GT(status->pss_kib, 0U);
  RecordProperty("pss_kib", static_cast<int>(status->pss_kib));
  EXPECT_EQ(end(), 0);

  ASSERT_TRUE(swtpm_->power_cycle());
  start();
  const auto again = open_data(made->blob, 1);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_TRUE(equal(again->key.view(), made->key.view()));
  EXPECT_FALSE(again->blob_is_new);
}

TEST_F(MonitorProgram, AnOlderReleaseIsRefusedAndCanStillAttest) {
  start();
  const auto made = open_data({}, 2);
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(end(), 0);
  ASSERT_TRUE(swtpm_->power_cycle());
  start();
  const auto refused = open_data(made->blob, 1);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().detail().starts_with("PV-MON-004")) << refused.error().message();
  EXPECT_TRUE(wire::parse_attest(
      ask(*agent_, wire::Attest{.nonce = {}, .exporter = {}, .csr_digest = {}, .pcrs = {11}})));
}

TEST_F(MonitorProgram, WithoutAPolicyItStillServesTheAgent) {
  write("pcr-policy", as_bytes("nonsense"));
  write("policy-key.pem", as_bytes("nonsense"));
  start();
  const auto refused = open_data({}, 1);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().detail().starts_with("PV-MON-007")) << refused.error().message();
  EXPECT_TRUE(wire::parse_identity(ask(*agent_, wire::Identity{})));
}

// Each operation as the very first of a fresh process: whatever it loads at first use must have
// been loaded before the sandbox closed.
TEST_F(MonitorProgram, EveryOperationMayBeTheFirst) {
  for (const wire::Request& request :
       {wire::Request{wire::Identity{}}, wire::Request{wire::Activate{Bytes(66), Bytes(256)}},
        wire::Request{wire::Attest{.nonce = {}, .exporter = {}, .csr_digest = {}, .pcrs = {0}}},
        wire::Request{wire::SignTls{.digest = {}}}, wire::Request{wire::Status{}}}) {
    start();
    EXPECT_FALSE(ask(*agent_, request).empty());
    EXPECT_EQ(end(), 0) << static_cast<int>(wire::operation(request));
  }
}

TEST_F(MonitorProgram, AppsAreMeasuredAcrossItsRestartAndTheNextBootBeginsAnew) {
  start(true);
  ASSERT_TRUE(measure({}));
  expect_measured({app(1)});
  expect_measured({app(1), app(2)});
  Digest256 expected = app_measurement::pcr_after(std::array{app(1), app(2)});
  const wire::AttestResult first = attest_apps();
  EXPECT_EQ(first.pcrs, (std::vector<wire::PcrValue>{{13, expected}}));
  EXPECT_EQ(first.runtime_events, (wire::RuntimeEvents{{13, app(1)}, {13, app(2)}}));
  EXPECT_EQ(end(), 0);

  // In the same boot: it knows nothing until it is told, then extends only what is new.
  start(true);
  EXPECT_TRUE(attest_apps().runtime_events.empty());
  EXPECT_TRUE(measure({app(2), app(1)}).error().detail().starts_with("PV-MON-014"));
  expect_measured({app(1), app(2), app(3)});
  expected = app_measurement::pcr_after(std::array{app(1), app(2), app(3)});
  const wire::AttestResult second = attest_apps();
  EXPECT_EQ(second.pcrs, (std::vector<wire::PcrValue>{{13, expected}}));
  EXPECT_EQ(second.runtime_events.size(), 3U);
  // Without its launcher of apps it goes on.
  apps_.reset();
  EXPECT_EQ(attest_apps().runtime_events.size(), 3U);
  EXPECT_EQ(end(), 0);

  ASSERT_TRUE(swtpm_->power_cycle());
  start(true);
  EXPECT_EQ(attest_apps().pcrs, (std::vector<wire::PcrValue>{{13, Digest256{}}}));
  expect_measured({app(3)});
  EXPECT_EQ(end(), 0);
}

TEST_F(MonitorProgram, WithoutALauncherOfAppsPcr13IsUntouched) {
  start();
  const wire::AttestResult attested = attest_apps();
  EXPECT_EQ(attested.pcrs, (std::vector<wire::PcrValue>{{13, Digest256{}}}));
  EXPECT_TRUE(attested.runtime_events.empty());
}

TEST_F(MonitorProgram, MeasuringMayBeTheFirst) {
  start(true);
  expect_measured({app(1)});
  EXPECT_EQ(end(), 0);
}

TEST_F(MonitorProgram, EndsWithoutATpm) {
  swtpm_->stop();
  start();
  EXPECT_EQ(WEXITSTATUS(end()), 1);
}

}  // namespace
}  // namespace pavise::monitor
