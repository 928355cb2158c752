#include "cloud/server/process/sandbox.h"

#include <sys/resource.h>

#include <algorithm>

#include "cloud/server/bootstrap/state_layout.h"

namespace pavise::server {
namespace {

constexpr std::uint64_t kOpenFilesMax = 65'536;

std::uint64_t open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  return std::min<std::uint64_t>(limit.rlim_max, kOpenFilesMax);
}

}  // namespace

sandbox::SandboxPolicy server_sandbox(const std::string& state_directory) {
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
  // SQLite gives its side files the owner of the database; the supervisor is waited for at the end.
  policy.extra_syscalls = {"fchown", "wait4"};
  policy.limits.open_files = open_files();
  if (!sandbox::landlock_available()) policy.development.emplace();
  return policy;
}

}  // namespace pavise::server
