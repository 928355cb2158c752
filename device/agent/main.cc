// Wires the agent: files and the monitor's socket; then closes the sandbox and lives.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <vector>

#include "common/crypto/crypto.h"
#include "device/agent/agent.h"
#include "device/agent/attest_flow.h"
#include "device/agent/launcher_channel.h"
#include "device/agent/monitor_channel.h"
#include "device/agent/network.h"
#include "device/agent/options.h"
#include "device/agent/sandbox.h"

namespace {

using namespace pavise;
using namespace pavise::agent;

constexpr std::size_t kPemSizeMax = 64UL * 1024;
constexpr std::size_t kCmdlineMax = 1024;  // limit of a claim in api/evidence.cddl

class Console final : public LogSink {
 public:
  void line(std::string_view text) override {
    const std::string out = "pavise-agent: " + std::string(text) + "\n";
    (void)!write(STDERR_FILENO, out.data(), out.size());
  }
};

void sleep_ms(std::int64_t span_ms) {
  const timespec span{span_ms / 1000, (span_ms % 1000) * 1'000'000};
  nanosleep(&span, nullptr);
}

// Until an app has something to say, or may be heard again, or the span is over.
void wait_for_apps(const AppTraffic& traffic, const Clock& clock, std::int64_t span_ms) {
  std::vector<pollfd> polled = traffic.polled();
  const std::int64_t until_wake_ms = traffic.next_wake_ms() - clock.steady_ms();
  const std::int64_t wait_ms =
      std::clamp<std::int64_t>(std::min(span_ms, until_wake_ms), 0, INT32_MAX);
  (void)poll(polled.data(), polled.size(), static_cast<int>(wait_ms));
}

std::uint32_t random_u32() {
  std::array<std::byte, 4> bytes{};
  // Only jitter hangs on it.
  if (!crypto::random_fill(bytes)) return 0;
  std::uint32_t out = 0;
  std::memcpy(&out, bytes.data(), sizeof out);
  return out;
}

Result<std::string> read_required(const std::string& path, std::size_t size_max) {
  auto text = read_file(path.c_str(), size_max);
  if (!text) return Error(kBadConfig, path + ": " + std::strerror(errno));
  return *std::move(text);
}

AttestFlow::Claims read_claims() {
  std::string cmdline = read_file("/proc/cmdline", kCmdlineMax).value_or("");
  while (!cmdline.empty() && cmdline.back() == '\n') cmdline.pop_back();
  return {{"agent", PAVISE_VERSION}, {"cmdline", std::move(cmdline)}};
}

// Asks until the monitor knows who we are; the TPM may not be ready yet.
Result<MonitorIdentity> wait_for_identity(MonitorChannel& monitor, Console& console) {
  Backoff backoff(random_u32);
  while (true) {
    auto identity = monitor.identity();
    if (identity || monitor.gone()) return identity;
    const std::int64_t wait_ms = backoff.next_ms(Retry::later);
    console.line("no identity: " + identity.error().message());
    sleep_ms(wait_ms);
  }
}

Status run(const Options& options, Console& console) {
  // First of all: an opened file may get this number.
  auto launcher = options.apps_fd == options.monitor_fd
                      ? std::nullopt
                      : inherited_launcher_channel(options.apps_fd);
  UniqueFd introductions =
      options.app_channels_fd == options.monitor_fd || options.app_channels_fd == options.apps_fd
          ? UniqueFd()
          : inherited_app_introductions(options.app_channels_fd);
  PAVISE_TRY_ASSIGN(const std::string text, read_required(options.config_file, kConfigSizeMax + 1));
  PAVISE_TRY_ASSIGN(const DeviceConfig config, DeviceConfig::parse(text));
  PAVISE_TRY_ASSIGN(const std::string ca_pem, read_required(options.service_ca_file, kPemSizeMax));
  PAVISE_TRY_ASSIGN(const UnixSeconds anchors_begin, net::trust_anchors_begin(ca_pem));
  MonitorChannel monitor{ipc::SeqpacketChannel(UniqueFd(options.monitor_fd))};
  LauncherChannel apps(std::move(launcher), console);
  AppTraffic app_traffic(std::move(introductions), console);
  load_tls_library();
  PAVISE_TRY(sandbox::apply(sandbox_policy(options.data_folder)));

  PAVISE_TRY_ASSIGN(MonitorIdentity identity, wait_for_identity(monitor, console));
  PAVISE_TRY_ASSIGN(const CertificateOwner owner, owner_of(identity));
  console.line("device " + identity.device.text());
  const SystemClock clock;
  LinuxSystemProbe system;
  FileCertificateStore store(options.data_folder, owner);
  HttpsAttestDialer dialer(config, ca_pem);
  TlsHubConnector connector(config, ca_pem, monitor);
  AttestFlow attester(monitor, dialer, std::move(identity), owner, read_claims());
  Agent agent({.device = owner.device,
               .version = PAVISE_VERSION,
               .telemetry_interval_s = config.telemetry_interval_s,
               .time_floor = std::max(config.build_epoch, anchors_begin),
               .clock_ahead_ms = options.clock_ahead_ms},
              {.clock = clock,
               .attester = attester,
               .connector = connector,
               .store = store,
               .system = system,
               .monitor = monitor,
               .apps = apps,
               .app_traffic = app_traffic,
               .log = console,
               .random = random_u32});
  while (!monitor.gone()) wait_for_apps(app_traffic, clock, agent.step());
  return Error(kMonitorAnswer, "the monitor is gone");
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  Console console;
  const std::vector<const char*> arguments(argv + 1, argv + argc);
  const auto options = Options::parse(arguments);
  if (!options) {
    console.line(options.error().message());
    return 2;
  }
  if (options->help) {
    (void)!write(STDOUT_FILENO, kHelp, std::strlen(kHelp));
    return 0;
  }
  console.line(run(*options, console).error().message());  // it ends only by a failure
  return 1;
}
