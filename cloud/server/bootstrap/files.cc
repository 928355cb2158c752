#include "cloud/server/bootstrap/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace pavise::server {
namespace {

Error unusable(const std::string& path) {
  return {kStateUnusable, path + ": " + std::strerror(errno)};
}

Status write_all(int fd, ByteView bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t size = ::write(fd, bytes.data(), bytes.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return unusable(path);
    bytes = bytes.subspan(static_cast<std::size_t>(size));
  }
  return {};
}

std::string parent_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status sync_directory(const std::string& path) {
  const UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || ::fsync(directory.get()) != 0) return unusable(path);
  return {};
}

}  // namespace

Status make_private_directory(const std::string& path) {
  for (std::size_t at = 1; at != std::string::npos;) {
    at = path.find('/', at);
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return unusable(part);
    if (at != std::string::npos) ++at;
  }
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return unusable(path);
  if (!S_ISDIR(info.st_mode)) return Error(kStateUnusable, path + ": not a directory");
  if (info.st_uid != ::geteuid()) return Error(kStateUnusable, path + ": owned by another user");
  if ((info.st_mode & 0077U) != 0)
    return Error(kStateUnusable, path + ": open to other users (chmod 0700)");
  return {};
}

Result<UniqueFd> lock_directory(const std::string& path) {
  const std::string name = path + "/lock";
  UniqueFd file(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return unusable(name);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
  if (errno == EWOULDBLOCK) return Error(kStateBusy, path);
  return unusable(name);
}

Status write_file(const std::string& path, ByteView bytes, mode_t mode) {
  const std::string partial = path + ".partial";
  ::unlink(partial.c_str());
  {
    const UniqueFd file(
        ::open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (file.get() < 0 || ::fchmod(file.get(), mode) != 0) return unusable(partial);
    PAVISE_TRY(write_all(file.get(), bytes, partial));
    if (::fsync(file.get()) != 0) return unusable(partial);
  }
  if (::rename(partial.c_str(), path.c_str()) != 0) return unusable(path);
  return sync_directory(parent_of(path));
}

Result<SecretBytes> read_file(const std::string& path, std::size_t size_max) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    if (errno == ENOENT) return Error(kNoSuchFile, path);
    return unusable(path);
  }
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return unusable(path);
  const auto size = static_cast<std::size_t>(info.st_size);
  if (!S_ISREG(info.st_mode) || size > size_max)
    return Error(kStateUnusable, path + ": not a file of the expected size");
  SecretBytes bytes(size);
  for (std::size_t done = 0; done < size;) {
    const ssize_t got = ::read(file.get(), bytes.span().data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return unusable(path);
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace pavise::server
