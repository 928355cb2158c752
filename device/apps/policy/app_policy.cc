#include "device/apps/policy/app_policy.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "common/crypto/crypto.h"
#include "device/apps/compartment/app_filter.h"
#include "protocol/dev_grant/debugger_files.h"

namespace pavise::device {
namespace {

constexpr std::uint64_t kKib = 1024;

Network network_of(const manifest::Network& from) {
  Network out;
  if (from.v6) {
    out.address = from.address;
    out.prefix_bits = from.prefix;
    return out;
  }
  out.address = {};
  out.address[10] = out.address[11] = 0xff;
  std::copy_n(from.address.begin(), 4, out.address.begin() + 12);
  out.prefix_bits = 96U + from.prefix;
  return out;
}

void add_destination(const manifest::Destination& to, int socket_type, AppPolicy& policy) {
  const std::uint16_t port = to.port.value_or(0);
  if (to.kind == manifest::Destination::Kind::network) {
    policy.peers.push_back({network_of(to.network), socket_type, port});
    return;
  }
  policy.named_peers.push_back(
      {to.name, to.kind == manifest::Destination::Kind::wildcard, socket_type, port});
}

Status add_devices(const manifest::Capabilities& capabilities, const HardwareDefinition& hardware,
                   AppPolicy& policy) {
  for (std::size_t kind = 0; kind < manifest::kHardwareKinds; ++kind) {
    for (const std::string& name : capabilities.hardware.at(kind)) {
      const auto found = hardware.by_kind.at(kind).find(name);
      if (found == hardware.by_kind.at(kind).end())
        return Error(kNoSuchHardware,
                     std::string(to_string(static_cast<manifest::Hardware>(kind))) + ' ' + name);
      const HardwarePlace& place = found->second;
      if (static_cast<manifest::Hardware>(kind) == manifest::Hardware::gpio)
        policy.lines.push_back({.name = name, .chip = place.node, .line = place.line});
      else
        policy.devices.push_back({.source = place.node, .name = name});
    }
  }
  return {};
}

RestartWhen restart_of(manifest::Restart restart) {
  switch (restart) {
    case manifest::Restart::always:
      return RestartWhen::always;
    case manifest::Restart::on_failure:
      return RestartWhen::on_failure;
    case manifest::Restart::never:
      break;
  }
  return RestartWhen::never;
}

LifePolicy life_of(const manifest::Lifecycle& from) {
  LifePolicy out{.restart = restart_of(from.restart),
                 .restart_delay_ms = from.restart_delay_ms,
                 .restart_delay_max_ms = from.restart_delay_max_ms,
                 .stop_timeout_ms = from.stop_timeout_ms};
  if (from.health_check) {
    out.first_health_ms = from.health_check->start_timeout_ms;
    out.health_interval_ms = from.health_check->interval_ms;
  }
  return out;
}

// Every value with its length or in a fixed width, so that no two policies have one text.
class Transcript {
 public:
  void add(std::uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8)
      bytes_.push_back(static_cast<std::byte>(value >> static_cast<unsigned>(shift)));
  }
  void add(ByteView value) {
    add(value.size());
    bytes_.insert(bytes_.end(), value.begin(), value.end());
  }
  void add(const std::string& value) { add(std::as_bytes(std::span(value))); }
  Digest256 digest() const { return crypto::sha256(bytes_); }

 private:
  Bytes bytes_;
};

void add_network(const AppPolicy& policy, Transcript& out) {
  out.add(policy.network ? 1 : 0);
  out.add(policy.peers.size());
  for (const Peers& peers : policy.peers) {
    out.add(std::as_bytes(std::span(peers.network.address)));
    out.add(peers.network.prefix_bits);
    out.add(static_cast<std::uint64_t>(peers.socket_type));
    out.add(peers.port);
  }
  out.add(policy.named_peers.size());
  for (const NamedPeer& peer : policy.named_peers) {
    out.add(peer.name);
    out.add(peer.below ? 1 : 0);
    out.add(static_cast<std::uint64_t>(peer.socket_type));
    out.add(peer.port);
  }
  out.add(policy.ports.size());
  for (const ListeningPort& port : policy.ports) {
    out.add(static_cast<std::uint64_t>(port.socket_type));
    out.add(port.port);
  }
}

void add_grants(const AppGrants& grants, Transcript& out) {
  out.add(grants.peers.size());
  for (const manifest::ComponentId& peer : grants.peers) out.add(ByteView(peer.bytes()));
  for (const bool granted : {grants.system_events, grants.update_deferral, grants.restart,
                             grants.power_off, grants.power_profile, grants.system_time})
    out.add(granted ? 1 : 0);
}

Digest256 digest_of(const manifest::Manifest& manifest, const AppPolicy& policy) {
  Transcript out;
  out.add(as_bytes(policy.debugger ? "pavise-app-debug-policy-1" : "pavise-app-policy-1"));
  out.add(manifest.digest);
  out.add(policy.arguments.size());
  for (const std::string& argument : policy.arguments) out.add(argument);
  for (const std::uint64_t value :
       {policy.budget.memory_bytes_max, std::uint64_t{policy.budget.processes_max},
        std::uint64_t{policy.budget.cpu_per_mille}, std::uint64_t{policy.budget.open_files_max},
        policy.budget.temporary_bytes_max, policy.storage_bytes, policy.certificate_bytes})
    out.add(value);
  out.add(policy.devices.size());
  for (const DeviceNode& node : policy.devices) {
    out.add(node.source);
    out.add(node.name);
    out.add(node.writable ? 1 : 0);
  }
  out.add(policy.lines.size());
  for (const GpioLine& line : policy.lines) {
    out.add(line.name);
    out.add(line.chip);
    out.add(line.line);
  }
  add_network(policy, out);
  out.add(std::as_bytes(std::span(policy.filter)));
  for (const std::int64_t value :
       {static_cast<std::int64_t>(policy.life.restart), policy.life.restart_delay_ms,
        policy.life.restart_delay_max_ms, policy.life.stop_timeout_ms, policy.life.first_health_ms,
        policy.life.health_interval_ms})
    out.add(static_cast<std::uint64_t>(value));
  add_grants(policy.grants, out);
  return out.digest();
}

AppFilterNeeds filter_needs(const manifest::Manifest& manifest, const AppPolicy& policy) {
  return {.network = policy.network,
          .listens = !manifest.capabilities.listening_tcp.empty(),
          .device_nodes = !policy.devices.empty(),
          .gpio_lines = !policy.lines.empty(),
          .debugger = policy.debugger};
}

// gdbserver by its own loader. It starts the program without a shell, leaves its addresses as they
// are (anything else needs a system call that no app has), and speaks on standard input and output.
std::vector<std::string> behind_debugger(const std::vector<std::string>& arguments) {
  std::vector<std::string> out{std::string(dev_grant::kDebuggerLoader),
                               "--library-path",
                               std::string(dev_grant::kDebuggerLibraries),
                               std::string(dev_grant::kDebuggerProgram),
                               "--no-startup-with-shell",
                               "--no-disable-randomization",
                               "-"};
  out.insert(out.end(), arguments.begin(), arguments.end());
  return out;
}

}  // namespace

Result<AppPolicy> make_app_policy(const manifest::Manifest& manifest,
                                  const HardwareDefinition& hardware) {
  const manifest::Capabilities& may = manifest.capabilities;
  AppPolicy out;
  out.arguments = {manifest.entry_point};
  out.arguments.insert(out.arguments.end(), manifest.arguments.begin(), manifest.arguments.end());
  out.budget = {.memory_bytes_max = manifest.budgets.memory_kib * kKib,
                // And its warden.
                .processes_max = manifest.budgets.processes + 1,
                .cpu_per_mille = manifest.budgets.cpu_percent * 10,
                .open_files_max = kOpenFilesMax,
                .temporary_bytes_max = kTemporaryBytes};
  out.storage_bytes = may.mutable_storage_kib.value_or(0) * kKib;
  out.certificate_bytes = may.certificate_store ? kCertificateStoreBytes : 0;
  PAVISE_TRY(add_devices(may, hardware, out));
  out.budget.open_files_max += static_cast<std::uint32_t>(out.lines.size());
  for (const manifest::Destination& to : may.outgoing_tcp) add_destination(to, SOCK_STREAM, out);
  for (const manifest::Destination& to : may.outgoing_udp) add_destination(to, SOCK_DGRAM, out);
  for (const std::uint16_t port : may.listening_tcp) out.ports.push_back({SOCK_STREAM, port});
  for (const std::uint16_t port : may.listening_udp) out.ports.push_back({SOCK_DGRAM, port});
  out.network = !out.peers.empty() || !out.named_peers.empty() || !out.ports.empty();
  PAVISE_TRY_ASSIGN(out.filter, make_app_filter(filter_needs(manifest, out)));
  out.life = life_of(manifest.lifecycle);
  out.grants = {.peers = may.app_connections,
                .system_events = may.system_events,
                .update_deferral = may.update_deferral,
                .restart = may.power_reboot,
                .power_off = may.power_down,
                .power_profile = may.power_profile,
                .system_time = may.system_time};
  out.digest = digest_of(manifest, out);
  return out;
}

Result<AppPolicy> make_debug_policy(const manifest::Manifest& manifest, const AppPolicy& policy) {
  AppPolicy out = policy;
  out.debugger = true;
  out.arguments = behind_debugger(policy.arguments);
  out.budget.memory_bytes_max += kDebuggerMemoryBytes;
  out.budget.processes_max += kDebuggerProcesses;
  PAVISE_TRY_ASSIGN(out.filter, make_app_filter(filter_needs(manifest, out)));
  out.digest = digest_of(manifest, out);
  return out;
}

}  // namespace pavise::device
