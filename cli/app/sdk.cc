#include "cli/app/sdk.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace pavise::cli::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kToolchain = "cmake/pavise-toolchain.cmake";
constexpr const char* kProgram = "pavise-app";  // of pavise_app() in PaviseSdkConfig.cmake

Status run_cmake(std::vector<std::string> command) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  pid_t child = -1;
  const int failed =
      ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return Error(kNoCMake, std::strerror(failed));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return Error(kNotBuilt, std::strerror(errno));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return Error(kNotBuilt, "cmake failed");
}

}  // namespace

Result<fs::path> find_sdk(const std::optional<fs::path>& given) {
  std::error_code ignored;
  fs::path folder;
  const char* const named = std::getenv("PAVISE_SDK");
  if (given)
    folder = *given;
  else if (named != nullptr && *named != '\0')
    folder = named;
  else
    folder = fs::read_symlink("/proc/self/exe", ignored).parent_path().parent_path() /
             "share/pavise/sdk";
  folder = fs::absolute(folder, ignored).lexically_normal();
  if (!fs::is_regular_file(folder / kToolchain, ignored)) return Error(kNoSdk, folder.string());
  return folder;
}

Result<fs::path> build_program(const fs::path& folder, const fs::path& sdk, bool debug) {
  std::error_code ignored;
  const fs::path source = fs::absolute(folder, ignored).lexically_normal();
  const fs::path build = source / (debug ? "build/debug" : "build");
  // A folder that was configured to the end notices by itself what it has to do again.
  if (!fs::exists(build / "Makefile", ignored) && !fs::exists(build / "build.ninja", ignored)) {
    std::vector<std::string> configure{"cmake", "-S", source.string(), "-B", build.string()};
    // A second time it warns that this is not used, since it is known already.
    if (!fs::exists(build / "CMakeCache.txt", ignored))
      configure.push_back("-DCMAKE_TOOLCHAIN_FILE=" + (sdk / kToolchain).string());
    if (debug) configure.emplace_back("-DCMAKE_BUILD_TYPE=Debug");
    PAVISE_TRY(run_cmake(std::move(configure)));
  }
  PAVISE_TRY(run_cmake({"cmake", "--build", build.string()}));
  fs::path program = build / kProgram;
  if (!fs::is_regular_file(program, ignored))
    return Error(kNotBuilt, program.string() + " was not made: CMakeLists.txt has no pavise_app()");
  return program;
}

}  // namespace pavise::cli::app
