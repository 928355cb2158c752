#include "cli/app/source_watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "cli/app/build.h"

namespace pavise::cli::app {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds kQuiet{30};
constexpr int kQuietLooksMax = 30;  // somebody who never stops writing gets a build, too
constexpr std::uint32_t kChanges = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                                   IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR | IN_DONT_FOLLOW;

Error watch_error(const fs::path& path) {
  return {kWatchFailed, path.string() + ": " + std::strerror(errno)};
}

bool is_left_by_tools(const std::string& name) {
  const auto made = [&](std::string_view ending) {
    return name.ends_with(ending) || name.ends_with(std::string(ending) + ".partial");
  };
  return name.starts_with('.') || name.ends_with('~') || made(kPackageEnding) || made(kSbomEnding);
}

}  // namespace

Result<SourceWatch> SourceWatch::open(const fs::path& folder) {
  std::error_code failed;
  fs::path whole = fs::canonical(folder, failed);
  if (failed) return Error(kWatchFailed, folder.string() + ": " + failed.message());
  UniqueFd queue(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!queue) return watch_error(folder);
  SourceWatch out(std::move(queue), std::move(whole));
  PAVISE_TRY(out.add_below(out.folder_));
  return out;
}

// Of the folder's parts, those that no tool made.
bool SourceWatch::is_source(const fs::path& path) const {
  const fs::path below = path.lexically_relative(folder_);
  if (below.begin() == below.end() || *below.begin() == "build") return false;
  return std::ranges::none_of(
      below, [](const fs::path& part) { return part != "." && is_left_by_tools(part); });
}

Status SourceWatch::add(const fs::path& folder) {
  if (watched_.size() >= kWatchedFoldersMax)
    return Error(kWatchFailed, "more than " + std::to_string(kWatchedFoldersMax) + " folders");
  const int watch = ::inotify_add_watch(queue_.get(), folder.c_str(), kChanges);
  if (watch < 0) return watch_error(folder);
  watched_.insert_or_assign(watch, folder);
  return {};
}

// A folder may be gone again before it is looked into.
Status SourceWatch::add_below(const fs::path& folder) {
  if (Status added = add(folder); !added) {
    std::error_code ignored;
    if (folder != folder_ && !fs::exists(folder, ignored)) return {};
    return added;
  }
  std::error_code failed;
  for (fs::directory_iterator it(folder, failed); !failed && it != fs::directory_iterator();
       it.increment(failed)) {
    std::error_code ignored;
    if (it->is_directory(ignored) && !it->is_symlink(ignored) && is_source(it->path()))
      PAVISE_TRY(add_below(it->path()));
  }
  return {};
}

Result<bool> SourceWatch::wait_readable(milliseconds timeout) {
  pollfd waiting{.fd = queue_.get(), .events = POLLIN, .revents = 0};
  const int ready = ::poll(&waiting, 1, static_cast<int>(timeout.count()));
  if (ready < 0 && errno != EINTR) return watch_error(folder_);
  return ready > 0;
}

// Whether any of what is in the queue is about a source; follows folders that are new.
Result<bool> SourceWatch::take_events() {
  bool changed = false;
  alignas(inotify_event) std::array<char, 16384> buffer;
  while (true) {
    const ssize_t got = ::read(queue_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return changed;
    if (got <= 0) return watch_error(folder_);
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(got);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* const name = buffer.data() + at + sizeof event;
      at += sizeof event + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) {  // whatever it was
        PAVISE_TRY(add_below(folder_));
        changed = true;
        continue;
      }
      const auto in = watched_.find(event.wd);
      if (in == watched_.end()) continue;
      if ((event.mask & IN_IGNORED) != 0) {
        watched_.erase(in);
        continue;
      }
      if (event.len == 0) continue;  // about the folder itself; the one above says it, too
      const fs::path path = in->second / name;
      if (!is_source(path)) continue;
      changed = true;
      constexpr std::uint32_t kNew = IN_CREATE | IN_MOVED_TO;
      if ((event.mask & IN_ISDIR) != 0 && (event.mask & kNew) != 0) PAVISE_TRY(add_below(path));
    }
  }
}

Result<std::optional<SourceWatch::Time>> SourceWatch::wait(milliseconds timeout) {
  const Time end = std::chrono::steady_clock::now() + timeout;
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(end - std::chrono::steady_clock::now());
    PAVISE_TRY_ASSIGN(const bool readable, wait_readable(std::max(left, milliseconds(0))));
    const Time seen = std::chrono::steady_clock::now();
    PAVISE_TRY_ASSIGN(const bool changed, readable ? take_events() : Result<bool>(false));
    if (changed) {
      for (int look = 0; look < kQuietLooksMax; ++look) {
        PAVISE_TRY_ASSIGN(const bool more, wait_readable(kQuiet));
        if (!more) break;
        PAVISE_TRY(take_events());
      }
      return std::optional(seen);
    }
    if (seen >= end) return std::optional<Time>();
  }
}

}  // namespace pavise::cli::app
