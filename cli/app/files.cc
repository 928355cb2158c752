#include "cli/app/files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/base/unique_fd.h"

namespace pavise::cli::app {
namespace {

namespace fs = std::filesystem;

Error file_error(const fs::path& path) {
  return {kFileFailed, path.string() + ": " + std::strerror(errno)};
}

Status write_all(int fd, ByteView bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return file_error(path);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return {};
}

}  // namespace

Result<Bytes> read_whole(const fs::path& path, std::size_t bytes_max) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info{};
  if (!file || ::fstat(file.get(), &info) != 0) return file_error(path);
  if (!S_ISREG(info.st_mode)) return Error(kFileFailed, path.string() + ": no file");
  if (static_cast<std::uint64_t>(info.st_size) > bytes_max)
    return Error(kFileFailed,
                 path.string() + ": more than " + std::to_string(bytes_max) + " bytes");
  Bytes out(static_cast<std::size_t>(info.st_size));
  for (std::size_t at = 0; at < out.size();) {
    const ssize_t got = ::read(file.get(), out.data() + at, out.size() - at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error(path);
    if (got == 0) return Error(kFileFailed, path.string() + ": became shorter");
    at += static_cast<std::size_t>(got);
  }
  return out;
}

Status write_whole(const fs::path& path, ByteView bytes, unsigned mode) {
  const fs::path partial = path.string() + ".partial";
  // What a crash left, or what somebody put there to be followed.
  (void)::unlink(partial.c_str());
  {
    const UniqueFd file(
        ::open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode_t{mode}));
    if (!file) return file_error(partial);
    PAVISE_TRY(write_all(file.get(), bytes, partial));
  }
  if (::rename(partial.c_str(), path.c_str()) != 0) return file_error(path);
  return {};
}

Result<TemporaryFolder> TemporaryFolder::create() {
  std::error_code failed;
  const fs::path base = fs::temp_directory_path(failed);
  std::string pattern = (failed ? fs::path("/tmp") : base) / "pavise-app-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) return file_error(pattern);
  return TemporaryFolder(pattern);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

}  // namespace pavise::cli::app
