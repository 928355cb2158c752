#include "cloud/security/signer/process/sandbox.h"

namespace pavise::security::signer {

sandbox::SandboxPolicy signer_sandbox(const std::string& keys_directory, bool without_landlock) {
  sandbox::SandboxPolicy policy{.name = "pavise-signer"};
  policy.paths = {{keys_directory, sandbox::PathAccess::read_write}};
  policy.groups = {sandbox::SyscallGroup::inherited_sockets, sandbox::SyscallGroup::read_files,
                   sandbox::SyscallGroup::write_files};
  policy.extra_syscalls = {"accept4"};
  if (without_landlock) policy.development.emplace();
  return policy;
}

}  // namespace pavise::security::signer
