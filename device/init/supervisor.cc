#include "device/init/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "common/base/time_text.h"
#include "common/ipc/descriptors.h"
#include "device/init_wire/init_wire.h"

namespace pavise::device {
namespace {

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
                       ClockSetter set_clock, UniqueFd signals)
    : cgroup_root_(std::move(cgroup_root)),
      programs_(std::move(programs)),
      clock_(&clock),
      print_(std::move(print)),
      set_clock_(std::move(set_clock)),
      signals_(std::move(signals)) {}

Result<Supervisor> Supervisor::create(std::string cgroup_root, Programs programs,
                                      const Clock& clock, Print print, ClockSetter set_clock) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGPWR}) ::sigaddset(&set, signal);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return Error(kNoEventSource, "mask");
  UniqueFd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return Error(kNoEventSource, std::strerror(errno));
  PAVISE_TRY(enable_budgets(cgroup_root));
  PAVISE_TRY(set_budget(cgroup_root, programs.monitor));
  PAVISE_TRY(set_budget(cgroup_root, programs.agent));
  if (programs.apps) PAVISE_TRY(set_budget(cgroup_root, *programs.apps));
  return Supervisor(std::move(cgroup_root), std::move(programs), clock, std::move(print),
                    std::move(set_clock), std::move(signals));
}

void Supervisor::say(const std::string& line) const {
  print_("pavise-init: " + line + '\n');
}

const ChildSpec& Supervisor::spec(std::size_t place) const {
  if (place == kMonitor) return programs_.monitor;
  if (place == kAgent) return programs_.agent;
  PAVISE_CHECK(programs_.apps.has_value());
  return *programs_.apps;
}

void Supervisor::start_through(Launcher pair, std::optional<Launcher> apps) {
  launcher_.emplace(std::move(pair));
  apps_launcher_ = std::move(apps);
}

Status Supervisor::start(Place place, const std::vector<int>& sockets) {
  std::optional<Launcher>& by = place == kApps ? apps_launcher_ : launcher_;
  PAVISE_TRY_ASSIGN(RunningChild child, by ? by->start_child(place == kAgent ? 1 : 0, sockets)
                                           : start_child(cgroup_root_, spec(place), sockets));
  const int lines = place == kApps ? kAppLinesPerMinute : kRelayLinesPerMinute;
  running_[place] = std::make_unique<Running>(
      Running{std::move(child), LineRelay(spec(place).name, print_, lines)});
  return {};
}

Result<int> Supervisor::start_monitor() {
  PAVISE_TRY_ASSIGN(auto init_pair, socket_pair());
  PAVISE_TRY_ASSIGN(auto agent_pair, socket_pair());
  PAVISE_TRY_ASSIGN(auto apps_pair, socket_pair());
  std::vector<int> sockets{init_pair[1].get(), agent_pair[0].get()};
  if (programs_.apps) sockets.push_back(apps_pair[0].get());
  PAVISE_TRY(start(kMonitor, sockets));
  channel_ = std::move(init_pair[0]);
  agent_channel_ = std::move(agent_pair[1]);
  apps_ends_[0] = std::move(apps_pair[1]);
  pair_restart_.started_ms = clock_->steady_ms();
  return channel_.get();
}

Status Supervisor::start_agent() {
  PAVISE_TRY_ASSIGN(auto apps_pair, socket_pair());
  PAVISE_TRY_ASSIGN(auto app_channels_pair, socket_pair());
  std::vector<int> sockets{agent_channel_.get()};
  if (programs_.apps)
    sockets.insert(sockets.end(), {apps_pair[0].get(), app_channels_pair[0].get()});
  PAVISE_TRY(start(kAgent, sockets));
  // Only the agent may hold its end: when it ends, the monitor must notice.
  agent_channel_ = UniqueFd();
  apps_ends_[1] = std::move(apps_pair[1]);
  apps_ends_[2] = std::move(app_channels_pair[1]);
  return hand_over_channels();
}

Status Supervisor::start_apps() {
  if (!programs_.apps) return {};
  PAVISE_TRY_ASSIGN(auto pair, socket_pair());
  PAVISE_TRY(start(kApps, {pair[1].get()}));
  apps_channel_ = std::move(pair[0]);
  // Init waits for nobody.
  (void)::fcntl(apps_channel_.get(), F_SETFL, O_NONBLOCK);
  apps_restart_.started_ms = clock_->steady_ms();
  return hand_over_channels();
}

Status Supervisor::hand_over_channels() {
  if (!running_[kApps]) return {};
  // Its end is noticed elsewhere.
  (void)ipc::send_descriptors(
      apps_channel_.get(), 0,
      std::array{apps_ends_[0].get(), apps_ends_[1].get(), apps_ends_[2].get()})
      .has_value();
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

void Supervisor::signal_all(int signal) const {
  for (const auto& running : running_)
    if (running) ::kill(running->child.pid, signal);
}

void Supervisor::stop() {
  stopping_ = true;
  signal_all(SIGTERM);
  for (int turn = 0; turn < kStopTurns && !all_gone(); ++turn) poll_once(kStopPollMs);
  signal_all(SIGKILL);
}

void Supervisor::poll_once(int timeout_ms) {
  std::array<pollfd, kPlaces + 2> polled{};
  for (std::size_t place = 0; place < kPlaces; ++place)
    polled[place] = {running_[place] ? running_[place]->child.output.get() : -1, POLLIN, 0};
  polled[kPlaces] = {signals_.get(), POLLIN, 0};
  polled[kPlaces + 1] = {apps_channel_.get(), POLLIN, 0};
  if (::poll(polled.data(), polled.size(), timeout_ms) <= 0) return;
  for (std::size_t place = 0; place < kPlaces; ++place)
    if (polled[place].revents != 0) relay(*running_[place]);
  if (polled[kPlaces + 1].revents != 0) read_apps_channel();
  if (polled[kPlaces].revents != 0) read_signals();
}

// It has more powers than to stop the device, and has judged who asked.
void Supervisor::read_apps_channel() {
  std::array<std::byte, kInitWordBytesMax + 1> packet{};
  const ssize_t size = ::recv(apps_channel_.get(), packet.data(), packet.size(), MSG_DONTWAIT);
  if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) {
    apps_channel_.reset();  // polling it would spin; the next launcher has another
    return;
  }
  if (size < 0 || stopping_) return;
  const auto word = parse_init_word(ByteView(packet).first(static_cast<std::size_t>(size)));
  const SetClock* const clock = word ? std::get_if<SetClock>(&*word) : nullptr;
  if ((!word || clock != nullptr) && !hears_a_word()) return;
  if (!word) return say(word.error().message());
  if (clock != nullptr) return set_clock(clock->to_ms);
  go_down(std::holds_alternative<RestartDevice>(*word));
}

bool Supervisor::hears_a_word() {
  const std::int64_t now_ms = clock_->steady_ms();
  const std::int64_t more = (now_ms - words_counted_ms_) / kInitWordEveryMs;
  words_counted_ms_ += more * kInitWordEveryMs;
  words_left_ = static_cast<int>(std::min<std::int64_t>(words_left_ + more, kInitWordsAtOnce));
  if (words_left_ == 0) return false;
  --words_left_;
  return true;
}

void Supervisor::set_clock(UnixMillis to_ms) const {
  const std::string change = utc_text(clock_->now_ms()) + " to " + utc_text(to_ms);
  if (set_clock_ && set_clock_(to_ms))
    say("apps have the clock set from " + change);
  else
    say("the clock cannot be set from " + change + ": " +
        (set_clock_ ? std::strerror(errno) : "there is none"));
}

void Supervisor::go_down(bool restart) {
  say(restart ? "apps want a restart" : "apps want the device off");
  stopping_ = true;
  restart_wanted_ = restart;
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
    for (const Place place : {kMonitor, kAgent, kApps})
      if (running_[place] && running_[place]->child.pid == pid) ended(place, status);
    for (const std::optional<Launcher>* launcher : {&launcher_, &apps_launcher_}) {
      if (!*launcher || (*launcher)->pid() != pid) continue;
      say("launcher " + describe(status));
      launcher_gone_ = stopping_ = true;  // nothing could be started again
    }
  }
}

void Supervisor::ended(Place place, int status) {
  Running& running = *running_[place];
  while (running.child.output && relay(running)) {
  }
  running.relay.end(clock_->steady_ms());
  say(spec(place).name + ' ' + describe(status));
  running_[place].reset();
  if (stopping_) return;
  if (place == kApps) return plan(apps_restart_, "apps start");
  const auto& partner = running_[place == kMonitor ? kAgent : kMonitor];
  if (partner) ::kill(partner->child.pid, SIGKILL);
  // Otherwise it is the partner's end, which we caused.
  if (pair_restart_.at_ms < 0) plan(pair_restart_, "monitor and agent start");
}

void Supervisor::plan(Restart& restart, const std::string& who) {
  const std::int64_t now_ms = clock_->steady_ms();
  const std::int64_t delay_ms = restart.policy.next_delay_ms(now_ms - restart.started_ms);
  restart.at_ms = now_ms + delay_ms;
  say(who + " again in " + std::to_string(delay_ms) + " ms");
}

bool Supervisor::due(const Restart& restart) const {
  return !stopping_ && restart.at_ms >= 0 && clock_->steady_ms() >= restart.at_ms;
}

void Supervisor::restart_if_due() {
  if (pair_gone() && due(pair_restart_)) restart_pair();
  if (due(apps_restart_)) restart_apps();
}

void Supervisor::restart_pair() {
  pair_restart_.at_ms = -1;
  Status started;
  if (const auto channel = start_monitor(); !channel)
    started = channel.error();
  else
    started = start_agent();
  if (started) return;
  say(started.error().message());
  // Its end brings the next try.
  if (running_[kMonitor]) ::kill(running_[kMonitor]->child.pid, SIGKILL);
  if (pair_gone()) plan(pair_restart_, "monitor and agent start");
}

void Supervisor::restart_apps() {
  apps_restart_.at_ms = -1;
  if (const Status started = start_apps(); !started) {
    say(started.error().message());
    plan(apps_restart_, "apps start");
  }
}

}  // namespace pavise::device
