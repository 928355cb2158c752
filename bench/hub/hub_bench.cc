// The hub's cost in server CPU, against a bare OpenSSL server and Debian's mosquitto, all in one
// run and alternating, because machines are noisy. Targets: docs/performance.md.
//
//   bench_hub [--quick] [--only PART] [--folder DIR]
//     PART: growth, full, resumed or messages; DIR: where the event log is written (default:
//     temporary)
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <functional>

#include "bench/hub/bare_server.h"
#include "bench/hub/client_process.h"
#include "bench/hub/peer_broker.h"
#include "bench/hub/process_usage.h"
#include "cloud/hub/transport/hub.h"
#include "cloud/hub/transport/testing/fake_gatekeeper.h"
#include "cloud/hub/transport/testing/memory_hub_data.h"

namespace pavise::bench {
namespace {

using Kind = ClientTask::Kind;

struct Scale {
  int rounds = 7;
  std::uint32_t connects = 300;
  std::uint32_t resumes = 500;
  std::uint32_t messages = 60'000;
  // Held connections at which memory is read, each with a certificate of its own.
  std::vector<std::uint32_t> held = {1'000, 2'500, 5'000, 8'000, 10'000, 20'000};
};
const Scale kQuick{
    .rounds = 3, .connects = 60, .resumes = 100, .messages = 5'000, .held = {100, 200, 400}};
constexpr std::uint32_t kPublishers = 100;
constexpr rlim_t kOtherFiles = 200;  // what a process has open besides the held connections

// Raises the limit of open files to what `connections` need, as far as this user may; returns how
// many connections it allows.
std::uint32_t allow_connections(std::uint32_t connections) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  const rlim_t wanted = std::max<rlim_t>(files.rlim_max, connections + kOtherFiles);
  const rlimit raised{.rlim_cur = wanted, .rlim_max = wanted};
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return connections;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  return static_cast<std::uint32_t>(
      std::min<rlim_t>(connections, files.rlim_max - std::min(files.rlim_max, kOtherFiles)));
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

class Bench {
 public:
  Bench(const Scale& scale, std::string only, std::string folder)
      : scale_(scale),
        only_(std::move(only)),
        folder_(std::move(folder)),
        server_(server_ca_.issue("hub.test")),
        identities_(make_identities()),
        clients_(identities_, server_ca_.certificate_pem()),
        peer_(folder_, server_, device_ca_.certificate_pem()) {}

  bool run() {
    if (!start_hub()) return false;
    BareServer bare(server_, device_ca_.certificate_pem());
    bare_port_ = bare.port();
    if (wanted("growth")) growth();  // first: what others freed would be used again
    if (wanted("full")) full_connects();
    if (wanted("resumed")) resumed_connects();
    if (wanted("messages")) {
      messages(1);
      messages(10);
    }
    return ok_;
  }

 private:
  bool wanted(std::string_view part) const { return only_.empty() || only_ == part; }

  std::vector<ClientIdentity> make_identities() {
    std::vector<ClientIdentity> out;
    const std::uint32_t count = wanted("growth") ? scale_.held.back() : 0;
    for (std::uint32_t i = 0; i < std::max(kPublishers, count); ++i) {
      std::string id(DeviceId::kLength, 'a');
      const std::string number = std::to_string(i);
      id.replace(0, number.size(), number);
      out.push_back({id, device_ca_.issue(id)});
      gatekeeper_.allow_certificate(out.back().identity.certificate_der, id,
                                    (std::time(nullptr) + 86'400) * 1000);
    }
    return out;
  }

  bool start_hub() {
    auto directory = hub::open_log_directory(folder_ + "/log");
    if (!directory) return fail(directory.error());
    auto log = hub::SegmentLog::open(*std::move(directory),
                                     {.retention_bytes_max = 256UL * 1024 * 1024}, clock_);
    if (!log) return fail(log.error());
    log_ = *std::move(log);
    hub::HubOptions options;
    options.port = 0;
    options.threads = 1;
    options.certificate_chain_pem = server_.certificate_pem;
    options.private_key_pem = SecretBytes::copy_of(as_bytes(server_.key_pem));
    auto hub = hub::Hub::start(std::move(options), gatekeeper_, *log_, data_, clock_);
    if (!hub) return fail(hub.error());
    hub_ = *std::move(hub);
    return true;
  }

  static bool fail(const Error& error) {
    std::fprintf(stderr, "%s\n", error.message().c_str());
    return false;
  }

  // CPU seconds of the server for one task, per unit done.
  double cost(const ClientTask& task, bool is_peer = false) {
    const double before = is_peer ? peer_.cpu_s() : own_cpu_s();
    const ClientReport report = clients_.run(task);
    const double used = (is_peer ? peer_.cpu_s() : own_cpu_s()) - before;
    if (report.done < task.count) {
      std::fprintf(stderr, "only %lu of %u were answered\n", report.done, task.count);
      ok_ = false;
    }
    if (task.kind == Kind::connect_resumed && report.resumed < report.done) {
      std::fprintf(stderr, "only %lu of %lu resumed\n", report.resumed, report.done);
      ok_ = false;
    }
    wall_s_ = report.wall_s;
    return used / static_cast<double>(std::max<std::uint64_t>(report.done, 1));
  }

  struct Costs {
    double hub, bare, peer;
  };
  // Medians of alternating rounds, so that a slow moment hits all alike.
  Costs connect_costs(Kind kind, std::uint32_t count, bool with_peer) {
    std::vector<double> hub;
    std::vector<double> bare;
    std::vector<double> peer{0};
    for (int round = 0; round < scale_.rounds; ++round) {
      bare.push_back(cost({kind, bare_port_, count}));
      hub.push_back(cost({kind, hub_->port(), count}));
      if (with_peer && peer_.running()) peer.push_back(cost({kind, peer_.port(), count}, true));
    }
    if (peer.size() > 1) peer.erase(peer.begin());
    return {median(hub), median(bare), median(peer)};
  }

  void full_connects() {
    const Costs full = connect_costs(Kind::connect_full, scale_.connects, true);
    std::printf(
        "full mutual-TLS connect, server CPU:  hub %.0f us, bare OpenSSL %.0f us, "
        "ratio %.2f (target 1.15)",
        full.hub * 1e6, full.bare * 1e6, full.hub / full.bare);
    if (full.peer > 0) std::printf("; mosquitto %.0f us", full.peer * 1e6);
    std::printf("\n");
  }

  void resumed_connects() {
    const Costs resumed = connect_costs(Kind::connect_resumed, scale_.resumes, false);
    std::printf(
        "resumed connect (stateful), server CPU: hub %.0f us (target 300), bare OpenSSL "
        "%.0f us, ratio %.2f\n",
        resumed.hub * 1e6, resumed.bare * 1e6, resumed.hub / resumed.bare);
  }

  void messages(std::uint32_t window) {
    std::vector<double> hub;
    std::vector<double> peer;
    double rate = 0;
    for (int round = 0; round < std::min(scale_.rounds, 3); ++round) {
      hub.push_back(cost({Kind::publish, hub_->port(), scale_.messages, kPublishers, window}));
      rate = std::max(rate, scale_.messages / std::max(wall_s_, 1e-9));
      if (peer_.running())
        peer.push_back(
            cost({Kind::publish, peer_.port(), scale_.messages, kPublishers, window}, true));
    }
    std::printf(
        "QoS 1, 256 B, %u publishers, %u under way each: hub %.1f CPU-s per million "
        "with durable acknowledgement, %.0f per s",
        kPublishers, window, median(hub) * 1e6, rate);
    if (!peer.empty())
      std::printf("; mosquitto %.1f without durability, ratio %.2f", median(peer) * 1e6,
                  median(hub) / median(peer));
    std::printf("\n");
  }

  // Resident KiB of a server before any connection is held and at each step of the scale.
  std::vector<double> resident_at(std::uint16_t port, const std::function<double()>& resident) {
    clients_.run({Kind::connect_full, port, 1});  // what the first connection makes once
    std::vector<double> out = {resident()};
    for (const std::uint32_t count : scale_.held) {
      const ClientReport report = clients_.run({Kind::hold, port, count});
      if (report.done != count) {
        std::fprintf(stderr, "only %lu of %u connections are held\n", report.done, count);
        ok_ = false;
        break;
      }
      out.push_back(resident());
    }
    clients_.run({Kind::release});
    return out;
  }

  void growth() {
    const auto ours = resident_at(hub_->port(), [] { return process_resident_kib(::getpid()); });
    std::vector<double> peer;
    if (peer_.running()) peer = resident_at(peer_.port(), [this] { return peer_.resident_kib(); });
    std::printf("memory per idle mutual-TLS connection, KiB (of those since the line before):\n");
    for (std::size_t i = 1; i < ours.size(); ++i) {
      const double held = scale_.held[i - 1];
      const double added = held - (i > 1 ? scale_.held[i - 2] : 0);
      const auto show = [&](const char* name, const std::vector<double>& resident) {
        if (i >= resident.size()) return;
        std::printf("  %s %.1f (%.1f)", name, (resident[i] - resident[0]) / held,
                    (resident[i] - resident[i - 1]) / added);
      };
      std::printf("%8.0f held:", held);
      show("hub", ours);
      show("mosquitto", peer);
      std::printf("\n");
    }
  }

  const Scale scale_;
  const std::string only_;  // empty: all parts
  const std::string folder_;
  SystemClock clock_;
  hub::testing::TestCa server_ca_{"server root"};
  hub::testing::TestCa device_ca_{"device CA"};
  hub::testing::FakeGatekeeper gatekeeper_;
  hub::testing::Identity server_;
  std::vector<ClientIdentity> identities_;
  ClientProcess clients_;  // forks: before any thread
  PeerBroker peer_;
  hub::testing::MemoryHubData data_;
  std::unique_ptr<hub::SegmentLog> log_;
  std::unique_ptr<hub::Hub> hub_;
  std::uint16_t bare_port_ = 0;
  double wall_s_ = 0;
  bool ok_ = true;
};

std::string temporary_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "pavise-bench-XXXXXX").string();
  return ::mkdtemp(name.data()) == nullptr ? "." : name;
}

int run(int argc, char** argv) {
  Scale scale;
  std::string only;
  std::string folder;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--quick") == 0) {
      scale = kQuick;
    } else if (std::strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
      only = argv[++i];
    } else if (std::strcmp(argv[i], "--folder") == 0 && i + 1 < argc) {
      folder = argv[++i];
    } else {
      std::fprintf(stderr, "usage: bench_hub [--quick] [--only PART] [--folder DIR]\n");
      return 2;
    }
  }
  const std::uint32_t most = scale.held.back();
  if (const std::uint32_t allowed = allow_connections(most); allowed < most) {
    std::printf("the limit of open files allows %u held connections, not %u\n", allowed, most);
    std::erase_if(scale.held, [&](std::uint32_t count) { return count >= allowed; });
    scale.held.push_back(allowed);
  }
  const bool own_folder = folder.empty();
  if (own_folder) folder = temporary_folder();
  const bool ok = Bench(scale, only, folder).run();
  std::error_code ignored;
  if (own_folder) std::filesystem::remove_all(folder, ignored);
  return ok ? 0 : 1;
}

}  // namespace
}  // namespace pavise::bench

int main(int argc, char** argv) {
  return pavise::bench::run(argc, argv);
}
