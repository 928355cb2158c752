#include "device/apps/compartment/compartment.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "common/sandbox/sandbox.h"
#include "device/apps/compartment/app_filter.h"
#include "device/apps/compartment/warden.h"

namespace pavise::device {
namespace {

constexpr std::size_t kBeginningStackBytes = 256U << 10U;
constexpr int kNotStarted = 127;  // exit code

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
  int turns;   // the app's side of the socket on which it and the warden take turns
};

[[noreturn]] void give_up(const ChildEnds& ends, const std::string& why) {
  (void)!::write(ends.setup, why.data(), why.size());
  ::_exit(kNotStarted);
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
bool place_descriptors(std::vector<int>& given, int console, ChildEnds& ends) {
  const int above = kFirstDescriptor + static_cast<int>(given.size());
  for (int& fd : given) {
    if (fd == kNoDescriptor) continue;
    fd = ::fcntl(fd, F_DUPFD_CLOEXEC, above + 2);
    if (fd < 0) return false;
  }
  const int setup = ::fcntl(ends.setup, F_DUPFD_CLOEXEC, above + 2);
  const int turns = ::fcntl(ends.turns, F_DUPFD_CLOEXEC, above + 2);
  const int input = console < 0 ? ::open("/dev/null", O_RDONLY | O_CLOEXEC)
                                : ::fcntl(console, F_DUPFD_CLOEXEC, above + 2);
  if (setup < 0 || turns < 0 || input < 0 || ::dup2(input, STDIN_FILENO) < 0 ||
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
  if (::dup3(setup, above, O_CLOEXEC) != above || ::dup3(turns, above + 1, O_CLOEXEC) != above + 1)
    return false;
  ends.setup = above;
  ends.turns = above + 1;
  return ::close_range(static_cast<unsigned>(above) + 2, ~0U, 0) == 0;
}

sandbox::SandboxPolicy app_policy(const CompartmentSpec& spec) {
  using enum sandbox::PathAccess;
  sandbox::SandboxPolicy policy{.name = spec.name};
  policy.run_as = sandbox::RunAs{spec.user, spec.user};
  policy.paths = {{"/", execute}, {"/dev", device}, {"/tmp", read_write}, {"/data", read_write}};
  if (!spec.root.certificates.empty()) policy.paths.push_back({"/certificates", read_write});
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

// All that the two processes need, made before they are: what they write to memory that they share
// with their parent costs a fault each.
struct Plan {
  const CompartmentSpec& spec;
  sandbox::SandboxPolicy app;
  sandbox::SandboxPolicy warden;
  std::vector<int> descriptors;
  std::vector<char*> arguments;
  std::vector<char*> environment;
};

Result<Plan> make_plan(const CompartmentSpec& spec) {
  static const auto warden_filter = make_warden_filter();
  if (!warden_filter) return warden_filter.error();
  return Plan{.spec = spec,
              .app = app_policy(spec),
              .warden = warden_policy(spec.user, *warden_filter),
              .descriptors = spec.descriptors,
              .arguments = pointers(spec.arguments),
              .environment = pointers(spec.environment)};
}

constexpr char kTurn = 't';

// The app's process has the memory of the warden until its exec or its end: to copy it would take
// longer than all that is done there. So only one of them acts at a time, first the warden. The
// other one stands in a function marked so, which makes system calls and touches nothing but its
// own stack (the address sanitizer's state is one for both, too).
#define PAVISE_OUT_OF_TURN [[clang::no_sanitize("address"), clang::noinline]]

// False: nobody is on the other side any more.
PAVISE_OUT_OF_TURN bool wait_for_turn(int turns) {
  char word = 0;
  ssize_t size = 0;
  do size = ::read(turns, &word, sizeof word);
  while (size < 0);  // by a signal
  return size == sizeof word;
}

// Comes back when the program runs, or its process has ended: both close the other side. No limit
// that the app sets its warden matters to a read.
PAVISE_OUT_OF_TURN void pass_turn_until_exec(int turns) {
  if (::write(turns, &kTurn, sizeof kTurn) == sizeof kTurn) (void)wait_for_turn(turns);
}

// Comes back only if there is no program to be: with the process's exit code.
int become_app(Plan& plan, ChildEnds ends) {
  reset_signals();
  require(::setsid() >= 0, ends, "session");
  require(place_descriptors(plan.descriptors, plan.spec.console, ends), ends, "descriptors");
  require(sandbox::apply(plan.app), ends);
  ::execve(plan.arguments.front(), plan.arguments.data(), plan.environment.data());
  require(false, ends, plan.arguments.front());
  return kNotStarted;
}

// Stays where it is until the program runs.
struct Beginning {
  Plan& plan;
  ChildEnds ends;
};

PAVISE_OUT_OF_TURN int begin_app(void* argument) {
  const auto* const beginning = static_cast<const Beginning*>(argument);
  if (!wait_for_turn(beginning->ends.turns)) return kNotStarted;
  return become_app(beginning->plan, beginning->ends);
}

#if __has_feature(thread_sanitizer)
constexpr int kMemoryOfTheWarden = 0;  // its run-time takes the two for one thread
#else
constexpr int kMemoryOfTheWarden = CLONE_VM;
#endif

pid_t clone_app(Beginning& beginning) {
  // Static: pages of it that are not reached are never there.
  alignas(16) static std::array<std::byte, kBeginningStackBytes> stack;
  return ::clone(begin_app, stack.data() + stack.size(), kMemoryOfTheWarden | SIGCHLD, &beginning);
}

// What the warden keeps in places of its own, and nothing else open.
ChildEnds keep_only(const ChildEnds& ends, int turns) {
  const int report = ::fcntl(ends.report, F_DUPFD_CLOEXEC, 3);
  const int setup = ::fcntl(ends.setup, F_DUPFD_CLOEXEC, 3);
  const int moved = ::fcntl(turns, F_DUPFD_CLOEXEC, 3);
  require(report >= 0 && setup >= 0 && moved >= 0 && ::dup3(report, 0, O_CLOEXEC) == 0 &&
              ::dup3(setup, 1, O_CLOEXEC) == 1 && ::dup3(moved, 2, O_CLOEXEC) == 2 &&
              ::close_range(3, ~0U, 0) == 0,
          ends, "descriptors");
  return {.output = -1, .setup = 1, .report = 0, .turns = 2};
}

[[noreturn]] void become_warden(Plan& plan, const ChildEnds& ends) {
  const CompartmentSpec& spec = plan.spec;
  sigset_t heard;
  ::sigemptyset(&heard);
  ::sigaddset(&heard, SIGTERM);
  ::sigaddset(&heard, SIGCHLD);
  require(::sigprocmask(SIG_BLOCK, &heard, nullptr) == 0, ends, "signals");
  require(::sethostname(spec.name.data(), spec.name.size()) == 0, ends, "host name");
  require(enter_app_root(spec.root, spec.user), ends);
  std::array<int, 2> turns{};
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, turns.data()) == 0, ends, "sockets");
  Beginning beginning{plan, ends};
  beginning.ends.turns = turns[1];
  const pid_t app = clone_app(beginning);
  require(app >= 0, ends, "clone");
  // From here it has nothing of its parent's: not the app's sockets, not its output. The app's
  // process does nothing before its warden is behind walls.
  const ChildEnds kept = keep_only(ends, turns[0]);
  require(sandbox::apply(plan.warden), kept);
  require(end_with_launcher(kept.report), kept, "the launcher");
  pass_turn_until_exec(kept.turns);
  ::close(kept.turns);
  ::close(kept.setup);
  guard_app(app, kept.report);
}

// A kernel without message queues and shared memory of System V has nothing there to keep apart.
std::uint64_t ipc_namespace() {
  return ::access("/proc/self/ns/ipc", F_OK) == 0 ? std::uint64_t{CLONE_NEWIPC} : 0U;
}

Result<pid_t> fork_warden(Plan& plan, const AppGroup& group, UniqueFd& process,
                          const ChildEnds& ends) {
  int process_descriptor = -1;
  clone_args arguments{};
  arguments.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_PIDFD | CLONE_INTO_CGROUP |
                    ipc_namespace() | (plan.spec.network ? 0U : std::uint64_t{CLONE_NEWNET});
  arguments.pidfd = reinterpret_cast<std::uintptr_t>(&process_descriptor);
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<std::uint64_t>(group.folder());
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
  if (pid < 0) return failed("namespaces");
  if (pid == 0) become_warden(plan, ends);
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
  PAVISE_TRY_ASSIGN(Plan plan, make_plan(spec));
  PAVISE_TRY_ASSIGN(Pipe output, make_pipe());
  PAVISE_TRY_ASSIGN(Pipe setup, make_pipe());
  PAVISE_TRY_ASSIGN(Pipe report, make_pipe());
  if (::fcntl(output.read_end.get(), F_SETFL, O_NONBLOCK) != 0) return failed("pipe");
  UniqueFd process;
  PAVISE_TRY_ASSIGN(const pid_t pid, fork_warden(plan, group, process,
                                                 {output.write_end.get(), setup.write_end.get(),
                                                  report.write_end.get(), -1}));
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
