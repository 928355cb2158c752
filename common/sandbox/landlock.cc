// Landlock through raw system calls: glibc has no wrappers. Kernel documentation:
// userspace-api/landlock.rst. The structures are our own because the distribution's header is older
// than the kernels that we may meet; unknown trailing fields must be zero, which older kernels
// accept.
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "common/sandbox/internal.h"

namespace pavise::sandbox {
namespace {

constexpr std::uint64_t kExecute = 1ULL << 0U;
constexpr std::uint64_t kWriteFile = 1ULL << 1U;
constexpr std::uint64_t kReadFile = 1ULL << 2U;
constexpr std::uint64_t kReadDir = 1ULL << 3U;
constexpr std::uint64_t kRemoveDir = 1ULL << 4U;
constexpr std::uint64_t kRemoveFile = 1ULL << 5U;
constexpr std::uint64_t kMakeDir = 1ULL << 7U;
constexpr std::uint64_t kMakeReg = 1ULL << 8U;
constexpr std::uint64_t kAllOfAbi1 = (1ULL << 13U) - 1;
constexpr std::uint64_t kRefer = 1ULL << 13U;     // ABI 2
constexpr std::uint64_t kTruncate = 1ULL << 14U;  // ABI 3
constexpr std::uint64_t kIoctlDev = 1ULL << 15U;  // ABI 5
constexpr std::uint64_t kBindTcp = 1ULL << 0U;    // ABI 4
constexpr std::uint64_t kConnectTcp = 1ULL << 1U;
constexpr std::uint64_t kScopeAbstractUnix = 1ULL << 0U;  // ABI 6
constexpr std::uint64_t kScopeSignal = 1ULL << 1U;
constexpr int kRulePathBeneath = 1;
constexpr int kRuleNetPort = 2;
constexpr std::uint32_t kCreateVersion = 1;

struct RulesetAttributes {
  std::uint64_t handled_fs = 0;
  std::uint64_t handled_net = 0;
  std::uint64_t scoped = 0;
};
struct [[gnu::packed]] PathBeneath {
  std::uint64_t allowed;
  std::int32_t parent_fd;
};
struct NetPort {
  std::uint64_t allowed;
  std::uint64_t port;
};

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

bool has(const SandboxPolicy& policy, SyscallGroup group) {
  return std::ranges::find(policy.groups, group) != policy.groups.end();
}

bool keeps_kill(const SandboxPolicy& policy) {
  return std::ranges::find(policy.capabilities_kept, CAP_KILL) != policy.capabilities_kept.end();
}

RulesetAttributes attributes_for(const SandboxPolicy& policy, int abi) {
  RulesetAttributes out{.handled_fs = kAllOfAbi1};
  if (abi >= 2) out.handled_fs |= kRefer;
  if (abi >= 3) out.handled_fs |= kTruncate;
  if (abi >= 5) out.handled_fs |= kIoctlDev;
  if (abi >= 4) {
    if (!has(policy, SyscallGroup::tcp_server)) out.handled_net |= kBindTcp;
    if (!has(policy, SyscallGroup::tcp_client) || !policy.connect_ports.empty())
      out.handled_net |= kConnectTcp;
  }
  // Scoping lets a parent signal the children that it has put into narrower domains of their own,
  // since they are nested below it. Who keeps CAP_KILL is there to signal others as well.
  if (abi >= 6) out.scoped = kScopeAbstractUnix | (keeps_kill(policy) ? 0 : kScopeSignal);
  return out;
}

std::uint64_t rights_of(PathAccess access, bool is_directory) {
  constexpr std::uint64_t kFileRights = kExecute | kWriteFile | kReadFile | kTruncate | kIoctlDev;
  std::uint64_t rights = kReadFile | kReadDir;
  switch (access) {
    case PathAccess::read:
      break;
    case PathAccess::read_write:
      rights |= kWriteFile | kTruncate | kMakeReg | kMakeDir | kRemoveFile | kRemoveDir | kRefer;
      break;
    case PathAccess::execute:
      rights |= kExecute;
      break;
    case PathAccess::device:
      rights |= kWriteFile | kIoctlDev;
      break;
  }
  return is_directory ? rights : rights & kFileRights;
}

Status add_path(int ruleset, const PathRule& rule, std::uint64_t handled) {
  const Fd target(::open(rule.path.c_str(), O_PATH | O_CLOEXEC));
  if (target.get() < 0) {
    if (errno == ENOENT && rule.may_be_missing) return {};
    return Error(kPathRuleFailed, errno_text(rule.path));
  }
  struct stat info{};
  if (::fstat(target.get(), &info) != 0) return Error(kPathRuleFailed, errno_text(rule.path));
  const PathBeneath beneath{.allowed = rights_of(rule.access, S_ISDIR(info.st_mode)) & handled,
                            .parent_fd = target.get()};
  if (::syscall(SYS_landlock_add_rule, ruleset, kRulePathBeneath, &beneath, 0) != 0)
    return Error(kPathRuleFailed, errno_text(rule.path));
  return {};
}

}  // namespace

int landlock_abi() {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kCreateVersion);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

bool landlock_available() {
  return landlock_abi() > 0;
}

Status restrict_paths(const SandboxPolicy& policy) {
  if (policy.mounts) return {};
  const int abi = landlock_abi();
  if (abi == 0) {
    if (policy.development) return {};
    return Error(kLandlockMissing, policy.name);
  }
  const RulesetAttributes attributes = attributes_for(policy, abi);
  const Fd ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0)));
  if (ruleset.get() < 0) return Error(kPathRuleFailed, errno_text("landlock_create_ruleset"));
  for (const PathRule& rule : policy.paths)
    PAVISE_TRY(add_path(ruleset.get(), rule, attributes.handled_fs));
  if ((attributes.handled_net & kConnectTcp) != 0) {
    for (const std::uint16_t port : policy.connect_ports) {
      const NetPort allowed{.allowed = kConnectTcp, .port = port};
      if (::syscall(SYS_landlock_add_rule, ruleset.get(), kRuleNetPort, &allowed, 0) != 0)
        return Error(kPathRuleFailed, errno_text("port " + std::to_string(port)));
    }
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0)
    return Error(kPathRuleFailed, errno_text("landlock_restrict_self"));
  return {};
}

}  // namespace pavise::sandbox
