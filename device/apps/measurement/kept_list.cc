#include "device/apps/measurement/kept_list.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "common/base/unique_fd.h"

namespace pavise::device {
namespace {

Error not_kept(const std::string& path) {
  return {kListNotKept, path + ": " + std::strerror(errno)};
}

Status write_all(int fd, ByteView content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t size = ::write(fd, content.data(), content.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return not_kept(path);
    content = content.subspan(static_cast<std::size_t>(size));
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> parse_kept_list(ByteView content) {
  if (content.size() > kKeptListBytesMax) return Error(kListUnreadable, "too long");
  std::string_view rest = as_text(content);
  app_measurement::AppEventList list;
  std::vector<std::string> out;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return Error(kListUnreadable, "its last line is cut");
    const std::string_view line = rest.substr(0, end);
    if (const Status added = list.add(line); !added)
      return Error(kListUnreadable, "line " + std::to_string(out.size() + 1) + ": " +
                                        std::string(added.error().code()));
    out.emplace_back(line);
    rest.remove_prefix(end + 1);
  }
  return out;
}

Result<std::vector<std::string>> read_kept_list(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file && errno == ENOENT) return std::vector<std::string>();
  if (!file) return Error(kListUnreadable, path + ": " + std::strerror(errno));
  Bytes content(kKeptListBytesMax + 1);
  std::size_t used = 0;
  while (used < content.size()) {
    const ssize_t size = ::read(file.get(), content.data() + used, content.size() - used);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Error(kListUnreadable, path + ": " + std::strerror(errno));
    if (size == 0) break;
    used += static_cast<std::size_t>(size);
  }
  return parse_kept_list(ByteView(content).first(used));
}

Status write_kept_list(const std::string& path, const std::vector<std::string>& texts) {
  std::string content;
  for (const std::string& text : texts) content.append(text).append("\n");
  const std::string fresh = path + ".new";
  const UniqueFd file(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return not_kept(fresh);
  PAVISE_TRY(write_all(file.get(), as_bytes(content), fresh));
  if (::rename(fresh.c_str(), path.c_str()) != 0) return not_kept(path);
  return {};
}

}  // namespace pavise::device
