#include "device/apps/storage/app_storage.h"

#include <fcntl.h>
#include <sys/quota.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

namespace pavise::device {
namespace {

constexpr std::uint64_t kQuotaUnitBytes = 1024;  // of dqblk, whatever the file system's block is
constexpr std::uint64_t kBytesPerFile = 4096;

Error failed(const std::string& what) {
  return {kStorageFailed, what + ": " + std::strerror(errno)};
}

bool in_range(uid_t user) {
  return user >= kAppUserMin && user <= kAppUserMax;
}

}  // namespace

AppUsers assign_users(std::span<const manifest::ComponentId> apps, const AppUsers& owners) {
  std::set<uid_t> taken;
  AppUsers kept;
  for (const auto& [app, user] : owners)
    if (in_range(user) && taken.insert(user).second) kept.emplace(app, user);
  AppUsers out;
  uid_t next = kAppUserMin;
  for (const manifest::ComponentId& app : apps) {
    if (const auto found = kept.find(app); found != kept.end()) {
      out.emplace(app, found->second);
      continue;
    }
    while (taken.contains(next)) ++next;
    taken.insert(next);
    out.emplace(app, next);
  }
  return out;
}

Result<AppStorage> AppStorage::open(const std::string& root) {
  if (::mkdir(root.c_str(), 0711) != 0 && errno != EEXIST) return failed(root);
  UniqueFd folder(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder) return failed(root);
  return AppStorage(root, std::move(folder));
}

AppUsers AppStorage::owners() const {
  AppUsers out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(root_, error)) {
    const auto app = manifest::ComponentId::parse(entry.path().filename().string());
    struct stat info{};
    if (app && ::lstat(entry.path().c_str(), &info) == 0 && S_ISDIR(info.st_mode))
      out.emplace(*app, info.st_uid);
  }
  return out;
}

Result<std::string> AppStorage::provide(const manifest::ComponentId& app, uid_t user,
                                        std::uint64_t bytes) {
  PAVISE_CHECK(in_range(user));
  const std::string name = app.text();
  PAVISE_TRY(limit(user, bytes));
  if (::mkdirat(folder_.get(), name.c_str(), 0700) != 0 && errno != EEXIST) return failed(name);
  const UniqueFd folder(
      ::openat(folder_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder || ::fchmod(folder.get(), 0700) != 0 || ::fchown(folder.get(), user, user) != 0)
    return failed(name);
  return root_ + '/' + name;
}

Status AppStorage::limit(uid_t user, std::uint64_t bytes) {
  dqblk quota{};
  quota.dqb_bhardlimit = quota.dqb_bsoftlimit = bytes / kQuotaUnitBytes;
  quota.dqb_ihardlimit = quota.dqb_isoftlimit = bytes / kBytesPerFile + kStorageFilesFree;
  quota.dqb_valid = QIF_LIMITS;
  if (::syscall(SYS_quotactl_fd, folder_.get(), QCMD(Q_SETQUOTA, USRQUOTA), user, &quota) != 0)
    return failed("quota");
  return {};
}

bool AppStorage::is_full(uid_t user) const {
  dqblk quota{};
  if (::syscall(SYS_quotactl_fd, folder_.get(), QCMD(Q_GETQUOTA, USRQUOTA), user, &quota) != 0)
    return false;
  return quota.dqb_curspace + kBytesPerFile > quota.dqb_bhardlimit * kQuotaUnitBytes ||
         quota.dqb_curinodes >= quota.dqb_ihardlimit;
}

Status AppStorage::erase(const manifest::ComponentId& app) {
  std::error_code error;
  std::filesystem::remove_all(root_ + '/' + app.text(), error);
  if (error) return Error(kStorageFailed, app.text() + ": " + error.message());
  return {};
}

}  // namespace pavise::device
