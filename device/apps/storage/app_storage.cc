#include "device/apps/storage/app_storage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/quota.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string_view>

namespace pavise::device {
namespace {

constexpr std::uint64_t kQuotaUnitBytes = 1024;  // of dqblk, whatever the file system's block is
constexpr std::uint64_t kBytesPerFile = 4096;
// Behind the component's id, of the folder with certificates.
constexpr std::string_view kCertificates = ".certificates";

Error failed(const std::string& what) {
  return {kStorageFailed, what + ": " + std::strerror(errno)};
}

bool in_range(uid_t user) {
  return user >= kAppUserMin && user <= kAppUserMax;
}

// A folder while what is in it goes. No link is followed.
struct Emptied {
  std::unique_ptr<DIR, int (*)(DIR*)> folder{nullptr, ::closedir};

  Emptied(int above, const std::string& name) {
    UniqueFd opened(::openat(above, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (opened && (folder.reset(::fdopendir(opened.get())), folder != nullptr))
      (void)opened.release();
  }
  int descriptor() const {
    const int out = ::dirfd(folder.get());
    PAVISE_CHECK(out >= 0);
    return out;
  }
  // Any that is still there; nullopt: it is empty.
  std::optional<std::string> next() {
    for (int pass = 0; pass < 2; ++pass) {
      while (const dirent* const entry = ::readdir(folder.get())) {
        std::string name = entry->d_name;
        if (name != "." && name != "..") return name;
      }
      ::rewinddir(folder.get());  // what came while it was read
    }
    return std::nullopt;
  }
  // False: a folder with something in it. What is gone already is none.
  bool remove(const std::string& name) const {
    return ::unlinkat(descriptor(), name.c_str(), 0) == 0 || errno == ENOENT ||
           ::unlinkat(descriptor(), name.c_str(), AT_REMOVEDIR) == 0;
  }
  // Under a number that is free there.
  bool move_to(const Emptied& to, const std::string& name, std::uint64_t& number) const {
    while (true) {
      const std::string free = std::to_string(number++);
      if (::renameat2(descriptor(), name.c_str(), to.descriptor(), free.c_str(),
                      RENAME_NOREPLACE) == 0)
        return true;
      if (errno != EEXIST) return false;
    }
  }
};

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
    std::string name = entry.path().filename().string();
    if (name.ends_with(kCertificates)) name.resize(name.size() - kCertificates.size());
    const auto app = manifest::ComponentId::parse(name);
    struct stat info{};
    if (app && ::lstat(entry.path().c_str(), &info) == 0 && S_ISDIR(info.st_mode))
      out.emplace(*app, info.st_uid);
  }
  return out;
}

Result<StorageFolders> AppStorage::provide(const manifest::ComponentId& app, uid_t user,
                                           const StorageGrant& grant) {
  PAVISE_CHECK(in_range(user) && grant.bytes() > 0);
  PAVISE_TRY(limit(user, grant.bytes()));
  StorageFolders out;
  const std::string files = app.text();
  const std::string certificates = files + std::string(kCertificates);
  if (grant.file_bytes > 0) {
    PAVISE_TRY(provide_folder(files, user));
    out.files = root_ + '/' + files;
  }
  if (grant.certificate_bytes > 0) {
    PAVISE_TRY(provide_folder(certificates, user));
    out.certificates = root_ + '/' + certificates;
  }
  return out;
}

Status AppStorage::provide_folder(const std::string& name, uid_t user) {
  if (::mkdirat(folder_.get(), name.c_str(), 0700) != 0 && errno != EEXIST) return failed(name);
  const UniqueFd folder(
      ::openat(folder_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder || ::fchmod(folder.get(), 0700) != 0 || ::fchown(folder.get(), user, user) != 0)
    return failed(name);
  return {};
}

Status AppStorage::limit(uid_t user, std::uint64_t bytes) {
  dqblk quota{};
  quota.dqb_bhardlimit = quota.dqb_bsoftlimit = bytes / kQuotaUnitBytes;
  quota.dqb_ihardlimit = quota.dqb_isoftlimit =
      bytes == 0 ? 0 : bytes / kBytesPerFile + kStorageFilesFree;
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

// An app that is gone may have left folders in folders, deeper than there are descriptors or room
// on a stack. So each is emptied into the uppermost one, and there is never more than one open.
Status AppStorage::erase_folder(const std::string& name) {
  if (::unlinkat(folder_.get(), name.c_str(), 0) == 0 || errno == ENOENT) return {};
  Emptied top(folder_.get(), name);
  struct stat info{};
  if (!top.folder || ::fstat(top.descriptor(), &info) != 0) return failed(name);
  // What is moved up may make that folder larger than its owner's quota lets it be.
  if (in_range(info.st_uid)) (void)limit(info.st_uid, 0).has_value();
  std::uint64_t moved = 0;
  for (std::optional<std::string> entry; (entry = top.next());) {
    if (top.remove(*entry)) continue;
    Emptied inner(top.descriptor(), *entry);
    if (!inner.folder) return failed(name + '/' + *entry);
    for (std::optional<std::string> below; (below = inner.next());)
      if (!inner.remove(*below) && !inner.move_to(top, *below, moved)) return failed(name);
    if (!top.remove(*entry)) return failed(name + '/' + *entry);
  }
  if (::unlinkat(folder_.get(), name.c_str(), AT_REMOVEDIR) != 0) return failed(name);
  return {};
}

Status AppStorage::erase(const manifest::ComponentId& app) {
  PAVISE_TRY(erase_folder(app.text() + std::string(kCertificates)));
  return erase_folder(app.text());
}

}  // namespace pavise::device
