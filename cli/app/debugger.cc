#include "cli/app/debugger.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>

#include "cli/app/files.h"
#include "cli/app/program_file.h"
#include "protocol/dev_grant/debugger_files.h"

namespace pavise::cli::app {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kProgramBytesMax = 64UL * 1024 * 1024;
constexpr std::size_t kListBytesMax = 64UL * 1024;
// Loaded by name when threads are looked at; it stands beside the C library.
constexpr const char* kThreadLibrary = "libthread_db.so.1";

// What the loader prints about the libraries of a program.
Result<std::string> list_libraries(const std::string& loader, const std::string& program) {
  PAVISE_TRY_ASSIGN(const TemporaryFolder folder, TemporaryFolder::create());
  const fs::path listed = folder.path() / "list";
  std::string list = "--list";
  std::array<char*, 4> arguments{const_cast<char*>(loader.c_str()), list.data(),
                                 const_cast<char*>(program.c_str()), nullptr};
  std::array<char*, 1> environment{nullptr};  // no LD_PRELOAD, no LD_LIBRARY_PATH
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, listed.c_str(), O_WRONLY | O_CREAT,
                                   0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t child = -1;
  const int failed = ::posix_spawn(&child, loader.c_str(), &actions, nullptr, arguments.data(),
                                   environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return Error(kDebuggerNotFound, loader + ": " + std::strerror(failed));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return Error(kDebuggerNotFound, std::strerror(errno));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return Error(kDebuggerNotFound, loader + " --list " + program + " failed");
  PAVISE_TRY_ASSIGN(const Bytes text, read_whole(listed, kListBytesMax));
  return std::string(as_text(text));
}

// Of "name => path (address)"; empty for lines of other forms (the loader itself, the vdso).
std::string library_path(const std::string& line) {
  const std::size_t arrow = line.find(" => ");
  if (arrow == std::string::npos) return {};
  const std::string path = line.substr(arrow + 4, line.rfind(" (") - arrow - 4);
  return path.starts_with('/') ? path : std::string();
}

std::string in_libraries(const fs::path& name) {
  return std::string(dev_grant::kDebuggerLibraries) + '/' + name.string();
}

}  // namespace

Result<DebuggerFiles> find_debugger(const fs::path& gdbserver) {
  const auto bytes = read_whole(gdbserver, kProgramBytesMax);
  if (!bytes) return Error(kDebuggerNotFound, bytes.error().detail());
  PAVISE_TRY_ASSIGN(ProgramFile program, read_program(*bytes));
  if (program.interpreter.empty())
    return Error(kDebuggerNotFound, gdbserver.string() + " has no loader");
  PAVISE_TRY_ASSIGN(const std::string listed,
                    list_libraries(program.interpreter, fs::absolute(gdbserver).string()));
  DebuggerFiles out{.processor = std::move(program.processor),
                    .files = {{gdbserver, std::string(dev_grant::kDebuggerProgram)},
                              {program.interpreter, std::string(dev_grant::kDebuggerLoader)}}};
  std::istringstream lines(listed);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("not found") != std::string::npos) return Error(kDebuggerNotFound, line);
    const fs::path path = library_path(line);
    if (path.empty() || path == program.interpreter) continue;
    out.files.push_back({path, in_libraries(path.filename())});
    const fs::path threads = path.parent_path() / kThreadLibrary;
    std::error_code ignored;
    if (path.filename() == "libc.so.6" && fs::exists(threads, ignored))
      out.files.push_back({threads, in_libraries(kThreadLibrary)});
  }
  return out;
}

}  // namespace pavise::cli::app
