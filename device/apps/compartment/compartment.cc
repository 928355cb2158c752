#include "device/apps/compartment/compartment.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/sandbox/sandbox.h"
#include "device/apps/compartment/app_filter.h"
#include "device/apps/compartment/warden.h"

namespace pavise::device {
namespace {

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Error failed(std::string_view what) {
  return {kAppNotStarted, std::string(what) + ": " + std::strerror(errno)};
}

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed("pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// What a child has to know of its parent's descriptors.
struct ChildEnds {
  int output;
  int setup;   // a failure before the program runs is written here; closed without: it runs
  int report;  // how it ended
};

[[noreturn]] void give_up(const ChildEnds& ends, const std::string& why) {
  (void)!::write(ends.setup, why.data(), why.size());
  ::_exit(127);
}

void require(bool done, const ChildEnds& ends, const char* what) {
  if (!done) give_up(ends, failed(what).detail());
}
void require(const Status& done, const ChildEnds& ends) {
  if (!done) give_up(ends, done.error().message());
}

void reset_signals() {
  for (int signal = 1; signal < 32; ++signal) (void)::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// 0 is empty, 1 and 2 are the output (or 0 and 1 the console), 3 and above the app's; all else is
// closed but the pipe for failures, which exec closes. First out of the way: one may stand where
// another has to go.
bool place_descriptors(std::vector<int> given, int console, ChildEnds& ends) {
  const int above = kFirstDescriptor + static_cast<int>(given.size());
  for (int& fd : given) {
    if (fd == kNoDescriptor) continue;
    fd = ::fcntl(fd, F_DUPFD_CLOEXEC, above + 1);
    if (fd < 0) return false;
  }
  const int setup = ::fcntl(ends.setup, F_DUPFD_CLOEXEC, above + 1);
  const int input = console < 0 ? ::open("/dev/null", O_RDONLY | O_CLOEXEC)
                                : ::fcntl(console, F_DUPFD_CLOEXEC, above + 1);
  if (setup < 0 || input < 0 || ::dup2(input, STDIN_FILENO) < 0 ||
      ::dup2(ends.output, STDERR_FILENO) < 0 ||
      ::dup2(console < 0 ? STDERR_FILENO : STDIN_FILENO, STDOUT_FILENO) < 0)
    return false;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const int number = kFirstDescriptor + static_cast<int>(i);
    if (given[i] == kNoDescriptor)
      ::close(number);  // whatever it was
    else if (::dup2(given[i], number) < 0)
      return false;
  }
  if (::dup3(setup, above, O_CLOEXEC) != above) return false;
  ends.setup = above;
  return ::close_range(static_cast<unsigned>(above) + 1, ~0U, 0) == 0;
}

sandbox::SandboxPolicy app_policy(const CompartmentSpec& spec) {
  using enum sandbox::PathAccess;
  sandbox::SandboxPolicy policy{.name = spec.name};
  policy.run_as = sandbox::RunAs{spec.user, spec.user};
  policy.paths = {{"/", execute}, {"/dev", device}, {"/tmp", read_write}, {"/data", read_write}};
  if (spec.debugger) policy.paths.push_back({"/proc", read_write});
  // For Landlock; which peers and ports is the guard's to say.
  if (spec.network)
    policy.groups = {sandbox::SyscallGroup::tcp_client, sandbox::SyscallGroup::tcp_server};
  policy.limits.open_files = spec.open_files_max;
  policy.compiled_filter = spec.filter;
  return policy;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

[[noreturn]] void become_app(const CompartmentSpec& spec, ChildEnds ends) {
  reset_signals();
  require(::setsid() >= 0, ends, "session");
  require(place_descriptors(spec.descriptors, spec.console, ends), ends, "descriptors");
  const auto arguments = pointers(spec.arguments);
  const auto environment = pointers(spec.environment);
  require(sandbox::apply(app_policy(spec)), ends);
  ::execve(arguments.front(), arguments.data(), environment.data());
  give_up(ends, failed(spec.arguments.front()).detail());
}

// The two pipes in places of their own, and nothing else open.
ChildEnds keep_only(const ChildEnds& ends) {
  const int report = ::fcntl(ends.report, F_DUPFD_CLOEXEC, 3);
  const int setup = ::fcntl(ends.setup, F_DUPFD_CLOEXEC, 3);
  require(report >= 0 && setup >= 0 && ::dup3(report, 0, O_CLOEXEC) == 0 &&
              ::dup3(setup, 1, O_CLOEXEC) == 1 && ::close_range(2, ~0U, 0) == 0,
          ends, "descriptors");
  return {.output = -1, .setup = 1, .report = 0};
}

[[noreturn]] void become_warden(const CompartmentSpec& spec, std::span<const sock_filter> filter,
                                const ChildEnds& ends) {
  sigset_t heard;
  ::sigemptyset(&heard);
  ::sigaddset(&heard, SIGTERM);
  ::sigaddset(&heard, SIGCHLD);
  require(::sigprocmask(SIG_BLOCK, &heard, nullptr) == 0, ends, "signals");
  require(::sethostname(spec.name.data(), spec.name.size()) == 0, ends, "host name");
  require(enter_app_root(spec.root, spec.user), ends);
  const pid_t app = ::fork();
  require(app >= 0, ends, "fork");
  if (app == 0) become_app(spec, ends);
  // From here it has nothing of its parent's: not the app's sockets, not its output.
  const ChildEnds kept = keep_only(ends);
  require(sandbox::apply(warden_policy(spec.user, filter)), kept);
  ::close(kept.setup);
  guard_app(app, kept.report);
}

// A kernel without message queues and shared memory of System V has nothing there to keep apart.
std::uint64_t ipc_namespace() {
  return ::access("/proc/self/ns/ipc", F_OK) == 0 ? std::uint64_t{CLONE_NEWIPC} : 0U;
}

Result<pid_t> fork_warden(const CompartmentSpec& spec, const AppGroup& group, UniqueFd& process,
                          const ChildEnds& ends) {
  static const auto warden_filter = make_warden_filter();
  if (!warden_filter) return warden_filter.error();
  int process_descriptor = -1;
  clone_args arguments{};
  arguments.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_PIDFD | CLONE_INTO_CGROUP |
                    ipc_namespace() | (spec.network ? 0U : std::uint64_t{CLONE_NEWNET});
  arguments.pidfd = reinterpret_cast<std::uintptr_t>(&process_descriptor);
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<std::uint64_t>(group.folder());
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
  if (pid < 0) return failed("namespaces");
  if (pid == 0) become_warden(spec, *warden_filter, ends);
  process = UniqueFd(process_descriptor);
  return pid;
}

// Blocks until the program runs (nothing is written) or a step has failed.
std::string read_failure(int setup) {
  std::string text;
  std::array<char, 512> piece{};
  while (true) {
    const ssize_t size = ::read(setup, piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace

bool Ending::forbidden_call() const {
  return by_signal && code == SIGSYS;
}

Compartment::Compartment(pid_t pid, UniqueFd process, UniqueFd output, UniqueFd report)
    : pid_(pid),
      process_(std::move(process)),
      output_(std::move(output)),
      report_(std::move(report)) {}

Result<Compartment> Compartment::start(const CompartmentSpec& spec, const AppGroup& group) {
  PAVISE_CHECK(spec.user >= kFirstAppUid && !spec.arguments.empty() && !spec.filter.empty());
  PAVISE_TRY_ASSIGN(Pipe output, make_pipe());
  PAVISE_TRY_ASSIGN(Pipe setup, make_pipe());
  PAVISE_TRY_ASSIGN(Pipe report, make_pipe());
  if (::fcntl(output.read_end.get(), F_SETFL, O_NONBLOCK) != 0) return failed("pipe");
  UniqueFd process;
  PAVISE_TRY_ASSIGN(const pid_t pid, fork_warden(spec, group, process,
                                                 {output.write_end.get(), setup.write_end.get(),
                                                  report.write_end.get()}));
  setup.write_end.reset();
  Compartment out(pid, std::move(process), std::move(output.read_end), std::move(report.read_end));
  report.write_end.reset();
  const std::string failure = read_failure(setup.read_end.get());
  if (!failure.empty()) return Error(kAppNotStarted, spec.name + ": " + failure);
  return out;
}

Compartment::~Compartment() {
  if (!process_) return;
  kill();
  (void)wait().has_value();
}

void Compartment::ask_to_end() {
  (void)::syscall(SYS_pidfd_send_signal, process_.get(), SIGTERM, nullptr, 0);
}

void Compartment::kill() {
  (void)::syscall(SYS_pidfd_send_signal, process_.get(), SIGKILL, nullptr, 0);
}

Result<Ending> Compartment::wait() {
  PAVISE_CHECK(process_.valid());
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(process_.get()), &info, WEXITED) != 0)
    if (errno != EINTR) return Error(kAppLost, std::strerror(errno));
  process_.reset();
  WaitStatus status = 0;
  if (::read(report_.get(), &status, sizeof status) == static_cast<ssize_t>(sizeof status)) {
    if (WIFSIGNALED(status)) return Ending{true, WTERMSIG(status)};
    return Ending{false, WEXITSTATUS(status)};
  }
  // The warden dies of SIGKILL only: ours, or the kernel's for want of memory, which takes all.
  if (info.si_code == CLD_KILLED) return Ending{true, info.si_status};
  return Error(kAppLost, "its first process ended");
}

}  // namespace pavise::device
