#include "device/apps/house/running_app.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <span>

namespace pavise::device {
namespace {

constexpr int kLinesPerMinute = 60;
constexpr std::size_t kReadBytes = 4096;
constexpr int kLastReads = 16;           // 64 KiB, as much as a pipe holds
constexpr std::size_t kRefusedTold = 8;  // at a time
constexpr std::size_t kIpv4At = 12;
static_assert(kBudgetPeriodUs == 100'000);  // as the event says

std::string text_of(const AddressBytes& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  constexpr AddressBytes kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const bool v4 = std::equal(kMapped.begin(), kMapped.begin() + kIpv4At, address.begin());
  if (v4)
    ::inet_ntop(AF_INET, address.data() + kIpv4At, text.data(), text.size());
  else
    ::inet_ntop(AF_INET6, address.data(), text.data(), text.size());
  return text.data();
}

std::string times(std::uint64_t count) {
  return count == 1 ? std::string() : " (" + std::to_string(count) + " times)";
}

std::string refusal_words(const RefusedPeer& peer) {
  const std::string protocol = peer.socket_type == SOCK_DGRAM ? "udp " : "tcp ";
  const std::string where =
      peer.listening ? "to listen on " + protocol : protocol + text_of(peer.address) + ' ';
  return where + "port " + std::to_string(peer.port) + times(peer.attempts);
}

}  // namespace

RunningApp::RunningApp(InstalledApp app, uid_t user, std::uint8_t number, const PutUpWalls& put_up,
                       const Clock& clock, const Tell& tell)
    : app_(std::move(app)),
      user_(user),
      number_(number),
      put_up_(put_up),
      clock_(clock),
      tell_(tell),
      life_(app_.policy.life),
      relay_(
          app_.manifest().name,
          [this](std::string_view line) {
            line.remove_suffix(1);  // its end
            tell_(std::string(line));
            log_.add(line.substr(std::min(line.size(), name().size() + 2)), clock_.steady_ms());
          },
          kLinesPerMinute),
      held_back_(0, clock.steady_ms()),
      hub_(app_.manifest().name) {}

Status RunningApp::put_up_walls() {
  if (walls_) return {};
  PAVISE_TRY_ASSIGN(walls_, put_up_(app_, user_, number_));
  events_ = walls_->events();
  held_back_ = HeldBack(events_.periods_held_back, clock_.steady_ms());
  return {};
}

Status RunningApp::pin(const AddressBytes& address, int socket_type, std::uint16_t port,
                       std::chrono::seconds lifetime) {
  if (!walls_) return kGuardRefused;
  return walls_->pin(address, socket_type, port, lifetime);
}

void RunningApp::take_up_next() {
  debug_ = std::exchange(next_, std::nullopt);
}

void RunningApp::introduce_to_agent(const Introduce& introduce) {
  if (const Status given = hub_.introduce(introduce); !given)
    tell("has no channel to the hub yet: " + given.error().message());
}

Status RunningApp::start(const Introduce& introduce) {
  PAVISE_TRY(put_up_walls());
  PAVISE_TRY_ASSIGN(WordChannel::Made channel, WordChannel::make());
  std::vector<int> descriptors{channel.theirs.get()};
  UniqueFd hub;
  if (app_.manifest().capabilities.device_authentication) {
    PAVISE_TRY_ASSIGN(hub, hub_.open());
    introduce_to_agent(introduce);
    static_assert(kHubChannel == kAppChannel + 1);
    descriptors.push_back(hub.get());
  }
  events_ = walls_->events();
  auto started = walls_->start({.app = app_,
                                .policy = policy(),
                                .descriptors = std::move(descriptors),
                                .console = debug_ ? debug_->console.get() : -1});
  // Its end of the console is the debugger's alone: who has the other one hears when it ends.
  if (debug_) debug_->console.reset();
  if (!started) {
    hub_.close();
    return started.error();
  }
  words_ = std::move(channel.ours);
  program_ = *std::move(started);
  output_open_ = true;
  told_full_ = false;
  return {};
}

void RunningApp::ask_to_end() {
  if (program_) program_->ask_to_end();
}

void RunningApp::kill() {
  if (program_) program_->kill();
}

void RunningApp::tell(const std::string& what) {
  last_event_ = what;
  log_.add(what, clock_.steady_ms());
  tell_("event " + name() + ": " + what);
}

void RunningApp::tell_refusal(const std::string& what) {
  if (refusals_.take(clock_.steady_ms())) tell("refused: " + what);
}

bool RunningApp::read_output() {
  if (!program_) return false;
  std::array<std::byte, kReadBytes> bytes;
  const ssize_t size = ::read(program_->output(), bytes.data(), bytes.size());
  if (size > 0)
    relay_.feed(ByteView(bytes).first(static_cast<std::size_t>(size)), clock_.steady_ms());
  if (size == 0) output_open_ = false;
  return size > 0;
}

std::string RunningApp::words_for(const Ending& ending, const BudgetEvents& before) const {
  const BudgetEvents now = walls_->events();
  if (now.killed_for_memory > before.killed_for_memory)
    return "ended: it wanted more memory than its " +
           std::to_string(policy().budget.memory_bytes_max / 1024) + " KiB";
  if (ending.forbidden_call()) return "ended: it made a system call that no app may make";
  if (ending.by_signal)
    return "ended by signal " + std::to_string(ending.code) + " (" +
           std::string(::sigdescr_np(ending.code) ? ::sigdescr_np(ending.code) : "unknown") + ')';
  return "ended with exit code " + std::to_string(ending.code);
}

bool RunningApp::take_end() {
  // Nobody writes any more: what is in the pipe is all.
  for (int reads = 0; reads < kLastReads && read_output(); ++reads) {
  }
  relay_.end(clock_.steady_ms());
  tell_refused();
  if (!program_) return false;
  const BudgetEvents before = events_;
  const auto ending = program_->wait();
  program_.reset();
  words_.close();
  hub_.close();
  if (ending)
    tell(words_for(*ending, before));
  else
    tell(ending.error().message());
  debug_.reset();
  events_ = walls_->events();
  return !ending || ending->by_signal || ending->code != 0;
}

void RunningApp::tell_refused() {
  if (!walls_) return;
  while (const auto conduct = words_.take_complaint()) tell(*conduct);
  const BudgetEvents now = walls_->events();
  if (now.processes_refused > events_.processes_refused)
    tell_refusal("more processes than its " + std::to_string(policy().budget.processes_max - 1) +
                 times(now.processes_refused - events_.processes_refused));
  events_.processes_refused = now.processes_refused;
  if (const auto periods = held_back_.take(now.periods_held_back, clock_.steady_ms()))
    tell("held back: it wanted more processor time than its " +
         std::to_string(app_.policy.budget.cpu_per_mille / 10) + " % in " +
         std::to_string(*periods) + " tenths of a second");
  if (!told_full_ && walls_->storage_is_full()) {
    told_full_ = true;
    tell("its storage is full: " + std::to_string(storage_of(app_.policy).bytes() / 1024) + " KiB");
  }
  const std::vector<RefusedPeer> refused = walls_->take_refused();
  for (const RefusedPeer& peer : std::span(refused).first(std::min(refused.size(), kRefusedTold)))
    tell_refusal(refusal_words(peer));
  if (refused.size() > kRefusedTold)
    tell_refusal(std::to_string(refused.size() - kRefusedTold) + " more peers");
  if (const std::uint64_t untold = refusals_.take_untold(clock_.steady_ms()); untold != 0)
    tell("refused: more than could be told" + times(untold));
}

}  // namespace pavise::device
