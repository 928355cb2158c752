#include "cloud/server/bootstrap/signer_supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "cloud/server/bootstrap/files.h"

namespace pavise::server {
namespace {

constexpr int kWaitMaxMs = 5'000;
constexpr int kFirstWaitMs = 50;
constexpr int kStopGraceMs = 5'000;
constexpr int kStableAfterS = 30;

// A signal for the whole group is the server's to act on: it may still need the signer.
void handle_signals(void (*how)(int)) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) std::signal(number, how);
}

pid_t start_signer(const SignerCommand& command) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  handle_signals(SIG_DFL);
  // Should even the supervisor be killed, the signer must not stay behind.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  const char* const landlock = command.without_landlock ? "--without-landlock" : nullptr;
  const std::array<const char*, 7> arguments = {command.program.c_str(),
                                                "--keys",
                                                command.keys_directory.c_str(),
                                                "--socket",
                                                command.socket_path.c_str(),
                                                landlock,
                                                nullptr};
  ::execv(command.program.c_str(), const_cast<char* const*>(arguments.data()));
  ::dprintf(STDERR_FILENO,
            "{\"level\":\"error\",\"event\":\"signer.not_started\",\"reason\":\"%s: %s\"}\n",
            command.program.c_str(), std::strerror(errno));
  ::_exit(127);
}

// True when the server is gone or wants the end. Waits for that at most `timeout_ms`.
bool server_gone(int lifeline, int timeout_ms) {
  pollfd watched{lifeline, POLLIN, 0};
  return ::poll(&watched, 1, timeout_ms) > 0;
}

// True if the signer ended by itself within the time.
bool ended_within(int pidfd, int timeout_ms) {
  pollfd watched{pidfd, POLLIN, 0};
  return ::poll(&watched, 1, timeout_ms) > 0;
}

void stop_signer(pid_t pid, int pidfd) {
  ::kill(pid, SIGTERM);
  if (!ended_within(pidfd, kStopGraceMs)) ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

[[noreturn]] void supervise(const SignerCommand& command, int lifeline) {
  ::prctl(PR_SET_NAME, "pavise-super");
  handle_signals(SIG_IGN);
  ::close_range(STDERR_FILENO + 1, static_cast<unsigned>(lifeline) - 1, 0);
  ::close_range(static_cast<unsigned>(lifeline) + 1, ~0U, 0);
  int wait_ms = 0;
  for (;;) {
    if (server_gone(lifeline, wait_ms)) ::_exit(0);
    const std::time_t started = std::time(nullptr);
    const pid_t pid = start_signer(command);
    const int pidfd = pid < 0 ? -1 : static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    std::array<pollfd, 2> watched = {pollfd{lifeline, POLLIN, 0}, pollfd{pidfd, POLLIN, 0}};
    if (pidfd >= 0) {
      while (::poll(watched.data(), watched.size(), -1) < 0 && errno == EINTR) {
      }
      if (watched[0].revents != 0) {
        stop_signer(pid, pidfd);
        ::_exit(0);
      }
      ::waitpid(pid, nullptr, 0);
      ::close(pidfd);
    }
    ::dprintf(STDERR_FILENO, "{\"level\":\"error\",\"event\":\"signer.ended\"}\n");
    const bool was_stable = std::time(nullptr) - started >= kStableAfterS;
    wait_ms = was_stable || wait_ms == 0 ? kFirstWaitMs : std::min(wait_ms * 2, kWaitMaxMs);
  }
}

}  // namespace

Result<SignerSupervisor> SignerSupervisor::start(const SignerCommand& command) {
  if (::access(command.program.c_str(), X_OK) != 0)
    return Error(kSignerAbsent, command.program + ": " + std::strerror(errno));
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error(kSignerAbsent, std::strerror(errno));
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return Error(kSignerAbsent, std::strerror(errno));
  if (pid == 0) {
    write_end.reset();
    supervise(command, read_end.get());
  }
  return SignerSupervisor(std::move(write_end), pid);
}

SignerSupervisor::SignerSupervisor(SignerSupervisor&& other) noexcept
    : lifeline_(std::move(other.lifeline_)), pid_(std::exchange(other.pid_, -1)) {}

// Closing our end of the pipe is the whole message; it also happens when the server is killed.
void SignerSupervisor::stop() {
  if (pid_ < 0) return;
  lifeline_.reset();
  ::waitpid(std::exchange(pid_, -1), nullptr, 0);
}

}  // namespace pavise::server
