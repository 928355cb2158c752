#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "cloud/hub/files/byte_depot.h"
#include "common/base/unique_fd.h"

namespace pavise::hub::files {
namespace {

constexpr std::size_t kObjectNameSize = 32;

Error io_error(const std::string& what) {
  const int code = errno;
  const std::string detail = what + ": " + std::generic_category().message(code);
  const bool full = code == ENOSPC || code == EDQUOT || code == EFBIG;
  return {full ? kFilesFull : kFilesFailed, detail};
}

Status write_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error("write an object");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

class DirectoryDepot final : public ByteDepot {
 public:
  explicit DirectoryDepot(UniqueFd folder) : folder_(std::move(folder)) {}

  Status write(const std::string& name, ByteView bytes) override {
    PAVISE_CHECK(is_object_name(name));
    const UniqueFd fd(::openat(folder_.get(), name.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) return io_error("make an object");
    Status done = write_all(fd.get(), bytes);
    if (done && ::fsync(fd.get()) != 0) done = io_error("fsync an object");
    if (done && ::fsync(folder_.get()) != 0) done = io_error("fsync the files folder");
    if (!done) (void)::unlinkat(folder_.get(), name.c_str(), 0);
    return done;
  }

  Result<Bytes> read(const std::string& name, std::uint64_t position, std::size_t size) override {
    PAVISE_CHECK(is_object_name(name));
    const UniqueFd fd(::openat(folder_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) return io_error("open an object");
    Bytes out(size);
    std::size_t done = 0;
    while (done < size) {
      const ssize_t n =
          ::pread(fd.get(), out.data() + done, size - done, static_cast<off_t>(position + done));
      if (n == 0) break;
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return io_error("read an object");
      done += static_cast<std::size_t>(n);
    }
    out.resize(done);
    return out;
  }

  Status remove(const std::string& name) override {
    PAVISE_CHECK(is_object_name(name));
    if (::unlinkat(folder_.get(), name.c_str(), 0) != 0 && errno != ENOENT)
      return io_error("remove an object");
    return {};
  }

  Status each(const VisitObject& visit) override {
    const int copy = ::openat(folder_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0) return io_error("open the files folder");
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(copy), ::closedir);
    if (folder == nullptr) return io_error("list the files folder");
    while (const dirent* entry = ::readdir(folder.get()))
      if (is_object_name(entry->d_name)) PAVISE_TRY(visit(entry->d_name));
    return {};
  }

  Result<std::uint64_t> free_bytes() override {
    struct statvfs info{};
    if (::fstatvfs(folder_.get(), &info) != 0) return io_error("ask the disk's room");
    return std::uint64_t{info.f_bavail} * info.f_frsize;
  }

 private:
  UniqueFd folder_;
};

}  // namespace

bool is_object_name(std::string_view name) {
  return name.size() == kObjectNameSize && std::ranges::all_of(name, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Result<std::unique_ptr<ByteDepot>> open_directory_depot(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return io_error("create " + path);
  UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!folder) return io_error("open " + path);
  return std::unique_ptr<ByteDepot>(std::make_unique<DirectoryDepot>(std::move(folder)));
}

}  // namespace pavise::hub::files
