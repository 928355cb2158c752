#include "cli/app/stage.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "cli/app/files.h"
#include "protocol/erofs/erofs.h"
#include "protocol/image/errors.h"

namespace pavise::cli::app {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kContentBytesMax = erofs::kBlocksMax * erofs::kBlockBytes;
constexpr std::size_t kMessageBytesMax = 4096;

Error file_error(const fs::path& path, const std::error_code& why) {
  return {kFileFailed, path.string() + ": " + why.message()};
}

// Copies a tree name by name, so that limits hold before a byte is copied in vain.
class Stage {
 public:
  explicit Stage(fs::path to) : to_(std::move(to)) {}

  Status add_tree(const fs::path& from) {
    std::error_code failed;
    fs::recursive_directory_iterator it(from, failed);
    if (failed) return file_error(from, failed);
    for (; it != fs::recursive_directory_iterator(); it.increment(failed)) {
      if (failed) return file_error(from, failed);
      PAVISE_TRY(add(it->path(), it->path().lexically_relative(from)));
    }
    return {};
  }

  // Folders that the device puts something of its own on; it cannot make them in an image.
  Status add_mount_points(bool certificates) {
    for (const char* name : {"dev", "proc", "tmp", "data"}) PAVISE_TRY(add_folder(name));
    if (certificates) PAVISE_TRY(add_folder("certificates"));
    return {};
  }

  // An empty /etc/resolv.conf, if there is none: the device puts the app's resolver over it.
  Status add_resolver_file() {
    PAVISE_TRY(add_folder("etc"));
    std::error_code failed;
    const fs::path file = to_ / "etc/resolv.conf";
    if (fs::exists(fs::symlink_status(file, failed))) return {};
    PAVISE_TRY(write_whole(file, {}));
    if (::chmod(file.c_str(), 0644) != 0) return last_error(file);
    return {};
  }

  // A program at a path of the image, with the folders above it. A link among those would lead the
  // copy out of the stage, to wherever the folder's author likes.
  Status add_program(const fs::path& from, const std::string& entry_point) {
    const fs::path name = fs::path(entry_point).relative_path();
    fs::path to = to_;
    for (const fs::path& part : name.parent_path()) {
      to /= part;
      std::error_code failed;
      const fs::file_status status = fs::symlink_status(to, failed);
      if (fs::exists(status) && !fs::is_directory(status))
        return Error(image::kNoEntryPoint, "/" + to.lexically_relative(to_).string() +
                                               " is no folder, so nothing can be put below it");
      fs::create_directory(to, failed);
      if (failed) return file_error(to, failed);
      if (::chmod(to.c_str(), 0755) != 0) return last_error(to);
    }
    to /= name.filename();
    std::error_code failed;
    fs::remove(to, failed);
    if (failed) return file_error(to, failed);
    PAVISE_TRY(copy_file(from, to));
    if (::chmod(to.c_str(), 0755) != 0) return last_error(to);
    return {};
  }

 private:
  Status add_folder(const char* name) {
    std::error_code failed;
    if (!fs::create_directory(to_ / name, failed)) {
      if (failed || !fs::is_directory(fs::symlink_status(to_ / name)))
        return file_error(to_ / name, failed ? failed : make_error_code(std::errc::file_exists));
      return {};
    }
    if (::chmod((to_ / name).c_str(), 0755) != 0) return last_error(to_ / name);
    return {};
  }

  static Error last_error(const fs::path& path) {
    return file_error(path, std::error_code(errno, std::generic_category()));
  }

  Status add(const fs::path& from, const fs::path& name) {
    if (++entries_ > erofs::kEntriesMax)
      return Error(erofs::kOverLimit, "more than " + std::to_string(erofs::kEntriesMax) + " names");
    struct stat info{};
    if (::lstat(from.c_str(), &info) != 0) return last_error(from);
    const fs::path to = to_ / name;
    std::error_code failed;
    if (S_ISLNK(info.st_mode)) {
      fs::copy_symlink(from, to, failed);
      if (failed) return file_error(from, failed);
      return {};
    }
    if (S_ISDIR(info.st_mode)) {
      fs::create_directory(to, failed);
      if (failed) return file_error(to, failed);
    } else if (S_ISREG(info.st_mode)) {
      PAVISE_TRY(copy_file(from, to));
    } else {
      return Error(image::kSpecialFile, "/" + name.string());
    }
    const bool open_to_all = S_ISDIR(info.st_mode) || (info.st_mode & S_IXUSR) != 0;
    if (::chmod(to.c_str(), (info.st_mode & 07000U) | (open_to_all ? 0755U : 0644U)) != 0)
      return last_error(to);
    return {};
  }

  Status copy_file(const fs::path& from, const fs::path& to) {
    PAVISE_TRY_ASSIGN(const Bytes bytes, read_whole(from, kContentBytesMax - bytes_));
    bytes_ += bytes.size();
    return write_whole(to, bytes);
  }

  fs::path to_;
  std::size_t entries_ = 0;
  std::size_t bytes_ = 0;
};

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1);
}

// What the tool prints goes into `log`; its last line is the reason.
Status run_mkfs(std::vector<std::string> command, const fs::path& log) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  // Time zone, locale and the like of a person do not reach the image.
  std::string path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  if (const char* own = std::getenv("PATH")) path = std::string("PATH=") + own + ":/usr/sbin:/sbin";
  std::array<char*, 2> environment{path.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t child = -1;
  const int failed =
      ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return Error(kToolFailed, std::strerror(failed));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return Error(kToolFailed, std::strerror(errno));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  const auto said = read_whole(log, kMessageBytesMax);
  return Error(kToolFailed, said ? last_line(std::string(as_text(*said))) : "no reason was given");
}

}  // namespace

Result<Bytes> make_image(const ImageSource& source, const manifest::ComponentId& id) {
  PAVISE_TRY_ASSIGN(const TemporaryFolder folder, TemporaryFolder::create());
  const fs::path staged = folder.path() / "root";
  std::error_code failed;
  fs::create_directory(staged, failed);
  if (failed) return file_error(staged, failed);
  if (::chmod(staged.c_str(), 0755) != 0)
    return file_error(staged, std::error_code(errno, std::generic_category()));
  Stage stage(staged);
  if (source.root) PAVISE_TRY(stage.add_tree(*source.root));
  if (source.binary) PAVISE_TRY(stage.add_program(*source.binary, source.entry_point));
  for (const DebuggerFile& file : source.debugger)
    PAVISE_TRY(stage.add_program(file.from, file.to));
  PAVISE_TRY(stage.add_mount_points(source.keeps_certificates));
  if (source.names_hosts) PAVISE_TRY(stage.add_resolver_file());
  const fs::path image = folder.path() / "image";
  PAVISE_TRY(run_mkfs({"mkfs.erofs", "--quiet", "-x-1", "-T0", "--all-root", "-U" + id.text(),
                       image.string(), staged.string()},
                      folder.path() / "log"));
  PAVISE_TRY_ASSIGN(Bytes out, read_whole(image, kContentBytesMax));
  out.resize(std::max(out.size(), erofs::kBlocksMin * erofs::kBlockBytes));
  return out;
}

}  // namespace pavise::cli::app
