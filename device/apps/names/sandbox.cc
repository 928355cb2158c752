#include "device/apps/names/sandbox.h"

#include "device/apps/names/name_server.h"

namespace pavise::device {

sandbox::SandboxPolicy names_policy(uid_t user, std::uint16_t server_port) {
  sandbox::SandboxPolicy policy{.name = "pavise-names"};
  policy.run_as = sandbox::RunAs{user, user};
  policy.groups = {sandbox::SyscallGroup::inherited_sockets, sandbox::SyscallGroup::tcp_client};
  policy.connect_ports = {server_port};
  policy.extra_syscalls = {"accept4"};
  policy.limits.open_files = kNameServerDescriptors;
  return policy;
}

}  // namespace pavise::device
