#include "device/init/child.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace pavise::device {
namespace {

constexpr int kFirstSocket = 3;
constexpr int kExitNotStarted = 127;

Status write_file(const std::string& path, std::string_view text) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return Error(kNoBudget, path + ": " + std::strerror(errno));
  return {};
}

std::string group_path(const std::string& cgroup_root, const ChildSpec& spec) {
  return cgroup_root + '/' + spec.name;
}

bool set_limit(__rlimit_resource resource, rlim_t value) {
  const rlimit limit{.rlim_cur = value, .rlim_max = value};
  return ::setrlimit(resource, &limit) == 0;
}

// Puts the sockets on 3, 4, ... and closes all else. First out of the way: a socket may stand where
// another one has to go.
bool place_descriptors(std::vector<int> sockets, int output) {
  const int above = kFirstSocket + static_cast<int>(sockets.size());
  for (int& fd : sockets) {
    fd = ::fcntl(fd, F_DUPFD_CLOEXEC, above);
    if (fd < 0) return false;
  }
  const int null = ::open("/dev/null", O_RDONLY);
  if (null < 0 || ::dup2(null, STDIN_FILENO) < 0 || ::dup2(output, STDOUT_FILENO) < 0 ||
      ::dup2(output, STDERR_FILENO) < 0)
    return false;
  for (std::size_t i = 0; i < sockets.size(); ++i)
    if (::dup2(sockets[i], kFirstSocket + static_cast<int>(i)) < 0) return false;
  return ::close_range(static_cast<unsigned>(above), ~0U, 0) == 0;
}

bool drop_capabilities() {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return false;
  return true;
}

bool drop_powers(const ChildSpec& spec) {
  if (!spec.keeps_powers && !drop_capabilities()) return false;
  return set_limit(RLIMIT_CORE, 0) && set_limit(RLIMIT_NOFILE, spec.open_files_max) &&
         ::setgroups(0, nullptr) == 0 && ::setresgid(spec.uid, spec.uid, spec.uid) == 0 &&
         ::setresuid(spec.uid, spec.uid, spec.uid) == 0 &&
         ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

// Runs in the child. Returns only on failure, the failed step.
const char* become_program(const std::string& group, const ChildSpec& spec,
                           const std::vector<int>& sockets, int output) {
  sigset_t none;
  ::sigemptyset(&none);
  if (::sigprocmask(SIG_SETMASK, &none, nullptr) != 0 || ::setsid() < 0) return "session";
  if (!write_file(group + "/cgroup.procs", "0")) return "budget";
  if (!place_descriptors(sockets, output)) return "descriptors";
  if (!drop_powers(spec)) return "powers";
  std::vector<const char*> arguments{spec.program.c_str()};
  for (const std::string& argument : spec.arguments) arguments.push_back(argument.c_str());
  arguments.push_back(nullptr);
  const std::array<const char*, 1> environment{nullptr};
  ::execve(spec.program.c_str(), const_cast<char* const*>(arguments.data()),
           const_cast<char* const*>(environment.data()));
  return "exec";
}

}  // namespace

Status enable_budgets(const std::string& cgroup_root) {
  return write_file(cgroup_root + "/cgroup.subtree_control", "+memory +pids +cpu");
}

Status set_budget(const std::string& cgroup_root, const ChildSpec& spec) {
  const std::string group = group_path(cgroup_root, spec);
  if (::mkdir(group.c_str(), 0755) != 0 && errno != EEXIST)
    return Error(kNoBudget, group + ": " + std::strerror(errno));
  PAVISE_TRY(write_file(group + "/memory.max", std::to_string(spec.memory_bytes_max)));
  PAVISE_TRY(write_file(group + "/memory.oom.group", "1"));
  return write_file(group + "/pids.max", std::to_string(spec.processes_max));
}

Result<OutputPipe> make_output_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return Error(kChildNotStarted, std::string("pipe: ") + std::strerror(errno));
  OutputPipe pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
  ::fcntl(pipe.read_end.get(), F_SETFL, O_NONBLOCK);
  return pipe;
}

void run_child(const std::string& cgroup_root, const ChildSpec& spec,
               const std::vector<int>& sockets, int output) {
  const char* const step = become_program(group_path(cgroup_root, spec), spec, sockets, output);
  const std::string line = std::string("not started: ") + step + ": " + std::strerror(errno) + '\n';
  (void)!::write(STDERR_FILENO, line.data(), line.size());
  ::_exit(kExitNotStarted);
}

Result<RunningChild> start_child(const std::string& cgroup_root, const ChildSpec& spec,
                                 const std::vector<int>& sockets) {
  PAVISE_TRY_ASSIGN(OutputPipe pipe, make_output_pipe());
  const pid_t pid = ::fork();
  if (pid < 0) return Error(kChildNotStarted, spec.name + ": " + std::strerror(errno));
  if (pid == 0) run_child(cgroup_root, spec, sockets, pipe.write_end.get());
  return RunningChild{pid, std::move(pipe.read_end)};
}

}  // namespace pavise::device
