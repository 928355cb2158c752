#include "samples/modbus_guardian/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "samples/modbus_guardian/descriptor.h"

namespace modbus_guardian {
namespace {

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = ::write(fd, text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

}  // namespace

Parsed<std::optional<std::string>> read_file(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid() && errno == ENOENT) return std::nullopt;
  struct stat facts{};
  if (!file.valid() || ::fstat(file.get(), &facts) != 0)
    return std::unexpected(path.string() + ": " + std::strerror(errno));
  if (!S_ISREG(facts.st_mode)) return std::unexpected(path.string() + ": no regular file");
  std::string out(kFileBytesMax + 1, '\0');
  std::size_t used = 0;
  while (used < out.size()) {
    const ssize_t size = ::read(file.get(), out.data() + used, out.size() - used);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return std::unexpected(path.string() + ": " + std::strerror(errno));
    if (size == 0) break;
    used += static_cast<std::size_t>(size);
  }
  out.resize(used);  // one byte over the limit is what the reader of statements refuses
  return out;
}

bool replace_file(const std::filesystem::path& path, const std::string& text) {
  const std::string next = path.string() + ".next";
  {
    const Descriptor file(::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file.valid() || !write_all(file.get(), text) || ::fsync(file.get()) != 0) return false;
  }
  if (::rename(next.c_str(), path.c_str()) != 0) return false;
  const Descriptor folder(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return folder.valid() && ::fsync(folder.get()) == 0;
}

void RecordFile::append(std::string_view line) {
  Descriptor file(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  struct stat facts{};
  if (!file.valid() || ::fstat(file.get(), &facts) != 0) return;  // the line is in the log, too
  if (static_cast<std::size_t>(facts.st_size) + line.size() + 1 > kRecordFileBytesMax) {
    if (::rename(path_.c_str(), (path_.string() + ".old").c_str()) != 0) return;
    file = Descriptor(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file.valid()) return;
  }
  (void)write_all(file.get(), std::string(line) + '\n');
}

}  // namespace modbus_guardian
