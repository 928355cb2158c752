#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "cloud/hub/segment_log/log_directory.h"

namespace pavise::hub {
namespace {

Error io_error(const std::string& what) {
  const int code = errno;
  const std::string detail = what + ": " + std::generic_category().message(code);
  if (code == ENOSPC || code == EDQUOT) return {kDiskFull, detail};
  return {kLogIoFailed, detail};
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

class PosixLogFile final : public LogFile {
 public:
  PosixLogFile(Descriptor fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  Result<std::size_t> write(ByteView bytes) override {
    for (;;) {
      const ssize_t n = ::write(fd_.get(), bytes.data(), bytes.size());
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno != EINTR) return io_error("write " + name_);
    }
  }
  Status sync() override {
    if (::fdatasync(fd_.get()) != 0) return io_error("fdatasync " + name_);
    return {};
  }
  Status truncate(std::uint64_t size_bytes) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size_bytes)) != 0)
      return io_error("truncate " + name_);
    return {};
  }
  Result<std::size_t> read_at(std::uint64_t position, std::span<std::byte> out) const override {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t n = ::pread(fd_.get(), out.data() + done, out.size() - done,
                                static_cast<off_t>(position + done));
      if (n == 0) break;
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return io_error("read " + name_);
      done += static_cast<std::size_t>(n);
    }
    return done;
  }
  Result<std::uint64_t> size() const override {
    struct stat info{};
    if (::fstat(fd_.get(), &info) != 0) return io_error("stat " + name_);
    return static_cast<std::uint64_t>(info.st_size);
  }

 private:
  Descriptor fd_;
  std::string name_;
};

class PosixLogDirectory final : public LogDirectory {
 public:
  explicit PosixLogDirectory(Descriptor fd) : fd_(std::move(fd)) {}

  Result<std::vector<std::string>> list() override {
    const int copy = ::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0) return io_error("open the log folder");
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(copy), ::closedir);
    if (folder == nullptr) return io_error("list the log folder");
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(folder.get())) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    return names;
  }
  Result<std::unique_ptr<LogFile>> open(const std::string& name) override {
    return open_with(name, 0);
  }
  Result<std::unique_ptr<LogFile>> create(const std::string& name) override {
    return open_with(name, O_CREAT | O_TRUNC);
  }
  Status rename(const std::string& from, const std::string& to) override {
    if (::renameat(fd_.get(), from.c_str(), fd_.get(), to.c_str()) != 0)
      return io_error("rename " + from);
    return {};
  }
  Status remove(const std::string& name) override {
    if (::unlinkat(fd_.get(), name.c_str(), 0) != 0) return io_error("remove " + name);
    return {};
  }
  Status sync() override {
    if (::fsync(fd_.get()) != 0) return io_error("fsync the log folder");
    return {};
  }

 private:
  Result<std::unique_ptr<LogFile>> open_with(const std::string& name, int more_flags) {
    const int fd = ::openat(fd_.get(), name.c_str(),
                            O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | more_flags, 0600);
    if (fd < 0) return io_error("open " + name);
    return std::unique_ptr<LogFile>(std::make_unique<PosixLogFile>(Descriptor(fd), name));
  }

  Descriptor fd_;
};

}  // namespace

Result<std::unique_ptr<LogDirectory>> open_log_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return io_error("create " + path);
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return io_error("open " + path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return Error(kLogLocked, path);
    return io_error("lock " + path);
  }
  return std::unique_ptr<LogDirectory>(std::make_unique<PosixLogDirectory>(std::move(fd)));
}

}  // namespace pavise::hub
