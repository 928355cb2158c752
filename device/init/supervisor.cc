#include "device/init/supervisor.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace pavise::device {
namespace {

// In Programs::in_order().
constexpr std::size_t kMonitorPlace = 0;
constexpr std::size_t kAgentPlace = 1;
constexpr int kPollMs = 1000;
constexpr int kStopPollMs = 100;
constexpr int kStopTurns = 30;  // three seconds for those that do not listen

Result<std::array<UniqueFd, 2>> socket_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return Error(kChildNotStarted, std::string("sockets: ") + std::strerror(errno));
  return std::array<UniqueFd, 2>{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::string describe(int status) {
  if (WIFSIGNALED(status)) return "ended by signal " + std::to_string(WTERMSIG(status));
  return "ended with exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Supervisor::Supervisor(std::string cgroup_root, Programs programs, const Clock& clock, Print print,
                       UniqueFd signals)
    : cgroup_root_(std::move(cgroup_root)),
      programs_(std::move(programs)),
      clock_(&clock),
      print_(std::move(print)),
      signals_(std::move(signals)) {}

Result<Supervisor> Supervisor::create(std::string cgroup_root, Programs programs,
                                      const Clock& clock, Print print) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGPWR}) ::sigaddset(&set, signal);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return Error(kNoEventSource, "mask");
  UniqueFd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return Error(kNoEventSource, std::strerror(errno));
  PAVISE_TRY(enable_budgets(cgroup_root));
  PAVISE_TRY(set_budget(cgroup_root, programs.monitor));
  PAVISE_TRY(set_budget(cgroup_root, programs.agent));
  return Supervisor(std::move(cgroup_root), std::move(programs), clock, std::move(print),
                    std::move(signals));
}

void Supervisor::say(const std::string& line) const {
  print_("pavise-init: " + line + '\n');
}

Result<RunningChild> Supervisor::start(const ChildSpec& spec, const std::vector<int>& sockets) {
  if (!launcher_) return start_child(cgroup_root_, spec, sockets);
  return launcher_->start_child(&spec == &programs_.monitor ? kMonitorPlace : kAgentPlace, sockets);
}

std::vector<ChildSpec> Supervisor::Programs::in_order() const {
  return {monitor, agent};
}

Result<int> Supervisor::start_monitor() {
  PAVISE_TRY_ASSIGN(auto init_pair, socket_pair());
  PAVISE_TRY_ASSIGN(auto agent_pair, socket_pair());
  PAVISE_TRY_ASSIGN(RunningChild child,
                    start(programs_.monitor, {init_pair[1].get(), agent_pair[0].get()}));
  monitor_ = std::make_unique<Running>(
      Running{std::move(child), LineRelay(programs_.monitor.name, print_)});
  channel_ = std::move(init_pair[0]);
  agent_channel_ = std::move(agent_pair[1]);
  started_ms_ = clock_->steady_ms();
  return channel_.get();
}

Status Supervisor::start_agent() {
  PAVISE_TRY_ASSIGN(RunningChild child, start(programs_.agent, {agent_channel_.get()}));
  agent_ =
      std::make_unique<Running>(Running{std::move(child), LineRelay(programs_.agent.name, print_)});
  // Only the agent may hold its end: when it ends, the monitor must notice.
  agent_channel_ = UniqueFd();
  return {};
}

Status Supervisor::run(const std::function<void()>& each_turn) {
  while (!stopping_) {
    each_turn();
    step(kPollMs);
  }
  if (launcher_gone_) return kLauncherGone;
  return {};
}

void Supervisor::step(int timeout_ms) {
  poll_once(timeout_ms);
  restart_if_due();
}

void Supervisor::stop() {
  stopping_ = true;
  for (const auto* running : {monitor_.get(), agent_.get()})
    if (running != nullptr) ::kill(running->child.pid, SIGTERM);
  for (int turn = 0; turn < kStopTurns && !all_gone(); ++turn) poll_once(kStopPollMs);
  for (const auto* running : {monitor_.get(), agent_.get()})
    if (running != nullptr) ::kill(running->child.pid, SIGKILL);
}

void Supervisor::poll_once(int timeout_ms) {
  std::array<pollfd, 3> polled{{{signals_.get(), POLLIN, 0},
                                {monitor_ ? monitor_->child.output.get() : -1, POLLIN, 0},
                                {agent_ ? agent_->child.output.get() : -1, POLLIN, 0}}};
  if (::poll(polled.data(), polled.size(), timeout_ms) <= 0) return;
  if (polled[1].revents != 0) relay(*monitor_);
  if (polled[2].revents != 0) relay(*agent_);
  if (polled[0].revents != 0) read_signals();
}

bool Supervisor::relay(Running& running) {
  std::array<std::byte, 1024> bytes;
  const ssize_t size = ::read(running.child.output.get(), bytes.data(), bytes.size());
  if (size > 0)
    running.relay.feed(ByteView(bytes).first(static_cast<std::size_t>(size)), clock_->steady_ms());
  // Closed by a child that lives on: polling it would spin.
  if (size == 0) running.child.output = UniqueFd();
  return size > 0;
}

void Supervisor::read_signals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info)))
    if (info.ssi_signo != SIGCHLD) stopping_ = true;
  reap();
}

// Also takes orphans that became init's.
void Supervisor::reap() {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (monitor_ && monitor_->child.pid == pid) ended(monitor_, programs_.monitor, status);
    if (agent_ && agent_->child.pid == pid) ended(agent_, programs_.agent, status);
    if (launcher_ && launcher_->pid() == pid) {
      say("launcher " + describe(status));
      launcher_gone_ = stopping_ = true;  // nothing could be started again
    }
  }
}

void Supervisor::ended(std::unique_ptr<Running>& running, const ChildSpec& spec, int status) {
  while (running->child.output && relay(*running)) {
  }
  running->relay.end(clock_->steady_ms());
  say(spec.name + ' ' + describe(status));
  running.reset();
  if (stopping_) return;
  auto& partner = &running == &monitor_ ? agent_ : monitor_;
  if (partner) ::kill(partner->child.pid, SIGKILL);
  if (restart_at_ms_ >= 0) return;  // the partner's end, which we caused
  const std::int64_t now_ms = clock_->steady_ms();
  const std::int64_t delay_ms = restarts_.next_delay_ms(now_ms - started_ms_);
  restart_at_ms_ = now_ms + delay_ms;
  say("monitor and agent start again in " + std::to_string(delay_ms) + " ms");
}

void Supervisor::restart_if_due() {
  if (stopping_ || restart_at_ms_ < 0 || !all_gone() || clock_->steady_ms() < restart_at_ms_)
    return;
  restart_at_ms_ = -1;
  Status started;
  if (const auto channel = start_monitor(); !channel)
    started = channel.error();
  else
    started = start_agent();
  if (started) return;
  say(started.error().message());
  if (monitor_) ::kill(monitor_->child.pid, SIGKILL);  // its end brings the next try
  if (all_gone()) restart_at_ms_ = clock_->steady_ms() + restarts_.next_delay_ms(0);
}

}  // namespace pavise::device
