// PID 1 of the device: mounts, starts monitor and agent, opens the data partition, gives up what it
// does not need any more, and keeps the two running.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/clock_ahead.h"
#include "device/apps/powers/powers.h"
#include "device/boot/boot_parameters.h"
#include "device/boot/mount_point.h"
#include "device/init/data_volume.h"
#include "device/init/memory_note.h"
#include "device/init/monitor_link.h"
#include "device/init/sandbox.h"
#include "device/init/supervisor.h"
#include "device/memory/startup_pages.h"

namespace pavise::device {
namespace {

constexpr const char* kWho = "pavise-init";
constexpr const char* kCgroupRoot = "/sys/fs/cgroup";
constexpr const char* kTemplate = "/usr/lib/pavise/data.template";
constexpr const char* kMemoryNote = "/run/pavise/init-memory";  // device/agent/system_info reads it
constexpr const char* kData = "/data";
constexpr const char* kAppOwnerKeys = "/etc/pavise/app-owner.pem";
constexpr const char* kAgentData = "/data/agent";
constexpr uid_t kMonitorUid = 10;
constexpr uid_t kAgentUid = 20;
constexpr unsigned long kLocked = MS_NOSUID | MS_NODEV | MS_NOEXEC;
constexpr std::uint64_t kMiB = 1U << 20U;

void print(std::string_view line) {
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

void say(const std::string& line) {
  print(std::string(kWho) + ": " + line + '\n');
}

// /proc, /sys, /dev and /run were mounted by the boot program.
Status mount_rest() {
  const std::array<MountPoint, 3> points{{
      {"securityfs", "/sys/kernel/security", "securityfs", kLocked},
      {"cgroup2", kCgroupRoot, "cgroup2", kLocked},
      {"tmpfs", "/tmp", "tmpfs", kLocked, "mode=1777,size=1m"},
  }};
  for (const MountPoint& point : points) PAVISE_TRY(mount_on(point));
  return {};
}

// The values that a release predicts, for whoever reads the console. They are no secret: the device
// sends them to the service in every evidence.
void print_measurements() {
  for (const int pcr : {0, 2, 4, 7, 11}) {
    const std::string path = "/sys/class/tpm/tpm0/pcr-sha256/" + std::to_string(pcr);
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 65> text{};
    if (file && ::read(file.get(), text.data(), 64) == 64)
      say("PCR " + std::to_string(pcr) + ' ' + text.data());
  }
}

// Nodes that belong to one program. A machine without TPM has none of them: the monitor will say
// so.
void hand_over_nodes() {
  for (const char* path : {"/dev/tpmrm0", "/dev/tpm0"}) {
    (void)::chown(path, kMonitorUid, kMonitorUid);
    (void)::chmod(path, 0600);
  }
  (void)::chown("/sys/kernel/security/tpm0/binary_bios_measurements", kMonitorUid, kMonitorUid);
  (void)::chmod("/sys/kernel/security", 0755);
  (void)::chmod("/sys/kernel/security/tpm0", 0755);
}

// The agent lives without the data partition, in memory, so that the device can attest, be refused
// with a reason, and be updated.
Status provide_data(const BootParameters& parameters, int channel) {
  const auto ask = [&](ByteView blob) { return ask_open_data(channel, blob, parameters.epoch()); };
  if (const Status opened = open_data_volume(parameters.data_device(), kTemplate, kData, ask);
      opened) {
    say("data partition open");
  } else {
    say("data stays closed: " + opened.error().message());
    PAVISE_TRY(mount_on({"tmpfs", kData, "tmpfs", kLocked, "mode=0755,size=2m"}));
  }
  (void)::mkdir(kAgentData, 0700);
  if (::chown(kAgentData, kAgentUid, kAgentUid) != 0)
    return Error(kDataMount, std::string(kAgentData) + ": " + std::strerror(errno));
  return {};
}

Result<BootParameters> read_parameters() {
  const UniqueFd file(::open("/proc/cmdline", O_RDONLY | O_CLOEXEC));
  std::array<char, kCommandLineBytesMax + 1> text{};
  const ssize_t size = file ? ::read(file.get(), text.data(), text.size()) : -1;
  if (size < 0) return Error(kBadCommandLine, "/proc/cmdline cannot be read");
  return BootParameters::parse({text.data(), static_cast<std::size_t>(size)});
}

// For programs that need a clock which no app sets (common/base/clock_ahead.h).
using Arguments = std::vector<std::string>;

// An image without a key of an owner has no apps, and nothing that could start some.
std::optional<ChildSpec> apps_program(const Arguments& clock) {
  if (::access(kAppOwnerKeys, R_OK) != 0) return std::nullopt;
  return ChildSpec{.name = "apps",
                   .program = "/usr/bin/pavise-apps",
                   .arguments = clock,
                   .memory_bytes_max = 32 * kMiB,
                   .processes_max = 8,
                   .open_files_max = 1024,
                   .keeps_powers = true};
}

Supervisor::Programs programs_of_device(const Arguments& clock) {
  return {.monitor = {.name = "monitor",
                      .program = "/usr/bin/pavise-monitor",
                      .uid = kMonitorUid,
                      .memory_bytes_max = 16 * kMiB,
                      .processes_max = 4,
                      .open_files_max = 32},
          .agent = {.name = "agent",
                    .program = "/usr/bin/pavise-agent",
                    .arguments = clock,
                    .uid = kAgentUid,
                    .memory_bytes_max = 32 * kMiB,
                    .processes_max = 8,
                    .open_files_max = 64},
          .apps = apps_program(clock)};
}

Status confine_launcher() {
  PAVISE_TRY(sandbox::apply(launcher_policy()));
  release_startup_pages();
  return {};
}

Status confine_apps_launcher() {
  PAVISE_TRY_ASSIGN(const sandbox::SandboxPolicy policy, apps_launcher_policy());
  PAVISE_TRY(sandbox::apply(policy));
  release_startup_pages();
  return {};
}

Result<std::optional<Launcher>> fork_apps_launcher(const std::optional<ChildSpec>& apps) {
  if (!apps) return std::optional<Launcher>();
  PAVISE_TRY_ASSIGN(Launcher launcher, Launcher::fork(kCgroupRoot, {*apps}, confine_apps_launcher));
  return std::optional(std::move(launcher));
}

bool set_system_clock(UnixMillis to_ms) {
  const timespec to{.tv_sec = to_ms / 1000, .tv_nsec = to_ms % 1000 * 1'000'000};
  return ::clock_settime(CLOCK_REALTIME, &to) == 0;
}

// Whether the device is to start again.
Result<bool> run(const Clock& clock) {
  // Before any app, and once: the launchers keep it for each start of a program.
  const Supervisor::Programs programs =
      programs_of_device({kClockAheadOption, std::to_string(clock_ahead_ms(clock))});
  PAVISE_TRY(mount_rest());
  PAVISE_TRY_ASSIGN(const BootParameters parameters, read_parameters());
  print_measurements();
  hand_over_nodes();
  PAVISE_TRY_ASSIGN(Supervisor supervisor,
                    Supervisor::create(kCgroupRoot, programs, clock, print, set_system_clock));
  PAVISE_TRY_ASSIGN(const int channel, supervisor.start_monitor());
  PAVISE_TRY(provide_data(parameters, channel));
  PAVISE_TRY_ASSIGN(Launcher launcher,
                    Launcher::fork(kCgroupRoot, programs.pair(), confine_launcher));
  PAVISE_TRY_ASSIGN(std::optional<Launcher> apps_launcher, fork_apps_launcher(programs.apps));
  auto note = MemoryNote::create(kMemoryNote, {"self", std::to_string(launcher.pid())});
  if (!note) say(note.error().message());
  supervisor.start_through(std::move(launcher), std::move(apps_launcher));
  PAVISE_TRY(sandbox::apply(init_policy()));
  release_startup_pages();
  PAVISE_TRY(supervisor.start_agent());
  PAVISE_TRY(supervisor.start_apps());
  say("up");
  const Status ended = supervisor.run([&] {
    if (note) (void)note->keep(clock.steady_ms()).has_value();
  });
  supervisor.stop();
  if (!ended) return ended.error();
  return supervisor.restart_wanted();
}

}  // namespace
}  // namespace pavise::device

int main() {
  using namespace pavise::device;
  if (::getpid() != 1) {
    std::fprintf(stderr, "%s: runs as the first process of a device only\n", kWho);
    return 2;
  }
  const pavise::SystemClock clock;
  const pavise::Result<bool> again = run(clock);
  if (!again) power_off(kWho, again.error());
  if (*again) restart_quietly(kWho);
  power_off_quietly(kWho);
}
