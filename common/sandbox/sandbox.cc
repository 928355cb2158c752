#include "common/sandbox/sandbox.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "common/sandbox/internal.h"

namespace pavise::sandbox {
namespace {

Status set_limit(int resource, std::uint64_t value, std::string_view name) {
  const rlimit limit{.rlim_cur = value, .rlim_max = value};
  if (::setrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0)
    return Error(kLimitFailed, errno_text(name));
  return {};
}

Status set_limits(const Limits& limits) {
  // No secret may reach a disk through a core file or a debugger.
  PAVISE_TRY(set_limit(RLIMIT_CORE, 0, "core size"));
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return Error(kLimitFailed, errno_text("dumpable"));
  PAVISE_TRY(set_limit(RLIMIT_NOFILE, limits.open_files, "open files"));
  if (limits.address_space_bytes)
    PAVISE_TRY(set_limit(RLIMIT_AS, *limits.address_space_bytes, "address space"));
  if (limits.file_size_bytes)
    PAVISE_TRY(set_limit(RLIMIT_FSIZE, *limits.file_size_bytes, "file size"));
  return {};
}

bool is_kept(const SandboxPolicy& policy, int capability) {
  return std::ranges::find(policy.capabilities_kept, capability) != policy.capabilities_kept.end();
}

Status drop_bounding_set(const SandboxPolicy& policy) {
  int in_set = 0;  // below 0: the kernel has no such capability
  for (int capability = 0; (in_set = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0)) >= 0;
       ++capability) {
    if (in_set == 0 || is_kept(policy, capability)) continue;
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    // Without CAP_SETPCAP there is nothing to gain either: no_new_privs keeps exec from adding any.
    if (errno == EPERM && ::geteuid() != 0) return {};
    return Error(kPrivilegesStay, errno_text("bounding set"));
  }
  return {};
}

Status become(const RunAs& user) {
  const bool already = ::geteuid() == user.uid && ::getuid() == user.uid &&
                       ::getegid() == user.gid && ::getgid() == user.gid;
  if (already && ::geteuid() != 0) return {};
  if (::setgroups(0, nullptr) != 0) return Error(kPrivilegesStay, errno_text("groups"));
  if (::setresgid(user.gid, user.gid, user.gid) != 0)
    return Error(kPrivilegesStay, errno_text("group id"));
  if (::setresuid(user.uid, user.uid, user.uid) != 0)
    return Error(kPrivilegesStay, errno_text("user id"));
  return {};
}

Status set_capabilities(const SandboxPolicy& policy) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> sets{};
  for (const int capability : policy.capabilities_kept) {
    auto& word = sets.at(static_cast<std::size_t>(capability) / 32);
    word.effective |= 1U << (static_cast<unsigned>(capability) % 32);
    word.permitted = word.effective;
  }
  if (::syscall(SYS_capset, &header, sets.data()) != 0)
    return Error(kPrivilegesStay, errno_text("capabilities"));
  return {};
}

Status drop_privileges(const SandboxPolicy& policy) {
  PAVISE_TRY(drop_bounding_set(policy));
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    return Error(kPrivilegesStay, errno_text("ambient set"));
  if (policy.run_as) {
    // Changing the user id clears the capabilities unless they are to be kept.
    if (!policy.capabilities_kept.empty() && ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
      return Error(kPrivilegesStay, errno_text("keep capabilities"));
    PAVISE_TRY(become(*policy.run_as));
  }
  PAVISE_TRY(set_capabilities(policy));
  // A change of user id resets it.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return Error(kLimitFailed, errno_text("dumpable"));
  return {};
}

}  // namespace

Status apply(const SandboxPolicy& policy) {
  PAVISE_TRY(set_limits(policy.limits));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return Error(kPrivilegesStay, errno_text("no_new_privs"));
  PAVISE_TRY(restrict_paths(policy));
  PAVISE_TRY(drop_privileges(policy));
  return restrict_syscalls(policy);
}

}  // namespace pavise::sandbox
