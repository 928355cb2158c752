#include "device/monitor/sandbox.h"

namespace pavise::monitor {

sandbox::SandboxPolicy sandbox_policy(root_of_trust::TpmAddress::Kind tpm) {
  sandbox::SandboxPolicy policy{.name = "pavise-monitor"};
  policy.groups = {sandbox::SyscallGroup::inherited_sockets};
  if (tpm == root_of_trust::TpmAddress::Kind::swtpm)
    policy.groups.push_back(sandbox::SyscallGroup::local_client);
  policy.limits.open_files = 16;
  return policy;
}

}  // namespace pavise::monitor
