#include "cloud/server/process/sandbox.h"

#include <linux/capability.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "cloud/server/bootstrap/state_layout.h"

namespace pavise::server {
namespace {

constexpr std::uint64_t kOpenFilesMax = 65'536;
constexpr std::uint16_t kPrivilegedPortsEnd = 1024;

std::uint64_t open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  return std::min<std::uint64_t>(limit.rlim_max, kOpenFilesMax);
}

}  // namespace

PortUse port_use(const ServerOptions& options) {
  // Others may have been let by the system's settings, and have nothing to keep.
  if (::geteuid() != 0) return PortUse::unprivileged;
  const auto low = [](std::uint16_t port) { return port != 0 && port < kPrivilegedPortsEnd; };
  const bool any = low(options.management_port) || low(options.device_port) ||
                   low(options.hub_port) || low(options.hub_amqp_port.value_or(0)) ||
                   low(options.hub_https_port.value_or(0));
  return any ? PortUse::below_1024 : PortUse::unprivileged;
}

Outbound outbound(const ServerOptions& options) {
  const bool wanted = options.message_routing || !options.file_store_url.empty();
  return wanted ? Outbound::anywhere : Outbound::none;
}

sandbox::SandboxPolicy server_sandbox(const std::string& state_directory, PortUse ports,
                                      Outbound outbound) {
  using sandbox::PathAccess;
  using sandbox::SyscallGroup;
  sandbox::SandboxPolicy policy{.name = "pavise-server"};
  // Not the state directory itself: Landlock's rules hold for all that lies beneath, and beneath it
  // lie the signer's keys, which belong to the same user.
  policy.paths = {{.path = data_directory(state_directory), .access = PathAccess::read_write},
                  // OpenSSL's configuration and the time zone, read at first use.
                  {.path = "/etc/ssl", .may_be_missing = true},
                  {.path = "/usr/lib/ssl", .may_be_missing = true},
                  {.path = "/etc/localtime", .may_be_missing = true}};
  policy.groups = {SyscallGroup::inherited_sockets,
                   SyscallGroup::read_files,
                   SyscallGroup::write_files,
                   SyscallGroup::tcp_server,
                   SyscallGroup::local_client,
                   SyscallGroup::event_loop,
                   SyscallGroup::threads};
  if (outbound == Outbound::anywhere) {
    policy.groups.push_back(SyscallGroup::tcp_client);
    // Where names are looked up.
    for (const char* path :
         {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf",
          "/etc/services", "/run/systemd/resolve"})
      policy.paths.push_back({.path = path, .may_be_missing = true});
    // The system's certificate authorities are links to these.
    policy.paths.push_back({.path = "/usr/share/ca-certificates", .may_be_missing = true});
  }
  // SQLite gives its side files the owner of the database; the supervisor is waited for at the end.
  policy.extra_syscalls = {"fchown", "wait4"};
  if (ports == PortUse::below_1024) policy.capabilities_kept = {CAP_NET_BIND_SERVICE};
  policy.limits.open_files = open_files();
  if (!sandbox::landlock_available()) policy.development.emplace();
  return policy;
}

}  // namespace pavise::server
